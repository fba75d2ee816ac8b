//! Writes Events of `core/v1`, as `kubectl describe` and `kubectl get events` show them.
//!
//! In: notes, through a bounded queue. Out: Event objects through a Source.
//! Holds: the same sentence about the same object is one Event whose `count` rises; its name follows from what it says, so
//! that this holds across restarts too. One object gets a bounded number of them.
//! Never: in the way of conditions; what finds the queue full is lost and logged.
//! Why not `events.k8s.io`: kubectl reads the core group, and a server shows one in the form of the other.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ctl_source::{ObjectKey, ResourceType, Source, SourceError, kinds};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::budget::{Budgets, Pace};
use crate::notes::{Line, Note, Subject};
use crate::shell::rfc3339;

/// Notes that may wait.
pub(crate) const QUEUE: usize = 1024;
/// Of one object, as Kubernetes' own clients bound it.
const PACE: Pace = Pace { burst: 25, every: Duration::from_secs(300) };
/// When the server is away, the next try comes after this.
const RETRY: Duration = Duration::from_secs(1);
/// Bytes of a message; Kubernetes takes no longer ones.
const LONGEST: usize = 1024;
const WRITER: &str = "weft-control-plane";

/// Writes until nobody sends any more.
pub(crate) async fn run(
    source: Arc<dyn Source>,
    wall: fn() -> SystemTime,
    mut notes: mpsc::Receiver<Note>,
) {
    let Some(events) = kinds::find("", "Event").map(kinds::KindInfo::resource) else { return };
    let mut budgets = Budgets::new(PACE);
    while let Some(note) = notes.recv().await {
        if !budgets.take(&note.about.key, wall()) {
            tracing::debug!(name = note.about.key.name, "an object has too many events");
            continue;
        }
        while let Err(SourceError::Unavailable(why)) = write(&*source, &events, &note, wall()).await
        {
            tracing::debug!(why, "an event waits for the server");
            tokio::time::sleep(RETRY).await;
        }
    }
}

async fn write(
    source: &dyn Source,
    events: &ResourceType,
    note: &Note,
    now: SystemTime,
) -> Result<(), SourceError> {
    let now = rfc3339(now);
    let event = event(note, &now);
    let text = |field: &str| event["metadata"][field].as_str().unwrap_or_default().to_owned();
    let key = ObjectKey {
        resource: events.clone(),
        namespace: Some(text("namespace")),
        name: text("name"),
    };
    let written = match source.get(&key).await? {
        Some(_) if !note.again => return Ok(()),
        Some(before) => {
            let count = before["count"].as_u64().unwrap_or(1).saturating_add(1);
            let again = json!({ "count": count, "lastTimestamp": now });
            source.merge_patch(&key, None, again).await
        }
        None => source.create(events, event).await,
    };
    if let Err(error) = &written {
        tracing::debug!(%error, name = key.name, "event not written");
    }
    written.map(drop)
}

fn event(note: &Note, now: &str) -> Value {
    let Note { about: Subject { key, uid }, line: Line { warning, reason, message }, .. } = note;
    let ResourceType { group, version, kind, .. } = &key.resource;
    let version = if group.is_empty() { version.clone() } else { format!("{group}/{version}") };
    // Events of the cluster's own objects stand in `default`, where kubectl looks for them.
    let namespace = key.namespace.as_deref().unwrap_or("default");
    let mut object = json!({ "apiVersion": version, "kind": kind, "name": key.name, "uid": uid });
    if let Some(namespace) = &key.namespace {
        object["namespace"] = json!(namespace);
    }
    json!({
        "apiVersion": "v1", "kind": "Event",
        "metadata": { "name": name(note), "namespace": namespace },
        "involvedObject": object,
        "type": if *warning { "Warning" } else { "Normal" },
        "reason": reason,
        "message": shortened(message),
        "source": { "component": WRITER },
        "reportingComponent": WRITER, "reportingInstance": "",
        "firstTimestamp": now, "lastTimestamp": now, "count": 1,
    })
}

/// Follows from the object and the sentence.
fn name(note: &Note) -> String {
    let Note { about: Subject { key, uid }, line: Line { warning: _, reason, message }, .. } = note;
    let ResourceType { group, kind, .. } = &key.resource;
    let parts = [group.as_str(), kind, &key.name, uid, reason, message];
    // FNV-1a: the same in every version of the program.
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let object: String = key.name.chars().take(230).collect();
    format!("{}.{hash:016x}", object.trim_end_matches(['.', '-']))
}

fn shortened(message: &str) -> &str {
    let end = (0..=LONGEST.min(message.len())).rev().find(|at| message.is_char_boundary(*at));
    message.get(..end.unwrap_or_default()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(name: &str, message: &str) -> Note {
        let Some(known) = kinds::find("networking.istio.io", "VirtualService") else {
            panic!("no such kind")
        };
        let (resource, name) = (known.resource(), name.to_owned());
        let key = ObjectKey { resource, namespace: Some("shop".into()), name };
        let about = Subject { key, uid: "u-1".into() };
        Note { about, line: Line::warning("Rejected", message.to_owned()), again: true }
    }

    #[test]
    fn the_name_tells_sentences_and_objects_apart() {
        let one = name(&note("web", "a"));
        assert_eq!(one, name(&note("web", "a")));
        assert_ne!(one, name(&note("web", "b")));
        assert!(one.starts_with("web."), "{one}");
        assert!(name(&note(&"x".repeat(253), "a")).len() <= 253);
    }

    #[test]
    fn a_long_message_is_cut_between_letters() {
        let long = "ä".repeat(1000);
        assert_eq!(event(&note("web", &long), "now")["message"], json!("ä".repeat(512)));
        assert_eq!(shortened("short"), "short");
    }
}
