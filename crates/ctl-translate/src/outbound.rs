//! Listeners for what a pod calls.
//!
//! Holds: one listener per port for all HTTP services, one per address and port for the others; what matches none goes on
//! to where it was meant to go.

use ctl_snapshot::{MeshSettings, MeshSnapshot, Port, Service};
use weft_model::Protocol;
use weft_proto::envoy::config::core::v3::TrafficDirection;
use weft_proto::envoy::config::listener::v3::{FilterChain, FilterChainMatch, Listener};

use crate::http::{Manager, Routes, Side};
use crate::limits::Limits;
use crate::listener::{self, ANY_ADDRESS};
use crate::outbound::connections::Connections;
use crate::outbound::opened::{Opened, Place, Speaks};
use crate::reach::{Egress, Reach};
use crate::route::selection::{Context, VirtualServices};
use crate::started::Started;
use crate::view::{OutboundView, RESERVED};
use crate::{called, names, route, wire};

pub(crate) mod connections;
mod opened;
mod shared;

const DIRECTION: TrafficDirection = TrafficDirection::Outbound;

/// What every listener of a sidecar depends on.
#[derive(Clone, Copy)]
struct Own<'a> {
    limits: &'a Limits,
    mesh: &'a MeshSettings,
    /// The cluster of what no service is called.
    unknown: &'a str,
    started: &'a Started,
    /// Some service is looked up by the host that is called.
    looks_up: bool,
}

/// All outbound listeners of a sidecar.
pub(crate) fn listeners(snapshot: &MeshSnapshot, view: &OutboundView) -> Vec<Listener> {
    let unknown = view.unknown(snapshot).unwrap_or_else(|| names::BLACK_HOLE.to_owned());
    let reach = Reach::of(snapshot, view);
    let workload = (view.namespace.as_str(), &view.rule_labels);
    let limits = Limits::of(snapshot, workload, Side::Outbound);
    let own = Own {
        limits: &limits,
        mesh: snapshot.settings(),
        unknown: &unknown,
        started: &view.started,
        looks_up: view.looks_up_unknown(snapshot)
            || reach.services().any(|service| called::is_called(service)),
    };
    let mut opened = Opened::default();
    for egress in reach.listeners() {
        let chosen = VirtualServices::of(snapshot, view, egress);
        if egress.is_of_the_rest() {
            opened.close();
        }
        for service in egress.services() {
            for port in egress.ports(service) {
                let context = Context { snapshot, view, gateway: None, port: port.number };
                let to = Connections { context, chosen: &chosen, service, port: &port };
                open(&to, egress, own, &mut opened);
            }
        }
    }
    std::iter::once(virtual_outbound(own)).chain(opened.listeners(own)).collect()
}

/// Opens what connections to a port of a service need.
fn open(to: &Connections<'_>, egress: &Egress<'_>, own: Own<'_>, opened: &mut Opened) {
    let Connections { service, port, .. } = *to;
    let place = |address: String| Place { address, port: port.number, bound: egress.is_bound() };
    if port.protocol.is_http() {
        let place = place(egress.bind().unwrap_or(ANY_ADDRESS).to_owned());
        if place.is_anywhere() && RESERVED.contains(&port.number) {
            return;
        }
        let speaks = if place.is_anywhere() { Speaks::Either } else { Speaks::Requests };
        let wanted = place.clone();
        let chain = || requests(&wanted, Routes::Named(port.number.to_string()), own);
        return opened.add(place, speaks, || vec![chain()]);
    }
    let addresses = match egress.bind() {
        Some(address) => vec![address.to_owned()],
        None => addresses(&to.context, service, port),
    };
    for address in addresses {
        let place = place(address);
        if place.is_anywhere() && !shared::is_told_apart(service, port) {
            continue;
        }
        let speaks = match port.protocol {
            Protocol::Auto => Speaks::Either,
            _ => Speaks::Bytes,
        };
        let wanted = place.clone();
        opened.add(place, speaks, || chains(to, &wanted, own));
    }
}

/// Everything that the pod sends arrives here, and is handed to the listener of its destination.
fn virtual_outbound(own: Own<'_>) -> Listener {
    let log = own.mesh.access_log.as_deref();
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
    let on = listener::tcp_proxy(&[(own.unknown.to_owned(), 1)], log);
    let black_hole =
        listener::chain("virtualOutbound-blackhole", Some(itself), vec![nowhere], None);
    let catch_all = listener::chain("virtualOutbound-catchall-tcp", None, vec![on], None);
    listener.filter_chains = vec![black_hole, catch_all];
    listener
}

/// For connections that no chain of a listener takes.
fn on_to_where_it_was_meant(own: Own<'_>) -> FilterChain {
    let to = [(own.unknown.to_owned(), 1)];
    let on = listener::tcp_proxy(&to, own.mesh.access_log.as_deref());
    listener::chain("PassthroughFilterChain", None, vec![on], None)
}

/// The chain of requests. Where others share the port, it takes what looks like HTTP only.
fn requests(place: &Place, routes: Routes, own: Own<'_>) -> FilterChain {
    let alone =
        !place.is_anywhere() && matches!(&routes, Routes::Named(name) if !name.contains(':'));
    let manager = Manager {
        grpc_web: false,
        side: Side::Outbound,
        name: &place.name(),
        routes,
        limits: own.limits,
        access: Vec::new(),
        looks_up: own.looks_up,
        access_log: own.mesh.access_log.as_deref(),
        paths: own.mesh.paths,
        started: own.started,
        tells_callers: false,
    };
    listener::chain("", (!alone).then(|| plain_http(own.started)), vec![manager.filter()], None)
}

fn plain_http(started: &Started) -> FilterChainMatch {
    FilterChainMatch {
        transport_protocol: "raw_buffer".to_owned(),
        application_protocols: listener::plain_http(started)
            .iter()
            .map(|&p| p.to_owned())
            .collect(),
        ..FilterChainMatch::default()
    }
}

/// The chains of bytes, and of requests where it is found out which of them a connection carries.
fn chains(to: &Connections<'_>, place: &Place, own: Own<'_>) -> Vec<FilterChain> {
    let mut found = to.chains();
    if place.is_anywhere() {
        shared::narrow(&mut found, to.service, to.port);
    }
    if to.port.protocol == Protocol::Auto {
        let name = match place.is_anywhere() {
            true => to.port.number.to_string(),
            false => route::name_of_detected(&to.service.host, to.port.number),
        };
        found.insert(0, requests(place, Routes::Named(name), own));
    }
    found
}

/// Addresses that clients connect to: the service's, or its pods'.
fn addresses(context: &Context<'_>, service: &Service, port: &Port) -> Vec<String> {
    let Context { snapshot, view, .. } = context;
    let captures = view.started.captures_names;
    let listed = service.is_headless() || service.is_selected_where_called();
    if !listed {
        let own = service.reached_at(captures).iter().map(ToString::to_string);
        let any = service.is_called_anywhere(captures);
        return own.chain(any.then(|| ANY_ADDRESS.to_owned())).collect();
    }
    let pods = snapshot.workloads().endpoints(service, &port.name, None);
    pods.filter_map(|endpoint| Some(endpoint.address.ip()?.to_string())).collect()
}
