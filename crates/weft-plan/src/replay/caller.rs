//! Whose proxy wrote an entry, and who called it.
//!
//! In: an entry, the pods of the mesh. Out: a [`Way`].
//! Holds: an address means a pod only where somebody wrote that address down; behind a proxy that tells of its client (port 0) nobody
//! knows whose connection it was. What cannot be told is an error with what to do.
//! Why from addresses: no field of the default formats names the proxy itself.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use telemetry_read::Entry;
use weft_explain::Peers;

/// Most names of pods that are remembered.
const NAMES: usize = 10_000;

/// Which side of a call wrote an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The client's sidecar.
    Client,
    /// The server's sidecar.
    Server,
    /// A gateway.
    Gateway,
}

/// How the client of a server's sidecar is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// It showed no certificate of the mesh.
    Plain,
    /// The pod of this number, by mutual TLS.
    Pod(usize),
    /// Somebody by mutual TLS.
    Unknown,
}

/// Where a request began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    pub(crate) side: Side,
    /// The pod of the proxy, or one alike.
    pub(crate) proxy: usize,
    /// Where the client wanted to go.
    pub(crate) to: SocketAddr,
    /// The client, as far as its address is its own.
    pub(crate) source: Option<IpAddr>,
    /// Who another proxy says the client is.
    pub(crate) told: Option<IpAddr>,
    pub(crate) caller: Caller,
}

impl Way {
    pub(crate) fn is_unknown_caller(&self) -> bool {
        self.caller == Caller::Unknown
    }
}

/// The pods, and names of them that were looked up.
#[derive(Debug)]
pub(crate) struct Callers {
    peers: Peers,
    names: HashMap<Box<str>, Option<usize>>,
}

impl Callers {
    pub(crate) fn of(peers: Peers) -> Self {
        Self { peers, names: HashMap::new() }
    }

    pub(crate) const fn peers(&self) -> &Peers {
        &self.peers
    }

    /// Whose entry it is.
    pub(crate) fn way(&mut self, entry: &Entry<'_>) -> Result<Way, String> {
        if entry.method.is_none() && entry.code != 0 {
            return Err("the proxy could not read the request, so that the log has none".to_owned());
        }
        let to = entry.downstream_local.ok_or("the entry names no destination")?;
        let remote = entry.downstream_remote;
        let named = match entry.pod {
            Some(name) => Some(self.named(name).ok_or_else(|| {
                format!(
                    "pod {name} is none of the mesh, or of several namespaces; add it to the files"
                )
            })?),
            None => None,
        };
        let at = |address: Option<SocketAddr>| address.and_then(|one| self.peers.at(one.ip()));
        let (local, client) = (at(Some(to)), at(remote));
        let side = self.side(entry, named.or(local), named, local);
        let proxy = match side {
            Side::Server | Side::Gateway => named.or(local).ok_or(to.ip()),
            Side::Client => named.or(client).ok_or(remote.map_or(to.ip(), |one| one.ip())),
        };
        let proxy = proxy.map_err(unknown)?;
        if self.peers.get(proxy).is_none_or(|peer| !peer.meshed) {
            return Err("the pod of the entry has no proxy now".to_owned());
        }
        let own = remote.filter(|one| one.port() != 0);
        Ok(Way {
            side,
            proxy: self.peers.representative(proxy),
            to,
            source: own
                .map(|one| one.ip())
                .or(remote.filter(|_| side == Side::Gateway).map(|one| one.ip())),
            told: remote.filter(|one| one.port() == 0).map(|one| one.ip()),
            caller: self.caller(entry, side, own.and(client)),
        })
    }

    fn side(
        &self,
        entry: &Entry<'_>,
        own: Option<usize>,
        named: Option<usize>,
        local: Option<usize>,
    ) -> Side {
        let cluster = entry.cluster.as_deref().unwrap_or_default();
        let is_gateway = |pod: Option<usize>| {
            pod.and_then(|pod| self.peers.get(pod)).is_some_and(|peer| peer.gateway)
        };
        let by_mesh = entry.server_name.as_deref().is_some_and(is_of_the_mesh);
        if cluster.starts_with("inbound|") || cluster.starts_with("InboundPassthrough") {
            Side::Server
        } else if is_gateway(own) {
            Side::Gateway
        } else if !cluster.is_empty() {
            Side::Client
        } else if by_mesh || (local.is_some() && named.is_none_or(|named| Some(named) == local)) {
            Side::Server
        } else {
            Side::Client
        }
    }

    fn caller(&self, entry: &Entry<'_>, side: Side, client: Option<usize>) -> Caller {
        let by_mesh = entry.server_name.as_deref().is_some_and(is_of_the_mesh);
        match client {
            _ if side != Side::Server || !by_mesh => Caller::Plain,
            Some(pod) => Caller::Pod(self.peers.representative(pod)),
            None => Caller::Unknown,
        }
    }

    fn named(&mut self, name: &str) -> Option<usize> {
        if let Some(known) = self.names.get(name) {
            return *known;
        }
        let found = self.peers.named(name);
        if self.names.len() < NAMES {
            self.names.insert(name.into(), found);
        }
        found
    }
}

/// Server names that proxies of the mesh use among themselves.
fn is_of_the_mesh(name: &str) -> bool {
    name.starts_with("outbound_")
}

fn unknown(address: IpAddr) -> String {
    format!(
        "nobody knows whose proxy wrote it: {address} is no pod of the mesh; add the pods with their addresses \
         (kubectl get pods,services,endpointslices -A -o yaml), or name pods in the log (kubectl logs --prefix)"
    )
}
