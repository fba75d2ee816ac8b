//! An API server in memory: objects, watches, graceful deletion, tokens; nothing else.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use ctl_source::{Batch, Change, Object, ObjectKey, ResourceType, Source, SourceError, Watch};
use serde_json::{Value, json};
use tokio::sync::mpsc;

type Id = (String, String, String);
type Watcher = (Vec<ResourceType>, mpsc::Sender<Batch>);

#[derive(Default)]
pub struct Fake {
    objects: Mutex<BTreeMap<Id, Object>>,
    watchers: Mutex<Vec<Watcher>>,
    number: AtomicU64,
    pub tokens: AtomicU64,
}

fn id_of(resource: &ResourceType, object: &Value) -> Id {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
    (resource.kind.clone(), text("namespace"), text("name"))
}

fn id(key: &ObjectKey) -> Id {
    (key.resource.kind.clone(), key.namespace.clone().unwrap_or_default(), key.name.clone())
}

fn merge(into: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *into = patch.clone();
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    for (name, value) in fields {
        if value.is_null() {
            into.as_object_mut().unwrap().remove(name);
        } else {
            merge(&mut into[name.as_str()], value);
        }
    }
}

impl Fake {
    fn put(&self, resource: &ResourceType, mut object: Value) -> Object {
        let version = self.number.fetch_add(1, Ordering::Relaxed) + 1;
        object["metadata"]["resourceVersion"] = json!(version.to_string());
        let object = Arc::new(object);
        self.objects.lock().unwrap().insert(id_of(resource, &object), Arc::clone(&object));
        self.tell(resource, Change::Applied(Arc::clone(&object)));
        object
    }

    fn tell(&self, resource: &ResourceType, change: Change) {
        self.watchers.lock().unwrap().retain(|(types, sender)| {
            !types.iter().any(|t| t.kind == resource.kind)
                || sender.try_send(Batch::Changes(resource.clone(), vec![change.clone()])).is_ok()
        });
    }

    fn now(&self, key: &ObjectKey) -> Result<Object, SourceError> {
        let found = self.objects.lock().unwrap().get(&id(key)).cloned();
        found.ok_or_else(|| SourceError::NotFound(key.name.clone()))
    }

    /// Cuts every watch, as a control plane does that restarts.
    pub fn cut_watches(&self) {
        self.watchers.lock().unwrap().clear();
    }
}

#[async_trait]
impl Source for Fake {
    async fn watch(&self, types: &[ResourceType]) -> Result<Watch, SourceError> {
        let (sender, receiver) = mpsc::channel(10_000);
        for resource in types {
            let all = self.list(resource, None).await?;
            sender.try_send(Batch::Snapshot(resource.clone(), all)).unwrap();
        }
        self.watchers.lock().unwrap().push((types.to_vec(), sender));
        Ok(receiver)
    }

    async fn get(&self, key: &ObjectKey) -> Result<Option<Object>, SourceError> {
        Ok(self.now(key).ok())
    }

    async fn list(
        &self,
        resource: &ResourceType,
        namespace: Option<&str>,
    ) -> Result<Vec<Object>, SourceError> {
        let objects = self.objects.lock().unwrap();
        let of = objects.iter().filter(|((kind, ns, _), _)| {
            *kind == resource.kind && namespace.is_none_or(|wanted| wanted == ns)
        });
        Ok(of.map(|(_, object)| Arc::clone(object)).collect())
    }

    async fn create(
        &self,
        resource: &ResourceType,
        mut object: Value,
    ) -> Result<Object, SourceError> {
        let id = id_of(resource, &object);
        if self.objects.lock().unwrap().contains_key(&id) {
            return Err(SourceError::AlreadyExists(id.2));
        }
        let uid = format!("uid-{}", self.number.fetch_add(1, Ordering::Relaxed));
        object["metadata"]["uid"] = json!(uid);
        Ok(self.put(resource, object))
    }

    async fn update(&self, resource: &ResourceType, object: Value) -> Result<Object, SourceError> {
        Ok(self.put(resource, object))
    }

    async fn update_status(
        &self,
        resource: &ResourceType,
        object: Value,
    ) -> Result<Object, SourceError> {
        Ok(self.put(resource, object))
    }

    async fn merge_patch(
        &self,
        key: &ObjectKey,
        _subresource: Option<&str>,
        patch: Value,
    ) -> Result<Object, SourceError> {
        let mut object = Value::clone(&*self.now(key)?);
        merge(&mut object, &patch);
        Ok(self.put(&key.resource, object))
    }

    async fn delete(&self, key: &ObjectKey, grace: Option<i64>) -> Result<(), SourceError> {
        let mut object = Value::clone(&*self.now(key)?);
        if key.resource.kind == "Pod" && grace != Some(0) {
            object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
            object["metadata"]["deletionGracePeriodSeconds"] = json!(grace.unwrap_or(30));
            self.put(&key.resource, object);
            return Ok(());
        }
        let old = self.objects.lock().unwrap().remove(&id(key));
        self.tell(&key.resource, Change::Deleted(old.unwrap()));
        Ok(())
    }

    async fn create_subresource(
        &self,
        key: &ObjectKey,
        subresource: &str,
        body: Value,
    ) -> Result<Value, SourceError> {
        assert_eq!(subresource, "token");
        let number = self.tokens.fetch_add(1, Ordering::Relaxed);
        let audience = body["spec"]["audiences"][0].as_str().unwrap_or("api");
        Ok(json!({"status": {"token": format!("token-{number} {} {audience}", key.name)}}))
    }
}
