//! Machines that register themselves: a proxy that names a WorkloadGroup gets a WorkloadEntry for as long as it is connected.
//!
//! In: proxies that come and go. Out: WorkloadEntries, written like a user writes.
//! Holds: names, annotations and the order of labels are Istio's; an entry is taken away when its proxy was gone for
//! [`GRACE`], whatever became of the control plane meanwhile; an entry that nobody registered is never touched.
//! Why a proxy without its group is refused: it would run without being known, and nobody would be told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ctl_push::{ProxyNode, Registrar};
use ctl_source::{Object, ObjectKey, Source, SourceError};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use weft_rt::Clock;

use crate::preflight::resource_of;

mod entry;

use entry::{CONNECTED, CONTROLLER, DISCONNECTED, GROUP, Wanted};

const API: &str = "networking.istio.io";
/// How long an entry outlives its proxy's connection.
const GRACE: Duration = Duration::from_secs(10);
/// How often entries are looked for whose proxies were lost together with the control plane.
const SWEEP: Duration = Duration::from_secs(100);
/// Times that a write is tried.
const TRIES: u32 = 5;

/// Writes the entries.
#[derive(Clone)]
pub(crate) struct Registration {
    source: Arc<dyn Source>,
    clock: Clock,
    stop: CancellationToken,
    /// Streams of each entry's proxy, by namespace and name.
    connected: Arc<Mutex<HashMap<(String, String), usize>>>,
}

#[async_trait::async_trait]
impl Registrar for Registration {
    async fn come(&self, proxy: &ProxyNode) -> Result<(), Status> {
        let Some(wanted) = Wanted::of(proxy) else { return Ok(()) };
        self.count(&wanted, |streams| streams + 1);
        let registered = self.register(&wanted).await;
        if registered.is_err() {
            self.count(&wanted, |streams| streams.saturating_sub(1));
        }
        registered
    }

    fn go(&self, proxy: &ProxyNode) {
        let Some(wanted) = Wanted::of(proxy) else { return };
        if self.count(&wanted, |streams| streams.saturating_sub(1)) > 0 {
            return;
        }
        let (own, stop) = (self.clone(), self.stop.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = own.unregister(wanted.namespace, wanted.name) => {}
            }
        });
    }
}

impl Registration {
    /// Starts looking for entries that were left behind.
    pub(crate) fn start(source: Arc<dyn Source>, clock: Clock, stop: CancellationToken) -> Self {
        let own = Self { source, clock, stop, connected: Arc::default() };
        let (sweeping, stop) = (own.clone(), own.stop.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = sweeping.sweep() => {}
            }
        });
        own
    }

    /// Counts the streams of an entry's proxy; how many there are now.
    fn count(&self, wanted: &Wanted, change: impl FnOnce(usize) -> usize) -> usize {
        let mut connected = self.connected.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (wanted.namespace.clone(), wanted.name.clone());
        let streams = connected.entry(key.clone()).or_default();
        *streams = change(*streams);
        let now = *streams;
        if now == 0 {
            connected.remove(&key);
        }
        now
    }

    fn is_connected(&self, namespace: &str, name: &str) -> bool {
        let connected = self.connected.lock().unwrap_or_else(PoisonError::into_inner);
        connected.contains_key(&(namespace.to_owned(), name.to_owned()))
    }

    async fn register(&self, wanted: &Wanted) -> Result<(), Status> {
        let key = key("WorkloadEntry", &wanted.namespace, &wanted.name)?;
        for _ in 0..TRIES {
            let known = self.source.get(&key).await.map_err(|error| unavailable(&error))?;
            let written = match known {
                Some(known) if known["metadata"]["annotations"][GROUP].is_string() => {
                    self.source.merge_patch(&key, None, connected(&self.now())).await
                }
                // Somebody wrote it, and keeps it.
                Some(_) => return Ok(()),
                None => {
                    let group = self.group(wanted).await?;
                    let entry = wanted.entry(&group, &self.now())?;
                    self.source.create(&key.resource, entry).await
                }
            };
            match written {
                Ok(_) => {
                    tracing::info!(entry = wanted.name, "a machine has registered itself");
                    return Ok(());
                }
                Err(
                    SourceError::AlreadyExists(_)
                    | SourceError::NotFound(_)
                    | SourceError::Conflict(_),
                ) => {}
                Err(SourceError::Invalid(why)) => {
                    return Err(Status::failed_precondition(format!(
                        "WorkloadEntry {} cannot be made of WorkloadGroup {}: {why}",
                        wanted.name, wanted.group
                    )));
                }
                Err(error @ SourceError::Unavailable(_)) => return Err(unavailable(&error)),
            }
        }
        Err(Status::unavailable(format!("WorkloadEntry {} changes too often", wanted.name)))
    }

    async fn group(&self, wanted: &Wanted) -> Result<Object, Status> {
        let key = key("WorkloadGroup", &wanted.namespace, &wanted.group)?;
        let found = self.source.get(&key).await.map_err(|error| unavailable(&error))?;
        found.ok_or_else(|| {
            Status::failed_precondition(format!(
                "there is no WorkloadGroup {}/{}: create it, or do not set AUTO_REGISTER_GROUP",
                wanted.namespace, wanted.group
            ))
        })
    }

    /// Marks the entry, and takes it away unless its proxy comes back in time.
    async fn unregister(&self, namespace: String, name: String) {
        let Ok(key) = key("WorkloadEntry", &namespace, &name) else { return };
        let mark =
            json!({"metadata": {"annotations": {CONNECTED: null, DISCONNECTED: self.now()}}});
        if !self.is_registered(&key).await || self.is_connected(&namespace, &name) {
            return;
        }
        if let Err(error) = self.source.merge_patch(&key, None, mark).await {
            tracing::warn!(entry = name, %error, "cannot mark the entry of a machine that left");
        }
        self.clock.sleep(GRACE).await;
        self.take_away(&key).await;
    }

    async fn is_registered(&self, key: &ObjectKey) -> bool {
        let found = self.source.get(key).await.ok().flatten();
        found.is_some_and(|entry| entry["metadata"]["annotations"][GROUP].is_string())
    }

    async fn take_away(&self, key: &ObjectKey) {
        let namespace = key.namespace.as_deref().unwrap_or_default();
        if self.is_connected(namespace, &key.name) || !self.is_registered(key).await {
            return;
        }
        match self.source.delete(key, None).await {
            Ok(()) => tracing::info!(entry = key.name, "the entry of a machine that left is gone"),
            Err(SourceError::NotFound(_)) => {}
            Err(error) => tracing::warn!(entry = key.name, %error, "cannot delete the entry"),
        }
    }

    /// Takes away, again and again, what proxies left behind while nobody looked. A proxy has one whole time to come back.
    async fn sweep(&self) {
        loop {
            self.clock.sleep(SWEEP).await;
            let Ok(of) = resource("WorkloadEntry") else { return };
            let all = match self.source.list(&of, None).await {
                Ok(all) => all,
                Err(error) => {
                    tracing::warn!(%error, "cannot look for entries of machines that left");
                    continue;
                }
            };
            for entry in all.iter().filter(|entry| is_ours(entry)) {
                let text = |field: &str| entry["metadata"][field].as_str().unwrap_or_default();
                if let Ok(key) = key("WorkloadEntry", text("namespace"), text("name")) {
                    self.take_away(&key).await;
                }
            }
        }
    }

    fn now(&self) -> String {
        OffsetDateTime::from(self.clock.wall()).format(&Rfc3339).unwrap_or_default()
    }
}

fn is_ours(entry: &Value) -> bool {
    let annotations = &entry["metadata"]["annotations"];
    annotations[GROUP].is_string() && annotations["istio.io/workloadController"] == CONTROLLER
}

/// What a proxy that came back changes of its entry.
fn connected(now: &str) -> Value {
    json!({"metadata": {"annotations": entry::connection(now)}})
}

fn resource(kind: &str) -> Result<ctl_source::ResourceType, Status> {
    resource_of(API, kind).ok_or_else(|| Status::internal(format!("{kind} is not served")))
}

fn key(kind: &str, namespace: &str, name: &str) -> Result<ObjectKey, Status> {
    let (namespace, name) = (Some(namespace.to_owned()), name.to_owned());
    Ok(ObjectKey { resource: resource(kind)?, namespace, name })
}

fn unavailable(error: &SourceError) -> Status {
    Status::unavailable(format!("a machine cannot be registered now: {error}"))
}
