//! Objects as they are stored, by kind and name.
//!
//! In: batches. Out: objects.
//! Holds: objects of which a cluster has many, and which are read again for an analysis alone, are packed.

use std::collections::BTreeMap;
use std::sync::Arc;

use ctl_source::{Batch, Change, Object, Packed};
use ctl_status::Expected;
use serde_json::Value;

use super::facts;
use super::kinds::{self, KindName};

/// Kinds that are packed.
const MANY: &[(&str, &str)] =
    &[("", "Pod"), ("discovery.k8s.io", "EndpointSlice"), ("apps", "Deployment")];

/// Namespace and name.
pub(super) type Name = (String, String);

/// An object as it is kept.
#[derive(Debug, Clone)]
pub(super) enum Kept {
    Open(Object),
    Packed(Packed),
}

impl Kept {
    pub(super) fn open(&self) -> Object {
        match self {
            Self::Open(object) => Arc::clone(object),
            Self::Packed(packed) => packed.open(),
        }
    }

    fn of(kind: &KindName, object: Object) -> Self {
        let (group, kind) = (kind.0.as_str(), kind.1.as_str());
        match MANY.contains(&(group, kind)).then(|| Packed::of(&object)) {
            Some(Ok(packed)) => Self::Packed(packed),
            // One that could not be read again is kept as it is.
            Some(Err(_)) | None => Self::Open(object),
        }
    }
}

/// All objects.
#[derive(Default)]
pub(super) struct Raw {
    kinds: BTreeMap<KindName, BTreeMap<Name, Kept>>,
    /// Proxies of pods that serve traffic now.
    proxies: BTreeMap<Name, Expected>,
    newest: u64,
}

impl Raw {
    /// Whether every kind was seen that the first world is made of.
    pub(super) fn is_whole(&self) -> bool {
        kinds::needed().all(|resource| self.kinds.contains_key(&kinds::name(&resource)))
    }

    /// Highest `resourceVersion` that was seen.
    pub(super) fn newest(&self) -> u64 {
        self.newest
    }

    /// The objects of a kind, by namespace and name.
    pub(super) fn of(&self, kind: &KindName) -> impl Iterator<Item = Object> + use<'_> {
        self.kinds.get(kind).into_iter().flatten().map(|(_, kept)| kept.open())
    }

    /// One object.
    pub(super) fn get(&self, kind: &KindName, name: &Name) -> Option<Object> {
        Some(self.kinds.get(kind)?.get(name)?.open())
    }

    /// Every object.
    pub(super) fn all(&self) -> Vec<Kept> {
        self.kinds.values().flat_map(BTreeMap::values).cloned().collect()
    }

    /// Proxies that serve traffic now.
    pub(super) fn proxies(&self) -> Vec<Expected> {
        self.proxies.values().cloned().collect()
    }

    pub(super) fn take(&mut self, batch: Batch) {
        match batch {
            Batch::Snapshot(resource, objects) => {
                let kind = kinds::name(&resource);
                self.kinds.insert(kind.clone(), BTreeMap::new());
                if is_pod(&kind) {
                    self.proxies.clear();
                }
                objects.into_iter().for_each(|object| self.put(&kind, object));
            }
            Batch::Changes(resource, changes) => {
                let kind = kinds::name(&resource);
                for change in changes {
                    match change {
                        Change::Applied(object) => self.put(&kind, object),
                        Change::Deleted(object) => self.remove(&kind, &name(&object)),
                    }
                }
            }
        }
    }

    fn put(&mut self, kind: &KindName, object: Object) {
        let name = name(&object);
        self.newest = self.newest.max(version(&object));
        if is_pod(kind) {
            match facts::proxy(&name, &object) {
                Some(proxy) => self.proxies.insert(name.clone(), proxy),
                None => self.proxies.remove(&name),
            };
        }
        let kept = Kept::of(kind, object);
        self.kinds.entry(kind.clone()).or_default().insert(name, kept);
    }

    fn remove(&mut self, kind: &KindName, name: &Name) {
        if is_pod(kind) {
            self.proxies.remove(name);
        }
        self.kinds.entry(kind.clone()).or_default().remove(name);
    }
}

fn is_pod((group, kind): &KindName) -> bool {
    group.is_empty() && kind == "Pod"
}

/// 0 for a server whose versions are no numbers.
fn version(object: &Object) -> u64 {
    object["metadata"]["resourceVersion"].as_str().and_then(|v| v.parse().ok()).unwrap_or(0)
}

/// Namespace and name of an object.
pub(super) fn name(object: &Value) -> Name {
    let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default().to_owned();
    (text("namespace"), text("name"))
}

#[cfg(test)]
mod tests {
    use ctl_source::kinds::find;
    use serde_json::json;

    use super::*;

    #[test]
    fn proxies_follow_their_pods() {
        let pod = |ready: &str| {
            Arc::new(
                json!({ "metadata": { "name": "a", "namespace": "shop", "resourceVersion": "7",
                    "annotations": { "sidecar.istio.io/status": "{}" } },
                "status": { "conditions": [{ "type": "Ready", "status": ready }] } }),
            )
        };
        let resource = || find("", "Pod").unwrap().resource();
        let mut raw = Raw::default();
        raw.take(Batch::Snapshot(resource(), vec![pod("True")]));
        assert_eq!((raw.proxies().len(), raw.newest()), (1, 7));
        assert_eq!(raw.of(&kinds::name(&resource())).collect::<Vec<_>>(), [pod("True")]);
        raw.take(Batch::Changes(resource(), vec![Change::Applied(pod("False"))]));
        assert_eq!(raw.proxies().len(), 0);
        raw.take(Batch::Changes(resource(), vec![Change::Applied(pod("True"))]));
        raw.take(Batch::Changes(resource(), vec![Change::Deleted(pod("True"))]));
        assert_eq!((raw.proxies().len(), raw.all().len()), (0, 0));
        raw.take(Batch::Snapshot(resource(), vec![pod("True")]));
        raw.take(Batch::Snapshot(resource(), vec![]));
        assert_eq!((raw.proxies().len(), raw.all().len()), (0, 0));
    }
}
