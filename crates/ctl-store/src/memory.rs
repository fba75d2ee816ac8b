//! What the store knows, in memory: objects, revision, recent history.
//!
//! In: committed changes, in revision order. Out: reads.
//! Holds: it never shows what is not on disk; the history is bounded.

use std::collections::{BTreeMap, VecDeque};

use ctl_source::{Object, Packed};

use crate::{Collection, Key};

/// Events kept for watchers; who falls further behind lists again (410 Gone).
const HISTORY: usize = 16_384;
/// Of the newest events the objects stay open, so that those who follow do not each read them.
const OPEN: usize = 64;

/// The history does not reach back to the revision that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too old resource version: {asked} ({oldest})")]
pub struct Compacted {
    /// The revision asked for.
    pub asked: u64,
    /// The oldest one that can be asked for.
    pub oldest: u64,
}

/// What a write did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// The object is new.
    Added,
    /// The object was there.
    Modified,
    /// The object is gone.
    Deleted,
}

/// One committed write.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its revision.
    pub revision: u64,
    /// Which object.
    pub key: Key,
    /// What happened.
    pub kind: EventKind,
    /// The new state; of a deletion the last state, with the revision of the deletion.
    pub object: Packed,
    /// The state before.
    pub previous: Option<Packed>,
}

/// A list and the revision that it shows.
#[derive(Debug, Clone)]
pub struct Listing {
    /// The objects, in order of namespace and name.
    pub objects: Vec<Object>,
    /// The revision of the store.
    pub revision: u64,
}

#[derive(Debug)]
pub(crate) struct Memory {
    objects: BTreeMap<Key, Packed>,
    revision: u64,
    /// Events after this revision are in `history`.
    compacted: u64,
    history: VecDeque<Event>,
    open: VecDeque<Object>,
}

impl Memory {
    pub(crate) fn new(objects: BTreeMap<Key, Packed>, revision: u64) -> Self {
        let (history, open) = (VecDeque::new(), VecDeque::new());
        Self { objects, revision, compacted: revision, history, open }
    }

    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    pub(crate) fn get(&self, key: &Key) -> Option<Packed> {
        self.objects.get(key).cloned()
    }

    pub(crate) fn list(&self, collection: &Collection, namespace: Option<&str>) -> Vec<Packed> {
        let from = Key {
            collection: collection.clone(),
            namespace: namespace.unwrap_or_default().to_owned(),
            name: String::new(),
        };
        let within = |key: &Key| {
            key.collection == *collection && namespace.is_none_or(|n| key.namespace == n)
        };
        let range = self.objects.range(from..).take_while(|(key, _)| within(key));
        range.map(|(_, object)| object.clone()).collect()
    }

    pub(crate) fn everything(&self) -> Vec<(Key, Packed)> {
        self.objects.iter().map(|(key, object)| (key.clone(), object.clone())).collect()
    }

    pub(crate) fn since(&self, revision: u64) -> Result<(Vec<Event>, u64), Compacted> {
        if revision < self.compacted {
            return Err(Compacted { asked: revision, oldest: self.compacted });
        }
        let first = self.history.partition_point(|event| event.revision <= revision);
        Ok((self.history.range(first..).cloned().collect(), self.revision.max(revision)))
    }

    /// Takes an event, and its object as it was packed.
    pub(crate) fn apply(&mut self, event: Event, object: Object) {
        self.revision = event.revision;
        if self.open.len() == OPEN {
            self.open.pop_front();
        }
        self.open.push_back(object);
        if event.kind == EventKind::Deleted {
            self.objects.remove(&event.key);
        } else {
            self.objects.insert(event.key.clone(), event.object.clone());
        }
        if self.history.len() == HISTORY
            && let Some(oldest) = self.history.pop_front()
        {
            self.compacted = oldest.revision;
        }
        self.history.push_back(event);
    }
}
