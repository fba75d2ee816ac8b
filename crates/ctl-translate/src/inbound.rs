//! What a sidecar accepts for its pod: the listener of 15006, those that a Sidecar binds, and their clusters.
//!
//! Holds: each port that a service names has chains of its own, by what PeerAuthentication lets in; every chain that
//! reaches the pod passes the access policies first.

use std::net::SocketAddr;

use ctl_snapshot::{MeshSnapshot, Mtls};
use weft_model::Protocol;
use weft_proto::envoy::config::cluster::v3::Cluster;
use weft_proto::envoy::config::cluster::v3::cluster as parts;
use weft_proto::envoy::config::core::v3::socket_address::PortSpecifier;
use weft_proto::envoy::config::core::v3::{
    BindConfig, SocketAddress, TrafficDirection, TransportSocket,
};
use weft_proto::envoy::config::listener::v3::{
    Filter, FilterChain, FilterChainMatch, Listener, ListenerFilter,
};

use crate::domains::Domains;
use crate::http::{Manager, Routes, Side};
use crate::limits::{Limits, OfRoutes};
use crate::listener::{self, ANY_ADDRESS, TcpTerms};
use crate::rbac::Access;
use crate::view::{InboundPort, InboundView};
use crate::{callers, cluster, names, policy, route, tls, wire};

mod ingress;
mod kinds;

use ingress::Ingress;
use kinds::{Kind, ended, kinds, matches};

/// Clusters that lead to the pod. The proxy connects to the address that was called, so that programs that listen on the
/// pod's address alone are reached too.
pub(crate) fn clusters(snapshot: &MeshSnapshot, view: &InboundView) -> Vec<Cluster> {
    let mesh = snapshot.settings();
    let mut passthrough = cluster::original_destination(names::INBOUND_PASSTHROUGH, mesh);
    passthrough.upstream_bind_config = Some(own_address());
    let ingress = Ingress::of(snapshot, view);
    let mut found = vec![passthrough];
    for port in &view.ports {
        let mut cluster = Cluster { name: names::inbound(port.port), ..Cluster::default() };
        let inside = ingress.tls(port.port, mode(snapshot, view, port.port));
        let protocol = inside.map_or(port.protocol, |(_, inside)| inside);
        policy::apply_plain(&mut cluster, protocol, ingress.pool(port), mesh);
        match port.endpoint {
            Some(endpoint) => fixed(&mut cluster, endpoint),
            None => {
                cluster::set_type(&mut cluster, parts::DiscoveryType::OriginalDst);
                cluster.lb_policy = parts::LbPolicy::ClusterProvided.into();
                cluster.upstream_bind_config = Some(own_address());
            }
        }
        found.push(cluster);
    }
    found
}

/// The program listens elsewhere than clients call.
fn fixed(cluster: &mut Cluster, endpoint: SocketAddr) {
    use weft_proto::envoy::config::endpoint::v3 as listed;
    let address = listed::Endpoint {
        address: wire::ip_socket(endpoint.ip(), endpoint.port()),
        ..listed::Endpoint::default()
    };
    let one = listed::LbEndpoint {
        host_identifier: Some(listed::lb_endpoint::HostIdentifier::Endpoint(address)),
        ..listed::LbEndpoint::default()
    };
    cluster::set_type(cluster, parts::DiscoveryType::Static);
    cluster.upstream_bind_config = (!endpoint.ip().is_loopback()).then(own_address);
    cluster.load_assignment = Some(listed::ClusterLoadAssignment {
        cluster_name: cluster.name.clone(),
        endpoints: vec![listed::LocalityLbEndpoints {
            lb_endpoints: vec![one],
            ..listed::LocalityLbEndpoints::default()
        }],
        ..listed::ClusterLoadAssignment::default()
    });
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

/// What a port accepts.
fn mode(snapshot: &MeshSnapshot, view: &InboundView, port: u16) -> Mtls {
    snapshot.config().mtls(&view.namespace, &view.labels, port)
}

/// The listener of everything that the pod receives, and those that clients connect to themselves.
pub(crate) fn listeners(snapshot: &MeshSnapshot, view: &InboundView) -> Vec<Listener> {
    let access = Access::of(snapshot, &view.namespace, &view.labels);
    let workload = (view.namespace.as_str(), &view.labels);
    let limits = Limits::of(snapshot, workload, Side::Inbound);
    let builder = Builder {
        snapshot,
        view,
        ingress: Ingress::of(snapshot, view),
        access: &access,
        limits: &limits,
        of_routes: OfRoutes::of(snapshot, workload, Side::Inbound),
        log: snapshot.settings().access_log.as_deref(),
    };
    let bound = view.ports.iter().filter(|port| port.bound).map(|port| builder.bound(port));
    std::iter::once(builder.captured()).chain(bound).collect()
}

struct Builder<'a> {
    snapshot: &'a MeshSnapshot,
    view: &'a InboundView,
    ingress: Ingress<'a>,
    access: &'a Access,
    limits: &'a Limits,
    of_routes: OfRoutes<'a>,
    log: Option<&'a str>,
}

impl Builder<'_> {
    fn mode(&self, port: u16) -> Mtls {
        mode(self.snapshot, self.view, port)
    }

    /// Everything that is captured.
    fn captured(&self) -> Listener {
        let (view, config) = (self.view, self.snapshot.config());
        let ports: Vec<&InboundPort> = view.ports.iter().filter(|port| !port.bound).collect();
        let mut chains = vec![self.black_hole()];
        chains.extend(ports.iter().flat_map(|port| self.port(port)));
        // Ports that no service names, first those for which a policy says something of its own.
        let mut own = config.mtls_ports(&view.namespace, &view.labels);
        own.retain(|port| ports.iter().all(|known| known.port != *port));
        own.iter().for_each(|port| chains.extend(self.others(Some(*port), self.mode(*port))));
        // 0 is no port, so that only policies for all ports count.
        chains.extend(self.others(None, self.mode(0)));
        let name = names::VIRTUAL_INBOUND.to_owned();
        let direction = TrafficDirection::Inbound;
        let found = listener::listener(name, ANY_ADDRESS, names::INBOUND_PORT, direction);
        let filters = vec![listener::original_destination()];
        self.finished(found, chains, filters, &ports)
    }

    /// The listener of one port that clients connect to.
    fn bound(&self, port: &InboundPort) -> Listener {
        let address = port.opened_at.as_deref().unwrap_or(ANY_ADDRESS);
        let name = format!("{address}_{}", port.port);
        let found = listener::listener(name, address, port.port, TrafficDirection::Inbound);
        self.finished(found, self.port(port), Vec::new(), &[port])
    }

    fn finished(
        &self,
        mut listener: Listener,
        mut chains: Vec<FilterChain>,
        mut filters: Vec<ListenerFilter>,
        ports: &[&InboundPort],
    ) -> Listener {
        if let Some(first) = chains.first_mut() {
            first.metadata = listener::made_from(self.objects());
        }
        listener.filter_chains = chains;
        listener.access_log.extend(self.view.tells_callers.then(callers::of_refusals));
        let declared = |port: &&&InboundPort| port.protocol != Protocol::Auto;
        let plain = |port: &&&InboundPort| {
            let mode = self.mode(port.port);
            mode == Mtls::Disable && declared(port) && self.ingress.tls(port.port, mode).is_none()
        };
        let numbers = |ports: Vec<&&InboundPort>| ports.iter().map(|p| p.port).collect::<Vec<_>>();
        let no_http = numbers(ports.iter().filter(declared).collect());
        let no_tls = numbers(ports.iter().filter(plain).collect());
        filters.extend([listener::tls_inspector(&no_tls), listener::http_inspector(&no_http)]);
        listener::detecting(listener, filters, self.snapshot.settings())
    }

    /// What it is made from.
    fn objects(&self) -> Vec<String> {
        let (view, config) = (self.view, self.snapshot.config());
        let peers = config.peer_authentications(&view.namespace, &view.labels);
        let peers = peers
            .map(|object| names::object("security.istio.io", "peer-authentication", &object.meta));
        let sidecar = self.ingress.object();
        let sidecar = sidecar.map(|one| names::object("networking.istio.io", "sidecar", &one.meta));
        self.access.policies.iter().cloned().chain(peers).chain(sidecar).collect()
    }

    fn black_hole(&self) -> FilterChain {
        let itself = FilterChainMatch {
            destination_port: wire::number(u32::from(names::INBOUND_PORT)),
            ..FilterChainMatch::default()
        };
        let nowhere = listener::tcp_proxy(&[(names::BLACK_HOLE.to_owned(), 1)], self.log);
        listener::chain("virtualInbound-blackhole", Some(itself), vec![nowhere], None)
    }

    fn port(&self, port: &InboundPort) -> Vec<FilterChain> {
        let mode = self.mode(port.port);
        let address = port.opened_at.as_deref().unwrap_or(ANY_ADDRESS);
        let name = format!("{address}_{}", port.port);
        let cluster = names::inbound(port.port);
        let own = self.ingress.tls(port.port, mode);
        let kinds = own.map_or_else(
            || kinds(port.protocol, mode, &self.view.started),
            |(_, inside)| ended(inside),
        );
        let chains = kinds.iter().map(|kind| {
            let mut matches = matches(kind);
            matches.destination_port = wire::number(u32::from(port.port));
            let mesh = self.snapshot.settings();
            let routes = || route::inbound(mesh, &cluster, Some(&port.service));
            let terms = self.ingress.terms(port);
            let mut chain = self.chain(&name, kind, matches, (&cluster, terms), routes);
            if let Some((tls, _)) = own {
                chain.transport_socket = Some(self.ingress.socket(tls, !kind.http));
            }
            chain
        });
        chains.collect()
    }

    /// Ports that no service names: one, or all.
    fn others(&self, port: Option<u16>, mode: Mtls) -> Vec<FilterChain> {
        let cluster = names::INBOUND_PASSTHROUGH.to_owned();
        let kinds = kinds(Protocol::Auto, mode, &self.view.started);
        let chains = kinds.iter().map(|kind| {
            let name = if kind.http { "virtualInbound-catchall-http" } else { "virtualInbound" };
            let mut matches = matches(kind);
            matches.destination_port = port.and_then(|port| wire::number(u32::from(port)));
            let mesh = self.snapshot.settings();
            let routes = || route::inbound(mesh, &cluster, None);
            self.chain(name, kind, matches, (&cluster, TcpTerms::default()), routes)
        });
        chains.collect()
    }

    fn chain(
        &self,
        name: &str,
        kind: &Kind,
        matches: FilterChainMatch,
        (cluster, terms): (&str, TcpTerms<'_>),
        routes: impl Fn() -> weft_proto::envoy::config::route::v3::RouteConfiguration,
    ) -> FilterChain {
        let tells_callers = self.view.tells_callers && !kind.mtls;
        let filters: Vec<Filter> = if kind.http {
            let mut routes = Box::new(routes());
            self.of_routes.put(&mut routes);
            let manager = Manager {
                side: Side::Inbound,
                grpc_web: kind.grpc_web,
                name,
                routes: Routes::Inline(routes),
                limits: self.limits,
                access: self.access.http_filters(false),
                looks_up: false,
                access_log: self.log,
                paths: self.snapshot.settings().paths,
                started: &self.view.started,
                tells_callers,
            };
            vec![manager.filter()]
        } else {
            let mut filters = self.access.network_filters();
            let to = [(cluster.to_owned(), 1)];
            let terms = TcpTerms { tells_callers, ..terms };
            filters.push(listener::tcp_proxy_under(&to, terms, self.log));
            filters
        };
        let domains = Domains::of(self.snapshot.settings());
        let socket: Option<TransportSocket> =
            kind.mtls.then(|| tls::downstream(domains, kind.http));
        listener::chain(name, Some(matches), filters, socket)
    }
}
