//! Where and how to connect, as plain values.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use weft_identity::rustls::ClientConfig;
use weft_identity::rustls::pki_types::ServerName;

/// The protocol toward the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP/1.1, one exchange at a time on a connection.
    Http1,
    /// HTTP/2, many exchanges on one connection.
    Http2,
}

/// Socket settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dial {
    /// Mark of the socket, so that capture rules leave it alone.
    pub mark: Option<u32>,
    /// Local address to use.
    pub bind: Option<IpAddr>,
    /// Limit for connecting, TLS included.
    pub timeout: Duration,
    /// Probes of an idle TCP connection; `None` is the system's way.
    pub keepalive: Option<Keepalive>,
    /// Requests after which a connection is not used again.
    pub max_requests: Option<u32>,
    /// How long a connection may wait for its next request.
    pub idle_timeout: Duration,
}

/// TCP keep-alive; what is `None` is the system's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keepalive {
    /// Probes before giving up.
    pub probes: Option<u32>,
    /// Idle time before the first.
    pub time: Option<Duration>,
    /// Between probes.
    pub interval: Option<Duration>,
}

/// TLS toward the server.
#[derive(Debug, Clone)]
pub struct TlsTarget {
    /// Settings, which hold the names that the server may have.
    pub config: Arc<ClientConfig>,
    /// Same number, same settings: part of the pool's key.
    pub id: u64,
    /// Server name to send.
    pub server_name: ServerName<'static>,
}

/// One endpoint and the way to it.
#[derive(Debug, Clone)]
pub struct Target {
    /// The address.
    pub address: SocketAddr,
    /// The protocol.
    pub protocol: Protocol,
    /// TLS, if any.
    pub tls: Option<TlsTarget>,
    /// Socket settings.
    pub dial: Dial,
}
