//! Keeps service addresses and the directory in step with the API.
//!
//! In: batches of Services and EndpointSlices. Out: the kernel's table, the [`Directory`] for DNS and relay.
//! Holds: the kernel's table is changed whole, and only when it differs; a refusal is tried again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use ctl_source::{Batch, Change, Object, SourceError};
use tokio::sync::watch;

use crate::directory::{Directory, Objects};
use crate::events::resource;
use crate::node::Shared;

const SETTLE: Duration = Duration::from_millis(5);
const RETRY: Duration = Duration::from_millis(500);

/// The current directory.
#[derive(Debug, Default)]
pub(crate) struct Services {
    directory: RwLock<Arc<Directory>>,
    in_force: AtomicU64,
}

impl Services {
    pub(crate) fn now(&self) -> Arc<Directory> {
        Arc::clone(&self.directory.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn environment(&self, namespace: &str) -> Vec<(String, String)> {
        self.now().environment(namespace)
    }

    /// Highest `resourceVersion` of the objects whose addresses are in force.
    pub(crate) fn in_force(&self) -> u64 {
        self.in_force.load(Ordering::Acquire)
    }

    fn publish(&self, directory: Directory) {
        *self.directory.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(directory);
    }
}

/// Watches and applies until the source is gone for good. `synced` turns true with the first directory.
pub(crate) async fn run(node: Arc<Shared>, synced: watch::Sender<bool>) {
    let types = [resource("", "Service"), resource("discovery.k8s.io", "EndpointSlice")];
    let (mut services, mut slices) = (Objects::new(), Objects::new());
    loop {
        let mut batches = match node.source.watch(&types).await {
            Ok(batches) => batches,
            Err(error) => {
                wait(&node, &error).await;
                continue;
            }
        };
        while let Some(batch) = batches.recv().await {
            take(batch, &mut services, &mut slices);
            // Changes come in crowds; one table for all that are here already.
            node.clock.sleep(SETTLE).await;
            while let Ok(batch) = batches.try_recv() {
                take(batch, &mut services, &mut slices);
            }
            let directory = Directory::build(&node.config, &services, &slices);
            apply(&node, directory, &synced).await;
            node.services.in_force.store(newest(&services).max(newest(&slices)), Ordering::Release);
        }
        wait(&node, &SourceError::Unavailable("the watch of services ended".into())).await;
    }
}

async fn wait(node: &Shared, error: &SourceError) {
    tracing::debug!(%error, "cannot watch services");
    node.clock.sleep(RETRY).await;
}

fn take(batch: Batch, services: &mut Objects, slices: &mut Objects) {
    let of = |kind: &str| kind == "Service";
    match batch {
        Batch::Snapshot(resource, all) => {
            let objects = if of(&resource.kind) { services } else { slices };
            objects.clear();
            objects.extend(all.into_iter().map(|object| (name_of(&object), object)));
        }
        Batch::Changes(resource, changes) => {
            let objects = if of(&resource.kind) { services } else { slices };
            for change in changes {
                match change {
                    Change::Applied(object) => {
                        objects.insert(name_of(&object), object);
                    }
                    Change::Deleted(object) => {
                        objects.remove(&name_of(&object));
                    }
                }
            }
        }
    }
}

fn newest(objects: &Objects) -> u64 {
    let version = |object: &Object| object["metadata"]["resourceVersion"].as_str()?.parse().ok();
    objects.values().filter_map(version).max().unwrap_or(0)
}

/// Namespace and name of an object.
pub(crate) fn name_of(object: &Object) -> (String, String) {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
    (text("namespace"), text("name"))
}

async fn apply(node: &Arc<Shared>, directory: Directory, synced: &watch::Sender<bool>) {
    if *node.services.now() == directory {
        return;
    }
    let table = directory.table(&node.config);
    node.services.publish(directory);
    synced.send_replace(true);
    loop {
        let attempt = table.clone();
        match tokio::task::spawn_blocking(move || attempt.apply()).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => tracing::error!(%error, "service addresses are not in force"),
            Err(error) => tracing::error!(%error, "service addresses are not in force"),
        }
        node.clock.sleep(RETRY).await;
    }
}
