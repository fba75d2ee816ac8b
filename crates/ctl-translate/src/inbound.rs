//! What a sidecar accepts for its pod: the listener of 15006 and its clusters.
//!
//! Holds: each port that a service names has chains of its own, by what PeerAuthentication lets in; every chain that
//! reaches the pod passes the access policies first.

use ctl_snapshot::{MeshSnapshot, Mtls};
use weft_model::Protocol;
use weft_proto::envoy::config::cluster::v3::Cluster;
use weft_proto::envoy::config::cluster::v3::cluster as parts;
use weft_proto::envoy::config::core::v3::socket_address::PortSpecifier;
use weft_proto::envoy::config::core::v3::{
    BindConfig, SocketAddress, TrafficDirection, TransportSocket,
};
use weft_proto::envoy::config::listener::v3::{Filter, FilterChain, FilterChainMatch, Listener};

use crate::domains::Domains;
use crate::http::{Manager, Routes, Side};
use crate::listener::{self, ANY_ADDRESS, PLAIN_HTTP};
use crate::rbac::Access;
use crate::started::Started;
use crate::tls::{MESH_HTTP, MESH_TCP};
use crate::view::{InboundPort, InboundView};
use crate::{cluster, names, policy, route, tls, wire};

/// Clusters that lead to the pod. The proxy connects to the address that was called, so that programs that listen on the
/// pod's address alone are reached too.
pub(crate) fn clusters(snapshot: &MeshSnapshot, view: &InboundView) -> Vec<Cluster> {
    let mesh = snapshot.settings();
    let mut passthrough = cluster::original_destination(names::INBOUND_PASSTHROUGH, mesh);
    passthrough.upstream_bind_config = Some(own_address());
    let mut found = vec![passthrough];
    for port in &view.ports {
        let mut cluster = Cluster { name: names::inbound(port.port), ..Cluster::default() };
        policy::apply_plain(&mut cluster, port.protocol, mesh);
        cluster::set_type(&mut cluster, parts::DiscoveryType::OriginalDst);
        cluster.lb_policy = parts::LbPolicy::ClusterProvided.into();
        cluster.upstream_bind_config = Some(own_address());
        found.push(cluster);
    }
    found
}

/// Calls from this address are the sidecar's own, which capture lets through to the pod.
fn own_address() -> BindConfig {
    let address = SocketAddress {
        address: "127.0.0.6".to_owned(),
        port_specifier: Some(PortSpecifier::PortValue(0)),
        ..SocketAddress::default()
    };
    BindConfig { source_address: Some(address), ..BindConfig::default() }
}

/// The listener of everything that the pod receives.
pub(crate) fn listener(snapshot: &MeshSnapshot, view: &InboundView) -> Listener {
    let access = Access::of(snapshot, &view.namespace, &view.labels);
    let builder = Builder {
        snapshot,
        access: &access,
        log: snapshot.settings().access_log.as_deref(),
        started: &view.started,
    };
    let mode = |port: u16| snapshot.config().mtls(&view.namespace, &view.labels, port);
    let peers = snapshot.config().peer_authentications(&view.namespace, &view.labels);
    let peers =
        peers.map(|object| names::object("security.istio.io", "peer-authentication", &object.meta));
    let mut guard = builder.black_hole();
    guard.metadata = listener::made_from(access.policies.iter().cloned().chain(peers).collect());
    let mut chains = vec![guard];
    for port in &view.ports {
        chains.extend(builder.port(port, mode(port.port)));
    }
    // Ports that no service names, first those for which a policy says something of its own.
    let mut own = snapshot.config().mtls_ports(&view.namespace, &view.labels);
    own.retain(|port| view.ports.iter().all(|known| known.port != *port));
    own.iter().for_each(|port| chains.extend(builder.others(Some(*port), mode(*port))));
    // 0 is no port, so that only policies for all ports count.
    chains.extend(builder.others(None, mode(0)));
    let name = names::VIRTUAL_INBOUND.to_owned();
    let direction = TrafficDirection::Inbound;
    let mut listener = listener::listener(name, ANY_ADDRESS, names::INBOUND_PORT, direction);
    listener.filter_chains = chains;
    let declared = |port: &&InboundPort| port.protocol != Protocol::Auto;
    let plain = |port: &&InboundPort| mode(port.port) == Mtls::Disable && declared(port);
    let numbers = |ports: Vec<&InboundPort>| ports.iter().map(|p| p.port).collect::<Vec<u16>>();
    let no_http = numbers(view.ports.iter().filter(declared).collect());
    let no_tls = numbers(view.ports.iter().filter(plain).collect());
    let filters = vec![
        listener::original_destination(),
        listener::tls_inspector(&no_tls),
        listener::http_inspector(&no_http),
    ];
    listener::detecting(listener, filters, snapshot.settings())
}

struct Builder<'a> {
    snapshot: &'a MeshSnapshot,
    access: &'a Access,
    log: Option<&'a str>,
    started: &'a Started,
}

/// What a chain is for: how the connection looks, and what it carries.
struct Kind {
    /// `tls`, `raw_buffer`, or any.
    transport: &'static str,
    alpn: Vec<&'static str>,
    /// The proxy takes the TLS off.
    mtls: bool,
    http: bool,
}

impl Kind {
    fn new(transport: &'static str, alpn: &[&'static str], mtls: bool, http: bool) -> Self {
        Self { transport, alpn: alpn.to_vec(), mtls, http }
    }
}

/// The chains of a port, by what it speaks and what may come in.
fn kinds(protocol: Protocol, mode: Mtls) -> Vec<Kind> {
    let mesh: Vec<&str> = MESH_TCP.iter().chain(MESH_HTTP.iter()).copied().collect();
    match (protocol, mode) {
        (Protocol::Http | Protocol::Http2, Mtls::Strict) => {
            vec![Kind::new("tls", &[], true, true)]
        }
        (Protocol::Http | Protocol::Http2, Mtls::Permissive) => {
            vec![Kind::new("tls", &mesh, true, true), Kind::new("raw_buffer", &[], false, true)]
        }
        (Protocol::Http | Protocol::Http2, Mtls::Disable) => {
            vec![Kind::new("", &[], false, true)]
        }
        (Protocol::Tcp | Protocol::Udp, Mtls::Strict) => {
            vec![Kind::new("tls", &[], true, false)]
        }
        (Protocol::Tcp | Protocol::Udp, Mtls::Permissive) => vec![
            Kind::new("tls", &mesh, true, false),
            Kind::new("tls", &[], false, false),
            Kind::new("raw_buffer", &[], false, false),
        ],
        (Protocol::Tcp | Protocol::Udp, Mtls::Disable) => {
            vec![Kind::new("", &[], false, false)]
        }
        (Protocol::Auto, Mtls::Strict) => {
            vec![Kind::new("tls", &MESH_HTTP, true, true), Kind::new("tls", &[], true, false)]
        }
        (Protocol::Auto, Mtls::Permissive) => vec![
            Kind::new("tls", &MESH_HTTP, true, true),
            Kind::new("tls", &MESH_TCP, true, false),
            Kind::new("tls", &[], false, false),
            Kind::new("raw_buffer", &PLAIN_HTTP, false, true),
            Kind::new("raw_buffer", &[], false, false),
        ],
        (Protocol::Auto, Mtls::Disable) => vec![
            Kind::new("raw_buffer", &PLAIN_HTTP, false, true),
            Kind::new("", &[], false, false),
        ],
    }
}

impl Builder<'_> {
    fn black_hole(&self) -> FilterChain {
        let itself = FilterChainMatch {
            destination_port: wire::number(u32::from(names::INBOUND_PORT)),
            ..FilterChainMatch::default()
        };
        let nowhere = listener::tcp_proxy(&[(names::BLACK_HOLE.to_owned(), 1)], self.log);
        listener::chain("virtualInbound-blackhole", Some(itself), vec![nowhere], None)
    }

    fn port(&self, port: &InboundPort, mode: Mtls) -> Vec<FilterChain> {
        let name = format!("{ANY_ADDRESS}_{}", port.port);
        let cluster = names::inbound(port.port);
        let kinds = kinds(port.protocol, mode);
        let chains = kinds.iter().map(|kind| {
            let mut matches = matches(kind);
            matches.destination_port = wire::number(u32::from(port.port));
            let mesh = self.snapshot.settings();
            let routes =
                || route::inbound(mesh, &cluster, &port.port.to_string(), Some(&port.service));
            self.chain(&name, kind, matches, &cluster, routes)
        });
        chains.collect()
    }

    /// Ports that no service names: one, or all.
    fn others(&self, port: Option<u16>, mode: Mtls) -> Vec<FilterChain> {
        let cluster = names::INBOUND_PASSTHROUGH.to_owned();
        let kinds = kinds(Protocol::Auto, mode);
        let number = port.unwrap_or(0).to_string();
        let chains = kinds.iter().map(|kind| {
            let name = if kind.http { "virtualInbound-catchall-http" } else { "virtualInbound" };
            let mut matches = matches(kind);
            matches.destination_port = port.and_then(|port| wire::number(u32::from(port)));
            let mesh = self.snapshot.settings();
            let routes = || route::inbound(mesh, &cluster, &number, None);
            self.chain(name, kind, matches, &cluster, routes)
        });
        chains.collect()
    }

    fn chain(
        &self,
        name: &str,
        kind: &Kind,
        matches: FilterChainMatch,
        cluster: &str,
        routes: impl Fn() -> weft_proto::envoy::config::route::v3::RouteConfiguration,
    ) -> FilterChain {
        let filters: Vec<Filter> = if kind.http {
            let manager = Manager {
                side: Side::Inbound,
                name,
                routes: Routes::Inline(Box::new(routes())),
                access: self.access.http_filters(),
                access_log: self.log,
                paths: self.snapshot.settings().paths,
                started: self.started,
            };
            vec![manager.filter()]
        } else {
            let mut filters = self.access.network_filters();
            filters.push(listener::tcp_proxy(&[(cluster.to_owned(), 1)], self.log));
            filters
        };
        let domains = Domains::of(self.snapshot.settings());
        let socket: Option<TransportSocket> =
            kind.mtls.then(|| tls::downstream(domains, kind.http));
        listener::chain(name, Some(matches), filters, socket)
    }
}

fn matches(kind: &Kind) -> FilterChainMatch {
    FilterChainMatch {
        transport_protocol: kind.transport.to_owned(),
        application_protocols: kind.alpn.iter().map(|name| (*name).to_owned()).collect(),
        ..FilterChainMatch::default()
    }
}
