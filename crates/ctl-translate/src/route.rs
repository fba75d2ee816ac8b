//! Route configurations of sidecars.
//!
//! In: services and VirtualServices of a view. Out: one configuration per HTTP port, one per detected port.
//! Holds: names come from hosts and ports, never from positions. What no service is called goes where the client wanted.

use std::collections::{BTreeMap, BTreeSet};

use ctl_snapshot::{MeshSnapshot, Service};
use weft_model::Protocol;
use weft_proto::envoy::config::route::v3::{
    Decorator, Route, RouteAction, RouteConfiguration, RouteMatch, VirtualHost, route,
    route_action, route_match,
};

use crate::route::selection::{Context, VirtualServices};
use crate::view::OutboundView;
use crate::{names, wire};

pub(crate) mod action;
mod extras;
mod matching;
pub(crate) mod selection;

/// All route configurations of a sidecar.
pub(crate) fn sidecar(snapshot: &MeshSnapshot, view: &OutboundView) -> Vec<RouteConfiguration> {
    let chosen = VirtualServices::of(snapshot, view);
    let mut by_port: BTreeMap<u16, Vec<VirtualHost>> = BTreeMap::new();
    let mut detected = Vec::new();
    for service in snapshot.config().services_for(&view.namespace) {
        for port in &service.ports {
            let host = || host(snapshot, view, &chosen, service, port.number);
            if port.protocol.is_http() {
                by_port.entry(port.number).or_default().push(host());
            } else if port.protocol == Protocol::Auto {
                let name = name_of_detected(service, port.number);
                let mut only = host();
                only.domains = vec!["*".to_owned()];
                detected.push(configuration(name, vec![only]));
            }
        }
    }
    let ports = by_port.into_iter().map(|(port, hosts)| {
        let mut hosts = distinct(hosts);
        hosts.push(allow_any());
        configuration(port.to_string(), hosts)
    });
    ports.chain(detected).collect()
}

/// Name of the routes of a port whose protocol is detected.
pub(crate) fn name_of_detected(service: &Service, port: u16) -> String {
    format!("{}:{port}", service.host)
}

/// Routes of requests for the pod.
pub(crate) fn inbound(
    cluster: &str,
    port: &str,
    service: Option<&(String, u16)>,
) -> RouteConfiguration {
    let mut route = plain_route(cluster);
    if let Some((host, number)) = service {
        route.decorator =
            Some(Decorator { operation: format!("{host}:{number}/*"), ..Decorator::default() });
    }
    let host = VirtualHost {
        name: format!("inbound|http|{port}"),
        domains: vec!["*".to_owned()],
        routes: vec![route],
        ..VirtualHost::default()
    };
    configuration(format!("inbound|{port}||"), vec![host])
}

pub(crate) fn configuration(name: String, virtual_hosts: Vec<VirtualHost>) -> RouteConfiguration {
    RouteConfiguration {
        name,
        virtual_hosts,
        validate_clusters: wire::truth(false),
        ignore_port_in_host_matching: true,
        ..RouteConfiguration::default()
    }
}

fn host(
    snapshot: &MeshSnapshot,
    view: &OutboundView,
    chosen: &VirtualServices<'_>,
    service: &Service,
    port: u16,
) -> VirtualHost {
    let context = Context { snapshot, view, gateway: None, port };
    let routes = match chosen.for_host(service.host.as_str()) {
        Some(object) => action::routes(&context, object),
        None => vec![default_route(service, port)],
    };
    VirtualHost {
        name: format!("{}:{port}", service.host),
        domains: domains(view, service),
        routes,
        include_request_attempt_count: true,
        ..VirtualHost::default()
    }
}

/// Every name under which clients of a namespace call a service.
fn domains(view: &OutboundView, service: &Service) -> Vec<String> {
    let Service { name, namespace, host, .. } = service;
    let mut found = vec![host.to_string(), format!("{host}.")];
    if *namespace == view.namespace {
        found.push(name.clone());
    }
    found.extend([format!("{name}.{namespace}"), format!("{name}.{namespace}.svc")]);
    found.extend(service.addresses.iter().map(ToString::to_string));
    found
}

/// Envoy refuses a domain that stands twice; the first host keeps it.
fn distinct(hosts: Vec<VirtualHost>) -> Vec<VirtualHost> {
    let mut seen = BTreeSet::new();
    let mut kept = hosts;
    for host in &mut kept {
        host.domains.retain(|domain| seen.insert(domain.clone()));
    }
    kept.retain(|host| !host.domains.is_empty());
    kept
}

fn allow_any() -> VirtualHost {
    VirtualHost {
        name: "allow_any".to_owned(),
        domains: vec!["*".to_owned()],
        routes: vec![plain_route(names::PASSTHROUGH)],
        include_request_attempt_count: true,
        ..VirtualHost::default()
    }
}

fn default_route(service: &Service, port: u16) -> Route {
    let cluster = names::outbound(port, "", &service.host);
    let mut route = plain_route(&cluster);
    if let Some(route::Action::Route(action)) = route.action.as_mut() {
        action.retry_policy = Some(extras::default_retry());
    }
    route.decorator =
        Some(Decorator { operation: format!("{}:{port}/*", service.host), ..Decorator::default() });
    route
}

fn plain_route(cluster: &str) -> Route {
    Route {
        name: "default".to_owned(),
        r#match: Some(RouteMatch {
            path_specifier: Some(route_match::PathSpecifier::Prefix("/".to_owned())),
            ..RouteMatch::default()
        }),
        action: Some(route::Action::Route(RouteAction {
            timeout: Some(wire::seconds(0)),
            cluster_specifier: Some(route_action::ClusterSpecifier::Cluster(cluster.to_owned())),
            ..RouteAction::default()
        })),
        ..Route::default()
    }
}
