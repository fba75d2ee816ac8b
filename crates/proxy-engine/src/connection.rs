//! One accepted connection, from its first byte to the protocol that serves it.
//!
//! In: a socket and the listener that took it. Out: a served connection.
//! Holds: the filter chain is chosen from facts that the client cannot change later; when a new plan would
//! choose another chain for the same facts, the connection follows it or ends.
//! Never: requests; those are `request`.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::BytesMut;
use proxy_config::http::Codec;
use proxy_http::{BoxIo, Wire};
use proxy_listen::sniff::Ask;
use proxy_listen::{Hello, Peer, Prefixed, Sniffed, accept_tls, sniff};
use tokio::net::TcpStream;
use weft_rt::DrainWatch;

use crate::plan::{Action, Chain, Listener, Plan, Transport};
use crate::worker::{Counted, Worker};
use crate::{http1, http2, tcp};

const HANDSHAKE: Duration = Duration::from_secs(10);

/// What is known of a connection before its first request.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    /// The listener that serves it, after a hand-over.
    pub(crate) listener: Arc<str>,
    pub(crate) remote: SocketAddr,
    /// Where the client wanted to go.
    pub(crate) local: SocketAddr,
    pub(crate) transport: Transport,
    pub(crate) hello: Hello,
    /// Application protocol seen in plain text, as filter chains name it.
    pub(crate) sniffed_first: Option<&'static str>,
    /// What the connection speaks inside, once that is known: `h2`, `h2c`, `http/1.1`.
    pub(crate) sniffed: Option<&'static str>,
    pub(crate) peer: Option<Peer>,
    pub(crate) begun: Instant,
    pub(crate) begun_wall: SystemTime,
}

impl Facts {
    const fn saw(&mut self, protocol: &'static str) {
        self.sniffed_first = Some(protocol);
        self.sniffed = Some(protocol);
    }

    /// As the client came; a chain that ends TLS changes nothing about that.
    pub(crate) const fn transport_seen(&self) -> Transport {
        self.transport
    }

    /// The client's identity.
    pub(crate) fn principal(&self) -> Option<&str> {
        self.peer.as_ref()?.uris.first().map(String::as_str)
    }

    pub(crate) const fn mutual_tls(&self) -> bool {
        self.peer.is_some()
    }

    pub(crate) const fn scheme(&self) -> &'static str {
        match self.transport {
            Transport::Tls => "https",
            Transport::Raw => "http",
        }
    }
}

/// The plan and chain that a connection uses now.
#[derive(Debug, Clone)]
pub(crate) struct Bound {
    pub(crate) plan: Arc<Plan>,
    pub(crate) listener: Arc<Listener>,
    pub(crate) chain: Arc<Chain>,
}

impl Bound {
    fn find(plan: &Arc<Plan>, listener: &Arc<Listener>, facts: &Facts) -> Option<Self> {
        let chain = Arc::clone(listener.choose(facts)?);
        Some(Self { plan: Arc::clone(plan), listener: Arc::clone(listener), chain })
    }

    /// Follows a new plan; false when the connection may not go on under it.
    pub(crate) fn refresh(&mut self, worker: &Worker, facts: &Facts) -> bool {
        let current = worker.shared.plan.load();
        if Arc::ptr_eq(&current, &self.plan) {
            return true;
        }
        let plan = Arc::clone(&current);
        let Some(listener) = plan.listeners.get(&facts.listener) else { return false };
        let Some(new) = Self::find(&plan, listener, facts) else { return false };
        let same_transport = new.chain.tls.is_some() == self.chain.tls.is_some();
        let same_kind = matches!(new.chain.action, Action::Http(_))
            == matches!(self.chain.action, Action::Http(_));
        *self = new;
        same_transport && same_kind
    }
}

/// Serves a connection to its end.
pub(crate) async fn serve(
    worker: Rc<Worker>,
    stream: TcpStream,
    remote: SocketAddr,
    listener: Arc<Listener>,
    watch: DrainWatch,
) {
    let activity = Arc::clone(&worker.shared.activity);
    let _counted = Counted::one(&activity.connections);
    // A socket that is gone already fails at its first read.
    stream.set_nodelay(true).ok();
    let plan = worker.shared.plan.load_full();
    // The listener may have changed since its socket was opened.
    let listener = plan.listeners.get(&listener.name).map_or(listener, Arc::clone);
    let Some((listener, local)) = destination(&plan, listener, &stream) else { return };
    let now = (worker.shared.clock.now(), worker.shared.clock.wall());
    let mut facts = Facts {
        listener: Arc::clone(&listener.name),
        remote: canonical(remote),
        local,
        transport: Transport::Raw,
        hello: Hello::default(),
        sniffed_first: None,
        sniffed: None,
        peer: None,
        begun: now.0,
        begun_wall: now.1,
    };
    let mut stream = stream;
    let mut first = BytesMut::new();
    if !look(&worker, &listener, &mut facts, &mut stream, &mut first).await {
        return;
    }
    let Some(bound) = Bound::find(&plan, &listener, &facts) else {
        tracing::debug!(listener = %listener.name, %remote, %local, "no filter chain for this connection");
        proxy_listen::reset(stream);
        return;
    };
    let io: BoxIo = Box::new(stream);
    let wire = match secure(&worker, &bound, &mut facts, io, first).await {
        Some(wire) => wire,
        None => return,
    };
    dispatch(worker, bound, facts, wire, watch).await;
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Where the client wanted to go, and the listener for that.
fn destination(
    plan: &Arc<Plan>,
    listener: Arc<Listener>,
    stream: &TcpStream,
) -> Option<(Arc<Listener>, SocketAddr)> {
    if !listener.original_destination {
        return Some((listener, canonical(stream.local_addr().ok()?)));
    }
    let local = canonical(proxy_listen::original_destination(stream).ok()?);
    // Inbound traffic must not meet an outbound listener that stands for every address on the same port.
    let target = plan.by_destination(local).filter(|to| to.reporter == listener.reporter);
    let target = target.filter(|_| listener.hand_over).map(Arc::clone);
    Some((target.unwrap_or(listener), local))
}

/// Looks at the first bytes if a chain depends on them; false when the client is gone.
async fn look(
    worker: &Worker,
    listener: &Listener,
    facts: &mut Facts,
    io: &mut TcpStream,
    first: &mut BytesMut,
) -> bool {
    let ask = listener.ask(facts.local.port());
    if !ask.tls && !ask.http {
        return true;
    }
    let looking = sniff(io, ask, first);
    let sniffed = match listener.detection_timeout {
        None => looking.await,
        Some(limit) => match worker.shared.clock.timeout(limit, looking).await {
            Ok(sniffed) => sniffed,
            // The client waits for the server to speak.
            Err(_elapsed) if listener.config.continue_on_timeout => Ok(Sniffed::Other),
            Err(_elapsed) => return false,
        },
    };
    match sniffed {
        Ok(Sniffed::Tls(hello)) => {
            facts.transport = Transport::Tls;
            facts.hello = hello;
        }
        Ok(Sniffed::Http10) => facts.saw("http/1.0"),
        Ok(Sniffed::Http1) => facts.saw("http/1.1"),
        Ok(Sniffed::Http2) => facts.saw("h2c"),
        Ok(Sniffed::Other) => {}
        Ok(Sniffed::Closed) | Err(_) => return false,
    }
    true
}

/// Ends TLS here if the chain says so.
async fn secure(
    worker: &Worker,
    bound: &Bound,
    facts: &mut Facts,
    io: BoxIo,
    first: BytesMut,
) -> Option<Wire> {
    let Some(tls) = &bound.chain.tls else {
        let mut wire = Wire::new(io);
        wire.read = first;
        return Some(wire);
    };
    let io = if first.is_empty() { io } else { Box::new(Prefixed::new(first, io)) };
    let config = tls.for_client(&facts.hello.alpn);
    let limit = bound.chain.config.handshake_timeout.unwrap_or(HANDSHAKE);
    let accepted = worker.shared.clock.timeout(limit, accept_tls(io, config)).await;
    match accepted {
        Ok(Ok(secured)) => {
            facts.transport = Transport::Tls;
            facts.peer = secured.peer;
            facts.sniffed = (secured.alpn.as_deref() == Some(b"h2")).then_some("h2");
            Some(Wire::new(secured.io))
        }
        Ok(Err(error)) => {
            tracing::debug!(%error, remote = %facts.remote, "TLS handshake failed");
            None
        }
        Err(_elapsed) => None,
    }
}

async fn dispatch(worker: Rc<Worker>, bound: Bound, facts: Facts, wire: Wire, watch: DrainWatch) {
    match &bound.chain.action {
        Action::Tcp(action) => {
            let action = Arc::clone(action);
            tcp::serve(worker, bound, action, facts, wire).await;
        }
        Action::Http(http) => match speaks_h2(&facts, http.manager.codec, wire).await {
            Some((true, wire)) => {
                Box::pin(http2::serve(worker, bound, facts, wire, watch)).await;
            }
            Some((false, wire)) => {
                Box::pin(http1::serve(worker, bound, facts, wire, watch)).await;
            }
            None => {}
        },
    }
}

/// Tells HTTP/2 from HTTP/1 where neither ALPN nor the listener has done so.
async fn speaks_h2(facts: &Facts, codec: Codec, wire: Wire) -> Option<(bool, Wire)> {
    match codec {
        Codec::Auto => {}
        Codec::Http1 => return Some((false, wire)),
        Codec::Http2 => return Some((true, wire)),
    }
    match facts.sniffed {
        Some("h2" | "h2c") => return Some((true, wire)),
        Some(_) => return Some((false, wire)),
        None => {}
    }
    let (mut io, mut first) = wire.into_parts();
    let sniffed = sniff(&mut io, Ask { tls: false, http: true }, &mut first).await.ok()?;
    let mut wire = Wire::new(io);
    wire.read = first;
    match sniffed {
        Sniffed::Closed => None,
        Sniffed::Http2 => Some((true, wire)),
        _ => Some((false, wire)),
    }
}
