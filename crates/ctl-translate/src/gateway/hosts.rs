//! Virtual hosts of the servers that share a route configuration.
//!
//! In: servers, the VirtualServices bound to their Gateways. Out: virtual hosts.
//! Holds: of several VirtualServices for one host the oldest comes first, and what takes every request goes last; hosts with
//! the same routes are one virtual host, called by the most specific of them; without any host all requests get 404.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ctl_snapshot::MeshSnapshot;
use weft_model::api::virtual_service::VirtualService;
use weft_model::{HostPattern, Object, expand};
use weft_proto::envoy::config::route::v3::{
    RedirectAction, Route, RouteMatch, VirtualHost, redirect_action, route, route_match,
};

use crate::gateway::Opened;
use crate::route::selection::Context;
use crate::route::{action, matching};
use crate::view::OutboundView;

/// What becomes of requests for a host.
#[derive(Default)]
struct Host {
    /// Port of the server that named it first.
    port: u16,
    routes: Vec<Route>,
    /// Gateway and object that the routes come from.
    from: Vec<(String, String)>,
    /// They are sent to HTTPS.
    redirects: bool,
}

/// What virtual hosts of a proxy's gateways are made of.
pub(super) struct Hosts<'a> {
    snapshot: &'a MeshSnapshot,
    outbound: &'a OutboundView,
    /// In precedence, with the hosts of each: read once for all servers.
    objects: Vec<(&'a Arc<Object<VirtualService>>, Vec<HostPattern>)>,
}

impl<'a> Hosts<'a> {
    pub(super) fn of(snapshot: &'a MeshSnapshot, outbound: &'a OutboundView) -> Self {
        let domain = &snapshot.settings().domain;
        let objects = snapshot.config().virtual_services_for(&outbound.namespace);
        let objects = objects.map(|object| (object, wanted(object, domain))).collect();
        Self { snapshot, outbound, objects }
    }

    /// The virtual hosts of servers that share a route configuration.
    pub(super) fn shared_by(&self, servers: &[Opened<'_>]) -> Vec<VirtualHost> {
        let mut by_host: BTreeMap<String, Host> = BTreeMap::new();
        for opened in servers {
            let (name, server, port) = (opened.gateway_name(), opened.server, opened.port);
            let context = Context {
                snapshot: self.snapshot,
                view: self.outbound,
                gateway: Some(&name),
                port,
            };
            // Who came by TLS already is not sent there again.
            let redirects =
                server.tls.as_ref().is_some_and(|tls| tls.https_redirect) && opened.is_plain_http();
            let fresh = || Host { port, ..Host::default() };
            for (host, object, routes) in self.bound(&context, *opened) {
                let found = by_host.entry(host).or_insert_with(fresh);
                found.routes.extend(routes);
                found.from.push((name.clone(), object));
                found.redirects |= redirects;
            }
            for host in server.hosts.iter().filter(|_| redirects) {
                let host = host.split_once('/').map_or(host.as_str(), |(_, host)| host);
                by_host.entry(host.to_ascii_lowercase()).or_insert_with(fresh).redirects = true;
            }
        }
        if by_host.is_empty() {
            return servers.first().map(nobody).into_iter().collect();
        }
        let attempts = !self.outbound.started.without_attempt_count;
        collapsed(by_host).into_iter().map(|(names, host)| host.written(names, attempts)).collect()
    }

    /// Hosts that both a server and a VirtualService name, with the name and the routes of the latter.
    fn bound(
        &self,
        context: &Context<'_>,
        opened: Opened<'_>,
    ) -> Vec<(String, String, Vec<Route>)> {
        let offers: Vec<HostPattern> = opened.server.hosts.iter().map(|host| bare(host)).collect();
        let mut found = Vec::new();
        for (object, wanted) in &self.objects {
            let namespace = &object.meta.namespace;
            if !context.bound(&object.spec.gateways, namespace) {
                continue;
            }
            let offered = opened.server.hosts.iter().zip(&offers);
            let own = &opened.gateway.meta.namespace;
            let offered = offered.filter(|(host, _)| offered_to(host, namespace, own).is_some());
            let offered: Vec<&HostPattern> = offered.map(|(_, pattern)| pattern).collect();
            let hosts = in_both(wanted, &offered);
            if hosts.is_empty() {
                continue;
            }
            let routes = action::routes(context, object);
            if routes.is_empty() {
                continue;
            }
            let name = format!("{namespace}/{}", object.meta.name);
            found.extend(hosts.into_iter().map(|host| (host, name.clone(), routes.clone())));
        }
        found
    }
}

impl Host {
    fn written(self, domains: Vec<String>, attempts: bool) -> VirtualHost {
        let first = domains.first().map_or("", String::as_str);
        VirtualHost {
            name: format!("{first}:{}", self.port),
            domains,
            routes: if self.redirects { vec![to_https()] } else { ordered(self.routes) },
            include_request_attempt_count: attempts,
            ..VirtualHost::default()
        }
    }
}

/// Takes every request, and has no route for any.
fn nobody(opened: &Opened<'_>) -> VirtualHost {
    VirtualHost {
        name: format!("blackhole:{}", opened.port),
        domains: vec!["*".to_owned()],
        ..VirtualHost::default()
    }
}

/// Hosts with the same routes together, the most specific first: names before wildcards, longer ones before shorter ones.
fn collapsed(by_host: BTreeMap<String, Host>) -> Vec<(Vec<String>, Host)> {
    let mut hosts: Vec<(String, Host)> = by_host.into_iter().collect();
    let rank = |name: &str| (name.starts_with('*'), std::cmp::Reverse(name.len()));
    hosts.sort_by_key(|(name, _)| rank(name));
    let mut found: Vec<(Vec<String>, Host)> = Vec::new();
    for (name, host) in hosts {
        let same = |known: &&mut (Vec<String>, Host)| {
            known.1.from == host.from && known.1.redirects == host.redirects
        };
        match found.iter_mut().find(same) {
            Some((names, _)) => names.push(name),
            None => found.push((vec![name], host)),
        }
    }
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    found
}

/// Routes of several VirtualServices: what takes every request goes last, so that it hides nothing.
fn ordered(routes: Vec<Route>) -> Vec<Route> {
    let all = |route: &Route| route.r#match.as_ref().is_some_and(matching::takes_all);
    let (last, mut first): (Vec<Route>, Vec<Route>) = routes.into_iter().partition(all);
    first.extend(last);
    first
}

/// What both a server and a VirtualService name, each once: two hosts of a server may mean one of the object.
pub(super) fn shared_hosts(
    opened: Opened<'_>,
    object: &Object<VirtualService>,
    domain: &str,
) -> BTreeSet<String> {
    let (namespace, own) = (&object.meta.namespace, &opened.gateway.meta.namespace);
    let offered = opened.server.hosts.iter().filter_map(|host| offered_to(host, namespace, own));
    let offered: Vec<HostPattern> = offered.map(HostPattern::new).collect();
    in_both(&wanted(object, domain), &offered.iter().collect::<Vec<_>>())
}

/// The hosts of a VirtualService.
fn wanted(object: &Object<VirtualService>, domain: &str) -> Vec<HostPattern> {
    let hosts = object.spec.hosts.iter();
    let hosts = hosts.map(|host| expand(host, &object.meta.namespace, domain));
    hosts.map(|host| HostPattern::new(host.as_str())).collect()
}

fn in_both(wanted: &[HostPattern], offered: &[&HostPattern]) -> BTreeSet<String> {
    let pairs = wanted.iter().flat_map(|one| offered.iter().map(move |other| (one, *other)));
    let both = pairs.filter_map(|(one, other)| one.intersection(other));
    both.map(ToString::to_string).collect()
}

/// The host of a server, whoever it is offered to.
fn bare(offered: &str) -> HostPattern {
    HostPattern::new(offered.split_once('/').map_or(offered, |(_, host)| host))
}

/// The host of `namespace/host`, when VirtualServices of that namespace may use it.
fn offered_to<'a>(offered: &'a str, namespace: &str, own: &str) -> Option<&'a str> {
    match offered.split_once('/') {
        None => Some(offered),
        Some(("*", host)) => Some(host),
        Some((".", host)) => (namespace == own).then_some(host),
        Some((wanted, host)) => (wanted == namespace).then_some(host),
    }
}

fn to_https() -> Route {
    use redirect_action::SchemeRewriteSpecifier;
    let redirect = RedirectAction {
        scheme_rewrite_specifier: Some(SchemeRewriteSpecifier::HttpsRedirect(true)),
        ..RedirectAction::default()
    };
    Route {
        r#match: Some(RouteMatch {
            path_specifier: Some(route_match::PathSpecifier::Prefix("/".to_owned())),
            ..RouteMatch::default()
        }),
        action: Some(route::Action::Redirect(redirect)),
        ..Route::default()
    }
}
