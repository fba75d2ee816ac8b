//! What a gateway opens, and where it sends requests.
//!
//! In: the Gateways that select the pod, the VirtualServices bound to them. Out: listeners and routes.
//! Holds: of several VirtualServices for one host the oldest comes first. A port without routes answers 404.
//! Not yet: servers that are not plain HTTP; `weft-model` tells of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ctl_snapshot::MeshSnapshot;
use weft_model::api::gateway::{Gateway, Server};
use weft_model::{HostPattern, Object, expand};
use weft_proto::envoy::config::core::v3::TrafficDirection;
use weft_proto::envoy::config::listener::v3::Listener;
use weft_proto::envoy::config::route::v3::{
    RedirectAction, Route, RouteConfiguration, RouteMatch, VirtualHost, redirect_action, route,
    route_match,
};

use crate::http::{Manager, Routes, Side};
use crate::listener::{self, ANY_ADDRESS};
use crate::names;
use crate::rbac::Access;
use crate::route::selection::Context;
use crate::route::{self as routes, action, matching};
use crate::view::{OutboundView, RouterView};

/// A server with the Gateway that it belongs to.
type Opened<'a> = (&'a Arc<Object<Gateway>>, &'a Server);

/// Listeners and route configurations.
pub(crate) fn build(
    snapshot: &MeshSnapshot,
    outbound: &OutboundView,
    view: &RouterView,
) -> (Vec<Listener>, Vec<RouteConfiguration>) {
    let log = snapshot.settings().access_log.as_deref();
    let mut by_port: BTreeMap<u16, Vec<Opened<'_>>> = BTreeMap::new();
    for gateway in snapshot.config().gateways_for(&view.labels) {
        for server in &gateway.spec.servers {
            if let Some(port) = plain_http(server) {
                by_port.entry(port).or_default().push((gateway, server));
            }
        }
    }
    let access = Access::of(snapshot, &view.namespace, &view.labels);
    let listeners =
        by_port.iter().map(|(port, servers)| {
            let target = view.ports.iter().find(|(number, _)| number == port);
            let target = target.map_or(*port, |(_, target)| *target);
            let name = format!("{ANY_ADDRESS}_{target}");
            let manager = Manager {
                side: Side::Gateway,
                name: &name,
                routes: Routes::Named(format!("http.{port}")),
                access: access.http_filters(),
                access_log: log,
                paths: snapshot.settings().paths,
                started: &view.started,
            };
            let mut objects = access.policies.clone();
            objects.extend(servers.iter().map(|(gateway, _)| {
                names::object("networking.istio.io", "gateway", &gateway.meta)
            }));
            objects.dedup();
            let mut chain = listener::chain("", None, vec![manager.filter()], None);
            chain.metadata = listener::made_from(objects);
            let direction = TrafficDirection::Outbound;
            let mut opened = listener::listener(name.clone(), ANY_ADDRESS, target, direction);
            opened.filter_chains = vec![chain];
            opened
        });
    let listeners = listeners.collect();
    let configurations = by_port.iter().map(|(port, servers)| {
        let hosts = hosts(snapshot, outbound, *port, servers);
        routes::configuration(format!("http.{port}"), hosts)
    });
    (listeners, configurations.collect())
}

fn plain_http(server: &Server) -> Option<u16> {
    let port = server.port.as_ref()?;
    let protocol = port.protocol.as_deref().unwrap_or_default().to_ascii_uppercase();
    let http = matches!(protocol.as_str(), "HTTP" | "HTTP2" | "GRPC" | "GRPC-WEB");
    port.number.filter(|_| http).and_then(|number| u16::try_from(number).ok())
}

fn hosts(
    snapshot: &MeshSnapshot,
    outbound: &OutboundView,
    port: u16,
    servers: &[Opened<'_>],
) -> Vec<VirtualHost> {
    let mut by_host: BTreeMap<String, Host> = BTreeMap::new();
    for (gateway, server) in servers {
        let name = format!("{}/{}", gateway.meta.namespace, gateway.meta.name);
        let context = Context { snapshot, view: outbound, gateway: Some(&name), port };
        let redirects = server.tls.as_ref().is_some_and(|tls| tls.https_redirect);
        let mut own = BTreeSet::new();
        for (host, routes) in bound(&context, gateway, server) {
            by_host.entry(host.clone()).or_default().routes.extend(routes);
            own.insert(host);
        }
        if redirects {
            let hosts = server.hosts.iter();
            let hosts = hosts.map(|host| host.split_once('/').map_or(host.as_str(), |(_, h)| h));
            own.extend(hosts.map(str::to_ascii_lowercase));
            own.into_iter().for_each(|host| by_host.entry(host).or_default().redirects = true);
        }
    }
    let host = |(host, found): (String, Host)| VirtualHost {
        name: format!("{host}:{port}"),
        domains: vec![host],
        routes: if found.redirects { vec![to_https()] } else { ordered(found.routes) },
        include_request_attempt_count: !outbound.started.without_attempt_count,
        ..VirtualHost::default()
    };
    by_host.into_iter().map(host).collect()
}

/// What becomes of requests for a host.
#[derive(Default)]
struct Host {
    routes: Vec<Route>,
    /// They are sent to HTTPS.
    redirects: bool,
}

/// Routes of several VirtualServices: what takes every request goes last, so that it hides nothing.
fn ordered(routes: Vec<Route>) -> Vec<Route> {
    let all = |route: &Route| route.r#match.as_ref().is_some_and(matching::takes_all);
    let (last, mut first): (Vec<Route>, Vec<Route>) = routes.into_iter().partition(all);
    first.extend(last);
    first
}

/// Hosts that both a server and a VirtualService name, with the routes of the latter.
fn bound(
    context: &Context<'_>,
    gateway: &Object<Gateway>,
    server: &Server,
) -> Vec<(String, Vec<Route>)> {
    let settings = context.snapshot.settings();
    let mut found = Vec::new();
    for object in context.snapshot.config().virtual_services_for(&context.view.namespace) {
        let namespace = &object.meta.namespace;
        if !context.bound(&object.spec.gateways, namespace) {
            continue;
        }
        let routes = action::routes(context, object);
        if routes.is_empty() {
            continue;
        }
        for host in &object.spec.hosts {
            let wanted = expand(host, namespace, &settings.domain);
            let wanted = HostPattern::new(wanted.as_str());
            let offered = server.hosts.iter();
            let offered =
                offered.filter_map(|host| offered_to(host, namespace, &gateway.meta.namespace));
            for offered in offered.map(HostPattern::new) {
                if let Some(both) = wanted.intersection(&offered) {
                    found.push((both.to_string(), routes.clone()));
                }
            }
        }
    }
    found
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
