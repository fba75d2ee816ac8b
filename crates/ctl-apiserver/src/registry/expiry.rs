//! The end of Events.
//!
//! In: the time. Out: deletions. Holds: an Event ends an hour after it was written last, and of a flood the newest stay.

use std::time::{Duration, SystemTime};

use ctl_source::Object;
use serde_json::Value;

use super::{DeleteOptions, Registry, collection, text};
use crate::moment;

/// How long an Event stays after it was written last.
const STAYS: Duration = Duration::from_secs(3600);
/// How often is looked for those that are over.
pub(super) const EVERY: Duration = Duration::from_secs(60);
/// Events that may be there; beyond, the oldest end early.
const MOST: usize = 10_000;

impl Registry {
    /// Deletes the Events that are over.
    pub(super) async fn expire_events(&self) {
        let Some(kind) = self.kind("", "Event") else { return };
        let mut events = self.inner.store.list(&collection(&kind), None).objects;
        events.sort_by_cached_key(|event| last_written(event));
        let now = self.inner.clock.wall();
        let over = |event: &&Object| {
            now.duration_since(last_written(event)).is_ok_and(|since| since >= STAYS)
        };
        let flood = events.len().saturating_sub(MOST);
        let ended = events.iter().enumerate().filter(|(at, event)| *at < flood || over(event));
        for (_, event) in ended {
            let of = |path| text(event, path).unwrap_or_default();
            let (namespace, name) = (of("/metadata/namespace"), of("/metadata/name"));
            let options = DeleteOptions::default();
            if let Err(fault) = self.delete_object(&kind, namespace, name, &options).await
                && fault.code != 404
            {
                tracing::warn!(%fault, name, "an event that is over could not be deleted");
            }
        }
    }
}

/// The last write, as its writer or this server noted it; a time to come counts as the creation.
fn last_written(event: &Value) -> SystemTime {
    let at = |path| text(event, path).and_then(moment::parse);
    let created = at("/metadata/creationTimestamp").unwrap_or(SystemTime::UNIX_EPOCH);
    let noted = ["/series/lastObservedTime", "/lastTimestamp", "/eventTime"];
    let last = noted.into_iter().filter_map(at).max().unwrap_or(created);
    let managed = event["metadata"]["managedFields"].as_array().into_iter().flatten();
    let touched = managed.filter_map(|own| own["time"].as_str().and_then(moment::parse)).max();
    // Whoever writes is noted with this server's time, which nobody can be ahead of.
    last.max(created).min(touched.unwrap_or(created).max(created))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_as_old_as_its_last_write() {
        let at = |hour: u32| format!("2026-01-01T0{hour}:00:00Z");
        let event = |last: u32, touched: u32| {
            json!({ "lastTimestamp": at(last), "metadata": { "creationTimestamp": at(1),
                "managedFields": [{ "time": at(touched) }] } })
        };
        let hour = |event: &Value| Some(last_written(event));
        assert_eq!(hour(&event(2, 2)), moment::parse(&at(2)));
        assert_eq!(hour(&event(9, 2)), moment::parse(&at(2)), "nobody writes from the future");
        assert_eq!(hour(&event(0, 1)), moment::parse(&at(1)));
        assert_eq!(last_written(&json!({})), SystemTime::UNIX_EPOCH);
    }
}
