//! Clusters as they were configured.
//! In: nothing. Out: types. Source of the semantics: Envoy's Cluster.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::endpoint::{Endpoint, Endpoints, Metadata};
use crate::statuses::Statuses;
use crate::tls::UpstreamTls;

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
    /// Names of HTTP/1 responses' fields go on as the server wrote them.
    pub keep_case: bool,
    /// TLS by the endpoint's metadata; the first whose labels all match is taken.
    pub transport_matches: Vec<TransportMatch>,
    /// TLS when none matches; `None` is plain text.
    pub tls: Option<Arc<UpstreamTls>>,
    /// What of a request's host counts in TLS.
    pub by_host: ByHost,
    /// Endpoints are told the client's address by a PROXY header.
    pub proxy_protocol: Option<ProxyVersion>,
    /// Bounds.
    pub limits: Limits,
    /// Passive health checking; `None` is off.
    pub outlier: Option<Box<Outlier>>,
    /// Of a connection without requests; `None` has no bound.
    pub idle_timeout: Option<Duration>,
    /// Requests per connection; `None` has no bound.
    pub max_requests_per_connection: Option<u32>,
    /// Local address of connections; `None` leaves it to the system.
    pub source: Option<IpAddr>,
    /// TCP keep-alive.
    pub keepalive: Option<Keepalive>,
    /// New hosts get their share slowly; `None` at once.
    pub slow_start: Option<SlowStart>,
    /// The weights of localities count.
    pub weighs_localities: bool,
    /// Longest life of a connection; `None` has no bound.
    pub max_connection_duration: Option<Duration>,
    /// Requests at once on one HTTP/2 connection; `None` leaves it to the server.
    pub max_streams: Option<u32>,
    /// Pings on HTTP/2 connections; `None` for none.
    pub pings: Option<Pings>,
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
    /// Looked up by the host that is called: that of a request, or the name that a connection asks for in TLS.
    Called(Arc<CalledHosts>),
}

/// How hosts are looked up when they are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalledHosts {
    /// Clusters that name the same cache share what is known.
    pub cache: Arc<str>,
    /// Which addresses count.
    pub family: Family,
    /// How often to look up a host that is being called.
    pub refresh: Duration,
    /// How long a host is known that nobody calls.
    pub kept: Duration,
    /// Hosts known at once.
    pub most: u32,
    /// Bound of one look-up.
    pub limit: Duration,
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

/// Form of a PROXY header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProxyVersion {
    /// Text.
    V1,
    /// Bytes.
    V2,
}

/// What of a request's host counts in TLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ByHost {
    /// It is the server name that is sent.
    pub sni: bool,
    /// The server's certificate must have it.
    pub san: bool,
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

/// Circuit breakers; `u32::MAX` is no bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections.
    pub max_connections: u32,
    /// Requests that wait for one.
    pub max_pending: u32,
    /// Requests at once.
    pub max_requests: u32,
    /// Retries at once, where there is no budget.
    pub max_retries: u32,
    /// Retries at once as a share of requests.
    pub retry_budget: Option<RetryBudget>,
}

/// Bounds retries by a share of the requests under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryBudget {
    /// Retries per million requests under way.
    pub per_million: u32,
    /// Retries that are allowed in any case.
    pub minimum: u32,
    /// The share is of the requests that began within this time, not of those under way.
    pub interval: Option<Duration>,
}

impl RetryBudget {
    /// How many retries may be under way beside so many requests (of the interval, where there is one).
    #[must_use]
    pub fn allows(&self, requests: u32) -> u32 {
        let share = u64::from(requests) * u64::from(self.per_million) / 1_000_000;
        u32::try_from(share).unwrap_or(u32::MAX).max(self.minimum)
    }
}

/// How new hosts come to their share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SlowStart {
    /// How long it takes.
    pub window: Duration,
    /// 1 is a straight line, more is steeper at the beginning.
    pub aggression: f64,
    /// Least share, in percent.
    pub minimum_percent: f64,
}

/// Pings on HTTP/2 connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pings {
    /// Time between them.
    pub interval: Duration,
    /// A ping without answer for so long ends the connection.
    pub timeout: Duration,
}

impl Default for Limits {
    /// Envoy's defaults: 1024, 1024, 1024 and 3.
    fn default() -> Self {
        Self {
            max_connections: 1024,
            max_pending: 1024,
            max_requests: 1024,
            max_retries: 3,
            retry_budget: None,
        }
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
    /// The answers that are failures; `None` for those with 500 and more.
    pub errors: Option<Statuses>,
}

impl Outlier {
    /// The status that an answer counts as: a failure as one of 500 and more, anything else as a success.
    #[must_use]
    pub fn counts_as(&self, status: u16) -> u16 {
        match &self.errors {
            None => status,
            Some(errors) if errors.contains(status) => status.max(500),
            Some(_) => 200,
        }
    }
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
