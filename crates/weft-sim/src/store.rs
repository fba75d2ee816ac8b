//! Objects in memory, behind the trait that the control plane reads and writes.
//!
//! In: writes. Out: objects and watches. Holds: versions only grow; a pod that a node runs is marked for its end and not
//! taken away; `status` and the rest are written apart, as by Kubernetes.
//! Never: validation, admission, history: a watcher that cannot keep up is cut off.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ctl_source::{Batch, Change, Object, ObjectKey, ResourceType, Source, SourceError, Watch};
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// Batches that may wait for their reader.
const WAITING: usize = 1 << 16;

type Name = (String, String);

/// The store. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Store(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<ResourceType, BTreeMap<Name, Object>>,
    revision: u64,
    watchers: Vec<(Vec<ResourceType>, mpsc::Sender<Batch>)>,
}

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object["metadata"][field].as_str().unwrap_or_default()
}

fn name_of(object: &Value) -> Name {
    (text(object, "namespace").to_owned(), text(object, "name").to_owned())
}

fn name_in(key: &ObjectKey) -> Name {
    (key.namespace.clone().unwrap_or_default(), key.name.clone())
}

impl State {
    fn find(&self, resource: &ResourceType, name: &Name) -> Result<Object, SourceError> {
        let found = self.objects.get(resource).and_then(|all| all.get(name));
        found.cloned().ok_or_else(|| SourceError::NotFound(format!("{} {name:?}", resource.kind)))
    }

    fn put(&mut self, resource: &ResourceType, mut object: Value) -> Object {
        let name = name_of(&object);
        let all = self.objects.entry(resource.clone()).or_default();
        if let Some(known) = all.get(&name).filter(|known| ***known == object) {
            return Arc::clone(known);
        }
        self.revision += 1;
        object["metadata"]["resourceVersion"] = json!(self.revision.to_string());
        let object = Arc::new(object);
        all.insert(name, Arc::clone(&object));
        self.tell(resource, Change::Applied(Arc::clone(&object)));
        object
    }

    fn take(&mut self, resource: &ResourceType, name: &Name) {
        let all = self.objects.get_mut(resource);
        let Some(object) = all.and_then(|all| all.remove(name)) else { return };
        self.revision += 1;
        let mut last = Value::clone(&object);
        last["metadata"]["resourceVersion"] = json!(self.revision.to_string());
        self.tell(resource, Change::Deleted(Arc::new(last)));
    }

    fn tell(&mut self, resource: &ResourceType, change: Change) {
        self.watchers.retain(|(types, watcher)| {
            !types.contains(resource)
                || watcher.try_send(Batch::Changes(resource.clone(), vec![change.clone()])).is_ok()
        });
    }
}

/// Only the server writes these.
fn keep(object: &mut Value, old: &Value) {
    for field in ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"] {
        object["metadata"][field] = old["metadata"][field].clone();
    }
    let changed = object["spec"] != old["spec"];
    let generation = old["metadata"]["generation"].as_u64().unwrap_or(1) + u64::from(changed);
    object["metadata"]["generation"] = json!(generation);
    object["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"].clone();
    if object["metadata"]["deletionTimestamp"].is_null()
        && let Some(metadata) = object["metadata"].as_object_mut()
    {
        metadata.remove("deletionTimestamp");
        metadata.remove("deletionGracePeriodSeconds");
    }
}

fn check(object: &Value, old: &Value) -> Result<(), SourceError> {
    let (given, stored) = (text(object, "resourceVersion"), text(old, "resourceVersion"));
    if given.is_empty() || given == stored {
        return Ok(());
    }
    Err(SourceError::Conflict(format!("{:?} is at {stored}, not {given}", name_of(old))))
}

impl Store {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Creates or replaces an object as it is.
    pub(crate) fn apply(&self, object: Value) {
        let Some(resource) = weft_control::resource_of(group(&object), kind(&object)) else {
            tracing::error!(kind = kind(&object), "no such kind");
            return;
        };
        let mut state = self.lock();
        let old = state.find(&resource, &name_of(&object)).ok();
        let mut object = object;
        match old {
            Some(old) => {
                keep(&mut object, &old);
                object["status"] = old["status"].clone();
            }
            None => fresh(&mut object, state.revision),
        }
        state.put(&resource, object);
    }

    /// Changes an object in place.
    pub(crate) fn change(&self, key: &ObjectKey, change: impl FnOnce(&mut Value)) {
        let mut state = self.lock();
        let Ok(old) = state.find(&key.resource, &name_in(key)) else { return };
        let mut object = Value::clone(&old);
        change(&mut object);
        keep(&mut object, &old);
        state.put(&key.resource, object);
    }

    /// All objects of a kind.
    pub(crate) fn all(&self, resource: &ResourceType) -> Vec<Object> {
        let state = self.lock();
        state.objects.get(resource).into_iter().flatten().map(|(_, o)| Arc::clone(o)).collect()
    }
}

fn group(object: &Value) -> &str {
    let version = object["apiVersion"].as_str().unwrap_or_default();
    version.split_once('/').map_or("", |(group, _)| group)
}

fn kind(object: &Value) -> &str {
    object["kind"].as_str().unwrap_or_default()
}

fn fresh(object: &mut Value, revision: u64) {
    let born = 1_800_000_000 + revision;
    if let Some(prefix) = object["metadata"]["generateName"].as_str() {
        object["metadata"]["name"] = json!(format!("{prefix}{revision:05}"));
    }
    object["metadata"]["uid"] = json!(format!("uid-{revision}"));
    object["metadata"]["generation"] = json!(1);
    let date = time::OffsetDateTime::from_unix_timestamp(i64::try_from(born).unwrap_or(0));
    let date =
        date.ok().and_then(|at| at.format(&time::format_description::well_known::Rfc3339).ok());
    object["metadata"]["creationTimestamp"] = json!(date);
}

#[async_trait::async_trait]
impl Source for Store {
    async fn watch(&self, types: &[ResourceType]) -> Result<Watch, SourceError> {
        let (batches, watch) = mpsc::channel(WAITING);
        let mut state = self.lock();
        for resource in types {
            let all = state.objects.get(resource).into_iter().flatten();
            let all = all.map(|(_, object)| Arc::clone(object)).collect();
            // The channel is new and larger than the list of kinds.
            batches.try_send(Batch::Snapshot(resource.clone(), all)).ok();
        }
        state.watchers.push((types.to_vec(), batches));
        Ok(watch)
    }

    async fn get(&self, key: &ObjectKey) -> Result<Option<Object>, SourceError> {
        Ok(self.lock().find(&key.resource, &name_in(key)).ok())
    }

    async fn list(
        &self,
        resource: &ResourceType,
        namespace: Option<&str>,
    ) -> Result<Vec<Object>, SourceError> {
        let all = self.all(resource).into_iter();
        Ok(all.filter(|o| namespace.is_none_or(|ns| text(o, "namespace") == ns)).collect())
    }

    async fn create(&self, resource: &ResourceType, object: Value) -> Result<Object, SourceError> {
        let mut state = self.lock();
        let mut object = object;
        fresh(&mut object, state.revision);
        if state.find(resource, &name_of(&object)).is_ok() {
            return Err(SourceError::AlreadyExists(format!("{:?}", name_of(&object))));
        }
        Ok(state.put(resource, object))
    }

    async fn update(&self, resource: &ResourceType, object: Value) -> Result<Object, SourceError> {
        let mut state = self.lock();
        let old = state.find(resource, &name_of(&object))?;
        check(&object, &old)?;
        let mut object = object;
        keep(&mut object, &old);
        object["status"] = old["status"].clone();
        Ok(state.put(resource, object))
    }

    async fn update_status(
        &self,
        resource: &ResourceType,
        object: Value,
    ) -> Result<Object, SourceError> {
        let mut state = self.lock();
        let old = state.find(resource, &name_of(&object))?;
        check(&object, &old)?;
        let mut new = Value::clone(&old);
        new["status"] = object["status"].clone();
        Ok(state.put(resource, new))
    }

    async fn merge_patch(
        &self,
        key: &ObjectKey,
        subresource: Option<&str>,
        patch: Value,
    ) -> Result<Object, SourceError> {
        let mut state = self.lock();
        let old = state.find(&key.resource, &name_in(key))?;
        let mut new = Value::clone(&old);
        json_patch::merge(&mut new, &patch);
        if subresource.is_some() {
            let mut only = Value::clone(&old);
            only["status"] = new["status"].clone();
            new = only;
        }
        keep(&mut new, &old);
        Ok(state.put(&key.resource, new))
    }

    async fn delete(&self, key: &ObjectKey, grace_seconds: Option<i64>) -> Result<(), SourceError> {
        let mut state = self.lock();
        let name = name_in(key);
        let old = state.find(&key.resource, &name)?;
        let runs = key.resource.kind == "Pod" && old["spec"]["nodeName"].is_string();
        if !runs || grace_seconds == Some(0) {
            state.take(&key.resource, &name);
        } else if !old["metadata"]["deletionTimestamp"].is_string() {
            let mut marked = Value::clone(&old);
            marked["metadata"]["deletionTimestamp"] = json!("2027-01-15T08:00:00Z");
            let grace = old["spec"]["terminationGracePeriodSeconds"].as_i64().unwrap_or(30);
            marked["metadata"]["deletionGracePeriodSeconds"] = json!(grace);
            state.put(&key.resource, marked);
        }
        Ok(())
    }

    async fn create_subresource(
        &self,
        key: &ObjectKey,
        subresource: &str,
        _: Value,
    ) -> Result<Value, SourceError> {
        Err(SourceError::Invalid(format!("{}: no {subresource} here", key.name)))
    }
}
