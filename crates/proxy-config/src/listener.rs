//! Listeners and filter chains: which connection is treated how.
//! In: nothing. Out: types. Source of the semantics: Envoy's Listener and FilterChainMatch.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::access_log::AccessLog;
use crate::ext_authz::ExtAuthz;
use crate::http::HttpManager;
use crate::matcher::AddressRange;
use crate::rbac::Rbac;
use crate::tls::DownstreamTls;

/// Which way traffic goes through a listener; chooses the reporter in telemetry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// Not said (gateways).
    #[default]
    Unspecified,
    /// Toward the application.
    Inbound,
    /// From the application.
    Outbound,
}

/// The addresses of listeners that stand for a destination, the most exact first: itself, then any address on its port.
#[must_use]
pub fn stand_ins(destination: SocketAddr) -> [SocketAddr; 2] {
    let any: IpAddr = match destination {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    [destination, SocketAddr::new(any, destination.port())]
}

/// A listener.
#[derive(Debug, Clone)]
pub struct Listener {
    /// Its name.
    pub name: Arc<str>,
    /// Address it listens on, or (with `bind_to_port: false`) stands for.
    pub address: SocketAddr,
    /// False: reached only by hand-over from a listener with `use_original_dst`.
    pub bind_to_port: bool,
    /// Hand connections over to the listener of their original destination.
    pub use_original_dst: bool,
    /// The original destination is read from the socket (listener filter `original_dst`).
    pub reads_original_dst: bool,
    /// Connections begin with a PROXY header.
    pub introduced: bool,
    /// Look for a TLS ClientHello.
    pub tls_inspector: Option<Inspector>,
    /// Look for HTTP in plain text.
    pub http_inspector: Option<Inspector>,
    /// How long inspection may wait for bytes; zero waits for ever.
    pub inspection_timeout: Duration,
    /// At that timeout: go on with what is known (true) or close (false).
    pub continue_on_timeout: bool,
    /// Inbound or outbound.
    pub direction: Direction,
    /// Chains, in no order: the most specific match wins.
    pub filter_chains: Vec<Arc<FilterChain>>,
    /// Taken when no chain matches; without it the connection is closed.
    pub default_filter_chain: Option<Arc<FilterChain>>,
    /// Log of connections that no chain took.
    pub access_logs: Vec<AccessLog>,
}

impl Listener {
    /// All its chains.
    pub fn all_chains(&self) -> impl Iterator<Item = &Arc<FilterChain>> {
        self.filter_chains.iter().chain(&self.default_filter_chain)
    }
}

impl Inspector {
    /// Whether it looks at connections to this port.
    #[must_use]
    pub fn looks_at(&self, port: u16) -> bool {
        !self.disabled_ports.iter().any(|(first, last)| (*first..=*last).contains(&port))
    }
}

/// Where an inspector does not look.
#[derive(Debug, Clone, Default)]
pub struct Inspector {
    /// Destination ports (inclusive ranges) on which it is off.
    pub disabled_ports: Vec<(u16, u16)>,
}

/// One way to treat connections.
#[derive(Debug, Clone)]
pub struct FilterChain {
    /// Its name (may be empty).
    pub name: Arc<str>,
    /// Which connections it is for.
    pub matches: ChainMatch,
    /// Terminate TLS first.
    pub tls: Option<DownstreamTls>,
    /// Bound of the handshake; `None` leaves it to the proxy.
    pub handshake_timeout: Option<Duration>,
    /// Filters in order; the last one is terminal.
    pub filters: Vec<NetworkFilter>,
}

/// Conditions; an empty one holds for everything. Envoy's order of precedence applies between chains:
/// destination port, destination address, server name, transport protocol, application protocols, source.
#[derive(Debug, Clone, Default)]
pub struct ChainMatch {
    /// Original destination port.
    pub destination_port: Option<u16>,
    /// Original destination address.
    pub destination_ranges: Vec<AddressRange>,
    /// SNI: exact, `*.suffix`.
    pub server_names: Vec<Arc<str>>,
    /// `tls` or `raw_buffer`.
    pub transport_protocol: Option<Transport>,
    /// ALPN, or what HTTP inspection found (`http/1.0`, `http/1.1`, `h2c`).
    pub application_protocols: Vec<Arc<str>>,
    /// Client address.
    pub source_ranges: Vec<AddressRange>,
}

/// What the first bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// A TLS ClientHello.
    Tls,
    /// Anything else.
    RawBuffer,
}

/// A network filter.
#[derive(Debug, Clone)]
pub enum NetworkFilter {
    /// Decides on the connection before anything is forwarded.
    Rbac(Arc<Rbac>),
    /// Asks somebody else about the connection.
    Ask(Arc<ExtAuthz>),
    /// The name that the connection asks for in TLS is looked up, and this port of it is gone to.
    Called(u16),
    /// Speaks HTTP. Terminal.
    Http(Arc<HttpManager>),
    /// Copies bytes to a cluster. Terminal.
    Tcp(Arc<TcpProxy>),
}

/// A tunnel through an HTTP server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tunnel {
    /// `host:port` behind it.
    pub to: Arc<str>,
    /// By POST instead of CONNECT.
    pub post: bool,
}

/// The TCP proxy filter.
#[derive(Debug, Clone)]
pub struct TcpProxy {
    /// Name in statistics.
    pub stat_prefix: Arc<str>,
    /// Where to: cluster and weight; one is picked per connection.
    pub clusters: Vec<(Arc<str>, u32)>,
    /// Close after this long without a byte either way; `None` never.
    pub idle_timeout: Option<Duration>,
    /// Close after this long in any case; `None` never.
    pub max_duration: Option<Duration>,
    /// The client's address is what consistent hashing hashes.
    pub by_source_ip: bool,
    /// Where the cluster's endpoint is to lead to; `None` when it is meant itself.
    pub tunnel: Option<Tunnel>,
    /// Log of its connections.
    pub access_logs: Vec<AccessLog>,
}
