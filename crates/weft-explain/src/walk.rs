//! The way of a connection: listener, filter chain, TLS, and what the chain ends in.
//!
//! In: a mesh, a proxy of it, a call. Out: an answer.
//! Holds: every decision leaves a step in the trace, also the one that ends the way.

use std::net::SocketAddr;
use std::sync::Arc;

use ctl_translate::mesh_protocols;
use proxy_config::Listener;
use proxy_config::listener::{
    Direction, FilterChain, NetworkFilter, TcpProxy, Transport, stand_ins,
};
use proxy_route::{ChainFacts, choose_chain};
use weft_model::{ObjectRef, Protocol};
use weft_proto::envoy::config::cluster::v3::cluster::ClusterDiscoveryType;

use crate::answer::Share;
use crate::facts::connection;
use crate::trace::Step;
use crate::{Answer, Call, Mesh, Origin, Outcome, Proxy, Security, Spoken, describe, destination};

/// Objects that filter chains are made of.
const DECIDING: [&str; 2] = ["Gateway", "VirtualService"];

/// Istio's name of where nothing goes on.
const BLACK_HOLE: &str = "BlackHoleCluster";

/// What becomes of a call at one proxy, and how it leaves that proxy, if it does.
#[must_use]
pub(crate) fn lead(mesh: &Mesh, proxy: &Proxy, call: &Call) -> (Answer, Option<Left>) {
    let (answer, notes) = (Answer::default(), Vec::new());
    let mut walk = Walk { mesh, proxy, call, answer, left: None, notes };
    walk.begin();
    (walk.answer, walk.left)
}

/// A call as it leaves a proxy.
#[derive(Debug)]
pub(crate) struct Left {
    /// Cluster that it goes to.
    pub(crate) cluster: String,
    /// Its request; `None` for bytes.
    pub(crate) request: Option<LeftRequest>,
}

/// A request as filters and route leave it, but for the route's operations on fields.
#[derive(Debug)]
pub(crate) struct LeftRequest {
    pub(crate) authority: String,
    pub(crate) path: String,
    pub(crate) fields: Vec<(String, String)>,
}

pub(crate) struct Walk<'a> {
    pub(crate) mesh: &'a Mesh,
    pub(crate) proxy: &'a Proxy,
    pub(crate) call: &'a Call,
    pub(crate) answer: Answer,
    pub(crate) left: Option<Left>,
    /// What rules that are only watched have found: their prefix, and the one that matched.
    pub(crate) notes: Vec<(Arc<str>, String)>,
}

impl<'a> Walk<'a> {
    pub(crate) fn step(&mut self, step: &'static str, why: impl Into<String>) {
        self.answer.trace.push(Step::new(step, why));
    }

    pub(crate) fn end(&mut self, outcome: Outcome, step: &'static str, why: impl Into<String>) {
        self.answer.outcome = outcome;
        self.step(step, why);
    }

    fn begin(&mut self) {
        for refused in self.proxy.refused() {
            self.step("refused", format!("weft-proxy does not take {refused}"));
        }
        let (to, step) = destination::of(self.mesh, self.proxy, self.call);
        self.answer.trace.push(step);
        let Some(listener) = self.listener(to) else {
            return self.end(Outcome::NoListener, "listener", format!("nothing listens on {to}"));
        };
        self.answer.listener = Some(listener.name.to_string());
        let inbound = matches!(self.call.origin, Origin::Inbound(..));
        self.step("listener", format!("{} takes connections to {to}", listener.name));
        if inbound {
            self.accepts(to.port());
        }
        let Some(chain) = self.chain(listener, to) else {
            let why = format!("{} has no chain for {}", listener.name, self.looks());
            return self.end(Outcome::NoFilterChain, "filter_chain", why);
        };
        self.answer.filter_chain = Some(chain.name.to_string());
        let name = if chain.name.is_empty() { "the only chain" } else { &chain.name };
        let why = format!("{name} takes {}", self.looks());
        let sent = self.proxy.chain(listener, chain);
        let objects = describe::objects(sent.and_then(|sent| sent.metadata.as_ref()));
        let decided = |object: &&ObjectRef| DECIDING.contains(&object.kind.as_str());
        let by = objects.iter().filter(decided);
        let steps: Vec<Step> = by
            .map(|object| {
                Step::new("filter_chain", why.clone()).by(object, self.mesh.place(object))
            })
            .collect();
        match steps.is_empty() {
            true => self.step("filter_chain", why),
            false => self.answer.trace.extend(steps),
        }
        let of_the_mesh = sent.is_some_and(describe::is_of_the_mesh);
        if self.secured(chain, of_the_mesh) {
            // A gateway knows the clients of its servers of ISTIO_MUTUAL, too.
            if inbound || of_the_mesh && self.call.security == Security::Mtls {
                self.known_as(chain);
            }
            self.filters(chain, to);
        }
    }

    fn listener(&self, to: SocketAddr) -> Option<&'a Arc<Listener>> {
        let all = self.proxy.config.listeners.values();
        match self.call.origin {
            Origin::Inbound(..) => {
                let inbound = all.filter(|one| one.direction == Direction::Inbound);
                let (captured, bound): (Vec<_>, Vec<_>) =
                    inbound.partition(|one| one.reads_original_dst);
                let open = |one: &&&Arc<Listener>| stand_ins(to).contains(&one.address);
                bound.iter().find(open).or(captured.first()).copied()
            }
            Origin::Gateway(..) => {
                let open: Vec<_> = all.filter(|one| one.bind_to_port).collect();
                let at = |address| open.iter().find(|one| one.address == address).copied();
                stand_ins(to).into_iter().find_map(at)
            }
            Origin::From(..) => {
                let outbound: Vec<_> =
                    all.filter(|one| one.direction == Direction::Outbound).collect();
                let exact = stand_ins(to).into_iter().find_map(|address| {
                    outbound.iter().find(|one| !one.use_original_dst && one.address == address)
                });
                exact.or_else(|| outbound.iter().find(|one| one.use_original_dst)).copied()
            }
        }
    }

    fn chain(&self, listener: &'a Listener, to: SocketAddr) -> Option<&'a Arc<FilterChain>> {
        let looks = |inspector: &Option<proxy_config::listener::Inspector>| {
            inspector.as_ref().is_some_and(|inspector| inspector.looks_at(to.port()))
        };
        let tls = self.call.security != Security::Plaintext && looks(&listener.tls_inspector);
        let sniffed = match self.call.spoken {
            Spoken::Http1 => Some("http/1.1"),
            Spoken::Http2 => Some("h2c"),
            Spoken::Tcp => None,
        };
        let plain = self.call.security == Security::Plaintext && looks(&listener.http_inspector);
        let offered = if tls { self.offered() } else { Vec::new() };
        let facts = ChainFacts {
            destination: to,
            source: connection(self.call, to, &[]).direct_remote,
            transport: if tls { Transport::Tls } else { Transport::RawBuffer },
            server_name: self.call.server_name().filter(|_| tls),
            offered: &offered,
            sniffed: sniffed.filter(|_| plain),
        };
        let chosen = choose_chain(&listener.filter_chains, |chain| &chain.matches, &facts);
        chosen.or(listener.default_filter_chain.as_ref())
    }

    /// Application protocols in the client's TLS hello.
    fn offered(&self) -> Vec<String> {
        let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        match (self.call.security, self.call.spoken) {
            (Security::Plaintext, _) | (Security::Tls, Spoken::Tcp) => Vec::new(),
            (Security::Tls, Spoken::Http1) => own(&["http/1.1"]),
            (Security::Tls, Spoken::Http2) => own(&["h2", "http/1.1"]),
            (Security::Mtls, Spoken::Http1) => mesh_protocols(Protocol::Http),
            (Security::Mtls, Spoken::Http2) => mesh_protocols(Protocol::Http2),
            (Security::Mtls, Spoken::Tcp) => mesh_protocols(Protocol::Tcp),
        }
    }

    /// The connection in words.
    fn looks(&self) -> String {
        let spoken = match self.call.spoken {
            Spoken::Http1 => "HTTP/1.1",
            Spoken::Http2 => "HTTP/2",
            Spoken::Tcp => "bytes that are no HTTP",
        };
        match self.call.security {
            Security::Plaintext => format!("{spoken} in plain text"),
            Security::Tls => {
                format!("{spoken} in TLS for {}", self.call.server_name().unwrap_or("no name"))
            }
            Security::Mtls => format!("{spoken} in the mesh's TLS"),
        }
    }

    /// Whether client and chain agree on TLS.
    fn secured(&mut self, chain: &FilterChain, of_the_mesh: bool) -> bool {
        let ends_in_http = matches!(chain.filters.last(), Some(NetworkFilter::Http(_)));
        let (outcome, why) = match (&chain.tls, self.call.security) {
            (Some(_), Security::Plaintext) => {
                (Outcome::TlsError, "the client speaks plain text where TLS is expected")
            }
            (Some(tls), Security::Tls) if tls.require_client_certificate => {
                (Outcome::MtlsError, "the client shows no certificate, which is asked for")
            }
            // Whoever asks for another authority's certificates is taken to be shown one.
            (Some(tls), Security::Mtls) if !of_the_mesh && !tls.require_client_certificate => {
                (Outcome::MtlsError, "the server shows a certificate that is none of the mesh")
            }
            (None, Security::Tls | Security::Mtls) if ends_in_http => {
                (Outcome::ProtocolError, "the client speaks TLS where plain HTTP is read")
            }
            _ if ends_in_http && self.call.spoken == Spoken::Tcp => {
                (Outcome::ProtocolError, "the client speaks something else where HTTP is read")
            }
            _ => return true,
        };
        self.end(outcome, "filter_chain", why);
        false
    }

    fn filters(&mut self, chain: &'a FilterChain, to: SocketAddr) {
        for filter in &chain.filters {
            match filter {
                NetworkFilter::Rbac(rules) => {
                    self.watched(rules, to, None);
                    if !self.allowed(rules, to, None) {
                        return;
                    }
                }
                NetworkFilter::Ask(filter) => {
                    if !self.asked(filter, None) {
                        return;
                    }
                }
                NetworkFilter::Called(port) => {
                    let why = "DNS is asked for the name that the client asks for in TLS, port";
                    self.step("name", format!("{why} {port}"));
                }
                NetworkFilter::Tcp(proxy) => return self.bytes(proxy, to),
                NetworkFilter::Http(manager) => {
                    return self.request(manager, to, chain.tls.is_some());
                }
            }
        }
    }

    fn bytes(&mut self, proxy: &TcpProxy, to: SocketAddr) {
        let all = proxy.clusters.iter();
        self.answer.clusters = all
            .map(|(name, weight)| Share { name: describe::istio_name(name), weight: *weight })
            .collect();
        let first = proxy.clusters.first().map(|(name, _)| name.to_string()).unwrap_or_default();
        self.end(
            Outcome::Tcp,
            "action",
            format!("bytes to {to} go to {}", describe::istio_name(&first)),
        );
        self.cluster(&first);
        self.left = Some(Left { cluster: first, request: None });
    }

    /// Describes the cluster that is meant first.
    pub(crate) fn cluster(&mut self, name: &str) {
        let Some(cluster) = self.proxy.clusters.get(name) else {
            return self
                .step("cluster", format!("there is no cluster {name}: requests fail with 503"));
        };
        self.answer.cluster = Some(describe::cluster(cluster));
        let rules = describe::objects(cluster.metadata.as_ref());
        if matches!(cluster.cluster_discovery_type, Some(ClusterDiscoveryType::ClusterType(_))) {
            self.step("cluster", "DNS is asked for the host that is called");
        }
        if name == BLACK_HOLE && matches!(self.call.origin, Origin::From(..)) {
            let why = "BlackHoleCluster has no endpoints: nobody registered this destination, and REGISTRY_ONLY lets \
                       nothing else out; the connection is closed";
            self.step("cluster", why);
        } else if rules.is_empty() {
            self.step("cluster", format!("no DestinationRule speaks of {name}"));
        }
        for rule in rules {
            let step = Step::new(
                "cluster",
                format!("its policy applies to {}", describe::istio_name(name)),
            );
            let place = self.mesh.place(&rule);
            self.answer.trace.push(step.by(&rule, place));
        }
    }
}
