//! One proxy: the real engine and the real follower of discovery, on the network in memory.
//!
//! In: who it is. Out: a task that serves until it is dropped, and counts. Holds: dropping it ends its connections at once,
//! as the end of its process would.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use hyper_util::rt::TokioIo;
use proxy_discovery::{Accepted, Follower, follow};
use proxy_engine::{Engine, ExplainTo, Network, Options, PeerExchange, TellDenials};
use tokio::sync::{mpsc, watch};
use tokio::task::LocalSet;
use tonic::transport::{Channel, Endpoint, Uri};
use weft_identity::IdentityStore;
use weft_proto::envoy::config::core::v3::Node;
use weft_proto::google::protobuf::value::Kind;
use weft_proto::google::protobuf::{Struct, Value as ProtoValue};
use weft_rt::Clock;
use weft_telemetry::{ExchangeRecord, Flag, Sink, TcpRecord, WatchedRecord};
use weft_xds::ClientOptions;

use crate::control;
use crate::net::{Net, PodNet};

/// Whose proxy it is.
#[derive(Debug, Clone)]
pub(crate) struct Who {
    pub(crate) pod: String,
    pub(crate) namespace: String,
    pub(crate) ip: IpAddr,
    pub(crate) labels: BTreeMap<String, String>,
}

/// A proxy from outside.
#[derive(Debug)]
pub(crate) struct Proxy {
    engine: Engine,
    accepted: Mutex<Accepted>,
    clock: Clock,
    ready: watch::Sender<bool>,
    lost_clusters: Arc<Mutex<u64>>,
}

/// Counts what must never be.
struct Ears(Arc<Mutex<u64>>);

impl Sink for Ears {
    fn exchange(&self, record: &ExchangeRecord<'_>) {
        if record.flags.ended == Flag::NoCluster {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        }
    }
    fn tcp(&self, record: &TcpRecord<'_>) {
        if record.flag == Flag::NoCluster {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        }
    }
    fn watched(&self, _record: &WatchedRecord<'_>) {}
}

impl Follower for Proxy {
    fn accepted(&self) -> MutexGuard<'_, Accepted> {
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self) {
        let (config, complete) = {
            let mut accepted = self.accepted();
            let config = accepted.publish();
            (config, accepted.complete())
        };
        for problem in self.engine.publish(&config) {
            tracing::error!(%problem, "not served");
        }
        if complete {
            self.ready.send_replace(true);
        }
    }

    fn answers_names(&self) -> bool {
        false
    }

    fn wall(&self) -> SystemTime {
        self.clock.wall()
    }
}

impl Proxy {
    /// A proxy, and the future that is its process.
    pub(crate) fn start(
        who: Who,
        net: &Net,
        clock: &Clock,
        seed: u64,
    ) -> (Arc<Self>, impl Future<Output = ()> + use<>) {
        let pod = Arc::new(PodNet { net: net.clone(), ip: who.ip });
        let lost_clusters = Arc::new(Mutex::new(0));
        let options = Options {
            identity: IdentityStore::new(),
            exchange: PeerExchange { id: who.pod.clone(), metadata: String::new(), read: |_| None },
            sinks: vec![Box::new(Ears(Arc::clone(&lost_clusters)))],
            listener_drain: Duration::from_secs(45),
            denials: TellDenials::default(),
            explain_to: ExplainTo::default(),
            clock: clock.clone(),
            network: Network { listen: Arc::clone(&pod) as _, connect: pod as _ },
            // Nobody is told: there are no issuers here.
            unknown_keys: mpsc::channel(1).0,
        };
        let (engine, work) = Engine::here(options, seed);
        let proxy = Arc::new(Self {
            engine,
            accepted: Mutex::default(),
            clock: clock.clone(),
            ready: watch::Sender::new(false),
            lost_clusters,
        });
        let local = LocalSet::new();
        let followed = Arc::clone(&proxy);
        let (renewing, renewed) = watch::channel(());
        let options = discovery(who, net.clone(), clock.clone());
        let process = async move {
            let _never_renewed = renewing;
            let following = follow(followed, options, renewed);
            Box::pin(local.run_until(async { tokio::join!(work, following) })).await;
        };
        (proxy, process)
    }

    /// Resolves once it can serve.
    pub(crate) async fn ready(&self) {
        // The sender lives in this value.
        self.ready.subscribe().wait_for(|ready| *ready).await.ok();
    }

    /// Requests that met a route without its cluster.
    pub(crate) fn lost_clusters(&self) -> u64 {
        *self.lost_clusters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What SIGTERM does.
    pub(crate) async fn drain(&self, limit: Duration) {
        self.engine.drain(limit).await;
    }
}

fn discovery(who: Who, net: Net, clock: Clock) -> ClientOptions {
    let ip = who.ip;
    ClientOptions {
        node: node(who),
        connect: Arc::new(move || {
            let net = net.clone();
            Box::pin(async move { channel(net, ip).await })
        }),
        headers: Arc::new(|| Ok(tonic::metadata::MetadataMap::new())),
        clock,
    }
}

async fn channel(net: Net, from: IpAddr) -> Result<Channel, tonic::Status> {
    let endpoint =
        Endpoint::from_static("http://control-plane").connect_timeout(Duration::from_secs(5));
    let dial = tower::service_fn(move |_: Uri| {
        let net = net.clone();
        async move {
            let (end, _) = net.connect(from, control::ADDRESS).await?;
            Ok::<_, std::io::Error>(TokioIo::new(end))
        }
    });
    endpoint
        .connect_with_connector(dial)
        .await
        .map_err(|error| tonic::Status::unavailable(error.to_string()))
}

fn node(who: Who) -> Node {
    let Who { pod, namespace, ip, labels } = who;
    let text = |text: &str| ProtoValue { kind: Some(Kind::StringValue(text.to_owned())) };
    let labels = labels.iter().map(|(name, value)| (name.clone(), text(value))).collect();
    let labels = ProtoValue { kind: Some(Kind::StructValue(Struct { fields: labels })) };
    let fields = [
        ("NAME", text(&pod)),
        ("NAMESPACE", text(&namespace)),
        ("SERVICE_ACCOUNT", text("default")),
        ("CLUSTER_ID", text("Kubernetes")),
        ("DATAPLANE", text("weft")),
        ("INSTANCE_IPS", text(&ip.to_string())),
        ("LABELS", labels),
    ];
    let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Node {
        id: format!("sidecar~{ip}~{pod}.{namespace}~{namespace}.svc.cluster.local"),
        metadata: Some(Struct { fields }),
        user_agent_name: "weft-sim".to_owned(),
        ..Node::default()
    }
}
