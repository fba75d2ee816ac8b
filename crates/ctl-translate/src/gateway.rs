//! What a gateway opens, and where it sends requests.
//!
//! In: the Gateways that select the pod, the VirtualServices bound to them. Out: listeners, routes, clusters.
//! Holds: listeners and routes of plain HTTP are called by the port of the pod, as in Istio; a port without routes answers 404.

use std::collections::BTreeSet;

use ctl_snapshot::MeshSnapshot;
use weft_model::HostPattern;
use weft_proto::envoy::config::cluster::v3::Cluster;
use weft_proto::envoy::config::listener::v3::Listener;
use weft_proto::envoy::config::route::v3::{
    DirectResponseAction, Route, RouteConfiguration, RouteMatch, VirtualHost, route::Action,
    route_match::PathSpecifier,
};

use crate::http::Side;
use crate::limits::Limits;
use crate::rbac::Access;
use crate::reach::Reach;
use crate::view::{OutboundView, RouterView};
use crate::{called, route};

mod bytes;
mod hosts;
mod listeners;
mod servers;
mod tls;

use listeners::Listeners;
use servers::{Opened, Port};
pub(crate) use tls::Termination;

/// What a gateway gets beside what it may call.
pub(crate) struct Built {
    pub(crate) listeners: Vec<Listener>,
    pub(crate) routes: Vec<RouteConfiguration>,
    /// Towards what it passes on by server names of the mesh.
    pub(crate) clusters: Vec<Cluster>,
}

/// Everything that the Gateways ask for which mean this proxy.
pub(crate) fn build(snapshot: &MeshSnapshot, outbound: &OutboundView, view: &RouterView) -> Built {
    let ports = servers::merged(snapshot, view);
    let access = Access::of(snapshot, &view.namespace, &view.labels);
    let looks_up =
        Reach::of(snapshot, outbound).services().any(|service| called::is_called(service));
    let workload = (view.namespace.as_str(), &view.labels);
    let limits = &Limits::of(snapshot, workload, Side::Gateway);
    let builder = Listeners { snapshot, outbound, view, access, limits, looks_up };
    let listeners = ports.iter().filter_map(|(target, opened)| builder.listener(*target, opened));
    let listeners = listeners.collect();
    let clusters = ports.values().flat_map(|opened| builder.clusters(opened)).collect();
    let configurations = ports.iter().flat_map(|(target, opened)| match opened {
        Port::Http(all) => {
            let hosts = hosts::of(snapshot, outbound, all);
            vec![route::configuration(servers::http_routes(*target), hosts)]
        }
        Port::Tls(all) => {
            let https = all.iter().filter(|one| one.is_https());
            https.map(|one| https_routes(snapshot, outbound, one, all)).collect()
        }
        Port::Bytes(_) => Vec::new(),
    });
    Built { listeners, routes: configurations.collect(), clusters }
}

/// Routes of one HTTPS server. A client whose connection was made for this server may ask for a host of another one, when the
/// certificate has both names: it is told to make a connection for that.
fn https_routes(
    snapshot: &MeshSnapshot,
    outbound: &OutboundView,
    own: &Opened<'_>,
    all: &[Opened<'_>],
) -> RouteConfiguration {
    let mut found = hosts::of(snapshot, outbound, std::slice::from_ref(own));
    let served = found.iter().filter(|host| !host.routes.is_empty());
    let served = served.flat_map(|host| &host.domains);
    let served: Vec<HostPattern> = served.map(|domain| HostPattern::new(domain)).collect();
    let known = |host: &String| served.iter().any(|own| own.covers(&HostPattern::new(host)));
    let others = all.iter().filter(|other| !std::ptr::eq(*other, own)).flat_map(Opened::hosts);
    let elsewhere: BTreeSet<String> =
        others.filter(|host| host != "*" && !own.hosts().contains(host) && !known(host)).collect();
    if !elsewhere.is_empty() {
        found.push(misdirected(own.port, elsewhere.into_iter().collect()));
    }
    route::configuration(own.route_name(), found)
}

fn misdirected(port: u16, domains: Vec<String>) -> VirtualHost {
    let told = Route {
        name: "misdirected".to_owned(),
        r#match: Some(RouteMatch {
            path_specifier: Some(PathSpecifier::Prefix("/".to_owned())),
            ..RouteMatch::default()
        }),
        action: Some(Action::DirectResponse(DirectResponseAction {
            status: 421,
            ..DirectResponseAction::default()
        })),
        ..Route::default()
    };
    VirtualHost {
        name: format!("misdirected:{port}"),
        domains,
        routes: vec![told],
        ..VirtualHost::default()
    }
}
