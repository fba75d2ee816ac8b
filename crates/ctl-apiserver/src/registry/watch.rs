//! Watches of the process itself: snapshots, then changes.
//!
//! In: collections. Out: batches over a bounded channel; a slow reader that falls behind the history gets a snapshot again.

use ctl_source::{Batch, Change, ResourceType, Watch};
use ctl_store::{Collection, Event, EventKind, Store};
use tokio::sync::mpsc;

/// Batches that may wait for their reader.
const WAITING: usize = 64;

pub(super) fn follow(store: Store, types: Vec<ResourceType>) -> Watch {
    let (batches, watch) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        // Ends when the reader or the store is gone.
        feed(&store, &types, &batches).await;
    });
    watch
}

async fn feed(store: &Store, types: &[ResourceType], batches: &mpsc::Sender<Batch>) -> Option<()> {
    let collections: Vec<Collection> = types.iter().map(Collection::from).collect();
    let mut revisions = store.revisions();
    loop {
        let (lists, mut at) = store.list_all(&collections);
        for (kind, objects) in types.iter().zip(lists) {
            batches.send(Batch::Snapshot(kind.clone(), objects)).await.ok()?;
        }
        loop {
            tokio::select! {
                changed = revisions.changed() => changed.ok()?,
                () = batches.closed() => return None,
            }
            revisions.mark_unchanged();
            let Ok((events, to)) = store.since(at) else { break };
            at = to;
            for batch in grouped(types, &collections, events) {
                batches.send(batch).await.ok()?;
            }
        }
    }
}

/// Runs of events of one type become one batch; the order across types is kept.
fn grouped(types: &[ResourceType], collections: &[Collection], events: Vec<Event>) -> Vec<Batch> {
    let mut grouped: Vec<Batch> = Vec::new();
    for event in events {
        let Some(at) = collections.iter().position(|c| *c == event.key.collection) else {
            continue;
        };
        let change = match event.kind {
            EventKind::Deleted => Change::Deleted(event.object.open()),
            EventKind::Added | EventKind::Modified => Change::Applied(event.object.open()),
        };
        match grouped.last_mut() {
            Some(Batch::Changes(kind, changes)) if *kind == types[at] => changes.push(change),
            _ => grouped.push(Batch::Changes(types[at].clone(), vec![change])),
        }
    }
    grouped
}
