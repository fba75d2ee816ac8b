//! Events about pods, written in the background.
//!
//! In: reason and message. Out: Event objects; a repeated one is counted up.
//! Holds: a full queue loses events, never blocks a pod.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ctl_source::{ObjectKey, ResourceType, Source, SourceError, kinds};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use weft_rt::Clock;

use crate::stamp;

const QUEUE: usize = 1024;
const REMEMBERED: usize = 4096;

/// Finds a built-in collection.
pub(crate) fn resource(group: &str, kind: &str) -> ResourceType {
    kinds::find(group, kind).map_or_else(
        || ResourceType {
            group: group.into(),
            version: "v1".into(),
            kind: kind.into(),
            plural: format!("{}s", kind.to_lowercase()),
            namespaced: true,
        },
        kinds::KindInfo::resource,
    )
}

/// Where events go.
#[derive(Debug, Clone)]
pub(crate) struct Events(mpsc::Sender<Note>);

#[derive(Debug)]
struct Note {
    about: Value,
    warning: bool,
    reason: &'static str,
    message: String,
}

impl Events {
    pub(crate) fn new() -> (Self, EventWriter) {
        let (sender, notes) = mpsc::channel(QUEUE);
        (Self(sender), EventWriter { notes })
    }

    pub(crate) fn normal(&self, about: &Value, reason: &'static str, message: String) {
        self.send(Note { about: about.clone(), warning: false, reason, message });
    }

    pub(crate) fn warning(&self, about: &Value, reason: &'static str, message: String) {
        self.send(Note { about: about.clone(), warning: true, reason, message });
    }

    fn send(&self, note: Note) {
        if let Err(error) = self.0.try_send(note) {
            tracing::warn!(%error, "an event is lost");
        }
    }
}

#[derive(Debug)]
pub(crate) struct EventWriter {
    notes: mpsc::Receiver<Note>,
}

impl EventWriter {
    pub(crate) async fn run(mut self, source: Arc<dyn Source>, clock: Clock, node: String) {
        let mut known: HashMap<String, (String, u64)> = HashMap::new();
        while let Some(note) = self.notes.recv().await {
            if known.len() > REMEMBERED {
                known.clear();
            }
            let now = stamp::seconds(clock.wall());
            if let Err(error) = write(&*source, &note, &now, &node, &mut known).await {
                tracing::debug!(%error, reason = note.reason, "cannot write an event");
            }
        }
    }
}

async fn write(
    source: &dyn Source,
    note: &Note,
    now: &str,
    node: &str,
    known: &mut HashMap<String, (String, u64)>,
) -> Result<(), SourceError> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let events = resource("", "Event");
    let text = |field: &str| note.about[field].as_str().unwrap_or_default();
    let namespace = text("namespace");
    let same =
        format!("{}{}{}{}", note.about["uid"], note.about["fieldPath"], note.reason, note.message);
    if let Some((name, count)) = known.get_mut(&same) {
        *count += 1;
        let key =
            ObjectKey { resource: events, namespace: Some(namespace.into()), name: name.clone() };
        let patch = json!({"count": count, "lastTimestamp": now});
        return source.merge_patch(&key, None, patch).await.map(drop);
    }
    let seed = u128::from(NUMBER.fetch_add(1, Ordering::Relaxed));
    let unique = stamp_id(now) ^ (seed << 48);
    let name = format!("{}.{unique:016x}", text("name"));
    let object = json!({
        "apiVersion": "v1", "kind": "Event",
        "metadata": {"name": name, "namespace": namespace},
        "involvedObject": note.about, "reason": note.reason, "message": note.message,
        "type": if note.warning { "Warning" } else { "Normal" },
        "source": {"component": "weft-node", "host": node},
        "reportingComponent": "weft-node", "reportingInstance": node,
        "firstTimestamp": now, "lastTimestamp": now, "count": 1,
    });
    source.create(&events, object).await?;
    known.insert(same, (name, 1));
    Ok(())
}

fn stamp_id(now: &str) -> u128 {
    stamp::parse(now)
        .and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok())
        .map_or(0, |since| since.as_nanos())
        & 0xffff_ffff_ffff_ffff
}
