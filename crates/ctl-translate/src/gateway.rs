//! What a gateway opens, and where it sends requests.
//!
//! In: the Gateways that select the pod, the VirtualServices bound to them. Out: listeners and routes.
//! Holds: of several VirtualServices for one host the oldest comes first. A port without routes answers 404.
//! Not yet: servers that are not plain HTTP; `weft-model` tells of them.

use std::collections::BTreeMap;
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
use crate::route::selection::Context;
use crate::route::{self as routes, action};
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
    let listeners = by_port.keys().map(|port| {
        let target = view.ports.iter().find(|(number, _)| number == port);
        let target = target.map_or(*port, |(_, target)| *target);
        let name = format!("{ANY_ADDRESS}_{target}");
        let manager = Manager {
            side: Side::Gateway,
            name: &name,
            routes: Routes::Named(format!("http.{port}")),
            access: Vec::new(),
            access_log: log,
        };
        let chain = listener::chain("", None, vec![manager.filter()], None);
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
    let mut by_host: BTreeMap<String, Vec<Route>> = BTreeMap::new();
    for (gateway, server) in servers {
        let name = format!("{}/{}", gateway.meta.namespace, gateway.meta.name);
        let context = Context { snapshot, view: outbound, gateway: Some(&name), port };
        let redirects = server.tls.as_ref().is_some_and(|tls| tls.https_redirect);
        for (host, route) in bound(&context, gateway, server) {
            let into = by_host.entry(host).or_default();
            if redirects && into.is_empty() {
                into.push(to_https());
            } else if !redirects {
                into.extend(route);
            }
        }
    }
    let host = |(host, routes): (String, Vec<Route>)| VirtualHost {
        name: format!("{host}:{port}"),
        domains: vec![host],
        routes,
        include_request_attempt_count: true,
        ..VirtualHost::default()
    };
    by_host.into_iter().map(host).collect()
}

/// Hosts that both a server and a VirtualService name, with the routes of the latter.
fn bound(
    context: &Context<'_>,
    gateway: &Object<Gateway>,
    server: &Server,
) -> Vec<(String, Vec<Route>)> {
    let settings = context.snapshot.settings();
    let mut found = Vec::new();
    for object in context.snapshot.config().virtual_services_for(&gateway.meta.namespace) {
        let namespace = &object.meta.namespace;
        if object.spec.gateways.is_empty() || !context.bound(&object.spec.gateways, namespace) {
            continue;
        }
        for host in &object.spec.hosts {
            let wanted = expand(host, namespace, &settings.domain);
            let wanted = HostPattern::new(wanted.as_str());
            for offered in &server.hosts {
                let Some(offered) = offered_to(offered, namespace, &gateway.meta.namespace) else {
                    continue;
                };
                let offered = HostPattern::new(offered);
                if let Some(both) = wanted.intersection(&offered) {
                    found.push((domain(both), action::routes(context, object)));
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

fn domain(pattern: &HostPattern) -> String {
    match pattern {
        HostPattern::Exact(host) => host.to_string(),
        HostPattern::Suffix(suffix) => format!("*{suffix}"),
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
