//! Writes xDS resources: the one place in the control plane that does.
//!
//! In: a [`MeshSnapshot`] and a [`ProxyView`]. Out: encoded resources by type, each with a version that follows from its bytes.
//! Holds: names and defaults are Istio's; only extensions that a stock Envoy has are used; the same snapshot and view give
//! the same bytes.
//! Never: I/O, clocks, locks, state. A view is the cache key: whoever caches, caches by it.
//! Why three parts: endpoints are the same for every proxy, outbound resources for every proxy of a namespace, and only
//! what a pod accepts is its own.

mod access_log;
mod cluster;
mod domains;
mod endpoints;
mod gateway;
mod http;
mod inbound;
mod listener;
mod names;
mod outbound;
mod policy;
mod rbac;
mod resources;
mod route;
mod started;
mod tls;
mod view;
mod wire;

pub use resources::{Resource, Resources};
pub use started::{Server, Started};
pub use view::{InboundPort, InboundView, OutboundView, ProxyView, RouterView, view_of};

use std::sync::Arc;

use ctl_snapshot::{MeshSnapshot, Service};
use weft_proto::type_url;

/// Everything that a proxy of this view gets.
#[must_use]
pub fn translate(snapshot: &MeshSnapshot, view: &ProxyView) -> Resources {
    let mut all = translate_outbound(snapshot, &view.outbound);
    if let Some(inbound) = &view.inbound {
        all.merge(translate_inbound(snapshot, inbound));
    }
    if let Some(router) = &view.router {
        all.merge(translate_router(snapshot, &view.outbound, router));
    }
    all.merge(translate_endpoints(snapshot));
    all
}

/// Endpoints of every service; the same for all proxies.
#[must_use]
pub fn translate_endpoints(snapshot: &MeshSnapshot) -> Resources {
    let mut found = Resources::default();
    for service in snapshot.config().services() {
        found.merge(translate_endpoints_of(snapshot, service));
    }
    found
}

/// Endpoints of one service; the same for all proxies.
#[must_use]
pub fn translate_endpoints_of(snapshot: &MeshSnapshot, service: &Service) -> Resources {
    let mut found = Resources::default();
    for assignment in endpoints::of_service(snapshot, service) {
        found.add(type_url::ENDPOINTS, assignment.cluster_name.clone(), &assignment);
    }
    found
}

/// What proxies of a namespace may call: clusters, and for sidecars listeners and routes.
#[must_use]
pub fn translate_outbound(snapshot: &MeshSnapshot, view: &OutboundView) -> Resources {
    let mut found = Resources::default();
    for cluster in cluster::outbound(snapshot, view) {
        found.add(type_url::CLUSTER, cluster.name.clone(), &cluster);
    }
    if !view.router {
        for listener in outbound::listeners(snapshot, view) {
            found.add(type_url::LISTENER, listener.name.clone(), &listener);
        }
        for routes in route::sidecar(snapshot, view) {
            found.add(type_url::ROUTE, routes.name.clone(), &routes);
        }
    }
    found
}

/// Whether two versions of the mesh give the same outbound resources for every view, because they differ only in endpoints
/// that such resources do not hold.
#[must_use]
pub fn same_outbound(one: &MeshSnapshot, other: &MeshSnapshot) -> bool {
    let (old, new) = (one.workloads(), other.workloads());
    let same = |service: &Service| {
        let whole = || match (old.behind(&service.host), new.behind(&service.host)) {
            (Some(old), Some(new)) => Arc::ptr_eq(old, new),
            (None, None) => true,
            _ => false,
        };
        old.identities(&service.host).eq(new.identities(&service.host))
            && (!cluster::may_be_direct(one, service) || whole())
    };
    same_config(one, other) && one.config().services().all(|service| same(service))
}

/// Whether two versions of the mesh have the same configuration; then inbound and gateway resources are the same.
#[must_use]
pub fn same_config(one: &MeshSnapshot, other: &MeshSnapshot) -> bool {
    Arc::ptr_eq(one.config(), other.config()) && one.settings() == other.settings()
}

/// What a sidecar accepts for its pod.
#[must_use]
pub fn translate_inbound(snapshot: &MeshSnapshot, view: &InboundView) -> Resources {
    let mut found = Resources::default();
    for cluster in inbound::clusters(snapshot, view) {
        found.add(type_url::CLUSTER, cluster.name.clone(), &cluster);
    }
    let listener = inbound::listener(snapshot, view);
    found.add(type_url::LISTENER, listener.name.clone(), &listener);
    found
}

/// What a gateway opens, and where it sends requests.
#[must_use]
pub fn translate_router(
    snapshot: &MeshSnapshot,
    outbound: &OutboundView,
    view: &RouterView,
) -> Resources {
    let mut found = Resources::default();
    let (listeners, routes) = gateway::build(snapshot, outbound, view);
    for listener in listeners {
        found.add(type_url::LISTENER, listener.name.clone(), &listener);
    }
    for routes in routes {
        found.add(type_url::ROUTE, routes.name.clone(), &routes);
    }
    found
}
