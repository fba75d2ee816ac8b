//! What an explanation says, as JSON.
//! In: nothing. Out: types. Holds: a field that does not apply is null; times are milliseconds, shares are percent.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::trace::Step;

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A request goes to a cluster.
    Routed,
    /// Bytes go to a cluster.
    Tcp,
    /// The proxy answers with a redirect.
    Redirect,
    /// The proxy answers by itself.
    DirectResponse,
    /// A policy refuses it.
    Denied,
    /// Nothing listens there.
    #[default]
    NoListener,
    /// The listener has no chain for such a connection; it is closed.
    NoFilterChain,
    /// No host of the routes is meant; 404.
    NoVirtualHost,
    /// No route of the host takes it; 404.
    NoRoute,
    /// Plain text where the gateway wants TLS; 301 to `https`.
    TlsRedirect,
    /// The listener reads another protocol than the client speaks.
    ProtocolError,
    /// TLS cannot be agreed on.
    TlsError,
    /// The listener wants a certificate of the mesh, and the client has none.
    MtlsError,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Answer {
    /// What becomes of it.
    pub outcome: Outcome,
    /// HTTP status, where the proxy answers by itself.
    pub status: Option<u16>,
    /// Listener that takes the connection.
    pub listener: Option<String>,
    /// Its filter chain.
    pub filter_chain: Option<String>,
    /// Route configuration.
    pub route_config: Option<String>,
    /// Virtual host.
    pub virtual_host: Option<String>,
    /// Route.
    pub route: Option<String>,
    /// Where it goes.
    pub clusters: Vec<Share>,
    /// Bound of the whole; 0 is none.
    pub timeout_ms: Option<u64>,
    /// Retries.
    pub retries: Option<Retries>,
    /// Redirect.
    pub redirect: Option<Redirect>,
    /// What the proxy answers.
    pub direct_response: Option<DirectResponse>,
    /// What changes about path and host.
    pub rewrite: Option<Rewrite>,
    /// Copies.
    pub mirrors: Vec<Mirror>,
    /// Injected faults.
    pub faults: Option<Faults>,
    /// What consistent hashing looks at, in order.
    pub hash: Vec<String>,
    /// Cross-origin requests.
    pub cors: Option<Cors>,
    /// Operations on fields.
    #[serde(serialize_with = "null_if_none")]
    pub headers: Headers,
    /// The first cluster.
    pub cluster: Option<Cluster>,
    /// AuthorizationPolicy that decided, as `namespace/name`; null when none matched.
    pub policy: Option<String>,
    /// Which of its rules, from 0.
    pub rule: Option<usize>,
    /// Where nothing allows it: the rule that came nearest.
    pub nearest_miss: Option<NearestMiss>,
    /// Who calls, as the certificate that the deciding proxy sees says.
    pub peer_identity: Option<String>,
    /// Who calls, as a token says; null, because tokens are not judged yet.
    pub request_principal: Option<String>,
    /// Whether the connection that the last proxy takes is mutual TLS of the mesh; null when no such proxy is known.
    pub mtls: Option<bool>,
    /// How it came to this.
    pub trace: Vec<Step>,
}

impl Answer {
    /// Takes over what the proxy of the server says; what the first proxy does stays, unless the server ends the way.
    pub(crate) fn goes_on(&mut self, there: Self, proxy: &str) {
        let refused = !matches!(there.outcome, Outcome::Routed | Outcome::Tcp);
        if refused {
            let broken = there.status.is_none() && self.outcome == Outcome::Routed;
            self.status = if broken { Some(503) } else { there.status };
            self.outcome = there.outcome;
        }
        if refused || there.policy.is_some() {
            (self.policy, self.rule) = (there.policy, there.rule);
            self.nearest_miss = there.nearest_miss;
        }
        self.peer_identity = there.peer_identity;
        self.mtls = there.mtls;
        let steps = there.trace.into_iter().map(|step| Step { proxy: proxy.to_owned(), ..step });
        self.trace.extend(steps);
    }
}

fn null_if_none<S: serde::Serializer>(headers: &Headers, to: S) -> Result<S::Ok, S::Error> {
    Some(headers).filter(|headers| **headers != Headers::default()).serialize(to)
}

/// A rule that did not match, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NearestMiss {
    /// Its policy, as `namespace/name`.
    pub policy: String,
    /// Which of the policy's rules, from 0.
    pub rule: Option<usize>,
    /// Each condition that failed, such as `to.operation.methods: DELETE is not one of GET, POST`.
    pub conditions: Vec<String>,
}

/// A cluster and its share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Share {
    /// Name.
    pub name: String,
    /// Share relative to its siblings'.
    pub weight: u32,
}

/// Retries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Retries {
    /// Tries after the first.
    pub attempts: u32,
    /// Bound of one try; 0 is none but the route's.
    pub per_try_timeout_ms: u64,
    /// Conditions, by Envoy's names.
    pub on: String,
    /// Statuses for `retriable-status-codes`.
    pub status_codes: Vec<u32>,
    /// Endpoints that were tried are avoided.
    pub avoid_previous_hosts: bool,
}

/// A redirect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Redirect {
    /// Status.
    pub code: u16,
    /// Value of `location` for this call.
    pub location: String,
}

/// What the proxy answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DirectResponse {
    /// Status.
    pub status: u16,
    /// Body.
    pub body: String,
}

/// What changes about path and host.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Rewrite {
    /// Path as the server sees it.
    pub path: Option<String>,
    /// Host as the server sees it.
    pub authority: Option<String>,
}

/// Copies of requests.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mirror {
    /// Where to.
    pub cluster: String,
    /// Share of the requests.
    pub percent: f64,
}

/// Injected faults.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Faults {
    /// Wait before going on.
    pub delay: Option<Delay>,
    /// Answer instead of going on.
    pub abort: Option<Abort>,
}

/// An injected delay.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Delay {
    /// How long.
    pub fixed_ms: u64,
    /// Share of the requests.
    pub percent: f64,
}

/// An injected answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Abort {
    /// HTTP status.
    pub http_status: Option<u16>,
    /// gRPC status.
    pub grpc_status: Option<u32>,
    /// Share of the requests.
    pub percent: f64,
}

/// Cross-origin requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cors {
    /// Origins that may ask.
    pub allow_origins: Vec<String>,
    /// Methods.
    pub allow_methods: String,
    /// Request fields.
    pub allow_headers: String,
    /// Response fields.
    pub expose_headers: String,
    /// Seconds that an answer is kept.
    pub max_age: String,
    /// With credentials.
    pub allow_credentials: Option<bool>,
}

/// Operations on fields.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Headers {
    /// On the request.
    pub request: Operations,
    /// On the response.
    pub response: Operations,
}

/// Operations on fields of one direction.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Operations {
    /// Replaced.
    pub set: BTreeMap<String, String>,
    /// Added.
    pub add: BTreeMap<String, String>,
    /// Removed.
    pub remove: Vec<String>,
}

/// A cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cluster {
    /// Where endpoints come from, by Envoy's name: `EDS`, `STATIC`, `STRICT_DNS`, `LOGICAL_DNS`, `ORIGINAL_DST`.
    #[serde(rename = "type")]
    pub kind: String,
    /// How one is picked, by Envoy's name.
    pub lb: String,
    /// Time to connect.
    pub connect_timeout_ms: u64,
    /// TLS toward the endpoints.
    pub tls: ClusterTls,
    /// Bounds; 4294967295 is none.
    pub limits: Limits,
    /// Passive health checking.
    pub outlier: Option<Outlier>,
}

/// TLS toward endpoints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClusterTls {
    /// `none`, `auto` (where the endpoint has a proxy), or a mode of DestinationRule.
    pub mode: String,
    /// SNI.
    pub sni: String,
    /// Names of which the server must have one.
    pub subject_alt_names: Vec<String>,
}

/// Circuit breakers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Connections.
    pub max_connections: u32,
    /// Requests that wait for a connection.
    pub max_pending_requests: u32,
    /// Requests at once.
    pub max_requests: u32,
    /// Retries at once.
    pub max_retries: u32,
    /// Requests per connection; 0 is no bound.
    pub max_requests_per_connection: u32,
}

/// Passive health checking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Outlier {
    /// 5xx in a row; 0 is off.
    pub consecutive_5xx: u32,
    /// 502, 503, 504 in a row; 0 is off.
    pub consecutive_gateway_errors: u32,
    /// How often ejected hosts are looked at.
    pub interval_ms: u64,
    /// First ejection.
    pub base_ejection_ms: u64,
    /// Share of hosts that may be ejected.
    pub max_ejection_percent: u32,
}
