//! Watches that do not end.
//! In: kinds. Out: one channel of batches. Holds: per kind first a snapshot, then changes in order; after a break a snapshot again.
//! Ends: when the receiver is dropped.

use ctl_source::{Batch, Change, Object, ResourceType, Watch};
use futures::TryStreamExt as _;
use kube::api::DynamicObject;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event};
use tokio::sync::mpsc;

use crate::{KubeSource, object};

const QUEUE: usize = 64;

pub(crate) fn start(source: &KubeSource, types: &[ResourceType]) -> Watch {
    let (sender, receiver) = mpsc::channel(QUEUE);
    for resource in types {
        let follow = follow(source.clone(), resource.clone(), sender.clone());
        tokio::spawn(follow);
    }
    receiver
}

async fn follow(source: KubeSource, resource: ResourceType, sender: mpsc::Sender<Batch>) {
    let api = source.api(&resource, None);
    let stream = watcher::watcher(api, watcher::Config::default()).default_backoff();
    let mut stream = std::pin::pin!(stream);
    let mut snapshot = Vec::new();
    loop {
        let event = tokio::select! {
            event = stream.try_next() => event,
            () = sender.closed() => return,
        };
        let batch = match event {
            Ok(Some(event)) => batch(&resource, event, &mut snapshot),
            Ok(None) => return,
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
