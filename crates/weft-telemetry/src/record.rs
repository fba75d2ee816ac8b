//! What is told when an exchange or a connection ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::{Flag, Flags, Service, Workload};

/// Which end of the call tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reporter {
    /// The client's proxy, or a gateway.
    Source,
    /// The server's proxy.
    Destination,
}

/// What kind of call it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP of any version.
    Http,
    /// gRPC.
    Grpc,
    /// Bytes.
    Tcp,
}

impl Protocol {
    /// As metrics name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Grpc => "grpc",
            Self::Tcp => "tcp",
        }
    }
}

/// The two ends and the service between them.
#[derive(Debug, Clone, Copy)]
pub struct Ends<'a> {
    /// Which end tells.
    pub reporter: Reporter,
    /// The other end.
    pub peer: &'a Arc<Workload>,
    /// SPIFFE id of the client, when mutual TLS was used.
    pub source_principal: Option<&'a str>,
    /// SPIFFE id of the server, when mutual TLS was used.
    pub destination_principal: Option<&'a str>,
    /// The service that was called.
    pub service: &'a Arc<Service>,
    /// Mutual TLS on the accepted connection.
    pub mutual_tls: bool,
}

/// Which rule did not let a call pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Denied<'a> {
    /// `NAMESPACE/NAME` of the policy that denies; `None` where policies allow, and none of them allows this.
    pub policy: Option<&'a str>,
    /// The number of the policy's rule.
    pub rule: Option<usize>,
    /// The same in a line, with what came nearest to allowing it; only where logs are to have it.
    pub why: Option<&'a str>,
}

/// One HTTP request and its answer.
#[derive(Debug, Clone, Copy)]
pub struct ExchangeRecord<'a> {
    /// Who took part.
    pub ends: Ends<'a>,
    /// HTTP or gRPC.
    pub protocol: Protocol,
    /// Status code; 0 when the client left before there was one.
    pub response_code: u16,
    /// gRPC status.
    pub grpc_status: Option<u16>,
    /// Response flags.
    pub flags: Flags,
    /// Bytes of the request's head and body.
    pub request_bytes: u64,
    /// Bytes of the response's head and body.
    pub response_bytes: u64,
    /// Bytes of the request's body.
    pub body_received: u64,
    /// Bytes of the response's body.
    pub body_sent: u64,
    /// First byte in to last byte out.
    pub duration: Duration,
    /// When it began.
    pub start: SystemTime,
    /// Rules that did not let it pass.
    pub denied: Option<Denied<'a>>,
    /// What only a log wants.
    pub log: LogFields<'a>,
}

/// Fields of the access log.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogFields<'a> {
    /// Write a line at all.
    pub enabled: bool,
    /// Method.
    pub method: &'a str,
    /// Path as the client sent it.
    pub path: &'a str,
    /// Host.
    pub authority: &'a str,
    /// `HTTP/1.1` and so on.
    pub http_version: &'a str,
    /// Why this response.
    pub details: &'a str,
    /// Why the upstream connection failed.
    pub upstream_failure: Option<&'a str>,
    /// Milliseconds the server took.
    pub upstream_time: Option<u64>,
    /// `x-forwarded-for` as sent upstream.
    pub forwarded_for: Option<&'a str>,
    /// `user-agent`.
    pub user_agent: Option<&'a str>,
    /// `x-request-id`.
    pub request_id: Option<&'a str>,
    /// Endpoint.
    pub upstream_host: Option<SocketAddr>,
    /// Cluster.
    pub upstream_cluster: Option<&'a str>,
    /// Our address toward the server.
    pub upstream_local: Option<SocketAddr>,
    /// Where the client wanted to go.
    pub downstream_local: Option<SocketAddr>,
    /// The client.
    pub downstream_remote: Option<SocketAddr>,
    /// Server name of the client's TLS.
    pub sni: Option<&'a str>,
    /// Name of the route.
    pub route: Option<&'a str>,
}

/// Which moment of a TCP connection is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TcpEvent {
    /// It is open; the upstream is connected.
    Opened,
    /// It ended.
    Closed,
}

/// One moment of a TCP connection.
#[derive(Debug, Clone, Copy)]
pub struct TcpRecord<'a> {
    /// Who took part.
    pub ends: Ends<'a>,
    /// Which moment.
    pub event: TcpEvent,
    /// Response flag.
    pub flag: Flag,
    /// Bytes from the client since the last record.
    pub received: u64,
    /// Bytes to the client since the last record.
    pub sent: u64,
    /// Since the connection was accepted.
    pub duration: Duration,
    /// When it was accepted.
    pub start: SystemTime,
    /// Rules that did not let it pass.
    pub denied: Option<Denied<'a>>,
    /// What only a log wants.
    pub log: LogFields<'a>,
}

/// What rules of access control that are only watched (a dry run) would have decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchedRecord<'a> {
    /// Name in statistics of the connection manager; `None` for a connection that is not read as HTTP.
    pub manager: Option<&'a str>,
    /// Prefix of the rules' findings.
    pub rules: &'a str,
    /// They would have let it pass.
    pub allowed: bool,
}

/// A limit of rates was asked about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitRecord<'a> {
    /// Its name in statistics.
    pub limit: &'a str,
    /// It was not reached.
    pub passes: bool,
    /// It was reached, and the request was refused.
    pub refused: bool,
}

/// Whoever listens. One per worker; must not block.
pub trait Sink {
    /// An HTTP exchange ended.
    fn exchange(&self, record: &ExchangeRecord<'_>);
    /// A TCP connection opened or closed.
    fn tcp(&self, record: &TcpRecord<'_>);
    /// Rules that are only watched would have decided like this.
    fn watched(&self, record: &WatchedRecord<'_>);
    /// A limit of rates was asked. Most listeners do not count these.
    fn limited(&self, _record: &LimitRecord<'_>) {}
}
