//! The one thread that writes: takes all that waits, checks each expectation, commits once, then tells.
//!
//! In: jobs. Out: answers, and new revisions for watchers.
//! Holds: expectations are judged in order of arrival, each seeing the ones before it in the same batch.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use ctl_source::{Object, Packed};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot, watch};

use crate::disk::{self, Disk};
use crate::memory::Memory;
use crate::{Event, EventKind, Key, StoreError};

/// Writes that share one commit at most.
const BATCH: usize = 256;

/// What must be there now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// Nothing.
    Absent,
    /// The object with this `metadata.resourceVersion`.
    Version(String),
}

/// One write.
#[derive(Debug, Clone)]
pub struct Write {
    /// Which object.
    pub key: Key,
    /// What must be there.
    pub expect: Expect,
    /// The new state, or `None` to remove it.
    pub object: Option<Value>,
}

#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) write: Write,
    pub(crate) answer: oneshot::Sender<Result<Object, StoreError>>,
}

/// Runs until every sender is gone.
pub(crate) fn run(
    disk: &Disk,
    memory: &RwLock<Memory>,
    mut queue: mpsc::Receiver<Job>,
    tell: &watch::Sender<u64>,
) {
    let mut jobs = Vec::with_capacity(BATCH);
    while queue.blocking_recv_many(&mut jobs, BATCH) > 0 {
        let mut batch = Batch::new(memory);
        let judged: Vec<_> =
            jobs.drain(..).map(|job| (batch.judge(job.write), job.answer)).collect();
        let events = batch.events;
        let written = if events.is_empty() { Ok(()) } else { disk::commit(disk, &events) };
        if let Err(error) = &written {
            tracing::error!(%error, "the store cannot write");
        } else {
            publish(memory, events, tell);
        }
        for (result, answer) in judged {
            let result = match (&written, result) {
                (Err(error), Ok(_)) => Err(StoreError::Disk(error.to_string())),
                (_, result) => result,
            };
            // A caller that stopped waiting loses only the answer.
            answer.send(result).ok();
        }
    }
}

fn publish(memory: &RwLock<Memory>, events: Vec<Event>, tell: &watch::Sender<u64>) {
    // Those who asked for the write still hold them.
    let opened: Vec<Object> = events.iter().map(|event| event.object.open()).collect();
    let mut memory = memory.write().unwrap_or_else(PoisonError::into_inner);
    for (event, object) in events.into_iter().zip(opened) {
        memory.apply(event, object);
    }
    let revision = memory.revision();
    drop(memory);
    tell.send_replace(revision);
}

struct Batch<'a> {
    memory: &'a RwLock<Memory>,
    revision: u64,
    changed: HashMap<Key, Option<Packed>>,
    events: Vec<Event>,
}

impl<'a> Batch<'a> {
    fn new(memory: &'a RwLock<Memory>) -> Self {
        let revision = memory.read().unwrap_or_else(PoisonError::into_inner).revision();
        Self { memory, revision, changed: HashMap::new(), events: Vec::new() }
    }

    fn judge(&mut self, write: Write) -> Result<Object, StoreError> {
        let now = self.now(&write.key);
        match (&write.expect, &now) {
            (Expect::Absent, Some(_)) => return Err(StoreError::Exists),
            (Expect::Version(_), None) => return Err(StoreError::Missing),
            (Expect::Version(version), Some(object)) if version_of(&object.open()) != version => {
                return Err(StoreError::Changed);
            }
            (Expect::Absent, None) | (Expect::Version(_), Some(_)) => {}
        }
        let kind = match (&write.object, &now) {
            (None, _) => EventKind::Deleted,
            (Some(_), None) => EventKind::Added,
            (Some(_), Some(_)) => EventKind::Modified,
        };
        let before = || now.as_ref().map(|now| now.open().as_ref().clone());
        let state = write.object.or_else(before).unwrap_or_default();
        let object = stamped(state, self.revision + 1);
        let packed = Packed::of(&object)?;
        self.revision += 1;
        let kept = (kind != EventKind::Deleted).then(|| packed.clone());
        self.changed.insert(write.key.clone(), kept);
        self.events.push(Event {
            revision: self.revision,
            key: write.key,
            kind,
            object: packed,
            previous: now,
        });
        Ok(object)
    }

    fn now(&self, key: &Key) -> Option<Packed> {
        let from_memory = || self.memory.read().unwrap_or_else(PoisonError::into_inner).get(key);
        self.changed.get(key).cloned().unwrap_or_else(from_memory)
    }
}

fn version_of(object: &Value) -> &str {
    object["metadata"]["resourceVersion"].as_str().unwrap_or_default()
}

fn stamped(mut object: Value, revision: u64) -> Object {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("resourceVersion".to_owned(), Value::String(revision.to_string()));
    }
    Arc::new(object)
}
