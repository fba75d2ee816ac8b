//! Watches that do not end.
//! In: kinds. Out: one channel of batches. Holds: per kind first a snapshot, then changes in order; after a break a snapshot again.
//! Of a kind that the cluster does not have the first snapshot is empty.
//! Ends: when the receiver is dropped.

use std::time::Duration;

use ctl_source::{Batch, Change, Object, ResourceType, Selection, Watch};
use futures::TryStreamExt as _;
use kube::api::DynamicObject;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::{self, Event};
use tokio::sync::mpsc;

use crate::{KubeSource, object};

const QUEUE: usize = 64;
const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(5);

/// Waits between attempts: short at first, because the API server of a machine is back in a moment; twice as long each
/// time, up to [`LONGEST`].
#[derive(Default)]
struct Soon {
    attempts: u32,
}

impl Iterator for Soon {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let wait = FIRST.saturating_mul(2_u32.saturating_pow(self.attempts)).min(LONGEST);
        self.attempts = self.attempts.saturating_add(1);
        Some(wait)
    }
}

impl Backoff for Soon {
    fn reset(&mut self) {
        self.attempts = 0;
    }
}

pub(crate) fn start(source: &KubeSource, parts: &[Selection]) -> Watch {
    let (sender, receiver) = mpsc::channel(QUEUE);
    for part in parts {
        let follow = follow(source.clone(), part.clone(), sender.clone());
        tokio::spawn(follow);
    }
    receiver
}

async fn follow(source: KubeSource, part: Selection, sender: mpsc::Sender<Batch>) {
    let Selection { resource, fields } = part;
    let api = source.api(&resource, None);
    let config = watcher::Config::default();
    let config = if fields.is_empty() { config } else { config.fields(fields) };
    let stream = watcher::watcher(api, config).backoff(Soon::default());
    let mut stream = std::pin::pin!(stream);
    let mut snapshot = Vec::new();
    let mut absent = false;
    loop {
        let event = tokio::select! {
            event = stream.try_next() => event,
            () = sender.closed() => return,
        };
        let batch = match event {
            Ok(Some(event)) => {
                absent = false;
                batch(&resource, event, &mut snapshot)
            }
            Ok(None) => return,
            // Whoever waits for all kinds need not wait for one that the cluster does not have (yet).
            Err(error) if is_absent(&error) => {
                let told = std::mem::replace(&mut absent, true);
                (!told).then(|| Batch::Snapshot(resource.clone(), Vec::new()))
            }
            Err(error) => {
                tracing::debug!(kind = resource.kind, %error, "watch broke; it will come back");
                None
            }
        };
        if let Some(batch) = batch
            && sender.send(batch).await.is_err()
        {
            return;
        }
    }
}

/// The cluster has no such kind.
fn is_absent(error: &watcher::Error) -> bool {
    matches!(error, watcher::Error::InitialListFailed(kube::Error::Api(status)) if status.code == 404)
}

fn batch(
    resource: &ResourceType,
    event: Event<DynamicObject>,
    snapshot: &mut Vec<Object>,
) -> Option<Batch> {
    let read = |found: DynamicObject| match object(resource, found) {
        Ok(object) => Some(object),
        Err(error) => {
            tracing::warn!(kind = resource.kind, %error, "an object cannot be read");
            None
        }
    };
    match event {
        Event::Init => {
            snapshot.clear();
            None
        }
        Event::InitApply(found) => {
            snapshot.extend(read(found));
            None
        }
        Event::InitDone => Some(Batch::Snapshot(resource.clone(), std::mem::take(snapshot))),
        Event::Apply(found) => {
            Some(Batch::Changes(resource.clone(), vec![Change::Applied(read(found)?)]))
        }
        Event::Delete(found) => {
            Some(Batch::Changes(resource.clone(), vec![Change::Deleted(read(found)?)]))
        }
    }
}
