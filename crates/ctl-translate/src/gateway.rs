//! What a gateway opens, and where it sends requests.
//!
//! In: the Gateways that select the pod, the VirtualServices bound to them. Out: listeners, routes, clusters.
//! Holds: listeners and routes of plain HTTP are called by the port of the pod, as in Istio; a port without routes answers 404.

use std::collections::BTreeSet;

use ctl_snapshot::MeshSnapshot;
use weft_proto::envoy::config::cluster::v3::Cluster;
use weft_proto::envoy::config::listener::v3::Listener;
use weft_proto::envoy::config::route::v3::RouteConfiguration;

use crate::http::Side;
use crate::limits::{Limits, OfRoutes};
use crate::rbac::Access;
use crate::reach::Reach;
use crate::view::{OutboundView, RouterView};
use crate::{called, route};

mod bytes;
mod elsewhere;
mod hosts;
mod listeners;
mod servers;
mod tls;

use elsewhere::Elsewhere;
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
            let elsewhere = Elsewhere::of(all);
            let https = all.iter().filter(|one| one.is_https());
            https.map(|one| https_routes(&hosts, one, &elsewhere, &builder.shown_by(one))).collect()
        }
        Port::Bytes(_) => Vec::new(),
    });
    let mut routes: Vec<RouteConfiguration> = configurations.collect();
    let limits = OfRoutes::of(snapshot, workload, Side::Gateway);
    routes.iter_mut().for_each(|table| limits.put(table));
    Built { listeners, routes, clusters }
}

/// Routes of one HTTPS server.
fn https_routes(
    hosts: &Hosts<'_>,
    own: &Opened<'_>,
    elsewhere: &Elsewhere,
    shown: &BTreeSet<String>,
) -> RouteConfiguration {
    let mut found = hosts.shared_by(std::slice::from_ref(own));
    found.extend(elsewhere.misdirected(own, &found, shown));
    route::configuration(own.route_name(), found)
}
