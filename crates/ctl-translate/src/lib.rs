//! Writes xDS resources: the one place in the control plane that does.
//!
//! In: a [`MeshSnapshot`] and a [`ProxyView`]. Out: encoded resources by type, each with a version that follows from its bytes.
//! Holds: names and defaults are Istio's; only extensions that a stock Envoy has are used; the same snapshot and view give
//! the same bytes.
//! Never: I/O, clocks, locks, state. A view is the cache key: whoever caches, caches by it. What several views would make
//! alike is kept in a [`Kept`] that the caller lends; `same.rs` says what a newer version need not make again.
//! Why several parts: endpoints are the same for every proxy but where its place counts, outbound resources for every proxy of a namespace, and only
//! what a pod accepts is its own.

mod access_log;
mod called;
mod callers;
mod claims;
mod cluster;
mod credential;
mod domains;
mod endpoints;
mod gateway;
mod http;
mod inbound;
mod limits;
mod listener;
mod name_table;
mod names;
mod near;
mod origination;
mod outbound;
mod policy;
mod rbac;
mod reach;
mod resources;
mod route;
mod same;
mod started;
mod tls;
mod tokens;
mod view;
mod wire;

pub use cluster::Kept;
pub use near::Standpoint;
pub use resources::{Resource, Resources};
pub use same::{
    same_config, same_endpoints, same_endpoints_of, same_inbound, same_listed, same_near_services,
    same_outbound, same_pod, same_router, same_secrets, same_view,
};
pub use started::{Server, Started};
pub use tls::offered as mesh_protocols;
pub use view::{InboundPort, InboundView, OutboundView, ProxyView, RouterView, view_of};

use std::collections::BTreeSet;

use ctl_snapshot::{MeshSnapshot, Service};
use weft_proto::type_url;

use crate::credential::Credentials;
use crate::gateway::Built;
use crate::http::Side;
use crate::limits::OfRoutes;

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
    let secrets = translate_secrets(snapshot, &view.outbound, all.asked());
    all.merge(secrets);
    all.merge(translate_endpoints(snapshot));
    all.replace(translate_near(snapshot, &view.outbound));
    all
}

/// The secrets that resources of a view ask for, as far as there are such and it may have them.
#[must_use]
pub fn translate_secrets(
    snapshot: &MeshSnapshot,
    view: &OutboundView,
    asked: &BTreeSet<String>,
) -> Resources {
    let mut found = Resources::default();
    let credentials = Credentials { snapshot, namespace: &view.namespace, keys: view.keys };
    for secret in credentials.of(asked) {
        found.add(type_url::SECRET, secret.name.clone(), &secret);
    }
    found
}

/// Endpoints that clients of a view see otherwise than others do; each stands for the shared ones of the same name.
#[must_use]
pub fn translate_near(snapshot: &MeshSnapshot, view: &OutboundView) -> Resources {
    let mut found = Resources::default();
    for assignment in endpoints::near(snapshot, view) {
        found.add(type_url::ENDPOINTS, assignment.cluster_name.clone(), &assignment);
    }
    found
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
    let mut found = translate_clusters(snapshot, view, &mut Kept::default());
    found.merge(translate_calls(snapshot, view));
    found
}

/// The clusters of what they may call.
#[must_use]
pub fn translate_clusters(
    snapshot: &MeshSnapshot,
    view: &OutboundView,
    kept: &mut Kept,
) -> Resources {
    let mut found = Resources::default();
    let (clusters, sockets) = cluster::outbound(snapshot, view, kept);
    found.ask(credential::asked(sockets.iter()));
    found.share(type_url::CLUSTER, clusters);
    found
}

/// How sidecars are called by their pods: listeners, routes and names.
#[must_use]
pub fn translate_calls(snapshot: &MeshSnapshot, view: &OutboundView) -> Resources {
    let mut found = Resources::default();
    if !view.router {
        for listener in outbound::listeners(snapshot, view) {
            found.add(type_url::LISTENER, listener.name.clone(), &listener);
        }
        let workload = (view.namespace.as_str(), &view.rule_labels);
        let limits = OfRoutes::of(snapshot, workload, Side::Outbound);
        for mut routes in route::sidecar(snapshot, view) {
            limits.put(&mut routes);
            found.add(type_url::ROUTE, routes.name.clone(), &routes);
        }
        if let Some(table) = name_table::of(snapshot, view) {
            found.add(type_url::NAMES, name_table::RESOURCE.to_owned(), &table);
        }
    }
    found
}

/// What a sidecar accepts for its pod.
#[must_use]
pub fn translate_inbound(snapshot: &MeshSnapshot, view: &InboundView) -> Resources {
    let mut found = Resources::default();
    for mut cluster in inbound::clusters(snapshot, view) {
        if view.started.keeps_case {
            policy::keep_case(&mut cluster);
        }
        found.add(type_url::CLUSTER, cluster.name.clone(), &cluster);
    }
    for listener in inbound::listeners(snapshot, view) {
        found.add(type_url::LISTENER, listener.name.clone(), &listener);
    }
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
    let Built { listeners, routes, clusters } = gateway::build(snapshot, outbound, view);
    for cluster in clusters {
        found.add(type_url::CLUSTER, cluster.name.clone(), &cluster);
    }
    found.ask(credential::asked(credential::of_listeners(&listeners)));
    for listener in listeners {
        found.add(type_url::LISTENER, listener.name.clone(), &listener);
    }
    for routes in routes {
        found.add(type_url::ROUTE, routes.name.clone(), &routes);
    }
    found
}
