//! Names of the resource types on the discovery stream, and the order in which they are pushed.

/// Clusters (CDS).
pub const CLUSTER: &str = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
/// Endpoints (EDS).
pub const ENDPOINTS: &str = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";
/// Listeners (LDS).
pub const LISTENER: &str = "type.googleapis.com/envoy.config.listener.v3.Listener";
/// Routes (RDS).
pub const ROUTE: &str = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration";
/// Secrets (SDS).
pub const SECRET: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";

/// Names for DNS proxies (NDS).
pub const NAMES: &str = "type.googleapis.com/istio.networking.nds.v1.NameTable";

/// Clusters before what points at them, and routes after what they point at.
pub const PUSH_ORDER: [&str; 6] = [CLUSTER, ENDPOINTS, LISTENER, ROUTE, SECRET, NAMES];

/// The short name people use: `CDS`, `EDS`, `LDS`, `RDS`, `SDS`, `NDS`; the URL itself when unknown.
#[must_use]
pub fn short(type_url: &str) -> &str {
    match type_url {
        CLUSTER => "CDS",
        ENDPOINTS => "EDS",
        LISTENER => "LDS",
        ROUTE => "RDS",
        SECRET => "SDS",
        NAMES => "NDS",
        other => other,
    }
}
