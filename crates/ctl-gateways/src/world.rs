//! What is known now of gateways, of what they are made from, and of what was made for them.
//!
//! In: watch batches, and answers to our own writes. Out: look-ups.
//! Holds: of kinds that we make only what carries our label; an older version of an object never replaces a newer one.

use std::collections::BTreeMap;

use ctl_source::{Batch, Change, Object, ResourceType};
use serde_json::Value;

use crate::wanted::MANAGED;

const GATEWAYS: &str = "gateway.networking.k8s.io";
/// Group, kind, plural; whether it lies in namespaces, and whether we make it.
const KINDS: &[(&str, &str, &str, bool, bool)] = &[
    (GATEWAYS, "GatewayClass", "gatewayclasses", false, false),
    (GATEWAYS, "Gateway", "gateways", true, false),
    (GATEWAYS, "ListenerSet", "listenersets", true, false),
    ("", "Namespace", "namespaces", false, false),
    ("", "ServiceAccount", "serviceaccounts", true, true),
    ("", "Service", "services", true, true),
    ("apps", "Deployment", "deployments", true, true),
];

/// The collections that are watched.
pub(crate) fn watched() -> Vec<ResourceType> {
    KINDS.iter().map(row).collect()
}

/// Kinds that we make.
pub(crate) fn made() -> impl Iterator<Item = &'static str> {
    KINDS.iter().filter(|(.., made)| *made).map(|(_, kind, ..)| *kind)
}

/// The collection of a kind.
pub(crate) fn resource(kind: &str) -> Option<ResourceType> {
    KINDS.iter().find(|(_, own, ..)| *own == kind).map(row)
}

fn row((group, kind, plural, namespaced, _): &(&str, &str, &str, bool, bool)) -> ResourceType {
    ResourceType {
        group: (*group).to_owned(),
        version: "v1".to_owned(),
        kind: (*kind).to_owned(),
        plural: (*plural).to_owned(),
        namespaced: *namespaced,
    }
}

/// Kind, namespace and name.
type Name = (String, String, String);

/// The cache.
#[derive(Debug, Default)]
pub(crate) struct World {
    objects: BTreeMap<Name, Object>,
    waiting: Vec<String>,
}

impl World {
    /// Nothing is known yet.
    pub(crate) fn new() -> Self {
        let waiting = KINDS.iter().map(|(_, kind, ..)| (*kind).to_owned()).collect();
        Self { objects: BTreeMap::new(), waiting }
    }

    /// Whether every kind was told once.
    pub(crate) fn is_whole(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(crate) fn take(&mut self, batch: Batch) {
        match batch {
            Batch::Snapshot(resource, objects) => {
                self.objects.retain(|(kind, ..), _| *kind != resource.kind);
                self.waiting.retain(|kind| *kind != resource.kind);
                objects.into_iter().for_each(|object| self.put(&resource.kind, object));
            }
            Batch::Changes(resource, changes) => {
                for change in changes {
                    match change {
                        Change::Applied(object) => self.put(&resource.kind, object),
                        Change::Deleted(object) => self.drop(&resource.kind, &object),
                    }
                }
            }
        }
    }

    /// Takes in one object, unless a newer one is known or it is none that concerns us.
    pub(crate) fn put(&mut self, kind: &str, object: Object) {
        let key = key(kind, &object);
        let ours = !made().any(|made| made == kind) || is_managed(&object);
        let newer = self.objects.get(&key).is_some_and(|known| version(known) > version(&object));
        match (ours, newer) {
            (_, true) => {}
            (true, false) => drop(self.objects.insert(key, object)),
            (false, false) => drop(self.objects.remove(&key)),
        }
    }

    fn drop(&mut self, kind: &str, object: &Value) {
        let key = key(kind, object);
        let uid = |object: &Value| object["metadata"]["uid"].clone();
        if self.objects.get(&key).is_some_and(|known| uid(known) == uid(object)) {
            self.objects.remove(&key);
        }
    }

    pub(crate) fn get(&self, kind: &str, namespace: &str, name: &str) -> Option<&Object> {
        self.objects.get(&(kind.to_owned(), namespace.to_owned(), name.to_owned()))
    }

    /// All objects of a kind.
    pub(crate) fn all<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Object> {
        let first = (kind.to_owned(), String::new(), String::new());
        let from = self.objects.range(first..);
        from.take_while(move |((own, ..), _)| own == kind).map(|(_, object)| object)
    }
}

fn key(kind: &str, object: &Value) -> Name {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
    (kind.to_owned(), text("namespace"), text("name"))
}

fn version(object: &Value) -> u64 {
    object["metadata"]["resourceVersion"].as_str().and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Whether we made it.
fn is_managed(object: &Value) -> bool {
    object["metadata"]["labels"][MANAGED.0] == MANAGED.1
}
