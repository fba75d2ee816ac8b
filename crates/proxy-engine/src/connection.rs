//! One accepted connection, from its first byte to the protocol that serves it.
//!
//! In: a socket and the listener that took it. Out: a served connection.
//! Holds: the filter chain is chosen from facts that the client cannot change later; when a new plan would
//! choose another chain for the same facts, the connection follows it or ends.
//! Never: requests; those are `request`.

use std::cell::OnceCell;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use bytes::BytesMut;
use proxy_config::http::Codec;
use proxy_http::{BoxIo, Wire};
use proxy_listen::sniff::Ask;
use proxy_listen::{Arrived, Hello, Introduced, Peer, Prefixed, Sniffed, accept_tls, sniff};
use weft_rt::{DrainWatch, Elapsed};

use crate::callers::{OpenCall, served};
use crate::forwarded::Element;
use crate::plan::{Action, Chain, ChainTls, Listener, Plan, Transport};
use crate::worker::{Counted, Worker};
use crate::{http1, http2, patience, tcp};

const HANDSHAKE: Duration = Duration::from_secs(10);

/// What is known of a connection before its first request.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    /// The listener that serves it, after a hand-over.
    pub(crate) listener: Arc<str>,
    pub(crate) remote: SocketAddr,
    /// Where the client wanted to go.
    pub(crate) local: SocketAddr,
    /// It was captured on its way there, and did not mean us.
    pub(crate) captured: bool,
    pub(crate) transport: Transport,
    pub(crate) hello: Hello,
    /// Application protocol seen in plain text, as filter chains name it.
    pub(crate) sniffed_first: Option<&'static str>,
    /// What the connection speaks inside, once that is known: `h2`, `h2c`, `http/1.1`.
    pub(crate) sniffed: Option<&'static str>,
    pub(crate) peer: Option<Box<Peer>>,
    pub(crate) begun: Instant,
    pub(crate) begun_wall: SystemTime,
    remote_text: OnceCell<Box<str>>,
    /// The client, as servers are told of it.
    pub(crate) element: Element,
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

    /// The client's address as text, which is made once.
    pub(crate) fn remote_text(&self) -> &str {
        self.remote_text.get_or_init(|| self.remote.ip().to_string().into())
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
        let same_transport = new.chain.tls.is_plain() == self.chain.tls.is_plain();
        let same_kind = matches!(new.chain.action, Action::Http(_))
            == matches!(self.chain.action, Action::Http(_));
        *self = new;
        same_transport && same_kind
    }
}

/// Serves a connection to its end. Each stage has a box of its own, so that a connection at rest keeps only the last one.
pub(crate) fn serve(
    worker: Rc<Worker>,
    stream: Box<dyn Arrived>,
    remote: SocketAddr,
    listener: Arc<Listener>,
    watch: DrainWatch,
) -> impl Future<Output = ()> {
    let activity = Arc::clone(&worker.shared.activity);
    let opening = Box::pin(open(Rc::clone(&worker), stream, remote, listener));
    async move {
        let _counted = Counted::one(&activity.connections);
        let opened = {
            let _counted = Counted::one(&activity.opening);
            opening.await
        };
        let Some(mut opened) = opened else { return };
        let _call = opened.call.take();
        activity.opened.fetch_add(1, Ordering::Relaxed);
        let serving = dispatch(worker, opened, watch);
        serving.await;
    }
}

/// A connection of which everything is known but its requests.
struct Opened {
    bound: Bound,
    facts: Facts,
    wire: Wire,
    is_h2: bool,
    /// Counts it as open, when it came in plaintext to the pod.
    call: Option<Box<OpenCall>>,
}

async fn open(
    worker: Rc<Worker>,
    stream: Box<dyn Arrived>,
    remote: SocketAddr,
    listener: Arc<Listener>,
) -> Option<Opened> {
    let plan = worker.shared.plan.load_full();
    // The listener may have changed since its socket was opened.
    let listener = plan.listeners.get(&listener.name).map_or(listener, Arc::clone);
    let captured = listener.original_destination;
    let (listener, local) = destination(&plan, listener, &*stream)?;
    let now = (worker.shared.clock.now(), worker.shared.clock.wall());
    let mut facts = Facts {
        listener: Arc::clone(&listener.name),
        remote: canonical(remote),
        local,
        captured,
        transport: Transport::Raw,
        hello: Hello::default(),
        sniffed_first: None,
        sniffed: None,
        peer: None,
        begun: now.0,
        begun_wall: now.1,
        remote_text: OnceCell::new(),
        element: Element::default(),
    };
    let mut stream = stream;
    let mut first = BytesMut::new();
    if !introduce(&worker, &listener, &mut facts, &mut *stream, &mut first).await {
        proxy_listen::reset(stream);
        return None;
    }
    if !look(&worker, &listener, &mut facts, &mut *stream, &mut first).await {
        return None;
    }
    let Some(bound) = Bound::find(&plan, &listener, &facts) else {
        tracing::debug!(listener = %listener.name, %remote, %local, "no filter chain for this connection");
        served::refused(&worker, &listener, &facts);
        proxy_listen::reset(stream);
        return None;
    };
    let wire = secure(&worker, &bound, &mut facts, stream, first).await?;
    let (is_h2, wire) = match &bound.chain.action {
        Action::Tcp(_) => (false, wire),
        Action::Http(http) => {
            speaks_h2((&worker, &bound), &facts, http.manager.codec, wire).await?
        }
    };
    let call = served::begun(&worker, &bound, &facts);
    Some(Opened { bound, facts, wire, is_h2, call })
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Where the client wanted to go, and the listener for that.
fn destination(
    plan: &Arc<Plan>,
    listener: Arc<Listener>,
    stream: &dyn Arrived,
) -> Option<(Arc<Listener>, SocketAddr)> {
    if !listener.original_destination {
        return Some((listener, canonical(stream.local_addr().ok()?)));
    }
    let local = canonical(stream.original_destination().ok()?);
    // Inbound traffic must not meet an outbound listener that stands for every address on the same port.
    let target = plan.by_destination(local).filter(|to| to.reporter == listener.reporter);
    let target = target.filter(|_| listener.hand_over).map(Arc::clone);
    Some((target.unwrap_or(listener), local))
}

/// Reads first bytes for as long as the listener allows.
async fn detect<T>(
    worker: &Worker,
    listener: &Listener,
    reading: impl Future<Output = T>,
) -> Result<T, Elapsed> {
    match listener.detection_timeout {
        None => Ok(reading.await),
        Some(limit) => worker.shared.clock.timeout(limit, reading).await,
    }
}

/// Learns from the balancer before us who the client is; false when it does not say so.
async fn introduce(
    worker: &Worker,
    listener: &Listener,
    facts: &mut Facts,
    io: &mut dyn Arrived,
    first: &mut BytesMut,
) -> bool {
    if !listener.config.introduced {
        return true;
    }
    let said = detect(worker, listener, proxy_listen::introduced(io, first)).await;
    let Ok(Ok(said)) = said else { return false };
    if let Some(Introduced { from, to }) = said {
        (facts.remote, facts.local) = (canonical(from), canonical(to));
    }
    true
}

/// Looks at the first bytes if a chain depends on them; false when the client is gone.
async fn look(
    worker: &Worker,
    listener: &Listener,
    facts: &mut Facts,
    io: &mut dyn Arrived,
    first: &mut BytesMut,
) -> bool {
    let ask = listener.ask(facts.local.port());
    if !ask.tls && !ask.http {
        return true;
    }
    let sniffed = match detect(worker, listener, sniff(io, ask, first)).await {
        Ok(sniffed) => sniffed,
        // The client waits for the server to speak.
        Err(_elapsed) if listener.config.continue_on_timeout => Ok(Sniffed::Other),
        Err(_elapsed) => return false,
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
    let tls = match &bound.chain.tls {
        ChainTls::On(tls) => tls,
        ChainTls::Unusable => {
            tracing::debug!(remote = %facts.remote, "the chain lacks a secret; closed");
            return None;
        }
        ChainTls::Plain => {
            let mut wire = Wire::new(io);
            wire.read = first;
            return Some(wire);
        }
    };
    let io = if first.is_empty() { io } else { Box::new(Prefixed::new(first, io)) };
    let config = tls.for_client(&facts.hello.alpn);
    let limit = bound.chain.config.handshake_timeout.unwrap_or(HANDSHAKE);
    // In a box, so that a connection without TLS that is still being opened has no room for a handshake.
    let handshake = Box::pin(accept_tls(io, config));
    let accepted = worker.shared.clock.timeout(limit, handshake).await;
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

type Serving = Pin<Box<dyn Future<Output = ()>>>;

fn dispatch(worker: Rc<Worker>, opened: Opened, watch: DrainWatch) -> Serving {
    let Opened { bound, facts, wire, is_h2, call: _ } = opened;
    match &bound.chain.action {
        Action::Tcp(action) => {
            let action = Arc::clone(action);
            Box::pin(tcp::serve(worker, bound, action, facts, wire))
        }
        Action::Http(_) if is_h2 => Box::pin(http2::serve(worker, bound, facts, wire, watch)),
        Action::Http(_) => Box::pin(http1::serve(worker, bound, facts, wire, watch)),
    }
}

/// Tells HTTP/2 from HTTP/1 where neither ALPN nor the listener has done so.
async fn speaks_h2(
    (worker, bound): (&Worker, &Bound),
    facts: &Facts,
    codec: Codec,
    wire: Wire,
) -> Option<(bool, Wire)> {
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
    let ask = Ask { tls: false, http: true };
    let sniffed = tokio::select! {
        sniffed = sniff(&mut io, ask, &mut first) => sniffed.ok()?,
        () = patience::unused(worker, bound) => return None,
    };
    let mut wire = Wire::new(io);
    wire.read = first;
    match sniffed {
        Sniffed::Closed => None,
        Sniffed::Http2 => Some((true, wire)),
        _ => Some((false, wire)),
    }
}
