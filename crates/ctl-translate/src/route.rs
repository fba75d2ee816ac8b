//! Route configurations of sidecars.
//!
//! In: services and VirtualServices of a view. Out: one configuration per HTTP port, one per detected port.
//! Holds: names come from hosts and ports, never from positions. What no service is called goes where the client wanted.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ctl_snapshot::{Alias, MeshSettings, MeshSnapshot, Service};
use weft_model::{Host, Protocol};
use weft_proto::envoy::config::route::v3::{
    Decorator, DirectResponseAction, Route, RouteAction, RouteConfiguration, VirtualHost, route,
    route_action,
};

use crate::reach::{Egress, Reach};
use crate::route::selection::{Context, OnPort, VirtualServices};
use crate::view::OutboundView;
use crate::{names, wire};

pub(crate) mod action;
mod answer;
mod extras;
mod forward;
mod hash;
mod headers;
pub(crate) mod matching;
pub(crate) mod selection;

/// The largest fixed response; validation lets no larger one pass.
const MAX_RESPONSE: u32 = 1024 * 1024;

/// All route configurations of a sidecar. Those of a port hold the services of the egress listener of that port, also where
/// another listener asks for them.
pub(crate) fn sidecar(snapshot: &MeshSnapshot, view: &OutboundView) -> Vec<RouteConfiguration> {
    let reach = Reach::of(snapshot, view);
    let own: BTreeSet<u16> = reach.listeners().iter().filter_map(Egress::port).collect();
    let spoken = spoken(&reach, view);
    let mut found = Vec::new();
    for egress in reach.listeners() {
        let chosen = VirtualServices::of(snapshot, view, egress);
        if let Some(port) = egress.port().filter(|_| egress.is_forward()) {
            let context = Context { snapshot, view, gateway: None, port };
            found.push(forward::configuration(context, egress, &chosen));
            continue;
        }
        let mut by_port: BTreeMap<u16, OnPort<'_>> = BTreeMap::new();
        by_port.extend(egress.port().map(|port| (port, OnPort::default())));
        for service in egress.services() {
            let ports = egress.ports(service).into_iter().map(|port| port.number);
            for port in ports.filter(|port| !egress.is_of_the_rest() || !own.contains(port)) {
                by_port.entry(port).or_default().insert(&service.host, service);
            }
        }
        for (port, services) in by_port {
            let context = Context { snapshot, view, gateway: None, port };
            if let Some(spoken) = spoken.get(&port) {
                let hosts = Hosts { context, egress, chosen: &chosen, services };
                found.extend(hosts.configurations(spoken));
            }
        }
    }
    found
}

/// What listeners ask for, by port.
fn spoken(reach: &Reach<'_>, view: &OutboundView) -> BTreeMap<u16, Spoken> {
    let mut found: BTreeMap<u16, Spoken> = BTreeMap::new();
    for egress in reach.listeners() {
        let place = (egress.bind().is_some(), view.started.captures_names);
        for service in egress.services() {
            for port in egress.ports(service) {
                found.entry(port.number).or_default().add(service, port.protocol, place);
            }
        }
    }
    found
}

/// Who asks for the routes of a port.
#[derive(Default)]
struct Spoken {
    /// The listener that all services share.
    shared: bool,
    /// Services with a listener of their own.
    alone: BTreeSet<Host>,
}

impl Spoken {
    /// `bound`: the listener has an address of its own; `captures`: names without an address were given one.
    fn add(&mut self, service: &Service, protocol: Protocol, (bound, captures): (bool, bool)) {
        let detected = protocol == Protocol::Auto;
        let anywhere = !bound && service.is_called_anywhere(captures);
        self.shared |= protocol.is_http() || detected && anywhere;
        if detected && (!anywhere || !service.reached_at(captures).is_empty()) {
            self.alone.insert(service.host.clone());
        }
    }
}

/// Name of the routes of a port whose protocol is detected.
pub(crate) fn name_of_detected(host: &Host, port: u16) -> String {
    format!("{host}:{port}")
}

/// Routes of requests for the pod.
pub(crate) fn inbound(
    mesh: &MeshSettings,
    cluster: &str,
    service: Option<&(String, u16)>,
) -> RouteConfiguration {
    let port = service.map_or(0, |(_, number)| *number);
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
    configuration(cluster.to_owned(), vec![host])
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
    egress: &'a Egress<'a>,
    chosen: &'a VirtualServices<'a>,
    /// Whatever has the port, also for bytes.
    services: OnPort<'a>,
}

impl Hosts<'_> {
    /// The configuration of the port, and one for each service that shares its listener with nobody.
    fn configurations(&self, spoken: &Spoken) -> Vec<RouteConfiguration> {
        let mut hosts = self.known();
        let by_domain: HashMap<&str, usize> = hosts
            .iter()
            .enumerate()
            .flat_map(|(index, host)| host.domains.iter().map(move |name| (name.as_str(), index)))
            .collect();
        let alone = spoken.alone.iter().map(|name| {
            let own = by_domain.get(name.as_str()).and_then(|index| hosts.get(*index));
            let own = own.map(|own| VirtualHost { domains: vec!["*".to_owned()], ..own.clone() });
            configuration(name_of_detected(name, self.context.port), own.into_iter().collect())
        });
        let mut found: Vec<RouteConfiguration> = alone.collect();
        if spoken.shared {
            hosts.sort_by(|a, b| a.name.cmp(&b.name));
            // Envoy takes one host of all names.
            if !hosts.iter().any(|host| host.domains.iter().any(|name| name == "*")) {
                hosts.push(self.unknown());
            }
            found.push(configuration(self.context.port.to_string(), hosts));
        }
        found
    }

    /// Envoy refuses a domain that stands twice: what a VirtualService names keeps it before what only a Service has.
    fn known(&self) -> Vec<VirtualHost> {
        let mut found = Vec::new();
        let mut ruled = BTreeSet::new();
        for bound in self.chosen.iter() {
            let (services, others) = self.chosen.split(bound, &self.services);
            let services: Vec<&Service> =
                services.into_iter().filter(|service| self.carries_requests(service)).collect();
            // Hosts that are no service are served beside one of the same object, and on port 80, as in Istio.
            let beside =
                !services.is_empty() || others.iter().any(|host| self.alias(host).is_some());
            if !beside && (self.egress.is_forward() || self.context.port != 80) {
                continue;
            }
            let routes = action::routes(&self.context, bound.object);
            if routes.is_empty() {
                continue;
            }
            found.extend(others.into_iter().map(|host| self.named(host, routes.clone())));
            for service in services {
                ruled.insert(&service.host);
                found.push(self.of_service(service, routes.clone()));
            }
        }
        let plain = self.services.values().filter(|service| !ruled.contains(&service.host));
        let plain = plain.filter(|service| self.carries_requests(service));
        found.extend(
            plain.map(|service| self.of_service(service, vec![self.default_route(service)])),
        );
        self.distinct(found)
    }

    fn carries_requests(&self, service: &Service) -> bool {
        service
            .port(self.context.port)
            .is_some_and(|port| port.protocol.is_http() || port.protocol == Protocol::Auto)
    }

    /// The other name of a service, where it has the port.
    fn alias(&self, host: &str) -> Option<&Alias> {
        let Context { snapshot, view, port, .. } = self.context;
        let host = Host::new(host);
        let alias = snapshot.config().alias(&host)?;
        let meant = snapshot.config().aliased(&host);
        let service = snapshot.config().service_for(&view.namespace, meant)?;
        let seen = self.egress.names_alias(service, alias, &view.namespace);
        (seen && alias.carries_requests(port)).then_some(alias)
    }

    fn named(&self, host: String, routes: Vec<Route>) -> VirtualHost {
        if let Some(alias) = self.alias(&host) {
            let domain = &self.context.snapshot.settings().domain;
            let domains = names_of(&alias.host, domain, self.context.view);
            return self.host(format!("{host}:{}", self.context.port), domains, routes);
        }
        let domain = match host.parse::<std::net::Ipv6Addr>() {
            Ok(address) => format!("[{address}]"),
            Err(_) => host,
        };
        self.host(format!("{domain}:{}", self.context.port), vec![domain], routes)
    }

    fn of_service(&self, service: &Service, routes: Vec<Route>) -> VirtualHost {
        let name = format!("{}:{}", service.host, self.context.port);
        self.host(name, self.domains(service), routes)
    }

    /// Every name under which clients of a namespace call a service.
    fn domains(&self, service: &Service) -> Vec<String> {
        let Context { snapshot, view, .. } = self.context;
        let domain = &snapshot.settings().domain;
        let mut found = names_of(&service.host, domain, view);
        let aliases = snapshot.config().aliases_of(&service.host);
        let known =
            aliases.filter(|alias| self.egress.names_alias(service, alias, &view.namespace));
        found.extend(known.flat_map(|alias| names_of(&alias.host, domain, view)));
        if service.is_headless() {
            // Pods of a headless service have names below it.
            let below: Vec<String> = found.iter().map(|name| format!("*.{name}")).collect();
            found.extend(below);
        }
        found.extend(service.reached_at(view.started.captures_names).iter().map(|ip| match ip {
            std::net::IpAddr::V4(ip) => ip.to_string(),
            std::net::IpAddr::V6(ip) => format!("[{ip}]"),
        }));
        found
    }

    /// Drops hosts and domains that stand twice; the first keeps them. A service's full name is no short name of another.
    fn distinct(&self, hosts: Vec<VirtualHost>) -> Vec<VirtualHost> {
        let (mut names, mut seen) = (BTreeSet::new(), BTreeSet::new());
        let mut kept = hosts;
        kept.retain(|host| names.insert(host.name.clone()));
        for host in &mut kept {
            let own = host.domains.first().cloned().unwrap_or_default();
            host.domains.retain(|domain| {
                let another = *domain != own && self.services.contains_key(&Host::new(domain));
                !another && seen.insert(domain.clone())
            });
        }
        kept.retain(|host| !host.domains.is_empty());
        kept
    }

    /// Requests for hosts that nobody knows.
    fn unknown(&self) -> VirtualHost {
        let Context { snapshot, view, .. } = self.context;
        let (name, route) = match view.unknown(snapshot) {
            _ if view.looks_up_unknown(snapshot) => {
                ("allow_any_dynamic_dns", plain_route(names::ANYWHERE, None))
            }
            Some(cluster) => ("allow_any", plain_route(&cluster, None)),
            None => ("block_all", refusing()),
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
        let hash = hash::of_service(&self.context, service).and_then(extras::hash);
        if let Some(route::Action::Route(action)) = route.action.as_mut() {
            action.retry_policy = extras::retry(None, false, self.context.snapshot.settings());
            action.hash_policy.extend(hash);
        }
        route
    }
}

/// A host, and its short forms, when it is called like a Kubernetes Service.
fn names_of(host: &Host, domain: &str, view: &OutboundView) -> Vec<String> {
    let full = host.as_str();
    let mut found = vec![full.to_owned()];
    let short = full.strip_suffix(domain).and_then(|rest| rest.strip_suffix(".svc."));
    let Some((short, (name, rest))) = short.and_then(|s| Some((s, s.split_once('.')?))) else {
        return found;
    };
    found.push(format!("{full}."));
    if rest == view.namespace && name != "*" {
        found.push(name.to_owned());
    }
    found.extend([short.to_owned(), format!("{short}.svc")]);
    found
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
