//! Clusters as they were configured.
//! In: nothing. Out: types. Source of the semantics: Envoy's Cluster.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::endpoint::{Endpoint, Endpoints, Metadata};
use crate::listener::SecretName;
use crate::matcher::StringMatcher;

/// A cluster.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// Its name, e.g. `outbound|8080|v1|host`.
    pub name: Arc<str>,
    /// Where endpoints come from.
    pub discovery: Discovery,
    /// How one is picked.
    pub balancer: Balancer,
    /// Bound of connecting, TLS included.
    pub connect_timeout: Duration,
    /// HTTP version toward the endpoints.
    pub protocol: Protocol,
    /// TLS by the endpoint's metadata; the first whose labels all match is taken.
    pub transport_matches: Vec<TransportMatch>,
    /// TLS when none matches; `None` is plain text.
    pub tls: Option<Arc<UpstreamTls>>,
    /// Bounds.
    pub limits: Limits,
    /// Passive health checking; `None` is off.
    pub outlier: Option<Outlier>,
    /// Of a connection without requests; `None` has no bound.
    pub idle_timeout: Option<Duration>,
    /// Requests per connection; `None` has no bound.
    pub max_requests_per_connection: Option<u32>,
    /// Local address of connections; `None` leaves it to the system.
    pub source: Option<IpAddr>,
    /// TCP keep-alive.
    pub keepalive: Option<Keepalive>,
    /// Share of healthy hosts (percent) below which health no longer counts; Istio's default is 0.
    pub panic_threshold: u8,
    /// Istio's `host`, `name` and `namespace` of the service, for telemetry.
    pub service: Option<Service>,
}

/// The service that a cluster stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Full host name.
    pub host: Arc<str>,
    /// Short name.
    pub name: Arc<str>,
    /// Namespace.
    pub namespace: Arc<str>,
}

/// Where endpoints come from.
#[derive(Debug, Clone)]
pub enum Discovery {
    /// By name, from [`crate::ProxyConfig::endpoints`].
    Eds(Arc<str>),
    /// Listed.
    Static(Arc<Endpoints>),
    /// Looked up by name; endpoints carry host names.
    Dns(Arc<DnsEndpoints>),
    /// Where the connection was going.
    OriginalDestination,
}

/// Endpoints by host name.
#[derive(Debug, Clone)]
pub struct DnsEndpoints {
    /// What is looked up.
    pub hosts: Vec<DnsHost>,
    /// How often to look up.
    pub refresh: Duration,
    /// Only the first address counts (LOGICAL_DNS).
    pub logical: bool,
    /// Which addresses count.
    pub family: Family,
}

/// One name.
#[derive(Debug, Clone)]
pub struct DnsHost {
    /// The name.
    pub name: Arc<str>,
    /// What is known of its endpoints, the port among it; only the IP address is yet to be found.
    pub endpoint: Endpoint,
}

/// Which addresses of a name count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Family {
    /// IPv6 if there are such, else IPv4.
    #[default]
    Auto,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
    /// IPv4 if there are such, else IPv6.
    V4Preferred,
    /// All.
    All,
}

/// How an endpoint is picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Balancer {
    /// In turn, by weight.
    RoundRobin,
    /// The one with fewer requests, of some at random.
    LeastRequest {
        /// Of how many.
        choices: u32,
    },
    /// Any.
    Random,
    /// Consistent, on a ring.
    RingHash {
        /// Fewest entries on the ring.
        minimum: u64,
        /// Most entries, unless there are more hosts.
        maximum: u64,
    },
    /// Consistent, by Maglev's table.
    Maglev {
        /// Entries of the table.
        size: u64,
    },
    /// Chosen by the cluster's kind (original destination).
    ClusterProvided,
}

/// HTTP version toward endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2.
    Http2,
    /// As the client spoke.
    Downstream,
}

/// TLS for endpoints with these labels.
#[derive(Debug, Clone)]
pub struct TransportMatch {
    /// Name, e.g. `tlsMode-istio`.
    pub name: Arc<str>,
    /// Labels in the endpoint's `envoy.transport_socket_match`; empty matches all.
    pub labels: Metadata,
    /// `None` is plain text.
    pub tls: Option<Arc<UpstreamTls>>,
}

/// TLS toward an endpoint.
#[derive(Debug, Clone)]
pub struct UpstreamTls {
    /// SNI; empty sends none.
    pub sni: Arc<str>,
    /// Offered application protocols.
    pub alpn: Vec<Arc<str>>,
    /// Our certificate; `None` shows none.
    pub certificate: Option<SecretName>,
    /// Trusted roots; `None` verifies nobody.
    pub roots: Option<SecretName>,
    /// One must match a name in the server's certificate; empty accepts any trusted one.
    pub server_sans: Vec<StringMatcher>,
}

/// Circuit breakers; `u32::MAX` is no bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections.
    pub max_connections: u32,
    /// Requests that wait for one.
    pub max_pending: u32,
    /// Requests at once.
    pub max_requests: u32,
    /// Retries at once.
    pub max_retries: u32,
}

impl Default for Limits {
    /// Envoy's defaults: 1024, 1024, 1024 and 3.
    fn default() -> Self {
        Self { max_connections: 1024, max_pending: 1024, max_requests: 1024, max_retries: 3 }
    }
}

/// Passive health checking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outlier {
    /// 5xx in a row; 0 is off.
    pub consecutive_5xx: u32,
    /// 502, 503, 504 in a row; 0 is off.
    pub consecutive_gateway: u32,
    /// Failures to connect count apart.
    pub split_local_origin: bool,
    /// Failures to connect in a row (when apart); 0 is off.
    pub consecutive_local_origin: u32,
    /// How often ejected hosts are looked at.
    pub interval: Duration,
    /// First ejection; grows with each.
    pub base_ejection: Duration,
    /// Longest ejection.
    pub max_ejection: Duration,
    /// Share of hosts that may be ejected, percent.
    pub max_ejection_percent: u32,
}

/// TCP keep-alive; `None` leaves the system's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Keepalive {
    /// Probes before giving up.
    pub probes: Option<u32>,
    /// Idle time before the first.
    pub time: Option<Duration>,
    /// Between probes.
    pub interval: Option<Duration>,
}
