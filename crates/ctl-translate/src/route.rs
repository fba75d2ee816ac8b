//! Route configurations of sidecars.
//!
//! In: services and VirtualServices of a view. Out: one configuration per HTTP port, one per detected port.
//! Holds: names come from hosts and ports, never from positions. What no service is called goes where the client wanted.

use std::collections::{BTreeMap, BTreeSet};

use ctl_snapshot::{MeshSettings, MeshSnapshot, Service, UnknownDestinations};
use weft_model::Protocol;
use weft_proto::envoy::config::route::v3::{
    Decorator, DirectResponseAction, Route, RouteAction, RouteConfiguration, VirtualHost, route,
    route_action,
};

use crate::route::selection::{Context, VirtualServices};
use crate::view::OutboundView;
use crate::{names, wire};

pub(crate) mod action;
mod answer;
mod extras;
mod headers;
pub(crate) mod matching;
pub(crate) mod selection;

/// The largest fixed response; validation lets no larger one pass.
const MAX_RESPONSE: u32 = 1024 * 1024;

/// All route configurations of a sidecar.
pub(crate) fn sidecar(snapshot: &MeshSnapshot, view: &OutboundView) -> Vec<RouteConfiguration> {
    let chosen = VirtualServices::of(snapshot, view);
    let mut by_port: BTreeMap<u16, Vec<&Service>> = BTreeMap::new();
    let mut detected = Vec::new();
    for service in snapshot.config().services_for(&view.namespace) {
        for port in &service.ports {
            if port.protocol.is_http() {
                by_port.entry(port.number).or_default().push(service);
            } else if port.protocol == Protocol::Auto {
                let hosts =
                    Hosts { context: context(snapshot, view, port.number), chosen: &chosen };
                let mut only = hosts.of_service(service);
                only.domains = vec!["*".to_owned()];
                let name = name_of_detected(service, port.number);
                detected.push(configuration(name, vec![only]));
            }
        }
    }
    let ports = by_port.into_iter().map(|(port, services)| {
        let hosts = Hosts { context: context(snapshot, view, port), chosen: &chosen };
        configuration(port.to_string(), hosts.of_port(&services))
    });
    ports.chain(detected).collect()
}

fn context<'a>(snapshot: &'a MeshSnapshot, view: &'a OutboundView, port: u16) -> Context<'a> {
    Context { snapshot, view, gateway: None, port }
}

/// Name of the routes of a port whose protocol is detected.
pub(crate) fn name_of_detected(service: &Service, port: u16) -> String {
    format!("{}:{port}", service.host)
}

/// Routes of requests for the pod.
pub(crate) fn inbound(
    mesh: &MeshSettings,
    cluster: &str,
    port: &str,
    service: Option<&(String, u16)>,
) -> RouteConfiguration {
    let operation = service.map(|(host, number)| format!("{host}:{number}/*"));
    let mut route = plain_route(cluster, operation);
    if let Some(route::Action::Route(action)) = route.action.as_mut() {
        action.retry_policy = extras::inbound_retry(mesh);
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
        max_direct_response_body_size_bytes: wire::number(MAX_RESPONSE),
        ..RouteConfiguration::default()
    }
}

/// The virtual hosts of one port.
struct Hosts<'a> {
    context: Context<'a>,
    chosen: &'a VirtualServices<'a>,
}

impl Hosts<'_> {
    /// Envoy refuses a domain that stands twice: what a VirtualService names keeps it before what only a Service has.
    fn of_port(&self, services: &[&Service]) -> Vec<VirtualHost> {
        let port = self.context.port;
        let mut named = Vec::new();
        for (host, object) in self.chosen.without_service(&self.context, services) {
            let routes = action::routes(&self.context, object);
            if !routes.is_empty() {
                named.push(self.host(format!("{host}:{port}"), vec![host], routes));
            }
        }
        let (ruled, plain): (Vec<&Service>, Vec<&Service>) =
            services.iter().partition(|service| self.chosen.for_host(&service.host).is_some());
        named.extend(ruled.into_iter().chain(plain).map(|service| self.of_service(service)));
        let mut hosts = distinct(named);
        hosts.sort_by(|a, b| a.name.cmp(&b.name));
        hosts.push(self.unknown());
        hosts
    }

    fn of_service(&self, service: &Service) -> VirtualHost {
        let Context { snapshot, view, port, .. } = self.context;
        let ruled = self.chosen.for_host(&service.host);
        let mut routes = ruled.map(|o| action::routes(&self.context, o)).unwrap_or_default();
        if routes.is_empty() {
            routes.push(self.default_route(service));
        }
        let name = format!("{}:{port}", service.host);
        self.host(name, domains(snapshot, view, service), routes)
    }

    /// Requests for hosts that nobody knows.
    fn unknown(&self) -> VirtualHost {
        let (name, route) = match self.context.snapshot.settings().unknown {
            UnknownDestinations::Allowed => ("allow_any", plain_route(names::PASSTHROUGH, None)),
            UnknownDestinations::Refused => ("block_all", refusing()),
        };
        self.host(name.to_owned(), vec!["*".to_owned()], vec![route])
    }

    fn host(&self, name: String, domains: Vec<String>, routes: Vec<Route>) -> VirtualHost {
        VirtualHost {
            name,
            domains,
            routes,
            include_request_attempt_count: !self.context.view.started.without_attempt_count,
            ..VirtualHost::default()
        }
    }

    fn default_route(&self, service: &Service) -> Route {
        let port = self.context.port;
        let cluster = names::outbound(port, "", &service.host);
        let mut route = plain_route(&cluster, Some(format!("{}:{port}/*", service.host)));
        let hash = action::hash_of(&self.context, &service.host, port, "").and_then(extras::hash);
        if let Some(route::Action::Route(action)) = route.action.as_mut() {
            action.retry_policy = extras::retry(None, false, self.context.snapshot.settings());
            action.hash_policy.extend(hash);
        }
        route
    }
}

/// Every name under which clients of a namespace call a service.
fn domains(snapshot: &MeshSnapshot, view: &OutboundView, service: &Service) -> Vec<String> {
    let mut found = names_of(&service.name, &service.namespace, service.host.as_str(), view);
    for alias in snapshot.config().aliases_of(&service.host) {
        let own = alias.visibility.includes(&view.namespace);
        let names = || names_of(&alias.name, &alias.namespace, alias.host.as_str(), view);
        found.extend(own.then(names).into_iter().flatten());
    }
    if service.is_headless() {
        // Pods of a headless service have names below it.
        let below: Vec<String> = found.iter().map(|name| format!("*.{name}")).collect();
        found.extend(below);
    }
    found.extend(service.addresses.iter().map(|ip| match ip {
        std::net::IpAddr::V4(ip) => ip.to_string(),
        std::net::IpAddr::V6(ip) => format!("[{ip}]"),
    }));
    found
}

fn names_of(name: &str, namespace: &str, host: &str, view: &OutboundView) -> Vec<String> {
    let mut found = vec![host.to_owned(), format!("{host}.")];
    if namespace == view.namespace {
        found.push(name.to_owned());
    }
    found.extend([format!("{name}.{namespace}"), format!("{name}.{namespace}.svc")]);
    found
}

/// Drops domains that stand twice; the first host keeps them.
fn distinct(hosts: Vec<VirtualHost>) -> Vec<VirtualHost> {
    let mut seen = BTreeSet::new();
    let mut kept = hosts;
    for host in &mut kept {
        host.domains.retain(|domain| seen.insert(domain.clone()));
    }
    kept.retain(|host| !host.domains.is_empty());
    kept
}

fn refusing() -> Route {
    let answer = DirectResponseAction { status: 502, ..DirectResponseAction::default() };
    Route {
        name: "block_all".to_owned(),
        r#match: Some(matching::everything()),
        action: Some(route::Action::DirectResponse(answer)),
        ..Route::default()
    }
}

fn plain_route(cluster: &str, operation: Option<String>) -> Route {
    let specifier = route_action::ClusterSpecifier::Cluster(cluster.to_owned());
    let mut action = RouteAction { cluster_specifier: Some(specifier), ..RouteAction::default() };
    action::limit(&mut action, wire::seconds(0));
    Route {
        name: "default".to_owned(),
        r#match: Some(matching::everything()),
        action: Some(route::Action::Route(action)),
        decorator: operation.map(|operation| Decorator { operation, ..Decorator::default() }),
        ..Route::default()
    }
}
