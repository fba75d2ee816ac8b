//! Endpoints of a cluster.
//! In: nothing. Out: types. Source of the semantics: Envoy's ClusterLoadAssignment.

use std::net::SocketAddr;
use std::sync::Arc;

/// Labels in order of their names.
pub type Metadata = Vec<(Arc<str>, Arc<str>)>;

/// Endpoints of a cluster, flat, sorted by priority.
#[derive(Debug, Clone, Default)]
pub struct Endpoints {
    /// Cluster or EDS service name.
    pub name: Arc<str>,
    /// All of them.
    pub endpoints: Vec<Endpoint>,
    /// Percent by which a priority is taken to be larger than it needs to be; `None` is Envoy's 140.
    pub overprovisioning: Option<u32>,
}

/// One endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Where it listens.
    pub address: SocketAddr,
    /// 0 is used first.
    pub priority: u32,
    /// Its weight in its locality, at least 1.
    pub weight: u32,
    /// Its locality.
    pub locality: Arc<Locality>,
    /// What the control plane says of its health.
    pub health: Health,
    /// What it has in common with most of its siblings.
    pub about: Arc<About>,
}

/// What many endpoints of a cluster have in common, kept once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// Its name (may be empty), for rewriting the host.
    pub hostname: Arc<str>,
    /// `envoy.transport_socket_match` labels, e.g. `tlsMode=istio`.
    pub transport_labels: Metadata,
    /// Istio's workload: `name;namespace;canonical name;revision;cluster`. May be empty.
    pub workload: Arc<str>,
}

/// Region, zone, sub-zone and weight (0: not given).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Locality {
    /// Region.
    pub region: Arc<str>,
    /// Zone.
    pub zone: Arc<str>,
    /// Sub-zone.
    pub sub_zone: Arc<str>,
    /// Share relative to its siblings'; 0 means not given.
    pub weight: u32,
}

/// Health as the control plane says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Health {
    /// Serves.
    #[default]
    Healthy,
    /// Serves when nobody healthy is left.
    Degraded,
    /// Takes no new requests.
    Draining,
    /// Does not serve.
    Unhealthy,
}
