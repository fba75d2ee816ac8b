//! Listeners for what a pod calls.
//!
//! Holds: one listener per port for all HTTP services, one per address and port for the others; what matches none goes on
//! to where it was meant to go.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ctl_snapshot::{MeshSettings, MeshSnapshot, Port, Service, UnknownDestinations};
use weft_model::api::virtual_service::TcpRoute;
use weft_model::{Host, Protocol, expand};
use weft_proto::envoy::config::core::v3::TrafficDirection;
use weft_proto::envoy::config::listener::v3::{FilterChain, FilterChainMatch, Listener};

use crate::http::{Manager, Routes, Side};
use crate::listener::{self, ANY_ADDRESS, PLAIN_HTTP};
use crate::route::selection::{Context, Source, VirtualServices};
use crate::started::Started;
use crate::view::OutboundView;
use crate::{names, policy, route, wire};

const DIRECTION: TrafficDirection = TrafficDirection::Outbound;

/// What every listener of a sidecar depends on.
#[derive(Clone, Copy)]
struct Own<'a> {
    mesh: &'a MeshSettings,
    started: &'a Started,
}

/// All outbound listeners of a sidecar.
pub(crate) fn listeners(snapshot: &MeshSnapshot, view: &OutboundView) -> Vec<Listener> {
    let mesh = snapshot.settings();
    let own = Own { mesh, started: &view.started };
    let chosen = VirtualServices::of(snapshot, view);
    let mut found = vec![virtual_outbound(mesh)];
    let mut http = BTreeSet::new();
    let mut by_address: BTreeMap<(String, u16), Listener> = BTreeMap::new();
    for service in snapshot.config().services_for(&view.namespace) {
        for port in &service.ports {
            if port.protocol.is_http() {
                http.insert(port.number);
                continue;
            }
            for address in addresses(snapshot, service, port) {
                let context = Context { snapshot, view, gateway: None, port: port.number };
                let to = Bytes {
                    clusters: tcp_clusters(&context, &chosen, service, port, &address),
                    idle: idle(snapshot, view, service, port),
                };
                by_address
                    .entry((address.clone(), port.number))
                    .or_insert_with(|| for_address(service, port, &address, &to, own));
            }
        }
    }
    found.extend(http.into_iter().map(|port| for_port(port, own)));
    found.extend(by_address.into_values());
    found
}

/// Everything that the pod sends arrives here, and is handed to the listener of its destination.
fn virtual_outbound(mesh: &MeshSettings) -> Listener {
    let log = mesh.access_log.as_deref();
    let port = names::OUTBOUND_PORT;
    let name = names::VIRTUAL_OUTBOUND.to_owned();
    let mut listener = listener::listener(name, ANY_ADDRESS, port, DIRECTION);
    listener.use_original_dst = wire::truth(true);
    // A connection to the port itself would go round in circles.
    let itself = FilterChainMatch {
        destination_port: wire::number(u32::from(port)),
        ..FilterChainMatch::default()
    };
    let nowhere = listener::tcp_proxy(&[(names::BLACK_HOLE.to_owned(), 1)], log);
    let unknown = match mesh.unknown {
        UnknownDestinations::Allowed => names::PASSTHROUGH,
        UnknownDestinations::Refused => names::BLACK_HOLE,
    };
    let on = listener::tcp_proxy(&[(unknown.to_owned(), 1)], log);
    let black_hole =
        listener::chain("virtualOutbound-blackhole", Some(itself), vec![nowhere], None);
    let catch_all = listener::chain("virtualOutbound-catchall-tcp", None, vec![on], None);
    listener.filter_chains = vec![black_hole, catch_all];
    listener
}

fn for_port(port: u16, own: Own<'_>) -> Listener {
    let name = format!("{ANY_ADDRESS}_{port}");
    let manager = Manager {
        side: Side::Outbound,
        name: &name,
        routes: Routes::Named(port.to_string()),
        access: Vec::new(),
        access_log: own.mesh.access_log.as_deref(),
        paths: own.mesh.paths,
        started: own.started,
    };
    let chain = listener::chain("", None, vec![manager.filter()], None);
    let mut listener = listener::listener(name.clone(), ANY_ADDRESS, port, DIRECTION);
    listener.filter_chains = vec![chain];
    listener::unbound(listener)
}

/// Where the bytes of a connection go, and how long it may be idle.
struct Bytes {
    clusters: Vec<(String, u32)>,
    idle: Option<Duration>,
}

fn idle(
    snapshot: &MeshSnapshot,
    view: &OutboundView,
    service: &Service,
    port: &Port,
) -> Option<Duration> {
    let rule = snapshot.config().rule(&view.namespace, service);
    let own = rule.and_then(|rule| rule.policy_of(port.number, None).connection_pool);
    let pool = policy::pool(own, snapshot.settings());
    pool.tcp.as_ref()?.idle_timeout.map(|span| span.0)
}

fn for_address(
    service: &Service,
    port: &Port,
    address: &str,
    to: &Bytes,
    own: Own<'_>,
) -> Listener {
    let name = format!("{address}_{}", port.number);
    let proxy = listener::tcp_proxy_until(&to.clusters, to.idle, own.mesh.access_log.as_deref());
    let bytes = listener::chain("", None, vec![proxy], None);
    let listener = listener::listener(name.clone(), address, port.number, DIRECTION);
    let mut listener = listener::unbound(listener);
    if port.protocol != Protocol::Auto {
        listener.filter_chains = vec![bytes];
        return listener;
    }
    listener.filter_chains = vec![detected_http(service, port, &name, own)];
    listener.default_filter_chain = Some(bytes);
    let filters = vec![listener::tls_inspector(&[]), listener::http_inspector(&[])];
    listener::detecting(listener, filters, own.mesh)
}

fn detected_http(service: &Service, port: &Port, name: &str, own: Own<'_>) -> FilterChain {
    let manager = Manager {
        side: Side::Outbound,
        name,
        routes: Routes::Named(route::name_of_detected(service, port.number)),
        access: Vec::new(),
        access_log: own.mesh.access_log.as_deref(),
        paths: own.mesh.paths,
        started: own.started,
    };
    let matches = FilterChainMatch {
        transport_protocol: "raw_buffer".to_owned(),
        application_protocols: PLAIN_HTTP.map(str::to_owned).to_vec(),
        ..FilterChainMatch::default()
    };
    listener::chain("", Some(matches), vec![manager.filter()], None)
}

/// Addresses that clients connect to: the service's, or its pods'.
fn addresses(snapshot: &MeshSnapshot, service: &Service, port: &Port) -> Vec<String> {
    if !service.is_headless() {
        return service.addresses.iter().map(ToString::to_string).collect();
    }
    let pods = snapshot.workloads().endpoints(service, &port.name, None);
    pods.map(|endpoint| endpoint.address.to_string()).collect()
}

/// Where connections to an address and port go: by the first TCP route that means it, else to the service.
fn tcp_clusters(
    context: &Context<'_>,
    chosen: &VirtualServices<'_>,
    service: &Service,
    port: &Port,
    address: &str,
) -> Vec<(String, u32)> {
    let (snapshot, called) = (context.snapshot, context.port);
    let itself = vec![(name_of_bytes(port.protocol, called, "", &service.host), 1)];
    let Some(object) = chosen.for_host(&service.host) else { return itself };
    let namespace = &object.meta.namespace;
    let means = |route: &&TcpRoute| {
        let mut conditions = route.matches.iter();
        route.matches.is_empty()
            || conditions.any(|found| {
                context.admits(&Source::from(found), namespace)
                    && wire::in_ranges(address, &found.destination_subnets)
            })
    };
    let Some(route) = object.spec.tcp.iter().find(means) else { return itself };
    let single = route.route.len() == 1;
    let clusters = route.route.iter().filter_map(|entry| {
        let to = entry.destination.as_ref()?;
        let host = expand(&to.host, namespace, &snapshot.settings().domain);
        let host = snapshot.config().aliased(&host);
        let number = route::action::port_of(snapshot, to, host, called);
        let weight = if single { 1 } else { u32::try_from(entry.weight).ok()? };
        let known = snapshot.config().service(host).and_then(|service| service.port(number));
        let protocol = known.map_or(Protocol::Tcp, |port| port.protocol);
        (weight > 0).then(|| (name_of_bytes(protocol, number, &to.subset, host), weight))
    });
    let clusters: Vec<(String, u32)> = clusters.collect();
    if clusters.is_empty() { itself } else { clusters }
}

/// The cluster that carries bytes to a port.
fn name_of_bytes(protocol: Protocol, port: u16, subset: &str, host: &Host) -> String {
    match protocol {
        Protocol::Auto => names::outbound_bytes(port, subset, host),
        _ => names::outbound(port, subset, host),
    }
}
