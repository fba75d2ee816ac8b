//! What a proxy's resources depend on, and nothing else: proxies with equal views share every byte.
//!
//! In: the node that a proxy names itself by. Out: [`ProxyView`].
//! Holds: labels that no selector looks at are left out, so that replicas of a workload have equal views.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ctl_snapshot::{MeshSnapshot, Service};
use weft_model::Protocol;
use weft_model::api::core::PortRef;
use weft_proto::envoy::config::core::v3::Node;
use weft_proto::google::protobuf::value::Kind;

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
    /// Namespace of the proxy.
    pub namespace: String,
    /// Labels that some VirtualService looks at in clients.
    pub source_labels: Vec<(String, String)>,
    /// What it was started with.
    pub started: Started,
}

/// What inbound resources depend on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InboundView {
    /// Namespace of the pod.
    pub namespace: String,
    /// Labels that some policy selects by.
    pub labels: BTreeMap<String, String>,
    /// Ports that services name, by number.
    pub ports: Vec<InboundPort>,
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
    ProxyView {
        outbound: OutboundView {
            router: proxy.router,
            namespace: proxy.namespace.clone(),
            source_labels: known(config.source_keys()).into_iter().collect(),
            started: started.clone(),
        },
        inbound: (!proxy.router).then(|| InboundView {
            namespace: proxy.namespace.clone(),
            labels: labels.clone(),
            ports: proxy.inbound_ports(snapshot),
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

struct Proxy {
    router: bool,
    namespace: String,
    labels: BTreeMap<String, String>,
    named_ports: BTreeMap<String, u16>,
}

impl Proxy {
    fn of(snapshot: &MeshSnapshot, node: &Node) -> Self {
        let mut parts = node.id.split('~');
        let router = parts.next() == Some("router");
        let ip = parts.next().and_then(|ip| ip.parse::<IpAddr>().ok());
        let name = parts.next().unwrap_or_default();
        let namespace = name.rsplit_once('.').map_or("default", |(_, namespace)| namespace);
        let pod = ip.and_then(|ip| snapshot.workloads().pod(ip));
        // The pod as it is now; the node only says how it was when the proxy started.
        let labels = pod.map_or_else(|| labels(node), |pod| pod.meta.labels.clone());
        Self {
            router,
            namespace: namespace.to_owned(),
            labels,
            named_ports: pod.map(|pod| pod.spec.ports.clone()).unwrap_or_default(),
        }
    }

    fn services<'a>(&'a self, snapshot: &'a MeshSnapshot) -> impl Iterator<Item = &'a Service> {
        let all = snapshot.config().services_in(&self.namespace).map(|service| &**service);
        all.filter(|service| service.selects(&self.namespace, &self.labels))
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
        for service in self.services(snapshot) {
            for port in &service.ports {
                let Some(target) = self.target(&port.target) else { continue };
                found.entry(target).or_insert_with(|| InboundPort {
                    port: target,
                    protocol: port.protocol,
                    service: (service.host.to_string(), port.number),
                });
            }
        }
        found.into_values().collect()
    }

    fn router_ports(&self, snapshot: &MeshSnapshot) -> Vec<(u16, u16)> {
        let ports = self.services(snapshot).flat_map(|service| &service.ports);
        let mut found: Vec<(u16, u16)> =
            ports.filter_map(|port| Some((port.number, self.target(&port.target)?))).collect();
        found.sort_unstable();
        found.dedup();
        found
    }
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
