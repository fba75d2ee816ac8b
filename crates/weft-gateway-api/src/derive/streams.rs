//! Routes of connections: bytes, and TLS by the name that the client asks for.
//!
//! Holds: the share of a backend that cannot be called leads nowhere, so that its connections are closed.

use std::sync::Arc;

use weft_model::api::gateway_api as api;
use weft_model::api::meta::Metadata;
use weft_model::api::virtual_service::{
    RouteDestination, TcpRoute, TlsMatch, TlsRoute, VirtualService,
};
use weft_model::{Object, ObjectRef, Objects};

use super::gateways::Opened;
use super::http::{hosts, taken};
use super::{Context, backends, created, meta};
use crate::spec;

/// What a listener of TCP or TLS does with connections.
pub(super) fn of_listener(context: Context<'_>, opened: &Opened<'_>) -> Objects<VirtualService> {
    let route = |route: &crate::Route| {
        let hosts = hosts(context, opened, &route.name);
        let to = destinations(context, &route.name);
        if hosts.is_empty() || !matches!(route.name.kind.as_str(), "TLSRoute" | "TCPRoute") {
            return None;
        }
        let Metadata { namespace, name, .. } = &opened.object.meta;
        let ObjectRef { kind, namespace: place, name: own, .. } = &route.name;
        let name = format!("{name}~{kind}~{place}~{own}");
        let meta = meta(namespace, name, created(context, &route.name));
        let mut spec = VirtualService {
            hosts: hosts.clone(),
            gateways: vec![opened.gateway()],
            export_to: vec![".".to_owned()],
            ..VirtualService::default()
        };
        if opened.seat.passes() {
            let matches = vec![TlsMatch { sni_hosts: hosts, ..TlsMatch::default() }];
            spec.tls.push(TlsRoute { matches, route: to });
        } else {
            spec.tcp.push(TcpRoute { route: to, ..TcpRoute::default() });
        }
        Some(Arc::new(Object { meta, spec }))
    };
    taken(context, opened).filter_map(route).collect()
}

/// Where connections of a route go.
pub(super) fn destinations(context: Context<'_>, route: &ObjectRef) -> Vec<RouteDestination> {
    let Some(raw) = context.judged.mesh.named(route) else { return Vec::new() };
    // Rules of both kinds are the same, and have no conditions: the first one counts.
    let written: api::TcpRoute = spec(raw);
    let all = written.rules.into_iter().next().map(|rule| rule.backend_refs).unwrap_or_default();
    let to = |one: &api::BackendRef| RouteDestination {
        destination: backends::destination(context, route, one.target())
            .or_else(|| Some(backends::nobody())),
        weight: one.target().weight,
    };
    all.iter().filter(|one| one.target().weight > 0).map(to).collect()
}
