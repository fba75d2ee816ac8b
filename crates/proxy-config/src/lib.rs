//! What a proxy runs by: listeners, routes, clusters and endpoints, as plain immutable values.
//!
//! In: nothing; `proxy-lower` makes these from protobuf. Out: types that the proxy's rooms read.
//! Holds: a value that exists was accepted whole. Names come from the control plane and are identity.
//! Never: protobuf, state, I/O. What lives (pools, loads, health) is kept beside it by key.
//! Why an `Arc` per resource: a change replaces one resource and shares the rest.

pub mod access_log;
pub mod claim;
pub mod cluster;
pub mod endpoint;
pub mod ext_authz;
pub mod facts;
pub mod http;
pub mod limit;
pub mod listener;
pub mod matcher;
pub mod names;
pub mod pieces;
pub mod rbac;
pub mod route;
pub mod statuses;
pub mod tls;
pub mod tokens;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use cluster::Cluster;
pub use endpoint::Endpoints;
pub use facts::{ConnectionFacts, RequestFacts};
pub use listener::Listener;
pub use route::RouteConfig;
pub use tls::{Secret, SecretName};

/// Everything that a proxy has accepted, by name. Cheap to clone and change: resources are shared.
#[derive(Debug, Clone, Default)]
pub struct ProxyConfig {
    /// Counts publications; 0 before the first.
    pub version: u64,
    /// Listeners by name.
    pub listeners: BTreeMap<Arc<str>, Arc<Listener>>,
    /// Route configurations by name (RDS).
    pub routes: BTreeMap<Arc<str>, Arc<RouteConfig>>,
    /// Clusters by name.
    pub clusters: BTreeMap<Arc<str>, Arc<Cluster>>,
    /// Endpoints by EDS service name.
    pub endpoints: BTreeMap<Arc<str>, Arc<Endpoints>>,
    /// Secrets by name, those of the mesh excepted.
    pub secrets: BTreeMap<SecretName, Arc<Secret>>,
}
