//! What a proxy's resources depend on, and nothing else: proxies with equal views share every byte.
//!
//! In: the node that a proxy names itself by. Out: [`ProxyView`].
//! Holds: labels that no selector looks at are left out, so that replicas of a workload have equal views.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ctl_snapshot::{Client, GATEWAY, Locality, MeshSnapshot, Port, Service, localities};
use weft_model::api::core::PortRef;
use weft_model::api::sidecar::CaptureMode;
use weft_model::{Host, Protocol};
use weft_proto::envoy::config::core::v3::Node;
use weft_proto::google::protobuf::value::Kind;

use crate::names;
use crate::near::Standpoint;
use crate::started::Started;

/// What a proxy sees.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ProxyView {
    /// What it may call.
    pub outbound: OutboundView,
    /// What it accepts for its pod; sidecars only.
    pub inbound: Option<InboundView>,
    /// What it opens; gateways only.
    pub router: Option<RouterView>,
}

/// What outbound resources depend on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OutboundView {
    /// A gateway, not a sidecar.
    pub router: bool,
    /// It may have keys of its namespace: a gateway whose pod the cluster knows as one. What a proxy says of itself is no proof.
    pub keys: bool,
    /// Namespace of the proxy.
    pub namespace: String,
    /// Namespace and name of the Sidecar that holds for it.
    pub sidecar: Option<(String, String)>,
    /// Labels that some VirtualService looks at in clients.
    pub source_labels: Vec<(String, String)>,
    /// Labels that some DestinationRule looks at in clients.
    pub rule_labels: BTreeMap<String, String>,
    /// Where it is, as far as some service asks.
    pub standpoint: Standpoint,
    /// What it was started with.
    pub started: Started,
}

impl OutboundView {
    /// Who asks for rules.
    pub(crate) fn client(&self) -> Client<'_> {
        Client { namespace: &self.namespace, labels: &self.rule_labels }
    }
}

/// What inbound resources depend on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InboundView {
    /// Namespace of the pod.
    pub namespace: String,
    /// Labels that some policy selects by.
    pub labels: BTreeMap<String, String>,
    /// Namespace and name of the Sidecar that holds for it.
    pub sidecar: Option<(String, String)>,
    /// Ports that services name, or a Sidecar, by number.
    pub ports: Vec<InboundPort>,
    /// It is an Envoy beside an agent, which is to hear who calls in plaintext.
    pub tells_callers: bool,
    /// What its proxy was started with.
    pub started: Started,
}

/// A port of a pod that a service names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InboundPort {
    /// Port of the pod.
    pub port: u16,
    /// What it speaks.
    pub protocol: Protocol,
    /// The service, and its own port.
    pub service: (String, u16),
    /// Where the program listens, when it is not where clients called.
    pub endpoint: Option<SocketAddr>,
    /// Address that its chains are called by, when a Sidecar opened it: the one that it says, or the pod's.
    pub opened_at: Option<String>,
    /// Clients connect to it; nothing is captured for it.
    pub bound: bool,
}

/// What a gateway's resources depend on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RouterView {
    /// Namespace of the pod.
    pub namespace: String,
    /// Labels that some Gateway selects by.
    pub labels: BTreeMap<String, String>,
    /// Port of the service, and port of the pod behind it.
    pub ports: Vec<(u16, u16)>,
    /// What it was started with.
    pub started: Started,
}

impl RouterView {
    /// The ports of the pod behind a port of its service; the same one, where no service has it.
    #[must_use]
    pub fn targets(&self, port: u16) -> Vec<u16> {
        let known = self.ports.iter().filter(|(number, _)| *number == port);
        let known: Vec<u16> = known.map(|(_, target)| *target).collect();
        if known.is_empty() { vec![port] } else { known }
    }
}

/// The view of the proxy that names itself so.
#[must_use]
pub fn view_of(snapshot: &MeshSnapshot, node: &Node) -> ProxyView {
    let proxy = Proxy::of(snapshot, node);
    let started = Started::of(node, proxy.router);
    let config = snapshot.config();
    let known = |keys: &std::collections::BTreeSet<String>| -> BTreeMap<String, String> {
        let labels = proxy.labels.iter().filter(|(key, _)| keys.contains(*key));
        labels.map(|(key, value)| (key.clone(), value.clone())).collect()
    };
    let labels = known(config.selector_keys());
    // Gateways know everything.
    let sidecar = Some(&proxy).filter(|proxy| !proxy.router);
    let sidecar = sidecar.and_then(|proxy| config.sidecar(&proxy.namespace, &proxy.labels));
    ProxyView {
        outbound: OutboundView {
            router: proxy.router,
            keys: proxy.router && proxy.injected,
            namespace: proxy.namespace.clone(),
            sidecar: sidecar.clone(),
            source_labels: known(config.source_keys()).into_iter().collect(),
            rule_labels: known(config.rule_keys()),
            standpoint: proxy.standpoint(snapshot),
            started: started.clone(),
        },
        inbound: (!proxy.router).then(|| InboundView {
            namespace: proxy.namespace.clone(),
            labels: labels.clone(),
            sidecar: sidecar.clone(),
            ports: sidecar
                .as_ref()
                .and_then(|sidecar| proxy.opened_ports(snapshot, sidecar))
                .unwrap_or_else(|| proxy.inbound_ports(snapshot)),
            tells_callers: is_envoy(node),
            started: started.clone(),
        }),
        router: proxy.router.then(|| RouterView {
            namespace: proxy.namespace.clone(),
            ports: proxy.router_ports(snapshot),
            labels,
            started: started.clone(),
        }),
    }
}

/// Ports that a proxy has for itself, so that no port of the pod is meant by them.
pub(crate) const RESERVED: [u16; 4] = [names::OUTBOUND_PORT, names::INBOUND_PORT, 15021, 15090];

struct Proxy {
    router: bool,
    /// Its pod is known, and was made to be a gateway.
    injected: bool,
    address: Option<IpAddr>,
    namespace: String,
    labels: BTreeMap<String, String>,
    locality: Locality,
    node: String,
    named_ports: BTreeMap<String, u16>,
}

/// A port of a service, and the port of the proxy's pod behind it.
type Target<'a> = (&'a Service, &'a Port, u16);

impl Proxy {
    fn of(snapshot: &MeshSnapshot, node: &Node) -> Self {
        let mut parts = node.id.split('~');
        let router = parts.next() == Some("router");
        let ip = parts.next().and_then(|ip| ip.parse::<IpAddr>().ok());
        let name = parts.next().unwrap_or_default();
        let (own, namespace) = name.rsplit_once('.').unwrap_or((name, "default"));
        let workloads = snapshot.workloads();
        let pod = ip.and_then(|ip| workloads.pod(ip));
        let pod = pod.or_else(|| workloads.pod_on_node(namespace, own));
        // The pod as it is now; the node only says how it was when the proxy started.
        let labels = pod.map_or_else(|| labels(node), |pod| pod.meta.labels.clone());
        let told = node.locality.as_ref().map(|told| Locality {
            region: told.region.clone(),
            zone: told.zone.clone(),
            sub_zone: told.sub_zone.clone(),
        });
        let found = pod.map(|pod| snapshot.workloads().locality(pod));
        let found = found.filter(|found| *found != Locality::default());
        Self {
            router,
            injected: pod.is_some_and(|pod| pod.meta.annotations.contains_key(GATEWAY)),
            address: ip.filter(|ip| !ip.is_unspecified()),
            namespace: namespace.to_owned(),
            locality: found.or(told).unwrap_or_default(),
            node: pod.map(|pod| pod.spec.node.clone()).unwrap_or_default(),
            labels,
            named_ports: pod.map(|pod| pod.spec.ports.clone()).unwrap_or_default(),
        }
    }

    /// Where it is, without what nobody asks about.
    fn standpoint(&self, snapshot: &MeshSnapshot) -> Standpoint {
        let near = snapshot.config().near();
        let mut labels = self.labels.clone();
        localities::add_labels(&mut labels, &self.locality, &self.node);
        labels.retain(|key, _| near.labels.contains(key));
        let locality = if near.places { self.locality.clone() } else { Locality::default() };
        Standpoint { locality, labels }
    }

    /// What it answers for, oldest services first: those that select the pod, or, without any, those that list its address;
    /// and ServiceEntries that list or select it.
    fn targets<'a>(&'a self, snapshot: &'a MeshSnapshot) -> Vec<Target<'a>> {
        let local = snapshot.config().services_in(&self.namespace).map(|service| &**service);
        let selecting = local.filter(|service| service.selects(&self.namespace, &self.labels));
        let ports = selecting.flat_map(|service| service.ports.iter().map(move |p| (service, p)));
        let selected =
            ports.filter_map(|(service, port)| Some((service, port, self.target(&port.target)?)));
        let mut found: Vec<Target<'a>> = selected.collect();
        let known: BTreeSet<&Host> = found.iter().map(|(service, ..)| &service.host).collect();
        let of_kubernetes = found.iter().any(|(service, ..)| service.entry.is_none());
        let listing = snapshot.config().listing().filter(|service| {
            let own = service.entry.is_some() || service.selector.is_empty() && !of_kubernetes;
            own && !known.contains(&service.host)
        });
        let more: Vec<Target<'a>> =
            listing.flat_map(|service| self.listed_by(snapshot, service)).collect();
        found.extend(more);
        found
    }

    /// The ports of a service behind which the address of the pod is.
    fn listed_by<'a>(
        &'a self,
        snapshot: &'a MeshSnapshot,
        service: &'a Service,
    ) -> impl Iterator<Item = Target<'a>> + 'a {
        service.ports.iter().filter_map(move |port| {
            let mut all = snapshot.workloads().endpoints(service, &port.name, None);
            let own = all.find(|endpoint| {
                endpoint.address.ip().is_some_and(|ip| self.address == Some(ip))
            })?;
            Some((service, port, own.port))
        })
    }

    fn target(&self, target: &PortRef) -> Option<u16> {
        match target {
            PortRef::Number(number) => Some(*number),
            PortRef::Name(name) => self.named_ports.get(name).copied(),
        }
    }

    /// Of several services with one target port, the oldest decides what it speaks.
    fn inbound_ports(&self, snapshot: &MeshSnapshot) -> Vec<InboundPort> {
        let mut found: BTreeMap<u16, InboundPort> = BTreeMap::new();
        for (service, port, target) in self.targets(snapshot) {
            if !RESERVED.contains(&target) {
                found.entry(target).or_insert_with(|| InboundPort {
                    port: target,
                    protocol: port.protocol,
                    service: (service.host.to_string(), port.number),
                    endpoint: None,
                    opened_at: None,
                    bound: false,
                });
            }
        }
        found.into_values().collect()
    }

    /// The ports that a Sidecar lists, when it lists some. What clients call a port is a service's name for it.
    fn opened_ports(
        &self,
        snapshot: &MeshSnapshot,
        sidecar: &(String, String),
    ) -> Option<Vec<InboundPort>> {
        let scope = snapshot.config().scope(sidecar, &self.namespace)?;
        let listed = &scope.object.spec.ingress;
        let named = self.inbound_ports(snapshot);
        let ports = listed.iter().filter_map(|listener| {
            let port = listener.port.as_ref()?;
            let number = u16::try_from(port.number).ok()?;
            let known = named.iter().find(|known| known.port == number);
            let declared = Protocol::parse(&port.protocol);
            let bound = listener.capture_mode == CaptureMode::None;
            // Where nothing is captured, the address that was called is the proxy's own.
            let beside = || bound.then(|| SocketAddr::new(Ipv4Addr::LOCALHOST.into(), number));
            Some(InboundPort {
                port: number,
                protocol: declared
                    .unwrap_or_else(|| known.map_or(Protocol::Auto, |known| known.protocol)),
                service: known.map_or_else(
                    || (format!("{}.{}", sidecar.1, sidecar.0), number),
                    |known| known.service.clone(),
                ),
                endpoint: self.endpoint(&listener.default_endpoint).or_else(beside),
                bound,
                opened_at: match listener.bind.as_str() {
                    "" => self.address.map(|own| own.to_string()),
                    written => Some(written.to_owned()),
                },
            })
        });
        (!listed.is_empty()).then(|| ports.collect())
    }

    /// An address of the pod itself; any address means the one that others call.
    fn endpoint(&self, written: &str) -> Option<SocketAddr> {
        let found: SocketAddr = written.parse().ok()?;
        match found.ip().is_unspecified() {
            true => self.address.map(|own| SocketAddr::new(own, found.port())),
            false => Some(found),
        }
    }

    fn router_ports(&self, snapshot: &MeshSnapshot) -> Vec<(u16, u16)> {
        let all = self.targets(snapshot).into_iter();
        let mut found: Vec<(u16, u16)> =
            all.map(|(_, port, target)| (port.number, target)).collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// As the agent names itself; an Envoy of somebody else has no agent of ours to tell.
fn is_envoy(node: &Node) -> bool {
    let plane = node.metadata.as_ref().and_then(|fields| fields.fields.get("DATAPLANE"));
    matches!(plane.and_then(|plane| plane.kind.as_ref()), Some(Kind::StringValue(plane)) if plane == "envoy")
}

fn labels(node: &Node) -> BTreeMap<String, String> {
    let metadata = node.metadata.as_ref().and_then(|metadata| metadata.fields.get("LABELS"));
    let Some(Kind::StructValue(labels)) = metadata.and_then(|labels| labels.kind.as_ref()) else {
        return BTreeMap::new();
    };
    let texts = labels.fields.iter().filter_map(|(key, value)| match &value.kind {
        Some(Kind::StringValue(text)) => Some((key.clone(), text.clone())),
        _ => None,
    });
    texts.collect()
}
