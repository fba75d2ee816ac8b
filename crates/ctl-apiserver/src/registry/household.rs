//! One look at all objects: who owns whom, and who is to go.
//!
//! In: everything in the store, and the look before. Out: the objects that somebody has to tend.
//! Holds: an object is read again only when it is another one than at the look before.

use std::collections::{BTreeMap, HashMap, HashSet};

use ctl_source::{Object, Packed};
use ctl_store::Key;
use serde_json::Value;

use super::delete::FOREGROUND;
use super::text;

/// What housekeeping reads of one object.
struct Head {
    object: Packed,
    uid: String,
    /// It is being deleted.
    marked: bool,
    /// It goes when its dependents have gone.
    waits: bool,
    /// Of an owner without one, nothing is known.
    owners: Vec<Option<String>>,
}

/// Every object.
#[derive(Default)]
pub(super) struct Household {
    heads: BTreeMap<Key, Head>,
    /// Living objects by uid; true when the object waits for its dependents.
    uids: HashMap<String, bool>,
    filled: HashSet<String>,
    ending: HashSet<String>,
    blocked: HashSet<String>,
}

impl Household {
    /// Looks again.
    pub(super) fn next(mut self, all: Vec<(Key, Packed)>) -> Self {
        let read = |(key, object): (Key, Packed)| {
            let known = self.heads.remove(&key).filter(|known| known.object.is(&object));
            (key, known.unwrap_or_else(|| Head::of(object)))
        };
        let heads: BTreeMap<Key, Head> = all.into_iter().map(read).collect();
        let uids = heads.values().map(|head| (head.uid.clone(), head.marked && head.waits));
        let namespaces = heads.iter().filter(|(key, _)| key.collection.plural == "namespaces");
        let owners = heads.values().flat_map(|head| head.owners.iter().flatten());
        Self {
            uids: uids.collect(),
            filled: heads.keys().map(|key| key.namespace.clone()).collect(),
            ending: namespaces.filter(|(_, o)| o.marked).map(|(key, _)| key.name.clone()).collect(),
            blocked: owners.cloned().collect(),
            heads,
        }
    }

    /// Objects that are being deleted, or shall be.
    pub(super) fn due(&self) -> impl Iterator<Item = (&Key, Object)> {
        let due = self.heads.iter().filter(|(key, head)| {
            head.marked || self.ending.contains(&key.namespace) || self.is_orphan(head)
        });
        due.map(|(key, head)| (key, head.object.open()))
    }

    /// Whether nothing is left in a namespace.
    pub(super) fn is_empty(&self, namespace: &str) -> bool {
        !self.filled.contains(namespace)
    }

    /// Whether somebody depends on an object.
    pub(super) fn dependents_block(&self, owner: &Value) -> bool {
        text(owner, "/metadata/uid").is_some_and(|uid| self.blocked.contains(uid))
    }

    /// It has owners, and all of them are gone or wait for it to go.
    fn is_orphan(&self, head: &Head) -> bool {
        let gone = |owner: &Option<String>| {
            owner.as_ref().is_some_and(|uid| self.uids.get(uid).copied().unwrap_or(true))
        };
        !head.owners.is_empty() && head.owners.iter().all(gone)
    }
}

impl Head {
    fn of(packed: Packed) -> Self {
        let object = packed.open();
        let uid = |object: &Value| text(object, "/uid").map(str::to_owned);
        Self {
            uid: uid(&object["metadata"]).unwrap_or_default(),
            marked: is_marked(&object),
            waits: has_finalizer(&object),
            owners: owners(&object).map(uid).collect(),
            object: packed,
        }
    }
}

/// Whether an object is being deleted.
pub(super) fn is_marked(object: &Value) -> bool {
    text(object, "/metadata/deletionTimestamp").is_some()
}

/// Whether an object waits for its dependents.
pub(super) fn has_finalizer(object: &Value) -> bool {
    object["metadata"]["finalizers"].as_array().is_some_and(|f| f.iter().any(|f| f == FOREGROUND))
}

/// References to the owners of an object.
pub(super) fn owners(object: &Value) -> impl Iterator<Item = &Value> {
    object["metadata"]["ownerReferences"].as_array().into_iter().flatten()
}
