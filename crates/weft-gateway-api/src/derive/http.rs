//! Routes of requests, in the order that the API asks for.
//!
//! Holds: a VirtualService per listener and host. A host that another listener of the port names more closely is left to it; one
//! that a listener names and no route takes is answered with 404.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use weft_model::api::gateway_api as api;
use weft_model::api::meta::Metadata;
use weft_model::api::virtual_service::{DirectResponse, HttpRoute, VirtualService};
use weft_model::{HostPattern, Object, ObjectRef, Objects};

use super::gateways::Opened;
use super::{Context, filters, grpc, matches, meta};
use crate::{Route, spec};

/// A route with its precedence.
#[derive(Debug, Clone)]
pub(super) struct Ranked {
    pub(super) rank: Rank,
    pub(super) age: Age,
    pub(super) route: HttpRoute,
}

/// Kind and length of the path, whether there is no method, number of fields, number of parameters.
pub(super) type Rank = (u8, Reverse<usize>, bool, Reverse<usize>, Reverse<usize>);

/// Of the object, its name, and the place in it.
type Age = (String, String, String, usize, usize);

/// All routes of one object, for a port when it is limited to one.
pub(super) fn ranked(context: Context<'_>, name: &ObjectRef, port: Option<u32>) -> Vec<Ranked> {
    let Some(raw) = context.judged.mesh.named(name) else { return Vec::new() };
    let written: api::HttpRoute = match name.kind.as_str() {
        "HTTPRoute" => spec(raw),
        "GRPCRoute" => grpc::as_http(spec(raw)),
        _ => return Vec::new(),
    };
    let created = Metadata::of(raw).created;
    let mut found = Vec::new();
    for (place, rule) in written.rules.iter().enumerate() {
        let all = [api::HttpMatch::default()];
        let wanted = if rule.matches.is_empty() { &all } else { rule.matches.as_slice() };
        for (at, wanted) in wanted.iter().enumerate() {
            let age = (created.clone(), name.namespace.clone(), name.name.clone(), place, at);
            let text = format!("{}/{}/{}/{place}", name.kind, name.namespace, name.name);
            let routes = filters::routes(context, name, rule, wanted);
            found.extend(routes.into_iter().map(|mut route| {
                route.name.clone_from(&text);
                route.matches.iter_mut().for_each(|one| one.port = port.unwrap_or(0));
                Ranked { rank: matches::rank(wanted), age: age.clone(), route }
            }));
        }
    }
    found
}

/// The routes in their order, as a VirtualService, which is as old as the oldest of them.
pub(super) fn together(
    mut all: Vec<Ranked>,
    meta: Metadata,
    hosts: Vec<String>,
    gateway: String,
) -> Object<VirtualService> {
    // Stable, so that what one condition became stays in its order.
    all.sort_by(|a, b| (&a.rank, &a.age).cmp(&(&b.rank, &b.age)));
    let created = all.iter().map(|one| one.age.0.clone()).min().unwrap_or(meta.created);
    let http = all.into_iter().map(|one| one.route).collect();
    let spec = VirtualService { hosts, gateways: vec![gateway], http, ..VirtualService::default() };
    Object { meta: Metadata { created, ..meta }, spec }
}

/// What a listener of HTTP does with requests.
pub(super) fn of_listener(context: Context<'_>, opened: &Opened<'_>) -> Objects<VirtualService> {
    if !matches!(opened.seat.protocol.as_str(), "HTTP" | "HTTPS") {
        return Vec::new();
    }
    let mut by_host: BTreeMap<String, Vec<Ranked>> = BTreeMap::new();
    for route in taken(context, opened) {
        let all = ranked(context, &route.name, None);
        for host in hosts(context, opened, &route.name) {
            by_host.entry(host).or_default().extend(all.iter().cloned());
        }
    }
    let own = opened.seat.hostname.as_ref().map_or("*".to_owned(), ToString::to_string);
    by_host.entry(own).or_default();
    let Metadata { namespace, name, created, .. } = &opened.object.meta;
    let object = |(host, all): (String, Vec<Ranked>)| {
        let meta = meta(namespace, format!("{name}~{host}"), created.clone());
        let unanswered = all.is_empty();
        let mut found = together(all, meta, vec![host], opened.gateway());
        if unanswered {
            found.spec.http.push(nothing());
        }
        found.spec.export_to = vec![".".to_owned()];
        Arc::new(found)
    };
    by_host.into_iter().map(object).collect()
}

/// The routes that the listener took.
pub(super) fn taken<'a>(
    context: Context<'a>,
    opened: &Opened<'a>,
) -> impl Iterator<Item = &'a Route> {
    let (owner, at) = (opened.owner, opened.at);
    context.judged.routes.iter().filter(move |route| {
        route.parents.iter().any(|parent| parent.owner == *owner && parent.seats.contains(&at))
    })
}

/// The hosts for which a listener has a route: what both name, without what other listeners of the port name more closely.
pub(super) fn hosts(context: Context<'_>, opened: &Opened<'_>, route: &ObjectRef) -> Vec<String> {
    let own = opened.seat.hostname.clone().unwrap_or_else(|| HostPattern::new("*"));
    let raw = context.judged.mesh.named(route);
    let written = raw.and_then(|raw| raw["spec"]["hostnames"].as_array()).into_iter().flatten();
    let written: Vec<HostPattern> =
        written.filter_map(|host| host.as_str()).map(HostPattern::new).collect();
    let both: Vec<&HostPattern> = match written.as_slice() {
        [] => vec![&own],
        all => all.iter().filter_map(|host| own.intersection(host)).collect(),
    };
    let others = opened.beside.iter().filter(|seat| seat.port == opened.seat.port);
    let others: Vec<&HostPattern> = others.filter_map(|seat| seat.hostname.as_ref()).collect();
    let elsewhere = |host: &HostPattern| {
        let closer = |other: &&&HostPattern| other.specificity() > own.specificity();
        others.iter().filter(closer).any(|other| other.covers(host))
    };
    both.into_iter().filter(|host| !elsewhere(host)).map(ToString::to_string).collect()
}

fn nothing() -> HttpRoute {
    let answer = DirectResponse { status: 404, ..DirectResponse::default() };
    HttpRoute { direct_response: Some(answer), ..HttpRoute::default() }
}
