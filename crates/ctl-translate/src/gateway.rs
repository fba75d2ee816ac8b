//! What a gateway opens, and where it sends requests.
//!
//! In: the Gateways that select the pod, the VirtualServices bound to them. Out: listeners, routes, clusters.
//! Holds: listeners and routes of plain HTTP are called by the port of the pod, as in Istio; a port without routes answers 404.

use std::collections::{BTreeMap, HashSet};

use ctl_snapshot::MeshSnapshot;
use weft_model::HostPattern;
use weft_proto::envoy::config::cluster::v3::Cluster;
use weft_proto::envoy::config::listener::v3::Listener;
use weft_proto::envoy::config::route::v3::{
    DirectResponseAction, Route, RouteConfiguration, RouteMatch, VirtualHost, route::Action,
    route_match::PathSpecifier,
};

use crate::http::Side;
use crate::limits::{Limits, OfRoutes};
use crate::rbac::Access;
use crate::reach::Reach;
use crate::view::{OutboundView, RouterView};
use crate::{called, route};

mod bytes;
mod hosts;
mod listeners;
mod servers;
mod tls;

use hosts::Hosts;
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
    let hosts = Hosts::of(snapshot, outbound);
    let configurations = ports.iter().flat_map(|(target, opened)| match opened {
        Port::Http(all) => {
            vec![route::configuration(servers::http_routes(*target), hosts.shared_by(all))]
        }
        Port::Tls(all) => {
            let known = every_host(all);
            let https = all.iter().filter(|one| one.is_https());
            https.map(|one| https_routes(&hosts, one, &known)).collect()
        }
        Port::Bytes(_) => Vec::new(),
    });
    let mut routes: Vec<RouteConfiguration> = configurations.collect();
    let limits = OfRoutes::of(snapshot, workload, Side::Gateway);
    routes.iter_mut().for_each(|table| limits.put(table));
    Built { listeners, routes, clusters }
}

/// Hosts of all servers of a port but the one that takes every host.
fn every_host(all: &[Opened<'_>]) -> BTreeMap<String, HostPattern> {
    let hosts = all.iter().flat_map(Opened::hosts).filter(|host| host != "*");
    hosts.map(|host| (HostPattern::new(&host), host)).map(|(known, host)| (host, known)).collect()
}

/// Routes of one HTTPS server. A client whose connection was made for this server may ask for a host of another one, when the
/// certificate has both names: it is told to make a connection for that.
fn https_routes(
    hosts: &Hosts<'_>,
    own: &Opened<'_>,
    known: &BTreeMap<String, HostPattern>,
) -> RouteConfiguration {
    let mut found = hosts.shared_by(std::slice::from_ref(own));
    let served = found.iter().filter(|host| !host.routes.is_empty());
    let served = served.flat_map(|host| &host.domains);
    let (wide, exact): (Vec<&String>, Vec<&String>) =
        served.partition(|host| host.starts_with('*'));
    let exact: HashSet<&String> = exact.into_iter().collect();
    let wide: Vec<HostPattern> = wide.into_iter().map(|host| HostPattern::new(host)).collect();
    let own_hosts = own.hosts();
    let others = known.iter().filter(|(host, meant)| {
        !own_hosts.contains(*host)
            && !exact.contains(*host)
            && !wide.iter().any(|wide| wide.covers(meant))
    });
    let elsewhere: Vec<String> = others.map(|(host, _)| host.clone()).collect();
    if !elsewhere.is_empty() {
        found.push(misdirected(own.port, elsewhere));
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
