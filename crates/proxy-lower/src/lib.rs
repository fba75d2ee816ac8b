//! Turns the control plane's protobuf into the proxy's configuration.
//!
//! In: one resource, as bytes. Out: one value of `proxy-config`, or [`Rejected`] with the path of what is wrong.
//! Holds: a resource is accepted whole or refused alone; a field that is set and not honoured refuses it.
//! Never: looks at another resource, keeps state, guesses.
//! Why so strict: a field that is silently dropped is an outage that nobody is told of.

mod access_log;
mod any;
mod called;
mod claim;
mod cluster;
mod endpoints;
mod ext_authz;
mod http;
mod known;
mod limit;
mod listener;
mod matcher;
mod names;
mod options;
mod rbac;
mod route;
mod secret;
mod tls;
mod tokens;
mod wrap;

use proxy_config::names::NameTable;
use proxy_config::{Cluster, Endpoints, Listener, RouteConfig, Secret};

pub use known::Rejected;

/// Result of lowering.
pub type Lowered<T> = Result<T, Rejected>;

/// Lowers a Listener.
///
/// # Errors
/// When bytes or a field cannot be honoured; says which.
pub fn lower_listener(bytes: &[u8]) -> Lowered<Listener> {
    listener::lower(any::decode(bytes, "listener")?)
}

/// Lowers a Cluster.
///
/// # Errors
/// As [`lower_listener`].
pub fn lower_cluster(bytes: &[u8]) -> Lowered<Cluster> {
    cluster::lower(any::decode(bytes, "cluster")?)
}

/// Lowers a ClusterLoadAssignment.
///
/// # Errors
/// As [`lower_listener`].
pub fn lower_endpoints(bytes: &[u8]) -> Lowered<Endpoints> {
    endpoints::lower(any::decode(bytes, "endpoints")?)
}

/// Lowers a RouteConfiguration.
///
/// # Errors
/// As [`lower_listener`].
pub fn lower_routes(bytes: &[u8]) -> Lowered<RouteConfig> {
    route::read(bytes)
}

/// Lowers a Secret.
///
/// # Errors
/// As [`lower_listener`]; nothing of a key is said.
pub fn lower_secret(bytes: &[u8]) -> Lowered<Secret> {
    secret::lower(any::decode(bytes, "secret")?)
}

/// Lowers a table of names.
///
/// # Errors
/// As [`lower_listener`].
pub fn lower_names(bytes: &[u8]) -> Lowered<NameTable> {
    names::lower(any::decode(bytes, "names")?)
}
