//! Route configurations as they were configured; `proxy-route` compiles them.
//! In: nothing. Out: types. Source of the semantics: Envoy's RouteConfiguration.

use std::sync::Arc;
use std::time::Duration;

use regex::Regex;

use crate::claim::ClaimMatch;
use crate::http::Fault;
use crate::limit::Limit;
use crate::matcher::{Fraction, StringMatcher};
use crate::rbac::Rbac;

/// A route configuration.
#[derive(Debug, Clone)]
pub struct RouteConfig {
    /// Its name.
    pub name: Arc<str>,
    /// Hosts and their routes.
    pub virtual_hosts: Vec<VirtualHost>,
    /// The port in `:authority` does not count.
    pub ignore_port: bool,
    /// Operations on every request and response.
    pub headers: HeaderOps,
}

/// A host and its routes.
#[derive(Debug, Clone)]
pub struct VirtualHost {
    /// Its name, e.g. `reviews.default.svc.cluster.local:9080`.
    pub name: Arc<str>,
    /// `host`, `host:port`, `*.suffix`, `prefix.*`, `*`.
    pub domains: Vec<Arc<str>>,
    /// In order; the first that matches is taken.
    pub routes: Vec<Route>,
    /// Operations on its requests and responses.
    pub headers: HeaderOps,
    /// Retry policy of routes that have none.
    pub retry: Option<Arc<Retry>>,
    /// `x-envoy-attempt-count` goes to the server.
    pub include_attempt_count: bool,
    /// Filter configuration of its routes.
    pub filters: FilterOverrides,
}

/// A route.
#[derive(Debug, Clone)]
pub struct Route {
    /// Its name (may be empty).
    pub name: Arc<str>,
    /// Which requests it takes.
    pub matches: RouteMatch,
    /// What happens to them.
    pub action: RouteAction,
    /// Operations on its requests and responses.
    pub headers: HeaderOps,
    /// Filter configuration of this route.
    pub filters: FilterOverrides,
    /// `x-envoy-decorator-operation` of its requests (may be empty).
    pub decorator: Arc<str>,
}

/// Configuration of filters by route; the most specific one counts.
#[derive(Debug, Clone, Default)]
pub struct FilterOverrides {
    /// Faults.
    pub fault: Option<Arc<Fault>>,
    /// Cross-origin requests.
    pub cors: Option<Arc<Cors>>,
    /// Access control.
    pub rbac: Option<Arc<Rbac>>,
    /// The rate of requests, in place of the limit that is asked [by route](Limit::by_route).
    pub limit: Option<Arc<Limit>>,
}

/// Which requests; all conditions must hold.
#[derive(Debug, Clone)]
pub struct RouteMatch {
    /// The path.
    pub path: PathMatch,
    /// Letter case of the path counts.
    pub case_sensitive: bool,
    /// Request fields and pseudo-headers.
    pub headers: Vec<HeaderMatch>,
    /// Query parameters.
    pub query: Vec<QueryMatch>,
    /// Claims of a verified token.
    pub claims: Vec<ClaimMatch>,
    /// Only gRPC requests.
    pub grpc: bool,
    /// Share of the requests that it takes.
    pub fraction: Fraction,
}

/// A condition on the path (without query).
#[derive(Debug, Clone)]
pub enum PathMatch {
    /// Begins with.
    Prefix(Arc<str>),
    /// Is it, or begins with it and a slash.
    PathPrefix(Arc<str>),
    /// Is.
    Exact(Arc<str>),
    /// Whole path by pattern (anchored).
    Regex(Regex),
    /// A CONNECT request.
    Connect,
}

/// A condition on a request field; `:method`, `:authority`, `:path` and `:scheme` count as fields.
#[derive(Debug, Clone)]
pub struct HeaderMatch {
    /// Lower-case name.
    pub name: Arc<str>,
    /// What it must be.
    pub value: HeaderValueMatch,
    /// The condition must not hold.
    pub invert: bool,
    /// A missing field counts as empty text (else a missing field never matches).
    pub missing_is_empty: bool,
}

/// What a field must be.
#[derive(Debug, Clone)]
pub enum HeaderValueMatch {
    /// It is there.
    Present,
    /// It is not there.
    Absent,
    /// Its value matches.
    Text(StringMatcher),
    /// Its value is a whole number in `[start, end)`.
    Range(i64, i64),
}

/// A condition on a query parameter.
#[derive(Debug, Clone)]
pub struct QueryMatch {
    /// Its name.
    pub name: Arc<str>,
    /// `None`: it is there.
    pub value: Option<StringMatcher>,
}

/// What happens to a request.
#[derive(Debug, Clone)]
pub enum RouteAction {
    /// Sent to a cluster.
    Forward(Arc<Forward>),
    /// Answered with a redirect.
    Redirect(Arc<Redirect>),
    /// Answered.
    Respond(Arc<Respond>),
}

/// Sent to a cluster.
#[derive(Debug, Clone)]
pub struct Forward {
    /// Clusters with weights; one is picked per request.
    pub clusters: Vec<WeightedCluster>,
    /// From the whole request read to the whole response sent; `None` has no bound.
    pub timeout: Option<Duration>,
    /// Between bytes; `None` takes the connection manager's, zero is no bound.
    pub idle_timeout: Option<Duration>,
    /// Largest timeout that a gRPC client may ask for; `None` ignores `grpc-timeout`.
    pub max_grpc_timeout: Option<Duration>,
    /// Retries.
    pub retry: Option<Arc<Retry>>,
    /// Path rewriting.
    pub rewrite: Option<Rewrite>,
    /// `:authority` rewriting.
    pub host_rewrite: Option<HostRewrite>,
    /// What consistent hashing hashes, in order.
    pub hash: Vec<HashPolicy>,
    /// Copies of requests.
    pub mirrors: Vec<Mirror>,
    /// Upgrades of this route; `None` takes the connection manager's.
    pub upgrades: Option<Vec<Arc<str>>>,
    /// Status when the cluster does not exist.
    pub cluster_not_found: u16,
}

/// One of a route's clusters.
#[derive(Debug, Clone)]
pub struct WeightedCluster {
    /// Name.
    pub cluster: Arc<str>,
    /// Share relative to its siblings'.
    pub weight: u32,
    /// Operations on what goes there.
    pub headers: HeaderOps,
}

/// Retries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// Conditions.
    pub on: RetryOn,
    /// Statuses for `retriable-status-codes`.
    pub status_codes: Vec<u16>,
    /// Tries after the first.
    pub num_retries: u32,
    /// Bound of one try; `None` has none but the route's.
    pub per_try_timeout: Option<Duration>,
    /// Base of the back-off (25 ms by default) and its largest value.
    pub back_off: (Duration, Duration),
    /// Avoid hosts that were tried.
    pub avoid_previous_hosts: bool,
    /// After some tries ask other priorities than those that were tried.
    pub remote: bool,
    /// How often a host may be drawn again to avoid such ones.
    pub host_attempts: u32,
}

/// Conditions for a retry, by Envoy's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RetryOn {
    /// `5xx`.
    pub any_5xx: bool,
    /// `gateway-error`.
    pub gateway_error: bool,
    /// `reset`.
    pub reset: bool,
    /// `reset-before-request`.
    pub reset_before_request: bool,
    /// `connect-failure`.
    pub connect_failure: bool,
    /// `refused-stream`.
    pub refused_stream: bool,
    /// `retriable-4xx`.
    pub retriable_4xx: bool,
    /// `retriable-status-codes`.
    pub status_codes: bool,
    /// `envoy-ratelimited`.
    pub rate_limited: bool,
    /// gRPC statuses by number, one bit each (`cancelled` is bit 1, `unavailable` bit 14).
    pub grpc: u32,
}

/// Path rewriting.
#[derive(Debug, Clone)]
pub enum Rewrite {
    /// The matched prefix becomes this.
    Prefix(Arc<str>),
    /// What the pattern finds becomes the substitution.
    Regex(Regex, Arc<str>),
    /// The whole path becomes this.
    Full(Arc<str>),
}

/// `:authority` rewriting.
#[derive(Debug, Clone)]
pub enum HostRewrite {
    /// Becomes this.
    Literal(Arc<str>),
    /// Becomes the endpoint's host name.
    Auto,
    /// Becomes this field's value.
    Header(Arc<str>),
}

/// One thing that consistent hashing hashes.
#[derive(Debug, Clone)]
pub struct HashPolicy {
    /// What.
    pub by: HashBy,
    /// When it has given a hash, those after it are not looked at.
    pub terminal: bool,
}

/// What consistent hashing hashes.
#[derive(Debug, Clone)]
pub enum HashBy {
    /// A field.
    Header(Arc<str>),
    /// A cookie; made with this lifetime (zero: the browser's session), path and further attributes when missing and a
    /// lifetime is given.
    Cookie {
        name: Arc<str>,
        ttl: Option<Duration>,
        path: Arc<str>,
        attributes: Vec<(Arc<str>, Arc<str>)>,
    },
    /// The client's address.
    SourceIp,
    /// A query parameter.
    Query(Arc<str>),
}

/// Copies of requests.
#[derive(Debug, Clone)]
pub struct Mirror {
    /// Where to.
    pub cluster: Arc<str>,
    /// Share of the requests.
    pub fraction: Fraction,
    /// `-shadow` is added to the host.
    pub suffix: bool,
}

/// Answered with a redirect.
#[derive(Debug, Clone, Default)]
pub struct Redirect {
    /// 301, 302, 303, 307 or 308.
    pub status: u16,
    /// New scheme.
    pub scheme: Option<Arc<str>>,
    /// New host.
    pub host: Option<Arc<str>>,
    /// New port.
    pub port: Option<u16>,
    /// New path.
    pub path: Option<Rewrite>,
    /// The query is dropped.
    pub strip_query: bool,
}

/// Answered.
#[derive(Debug, Clone)]
pub struct Respond {
    /// Status.
    pub status: u16,
    /// Body.
    pub body: Arc<[u8]>,
}

/// Operations on request and response fields.
#[derive(Debug, Clone, Default)]
pub struct HeaderOps {
    /// On requests.
    pub request: Vec<HeaderOp>,
    /// On responses.
    pub response: Vec<HeaderOp>,
}

/// One operation. Values may hold `%…%` operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderOp {
    /// Replaces every value, or adds.
    Set(Arc<str>, Arc<str>),
    /// Adds a value.
    Append(Arc<str>, Arc<str>),
    /// Adds when there is none.
    AddIfAbsent(Arc<str>, Arc<str>),
    /// Removes every value.
    Remove(Arc<str>),
}

/// Cross-origin requests.
#[derive(Debug, Clone, Default)]
pub struct Cors {
    /// Origins that may ask.
    pub origins: Vec<StringMatcher>,
    /// `access-control-allow-methods`.
    pub methods: Arc<str>,
    /// `access-control-allow-headers`.
    pub headers: Arc<str>,
    /// `access-control-expose-headers`.
    pub expose: Arc<str>,
    /// `access-control-max-age`.
    pub max_age: Arc<str>,
    /// `access-control-allow-credentials`.
    pub credentials: Option<bool>,
    /// Preflights from other origins go on to the server.
    pub forward_unmatched: bool,
}
