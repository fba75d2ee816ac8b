//! What is known of the cluster now.
//! In: watch batches and answers to our own writes. Out: look-ups.
//! Holds: an older version of an object never replaces a newer one.

use std::collections::BTreeMap;

use ctl_source::{Batch, Change, Object, ResourceType, kinds};
use serde_json::Value;

use crate::outline;

/// Namespace (empty for cluster scope) and name.
pub(crate) type Name = (String, String);

/// A kind and a name: what a work queue holds.
pub(crate) type Key = (&'static str, Name);

/// The cache.
#[derive(Debug, Default)]
pub(crate) struct World {
    objects: BTreeMap<&'static str, BTreeMap<Name, Object>>,
    gone: BTreeMap<(&'static str, Name), u64>,
}

/// Kinds that the controllers look at.
pub(crate) const WATCHED: &[(&str, &str)] = &[
    ("", "Namespace"),
    ("", "Pod"),
    ("", "Service"),
    ("", "ServiceAccount"),
    ("", "ConfigMap"),
    ("apps", "Deployment"),
    ("apps", "ReplicaSet"),
    ("batch", "Job"),
    ("discovery.k8s.io", "EndpointSlice"),
];

/// The collection of one of [`WATCHED`].
pub(crate) fn resource(kind: &str) -> ResourceType {
    let row = WATCHED.iter().find(|(_, watched)| *watched == kind);
    let row = row.and_then(|(group, kind)| kinds::find(group, kind));
    #[expect(
        clippy::expect_used,
        reason = "called with the literals of WATCHED only; a test walks them"
    )]
    row.expect("a watched kind is in the table of kinds").resource()
}

/// Name of an object.
pub(crate) fn name_of(object: &Value) -> Name {
    let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default().to_owned();
    (text("namespace"), text("name"))
}

fn version_of(object: &Value) -> u64 {
    object["metadata"]["resourceVersion"].as_str().and_then(|v| v.parse().ok()).unwrap_or(0)
}

impl World {
    /// Takes in a batch and names what changed.
    pub(crate) fn take(&mut self, batch: Batch) -> Vec<(&'static str, Object)> {
        match batch {
            Batch::Snapshot(resource, objects) => self.replace(&resource, objects),
            Batch::Changes(resource, changes) => {
                let Some(kind) = watched(&resource) else { return Vec::new() };
                changes.into_iter().filter_map(|change| self.change(kind, change)).collect()
            }
        }
    }

    fn replace(
        &mut self,
        resource: &ResourceType,
        objects: Vec<Object>,
    ) -> Vec<(&'static str, Object)> {
        let Some(kind) = watched(resource) else { return Vec::new() };
        let kept = |object: Object| (name_of(&object), outline::of(kind, object));
        let fresh: BTreeMap<Name, Object> = objects.into_iter().map(kept).collect();
        let old = self.objects.insert(kind, fresh.clone()).unwrap_or_default();
        let lost = old.into_iter().filter(|(name, _)| !fresh.contains_key(name)).map(|(_, o)| o);
        lost.chain(fresh.values().cloned()).map(|object| (kind, object)).collect()
    }

    fn change(&mut self, kind: &'static str, change: Change) -> Option<(&'static str, Object)> {
        match change {
            Change::Applied(object) => self.put(kind, object),
            Change::Deleted(object) => {
                let name = name_of(&object);
                self.gone.insert((kind, name.clone()), version_of(&object));
                self.objects.entry(kind).or_default().remove(&name);
                Some((kind, object))
            }
        }
    }

    /// Takes in one object, unless it is older than what is known.
    pub(crate) fn put(
        &mut self,
        kind: &'static str,
        object: Object,
    ) -> Option<(&'static str, Object)> {
        let name = name_of(&object);
        let version = version_of(&object);
        let known = self.objects.entry(kind).or_default();
        let newer = known.get(&name).is_some_and(|known| version_of(known) > version);
        let gone = self.gone.get(&(kind, name.clone())).is_some_and(|gone| *gone > version);
        if newer || gone {
            return None;
        }
        self.gone.remove(&(kind, name.clone()));
        let object = outline::of(kind, object);
        known.insert(name, object.clone());
        Some((kind, object))
    }

    /// One object.
    pub(crate) fn get(&self, kind: &str, name: &Name) -> Option<&Object> {
        self.objects.get(kind)?.get(name)
    }

    /// All objects of a kind in a namespace.
    pub(crate) fn within<'a>(
        &'a self,
        kind: &str,
        namespace: &'a str,
    ) -> impl Iterator<Item = &'a Object> {
        let first = (namespace.to_owned(), String::new());
        let from = self.objects.get(kind).map(|all| all.range(first..)).into_iter().flatten();
        from.take_while(move |((ns, _), _)| ns == namespace).map(|(_, object)| object)
    }

    /// Objects of a kind in the owner's namespace whose controller is `owner`.
    pub(crate) fn owned<'a>(
        &'a self,
        kind: &str,
        owner: &'a Value,
    ) -> impl Iterator<Item = &'a Object> {
        let namespace = owner["metadata"]["namespace"].as_str().unwrap_or_default();
        let uid = &owner["metadata"]["uid"];
        self.within(kind, namespace).filter(move |object| {
            controller_of(object).is_some_and(|controller| &controller["uid"] == uid)
        })
    }
}

/// The owner reference that is the controller.
pub(crate) fn controller_of(object: &Value) -> Option<&Value> {
    object["metadata"]["ownerReferences"].as_array()?.iter().find(|r| r["controller"] == true)
}

/// An owner reference to `owner`, as controller.
pub(crate) fn reference(owner: &Value) -> Value {
    serde_json::json!({
        "apiVersion": owner["apiVersion"], "kind": owner["kind"],
        "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"],
        "controller": true, "blockOwnerDeletion": true,
    })
}

fn watched(resource: &ResourceType) -> Option<&'static str> {
    let found =
        WATCHED.iter().find(|(group, kind)| resource.group == *group && resource.kind == *kind);
    found.map(|(_, kind)| *kind)
}

/// True when the object is being deleted.
pub(crate) fn terminating(object: &Value) -> bool {
    object["metadata"]["deletionTimestamp"].is_string()
}

/// True when `labels` carry every `matchLabels` of a plain selector map.
pub(crate) fn selects(selector: &Value, labels: &Value) -> bool {
    match selector.as_object() {
        Some(wanted) if !wanted.is_empty() => {
            wanted.iter().all(|(key, value)| &labels[key] == value)
        }
        _ => false,
    }
}
