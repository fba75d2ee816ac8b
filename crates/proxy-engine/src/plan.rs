//! Configuration compiled and bound to what lives: the one value that a request looks at.
//!
//! In: a `ProxyConfig`, the identity store, what lived under the last plan. Out: a [`Plan`], published whole.
//! Holds: never changed after it is published; loads and TLS settings survive into the next plan by name.
//! Never: I/O.

use std::net::SocketAddr;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use foldhash::HashMap;
use proxy_config::ProxyConfig;
use proxy_config::endpoint::Endpoint;
use proxy_config::ext_authz::ExtAuthz;
use proxy_config::http::HttpManager;
use proxy_config::listener::{Inspector, TcpProxy, stand_ins};
use proxy_config::rbac::Rbac;
use proxy_listen::sniff::Ask;
use proxy_upstream::{Limits, Load, TlsTarget};
use weft_identity::rustls::ServerConfig;
use weft_telemetry::{Reporter, Service, Workload};

pub use crate::compile::Living;
use crate::health::Health;
use crate::limits::Rates;

/// What connections and requests are served by.
#[derive(Debug, Default)]
pub struct Plan {
    /// The configuration's version.
    pub version: u64,
    /// Listeners by name.
    pub listeners: HashMap<Arc<str>, Arc<Listener>>,
    /// Clusters by name.
    pub clusters: HashMap<Arc<str>, Arc<Cluster>>,
    /// Routes by name.
    pub routes: HashMap<Arc<str>, Arc<proxy_route::Routes>>,
    pub(crate) limits: Rates,
    pub(crate) destinations: HashMap<SocketAddr, Arc<str>>,
    pub(crate) principal: Option<Box<str>>,
    pub(crate) unknown_service: Arc<Service>,
}

impl Plan {
    /// The listener that stands for a destination: exactly, or for any address on its port.
    pub(crate) fn by_destination(&self, to: SocketAddr) -> Option<&Arc<Listener>> {
        let name = stand_ins(to).iter().find_map(|address| self.destinations.get(address))?;
        self.listeners.get(name)
    }

    /// The time of hosts that are to be warmed up begins now, unless it has begun under an earlier plan.
    pub(crate) fn begin(&self, now: Instant) {
        let warming = self.clusters.values().filter(|cluster| cluster.config.slow_start.is_some());
        for since in
            warming.flat_map(|cluster| &cluster.hosts).filter_map(|host| host.since.as_ref())
        {
            since.get_or_init(|| now);
        }
    }
}

/// Plain text or TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Raw,
    Tls,
}

/// A listener, ready.
#[derive(Debug)]
pub struct Listener {
    /// Its name.
    pub name: Arc<str>,
    /// Where its socket is; `None` when it is reached by hand-over only.
    pub address: Option<SocketAddr>,
    pub(crate) original_destination: bool,
    pub(crate) hand_over: bool,
    pub(crate) reporter: Reporter,
    pub(crate) detection_timeout: Option<Duration>,
    /// Of the secrets that it was made of.
    pub(crate) stamp: Vec<u64>,
    pub(crate) config: Arc<proxy_config::Listener>,
    pub(crate) chains: Vec<Arc<Chain>>,
    pub(crate) fallback: Option<Arc<Chain>>,
}

impl Listener {
    /// What to look for on this destination port.
    pub(crate) fn ask(&self, port: u16) -> Ask {
        let on =
            |inspector: &Option<Inspector>| inspector.as_ref().is_some_and(|i| i.looks_at(port));
        Ask { tls: on(&self.config.tls_inspector), http: on(&self.config.http_inspector) }
    }
}

/// A filter chain, ready.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) config: Arc<proxy_config::listener::FilterChain>,
    pub(crate) tls: ChainTls,
    pub(crate) action: Action,
}

/// What a chain does about TLS.
#[derive(Debug)]
pub(crate) enum ChainTls {
    /// Nothing.
    Plain,
    /// It ends here.
    On(ServerTlsPair),
    /// It should end here, but what that needs is missing: connections are closed.
    Unusable,
}

impl ChainTls {
    pub(crate) const fn is_plain(&self) -> bool {
        matches!(self, Self::Plain)
    }
}

/// TLS settings with and without application protocols: a client that offers none of ours is served without,
/// where the TLS library would refuse it.
#[derive(Debug)]
pub(crate) struct ServerTlsPair {
    pub(crate) alpn: Vec<Arc<str>>,
    pub(crate) with: Arc<ServerConfig>,
    pub(crate) without: Arc<ServerConfig>,
}

impl ServerTlsPair {
    pub(crate) fn for_client(&self, offered: &[String]) -> Arc<ServerConfig> {
        let common = offered.iter().any(|o| self.alpn.iter().any(|a| a.as_ref() == o.as_str()));
        Arc::clone(if common || offered.is_empty() { &self.with } else { &self.without })
    }
}

/// What a chain does.
#[derive(Debug)]
pub(crate) enum Action {
    Http(HttpAction),
    Tcp(Arc<TcpAction>),
}

/// Speaks HTTP.
#[derive(Debug)]
pub(crate) struct HttpAction {
    pub(crate) manager: Arc<HttpManager>,
    pub(crate) rbac: Vec<Arc<Rbac>>,
    pub(crate) inline: Option<Arc<proxy_route::Routes>>,
}

/// Copies bytes.
#[derive(Debug)]
pub(crate) struct TcpAction {
    pub(crate) proxy: Arc<TcpProxy>,
    /// The port of the host that the connection asks for in TLS, where that host is looked up.
    pub(crate) called: Option<u16>,
    pub(crate) guards: Vec<Guard>,
}

/// Decides whether a connection passes.
#[derive(Debug)]
pub(crate) enum Guard {
    Rbac(Arc<Rbac>),
    Ask(Arc<ExtAuthz>),
}

/// A cluster, ready.
#[derive(Debug)]
pub struct Cluster {
    /// Its name.
    pub name: Arc<str>,
    /// What it was made of.
    pub config: Arc<proxy_config::Cluster>,
    /// Of the secrets that it was made of.
    pub(crate) stamp: Vec<u64>,
    /// What lives of its endpoints, in their order.
    pub hosts: Box<[Host]>,
    pub(crate) original_destination: bool,
    pub(crate) default_tls: Tls,
    /// What it has in flight.
    pub load: Arc<Load>,
    pub(crate) limits: Limits,
    pub(crate) service: Arc<Service>,
    pub(crate) endpoints: Option<Arc<proxy_config::Endpoints>>,
    /// For consistent hashing.
    pub(crate) table: Option<Arc<proxy_balance::Table>>,
    /// For as long as nothing is known against any host.
    pub(crate) calm: Option<proxy_balance::Calm>,
    pub(crate) health: Arc<Health>,
}

impl Cluster {
    /// Its endpoints, the first priority first, each with what lives of it.
    pub fn members(&self) -> impl Iterator<Item = (&Endpoint, &Host)> {
        let endpoints = self.endpoints.as_ref().map_or(&[][..], |all| &all.endpoints);
        endpoints.iter().zip(&self.hosts)
    }

    /// The one at this address.
    pub(crate) fn at(&self, address: SocketAddr) -> Option<(&Endpoint, &Host)> {
        self.members().find(|(endpoint, _)| endpoint.address == address)
    }
}

/// TLS toward a host.
#[derive(Debug, Clone)]
pub(crate) enum Tls {
    Plain,
    On(Arc<TlsTarget>),
    /// It was asked for in a way that we cannot do; connecting must fail rather than go in plain text.
    Unusable,
}

/// What lives of one endpoint. Why no copy of the endpoint: there are ten times as many of them as of anything else.
#[derive(Debug, Clone)]
pub struct Host {
    /// Requests in flight, all workers.
    pub active: Arc<AtomicU32>,
    /// When it came; it is new for a while from then on. Only where that matters.
    pub(crate) since: Option<Arc<OnceLock<Instant>>>,
    pub(crate) tls: Tls,
    pub(crate) workload: Option<Arc<Workload>>,
}

/// Compiles the whole of `config`; what cannot be used is said in the list and serves nobody.
#[must_use]
pub fn compile(config: &ProxyConfig, last: &Plan, living: &mut Living) -> (Plan, Vec<String>) {
    crate::compile::plan(config, last, living)
}
