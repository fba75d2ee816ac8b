//! The memory of callers while the control plane runs, and its file.
//!
//! Holds: a file is whole or not there; one that cannot be read counts as none, and then everything was watched only since now.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use ctl_snapshot::MeshSnapshot;
use tokio_util::sync::CancellationToken;
use weft_admin_api::mtls::MtlsReport;
use weft_model::Object;
use weft_model::api::core::Pod;
use weft_proto::callers::ReportCallersRequest;
use weft_rt::Clock;

use crate::memory::{Memory, Origin};
use crate::{origin, report};

/// Pods that are gone are forgotten as often as this, in milliseconds, also when nobody asks for a report.
const SETTLE: u64 = 60_000;
/// From one writing of the file to the next, when there is news.
const WRITE: Duration = Duration::from_secs(5);

/// The callers of a mesh. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Callers(Arc<Kept>);

#[derive(Debug)]
struct Kept {
    memory: Mutex<Memory>,
    file: PathBuf,
    clock: Clock,
    /// When this control plane began to listen.
    started: u64,
    /// When pods that are gone were forgotten last.
    settled: AtomicU64,
}

impl Callers {
    /// Those of before, from a file that need not exist.
    #[must_use]
    pub fn open(file: PathBuf, clock: Clock) -> Self {
        let memory = Mutex::new(read(&file));
        let started = unix(&clock);
        let settled = AtomicU64::new(started);
        Self(Arc::new(Kept { memory, file, clock, started, settled }))
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the report of a pod; false when the mesh does not know the pod (yet), so that it is to be sent again.
    #[must_use]
    pub fn take(
        &self,
        mesh: &MeshSnapshot,
        from: Option<IpAddr>,
        report: &ReportCallersRequest,
    ) -> bool {
        let is = |pod: &&Arc<Object<Pod>>| {
            pod.meta.name == report.pod && pod.meta.namespace == report.namespace
        };
        let pods = mesh.workloads();
        // A pod whose address is changed on the way is found by its name, which takes longer.
        let found = from.and_then(|ip| pods.pod(ip)).filter(is);
        let Some(pod) = found.or_else(|| pods.pods().find(is)) else { return false };
        let origin = |address: &str| {
            let pod = mesh.workloads().pod(address.parse().ok()?)?;
            let workload = format!("{}/{}", pod.meta.namespace, origin::workload(pod));
            Some(Origin { workload, pod: pod.meta.name.clone(), meshed: origin::meshed(pod) })
        };
        let workload = format!("{}/{}", pod.meta.namespace, origin::workload(pod));
        let now = unix(&self.0.clock);
        let mut memory = self.memory();
        memory.take(&workload, report, now, origin);
        if now.saturating_sub(self.0.settled.load(Ordering::Relaxed)) > SETTLE {
            self.0.settled.store(now, Ordering::Relaxed);
            memory.settle(&living(mesh), self.0.started, now);
        }
        true
    }

    /// What is known, beside what every port takes. `gateways` are the pods, as `POD.NAMESPACE`, that take no calls of the mesh.
    #[must_use]
    pub fn report(&self, mesh: &MeshSnapshot, gateways: &BTreeSet<String>) -> MtlsReport {
        let now = unix(&self.0.clock);
        let mut memory = self.memory();
        memory.settle(&living(mesh), self.0.started, now);
        report::of(mesh, gateways, &memory, now)
    }

    /// Writes the file until told to stop, and then once more.
    pub async fn keep(self, stop: CancellationToken) {
        let mut written = self.memory().clone();
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.0.clock.sleep(WRITE) => {}
            }
            let now = self.memory().clone();
            if now == written {
                continue;
            }
            match replace(&self.0.file, &now).await {
                Ok(()) => written = now,
                Err(error) => {
                    let file = self.0.file.display();
                    tracing::warn!(%file, %error, "a restart will not know who called in plaintext");
                }
            }
        }
    }
}

/// Pods by workload.
fn living(mesh: &MeshSnapshot) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for pod in mesh.workloads().pods() {
        let workload = format!("{}/{}", pod.meta.namespace, origin::workload(pod));
        found.entry(workload).or_default().insert(pod.meta.name.clone());
    }
    found
}

fn unix(clock: &Clock) -> u64 {
    let since = clock.wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn read(file: &Path) -> Memory {
    let text = match std::fs::read(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Memory::default(),
        Err(error) => return lost(file, &error),
    };
    serde_json::from_slice(&text).unwrap_or_else(|error| lost(file, &error))
}

fn lost(file: &Path, error: &dyn std::fmt::Display) -> Memory {
    let file = file.display();
    tracing::warn!(%file, %error, "who called in plaintext before is not known; watches begin anew");
    Memory::default()
}

async fn replace(file: &Path, memory: &Memory) -> std::io::Result<()> {
    let fresh = file.with_extension("new");
    tokio::fs::write(&fresh, serde_json::to_vec(memory)?).await?;
    tokio::fs::rename(&fresh, file).await
}
