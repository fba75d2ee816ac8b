//! The node: a kubelet, a kube-proxy and a DNS server for one machine.
//!
//! In: a [`Source`], the prepared namespaces. Out: pods that run, until told to stop.
//! Holds: the loss of the API server ends nothing; pods run on and their statuses are sent when it is back.

use std::sync::Arc;
use std::time::Duration;

use ctl_source::{ObjectKey, Source, SourceError};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;
use weft_rt::Clock;

use crate::addresses::Addresses;
use crate::config::NodeConfig;
use crate::events::{Events, resource};
use crate::init::Prepared;
use crate::pods::{self, Registry};
use crate::reaper::Reaper;
use crate::services::{self, Services};
use crate::signal::reached;
use crate::stamp;

const HEARTBEAT: Duration = Duration::from_secs(30);
const RETRY: Duration = Duration::from_millis(300);
/// The bound of the node's own end; pods get one second of it.
const LAST_WORD: Duration = Duration::from_millis(1700);

/// What every part of the node shares.
pub(crate) struct Shared {
    pub(crate) config: NodeConfig,
    pub(crate) source: Arc<dyn Source>,
    pub(crate) reaper: Arc<Reaper>,
    pub(crate) prepared: Prepared,
    pub(crate) clock: Clock,
    pub(crate) events: Events,
    pub(crate) services: Services,
    pub(crate) addresses: Addresses,
    pub(crate) registry: Registry,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("config", &self.config).finish_non_exhaustive()
    }
}

/// What the node runs with.
pub struct NodeParts {
    /// Settings.
    pub config: NodeConfig,
    /// The API.
    pub source: Arc<dyn Source>,
    /// The one waiter for children; shared with [`crate::supervise`].
    pub reaper: Arc<Reaper>,
    /// The namespaces.
    pub prepared: Prepared,
    /// Time.
    pub clock: Clock,
    /// Host listeners and where they lead.
    pub relays: Vec<crate::relay::Relay>,
}

impl std::fmt::Debug for NodeParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeParts").field("config", &self.config).finish_non_exhaustive()
    }
}

/// Runs the node until `stop` turns true; then ends every pod within two seconds.
///
/// # Errors
/// When the node's socket or DNS address cannot be bound.
pub async fn run(parts: NodeParts, stop: watch::Receiver<bool>) -> std::io::Result<()> {
    let NodeParts { config, source, reaper, prepared, clock, relays } = parts;
    let (events, writer) = Events::new();
    let shared = Arc::new(Shared {
        addresses: Addresses::after(config.address, config.pod_prefix),
        services: Services::default(),
        registry: Registry::default(),
        config,
        source,
        reaper,
        prepared,
        clock,
        events,
    });
    clear_old_pods(&shared);
    let mut side = JoinSet::new();
    crate::dns::serve(Arc::clone(&shared), &mut side).await?;
    crate::socket::serve(Arc::clone(&shared), &mut side)?;
    for relay in relays {
        side.spawn(crate::relay::run(Arc::clone(&shared), relay));
    }
    side.spawn(writer.run(
        Arc::clone(&shared.source),
        shared.clock.clone(),
        shared.config.name.clone(),
    ));
    let (synced, services_known) = watch::channel(false);
    side.spawn(services::run(Arc::clone(&shared), synced));
    let begun = watch::Sender::new(false);
    side.spawn(heartbeat(Arc::clone(&shared), begun.subscribe()));
    let mut over = stop.clone();
    let pods = pods::run(Arc::clone(&shared), services_known, begun, stop);
    tokio::pin!(pods);
    tokio::select! {
        () = &mut pods => {}
        () = reached(&mut over, |stop| *stop) => {
            if shared.clock.timeout(LAST_WORD, pods).await.is_err() {
                tracing::warn!("some pods did not end in time; they end with the namespace");
            }
        }
    }
    side.shutdown().await;
    Ok(())
}

/// Folders of pods of an earlier life; their processes are gone with their namespaces.
fn clear_old_pods(shared: &Shared) {
    let folder = shared.config.state.join("pods");
    match std::fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!(%error, folder = %folder.display(), "cannot clear old pods");
        }
        _ => {}
    }
}

async fn heartbeat(shared: Arc<Shared>, mut begun: watch::Receiver<bool>) {
    reached(&mut begun, |begun| *begun).await;
    loop {
        let wait = match register(&shared).await {
            Ok(()) => HEARTBEAT,
            Err(error) => {
                tracing::debug!(%error, "cannot register the node yet");
                RETRY
            }
        };
        shared.clock.sleep(wait).await;
    }
}

async fn register(shared: &Shared) -> Result<(), SourceError> {
    let config = &shared.config;
    let nodes = resource("", "Node");
    let key = ObjectKey { resource: nodes.clone(), namespace: None, name: config.name.clone() };
    let now = stamp::seconds(shared.clock.wall());
    let known = shared.source.get(&key).await?;
    if known.is_none() {
        let labels = json!({"kubernetes.io/hostname": config.name, "kubernetes.io/os": "linux",
            "node-role.kubernetes.io/control-plane": ""});
        let object = json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": config.name, "labels": labels},
            "spec": {"podCIDR": format!("{}/{}", pod_network(config), config.pod_prefix)},
        });
        shared.source.create(&nodes, object).await?;
    }
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let room = json!({"cpu": cpus.to_string(), "pods": "1000", "memory": memory()});
    let since = known
        .and_then(|node| {
            node["status"]["conditions"][0]["lastTransitionTime"].as_str().map(str::to_owned)
        })
        .unwrap_or_else(|| now.clone());
    let status = json!({"status": {
        "addresses": [
            {"type": "InternalIP", "address": config.address},
            {"type": "Hostname", "address": config.name},
        ],
        "capacity": room, "allocatable": room,
        "conditions": [{
            "type": "Ready", "status": "True", "reason": "NodeReady", "message": "the local node runs",
            "lastHeartbeatTime": now, "lastTransitionTime": since,
        }],
        "nodeInfo": {
            "kubeletVersion": format!("weft-{}", config.version), "kubeProxyVersion": "",
            "containerRuntimeVersion": format!("weft://{}", config.version),
            "operatingSystem": "linux", "osImage": "host", "kernelVersion": kernel(),
            "architecture": std::env::consts::ARCH,
            "machineID": "", "systemUUID": "", "bootID": config.boot_id,
        },
    }});
    shared.source.merge_patch(&key, Some("status"), status).await.map(drop)
}

fn pod_network(config: &NodeConfig) -> std::net::Ipv4Addr {
    let mask = u32::MAX.checked_shl(32 - u32::from(config.pod_prefix)).unwrap_or(0);
    (u32::from(config.address) & mask).into()
}

fn kernel() -> String {
    let text = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    text.trim().to_owned()
}

fn memory() -> String {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = total.and_then(|t| t.split_whitespace().next()).unwrap_or("0");
    format!("{kib}Ki")
}
