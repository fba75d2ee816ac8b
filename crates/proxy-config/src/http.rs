//! The HTTP connection manager: how a connection is read as requests.
//! In: nothing. Out: types. Source of the semantics: Envoy's HttpConnectionManager.

use std::sync::Arc;
use std::time::Duration;

use crate::access_log::AccessLog;
use crate::ext_authz::ExtAuthz;
use crate::limit::Limit;
use crate::matcher::Fraction;
use crate::rbac::Rbac;
use crate::route::RouteConfig;
use crate::tokens::Tokens;

/// The HTTP connection manager filter.
#[derive(Debug, Clone)]
pub struct HttpManager {
    /// Name in statistics.
    pub stat_prefix: Arc<str>,
    /// HTTP version spoken by clients.
    pub codec: Codec,
    /// Where routes come from.
    pub routes: RouteSource,
    /// Filters before the router, in order.
    pub filters: Vec<HttpFilter>,
    /// Logs of its requests.
    pub access_logs: Vec<AccessLog>,
    /// Value of the `server` field.
    pub server_name: Arc<str>,
    /// What the `server` field becomes.
    pub server_header: ServerHeader,
    /// Resolve `.` and `..` in paths before anything looks at them.
    pub normalize_path: bool,
    /// `//` counts as `/`.
    pub merge_slashes: bool,
    /// What happens to `%2F` and `%5C` in paths.
    pub escaped_slashes: EscapedSlashes,
    /// `x-forwarded-client-cert`.
    pub client_cert: ClientCert,
    /// What ours says of the client.
    pub client_cert_details: ClientCertDetails,
    /// `expect: 100-continue` goes on to the server (true), or is answered by us.
    pub proxy_100_continue: bool,
    /// Take the client's address from the connection (edge) and append it to `x-forwarded-for`.
    pub use_remote_address: bool,
    /// How many proxies in front of us are trusted in `x-forwarded-for`.
    pub trusted_hops: u32,
    /// Make `x-request-id` when it is missing.
    pub generate_request_id: bool,
    /// Keep a request id that a stranger sent (at the edge it is replaced).
    pub preserve_external_request_id: bool,
    /// Upgrades that pass, lower case, e.g. `websocket`.
    pub upgrades: Vec<Arc<str>>,
    /// From the first byte of a request to its end; `None` has no bound.
    pub request_timeout: Option<Duration>,
    /// Between bytes of a stream; `None` has no bound.
    pub stream_idle_timeout: Option<Duration>,
    /// Of a connection without requests; `None` has no bound.
    pub idle_timeout: Option<Duration>,
    /// How long a draining connection may go on.
    pub drain_timeout: Duration,
    /// Largest request head.
    pub max_request_headers_kb: u32,
    /// HTTP/1.0 is answered.
    pub accept_http_10: bool,
    /// Names of HTTP/1 requests' fields go on as the client wrote them.
    pub keep_case: bool,
    /// CONNECT is taken in HTTP/2, also with a protocol (WebSockets).
    pub http2_connect: bool,
    /// Streams at once per HTTP/2 connection.
    pub max_concurrent_streams: Option<u32>,
}

/// HTTP version of clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Codec {
    /// By ALPN or by the HTTP/2 preface.
    #[default]
    Auto,
    /// HTTP/1 only.
    Http1,
    /// HTTP/2 only.
    Http2,
}

/// Where routes come from.
#[derive(Debug, Clone)]
pub enum RouteSource {
    /// By name, from [`crate::ProxyConfig::routes`].
    Named(Arc<str>),
    /// Within the listener.
    Inline(Arc<RouteConfig>),
}

/// An HTTP filter with its configuration.
#[derive(Debug, Clone)]
pub enum HttpFilter {
    /// Tokens of users.
    Tokens(Arc<Tokens>),
    /// Role based access control.
    Rbac(Arc<Rbac>),
    /// Asks somebody else.
    Ask(Arc<ExtAuthz>),
    /// Limits the rate of requests; the configuration may come per route.
    Limit(Arc<Limit>),
    /// Injected faults; the configuration may come per route.
    Fault(Arc<Fault>),
    /// Cross-origin requests; the configuration comes per route.
    Cors,
    /// gRPC of browsers, for servers that speak gRPC.
    GrpcWeb,
}

/// Injected faults.
#[derive(Debug, Clone, Default)]
pub struct Fault {
    /// Wait before going on.
    pub delay: Option<(Duration, Fraction)>,
    /// Answer instead of going on.
    pub abort: Option<(Abort, Fraction)>,
}

/// How an aborted request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Abort {
    /// HTTP status.
    Http(u16),
    /// gRPC status.
    Grpc(u32),
}

/// What happens to the `server` field of responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ServerHeader {
    /// Ours replaces it.
    #[default]
    Overwrite,
    /// Ours is added when there is none.
    AppendIfAbsent,
    /// It is left alone.
    PassThrough,
}

/// What happens to escaped slashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EscapedSlashes {
    /// Nothing.
    #[default]
    Keep,
    /// The request is refused with 400.
    Reject,
    /// They become slashes, and a redirect says so.
    UnescapeAndRedirect,
    /// They become slashes.
    UnescapeAndForward,
}

/// What our element of `x-forwarded-client-cert` says, besides `By` and `Hash`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClientCertDetails {
    /// `Subject`.
    pub subject: bool,
    /// `Cert`, the client's certificate.
    pub cert: bool,
    /// `DNS` names.
    pub dns: bool,
    /// `URI` names.
    pub uri: bool,
}

/// `x-forwarded-client-cert`: what happens to a given one, and what is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientCert {
    /// Removed.
    #[default]
    Sanitize,
    /// Passed on when the client used mutual TLS.
    ForwardOnly,
    /// Passed on with ours appended (mutual TLS).
    AppendForward,
    /// Replaced by ours (mutual TLS).
    SanitizeSet,
    /// Passed on whatever came.
    AlwaysForwardOnly,
}
