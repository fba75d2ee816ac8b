//! Routes for calls inside of the mesh, whose parent is a service.
//!
//! Holds: routes of the service's own namespace count for all callers, those of another namespace for callers there, who then
//! do not use the former.

use std::collections::BTreeMap;
use std::sync::Arc;

use weft_model::api::virtual_service::{TcpMatch, TcpRoute, VirtualService};
use weft_model::{Host, Object, ObjectRef, Objects};

use super::http::{Ranked, ranked, together};
use super::{Context, created, meta, streams};
use crate::{Parent, Route};

/// VirtualServices of sidecars.
pub(super) fn inside(context: Context<'_>) -> Objects<VirtualService> {
    let mut found: BTreeMap<(String, String, &ObjectRef), Vec<Ranked>> = BTreeMap::new();
    let mut streams = Vec::new();
    for (route, parent) in calls(context) {
        let Some(host) = host(context, &parent.owner) else { continue };
        let namespace = route.name.namespace.clone();
        match route.name.kind.as_str() {
            "HTTPRoute" | "GRPCRoute" => {
                let all = ranked(context, &route.name, parent.port);
                found.entry((namespace, host, &parent.owner)).or_default().extend(all);
            }
            "TCPRoute" => streams.push(Arc::new(connections(context, route, parent, host))),
            _ => {}
        }
    }
    let requests = found.into_iter().map(|((namespace, host, service), all)| {
        let name = format!("{}~{host}", service.kind);
        let meta = meta(&namespace, name, String::new());
        let mut object = together(all, meta, vec![host], "mesh".to_owned());
        object.spec.export_to = seen(&namespace, service);
        Arc::new(object)
    });
    requests.chain(streams).collect()
}

fn calls<'a>(context: Context<'a>) -> impl Iterator<Item = (&'a Route, &'a Parent)> {
    let inside = |parent: &&Parent| parent.accepted.yes && parent.owner.kind.starts_with("Service");
    context.judged.routes.iter().flat_map(move |route| {
        route.parents.iter().filter(inside).map(move |parent| (route, parent))
    })
}

fn seen(namespace: &str, service: &ObjectRef) -> Vec<String> {
    vec![if namespace == service.namespace { "*" } else { "." }.to_owned()]
}

fn host(context: Context<'_>, service: &ObjectRef) -> Option<String> {
    if service.kind == "Service" {
        return Some(
            Host::of_service(&service.name, &service.namespace, context.domain).to_string(),
        );
    }
    let entry = context.judged.mesh.named(service)?;
    Some(entry["spec"]["hosts"].as_array()?.first()?.as_str()?.to_owned())
}

fn connections(
    context: Context<'_>,
    route: &Route,
    parent: &Parent,
    host: String,
) -> Object<VirtualService> {
    let Route { name, .. } = route;
    let own = format!("{}~{}~{host}", name.kind, name.name);
    let port = parent.port.map(|port| TcpMatch { port, ..TcpMatch::default() });
    let tcp = TcpRoute {
        matches: port.into_iter().collect(),
        route: streams::destinations(context, name),
    };
    let spec = VirtualService {
        hosts: vec![host],
        gateways: vec!["mesh".to_owned()],
        tcp: vec![tcp],
        export_to: seen(&name.namespace, &parent.owner),
        ..VirtualService::default()
    };
    Object { meta: meta(&name.namespace, own, created(context, name)), spec }
}
