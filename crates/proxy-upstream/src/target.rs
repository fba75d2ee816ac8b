//! Where and how to connect, as plain values.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use proxy_config::cluster::ProxyVersion;
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
    /// Age at which a connection gets no more requests.
    pub max_duration: Duration,
    /// Requests at once on one HTTP/2 connection; `None` leaves it to the server.
    pub max_streams: Option<u32>,
    /// Pings on HTTP/2 connections.
    pub pings: Option<Pings>,
    /// Names of HTTP/1 responses' fields are kept as the server wrote them.
    pub keep_case: bool,
    /// Told to the server before anything else: it makes the connection one of this client alone.
    pub introduced: Option<Introduced>,
}

/// Pings on an HTTP/2 connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pings {
    /// Time between them.
    pub interval: Duration,
    /// A ping without answer for so long ends the connection.
    pub timeout: Duration,
}

/// A client that a server is told of by a PROXY header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Introduced {
    /// Form of the header.
    pub version: ProxyVersion,
    /// Where the client is.
    pub from: SocketAddr,
    /// Where it wanted to go.
    pub to: SocketAddr,
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
    /// The same, where the server's certificate must be that of the request's host.
    pub named: Option<(Arc<ClientConfig>, u64)>,
    /// Server name to send.
    pub server_name: Arc<ServerName<'static>>,
    /// Our certificate is the mesh's, and so is the server.
    pub mesh: bool,
}

impl TlsTarget {
    /// Asks for the host of a request.
    pub fn for_host(&mut self, host: ServerName<'static>) {
        if let Some((config, id)) = &self.named {
            (self.config, self.id) = (Arc::clone(config), *id);
        }
        self.server_name = Arc::new(host);
    }
}

/// The host of an authority, as the name of a server; `None` when it cannot be one.
#[must_use]
pub fn server_name(authority: &str) -> Option<ServerName<'static>> {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    };
    ServerName::try_from(host.to_owned()).ok()
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

impl Target {
    /// The server proves that it is of the mesh.
    #[must_use]
    pub fn is_in_mesh(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.mesh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_an_authority_is_the_name_of_the_server() {
        for (authority, name) in [
            ("a.example", Some("a.example")),
            ("a.example:8443", Some("a.example")),
            ("10.0.0.1:1", Some("10.0.0.1")),
            ("[fd00::1]:443", Some("fd00::1")),
            ("", None),
            ("a b", None),
        ] {
            let found = server_name(authority);
            assert_eq!(found.as_ref().map(|n| n.to_str().into_owned()).as_deref(), name);
        }
    }
}
