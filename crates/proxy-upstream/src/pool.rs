//! Connections of one worker, kept for the next request.
//!
//! In: a cluster's name and a [`Target`]. Out: an exchange on an idle connection, or on a new one.
//! Holds: keyed by cluster, address, protocol and TLS identity, never by plan: a new plan cuts nothing. A cluster that has
//! all its connections lets requests wait, up to its limit of those, for one to be free; an endpoint may always have one,
//! so that whoever waits is served.
//! Never: threads; a pool belongs to one worker.
//! Why the newest idle connection first: the others grow old and are closed, so the pool shrinks by itself.

mod shared;

use std::cell::{Cell, RefCell};
use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::{Duration, Instant};

use foldhash::HashMap;
use proxy_http::h1::Conn;
use proxy_http::{RequestHead, StreamError, Wire};
use weft_identity::rustls::pki_types::ServerName;
use weft_rt::Clock;

use crate::exchange::H1;
use crate::load::{Limits, Load, Slot};
use crate::pool::shared::SharedH2;
pub(crate) use crate::pool::shared::{Lane, Stream};
use crate::{Connect, ConnectError, Exchange, Introduced, Protocol, Target, dial};

const MAX_IDLE: usize = 1024;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    cluster: Arc<str>,
    address: SocketAddr,
    protocol: Protocol,
    tls: Option<(u64, Arc<ServerName<'static>>)>,
    introduced: Option<Introduced>,
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // The rest hardly ever tells two apart, and is slow to hash.
        (&self.cluster, self.address, self.tls.as_ref().map(|(id, _)| id)).hash(state);
    }
}

/// A connection and what it counts for.
#[derive(Debug)]
pub struct Live {
    pub(crate) conn: Conn,
    pub(crate) local: Option<SocketAddr>,
    pub(crate) peer: Option<Arc<str>>,
    used: u32,
    born: Instant,
    _room: Room,
}

impl Live {
    /// Takes the bytes below away for a tunnel; the rest keeps the count.
    pub(crate) fn take_wire(&mut self) -> Wire {
        let empty = Wire::new(Box::new(tokio::io::join(tokio::io::empty(), tokio::io::sink())));
        std::mem::replace(&mut self.conn.wire, empty)
    }
}

#[derive(Debug)]
struct Idle {
    h1: Box<H1>,
    until: Instant,
}

/// What a worker has of one endpoint.
#[derive(Debug, Default)]
struct Endpoint {
    idle: RefCell<Vec<Idle>>,
    h2: RefCell<Vec<SharedH2>>,
    /// One HTTP/2 connection is opened at a time, so that a burst shares it.
    connecting: tokio::sync::Mutex<()>,
    /// Connections that are open, or being opened.
    open: Cell<u32>,
    /// Told when a connection or a stream of one is free, or gone.
    freed: tokio::sync::Notify,
    /// Told when the server of a new HTTP/2 connection has said how many streams it takes, or is gone.
    greeted: tokio::sync::Notify,
}

/// A place among the connections of a cluster and of an endpoint; dropping it gives it back.
#[derive(Debug)]
struct Room {
    endpoint: Weak<Endpoint>,
    _slot: Slot,
}

impl Room {
    /// `None`: there are enough connections.
    fn take(endpoint: &Rc<Endpoint>, budget: Budget<'_>) -> Option<Self> {
        let limit = if endpoint.open.get() == 0 { u32::MAX } else { budget.limits.max_connections };
        let slot = Slot::take(&budget.load.connections, limit)?;
        endpoint.open.set(endpoint.open.get() + 1);
        Some(Self { endpoint: Rc::downgrade(endpoint), _slot: slot })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Some(endpoint) = self.endpoint.upgrade() {
            endpoint.open.set(endpoint.open.get().saturating_sub(1));
            endpoint.freed.notify_one();
        }
    }
}

/// The way back to the pool.
#[derive(Debug, Clone)]
pub struct Home {
    endpoint: Rc<Endpoint>,
    clock: Clock,
    max_requests: u32,
    idle_timeout: Duration,
    max_duration: Duration,
}

impl Home {
    pub(crate) fn take_back(&self, mut h1: Box<H1>) {
        let live = &mut h1.live;
        live.conn.wire.rest();
        live.used += 1;
        let now = self.clock.now();
        let until = (now + self.idle_timeout).min(live.born + self.max_duration);
        let mut idle = self.endpoint.idle.borrow_mut();
        if idle.len() < MAX_IDLE && live.used < self.max_requests && now < until {
            idle.push(Idle { h1, until });
            self.endpoint.freed.notify_one();
        }
    }
}

/// All pools of a worker.
#[derive(Debug)]
pub struct Pools {
    endpoints: RefCell<HashMap<Key, Rc<Endpoint>>>,
    network: Arc<dyn Connect>,
    clock: Clock,
}

/// What a request got.
#[derive(Debug)]
pub enum Acquired {
    /// An exchange with the request's head queued.
    Exchange(Exchange),
    /// No connection.
    Failed(ConnectError),
    /// There was a connection, and it broke before the request was on it.
    Broken(StreamError),
}

/// What a cluster lends to its connections.
#[derive(Debug, Clone, Copy)]
pub struct Budget<'a> {
    /// Its counts.
    pub load: &'a Load,
    /// Its limits.
    pub limits: Limits,
    /// Take no idle connection: the last one was stale.
    pub fresh: bool,
}

impl Pools {
    /// No connections yet.
    #[must_use]
    pub fn new(network: Arc<dyn Connect>, clock: Clock) -> Self {
        Self { endpoints: RefCell::default(), network, clock }
    }

    /// Puts `head` on a connection to `target`.
    pub async fn start(
        &self,
        cluster: &Arc<str>,
        target: &Target,
        head: &RequestHead,
        budget: Budget<'_>,
    ) -> Acquired {
        if let Some(exchange) = self.start_now(cluster, target, head, budget) {
            return Acquired::Exchange(exchange);
        }
        let endpoint = self.endpoint(cluster, target);
        let result = match target.protocol {
            Protocol::Http1 => {
                let connected = self.connect_h1(&endpoint, target, budget).await;
                connected.map(|h1| Ok(self.on_h1(h1, endpoint, (target, head), false)))
            }
            Protocol::Http2 => self.start_h2(&endpoint, target, head, budget).await,
        };
        match result {
            Ok(Ok(exchange)) => Acquired::Exchange(exchange),
            Ok(Err(broken)) => Acquired::Broken(broken),
            Err(error) => Acquired::Failed(error),
        }
    }

    /// The same where an idle HTTP/1 connection is at hand, as it mostly is: nothing has to be waited for.
    pub fn start_now(
        &self,
        cluster: &Arc<str>,
        target: &Target,
        head: &RequestHead,
        budget: Budget<'_>,
    ) -> Option<Exchange> {
        if budget.fresh || target.protocol != Protocol::Http1 {
            return None;
        }
        let endpoint = self.endpoint(cluster, target);
        let h1 = quiet(&endpoint, self.clock.now())?;
        Some(self.on_h1(h1, endpoint, (target, head), true))
    }

    fn endpoint(&self, cluster: &Arc<str>, target: &Target) -> Rc<Endpoint> {
        let key = Key {
            cluster: Arc::clone(cluster),
            address: target.address,
            protocol: target.protocol,
            tls: target.tls.as_ref().map(|tls| (tls.id, Arc::clone(&tls.server_name))),
            introduced: target.dial.introduced,
        };
        Rc::clone(self.endpoints.borrow_mut().entry(key).or_default())
    }

    fn on_h1(
        &self,
        mut h1: Box<H1>,
        endpoint: Rc<Endpoint>,
        (target, head): (&Target, &RequestHead),
        reused: bool,
    ) -> Exchange {
        h1.live.conn.limits.keep_case = target.dial.keep_case;
        let home = Home {
            endpoint,
            clock: self.clock.clone(),
            max_requests: target.dial.max_requests.unwrap_or(u32::MAX),
            idle_timeout: target.dial.idle_timeout,
            max_duration: target.dial.max_duration,
        };
        Exchange::on_h1(h1, home, head, reused)
    }

    /// A new connection, or one that becomes free while there is no room for a new one.
    async fn connect_h1(
        &self,
        endpoint: &Rc<Endpoint>,
        target: &Target,
        budget: Budget<'_>,
    ) -> Result<Box<H1>, ConnectError> {
        let _pending = pending(budget)?;
        loop {
            if let Some(room) = Room::take(endpoint, budget) {
                let dialled = dial(&*self.network, target, &self.clock).await?;
                budget.load.connected();
                let conn = Conn::new(Wire::new(dialled.io));
                let (local, peer, born) = (dialled.local, dialled.peer, self.clock.now());
                let live = Live { conn, local, peer, used: 0, born, _room: room };
                return Ok(Box::new(H1::new(live)));
            }
            if !budget.fresh
                && let Some(h1) = quiet(endpoint, self.clock.now())
            {
                return Ok(h1);
            }
            // Where a fresh one is wanted, an idle one makes room for it.
            if endpoint.idle.borrow_mut().pop().is_none() {
                endpoint.freed.notified().await;
            }
        }
    }

    async fn start_h2(
        &self,
        endpoint: &Rc<Endpoint>,
        target: &Target,
        head: &RequestHead,
        budget: Budget<'_>,
    ) -> Result<Result<Exchange, StreamError>, ConnectError> {
        let known = || shared::free(endpoint, &self.clock);
        let found = known().filter(|_| !budget.fresh);
        let reused = found.is_some();
        let lane = match found {
            Some(found) => found,
            None => self.connect_h2(endpoint, target, budget).await?,
        };
        let Lane { send, local, peer, stream } = lane;
        match send.ready().await {
            Ok(send) => {
                let lane = Lane { send, local, peer, stream };
                Ok(Exchange::on_h2(lane, head, reused))
            }
            Err(error) => {
                shared::forget(endpoint, &stream);
                Ok(Err(error.into()))
            }
        }
    }

    /// A stream of a new connection, or of one that came to be while others were waited for.
    async fn connect_h2(
        &self,
        endpoint: &Rc<Endpoint>,
        target: &Target,
        budget: Budget<'_>,
    ) -> Result<Lane, ConnectError> {
        let _pending = pending(budget)?;
        let known = || shared::free(endpoint, &self.clock);
        // A connection that was there before is what a fresh one is wanted instead of.
        let old = endpoint.open.get();
        loop {
            let one_at_a_time = endpoint.connecting.lock().await;
            let newer = !budget.fresh || endpoint.open.get() > old;
            if newer && let Some(found) = known() {
                return Ok(found);
            }
            if newer && shared::greeted(endpoint, &self.clock).await {
                continue;
            }
            if let Some(room) = Room::take(endpoint, budget) {
                let through = (&*self.network, &self.clock);
                let lane = shared::connect(endpoint, target, through, room).await?;
                budget.load.connected();
                return Ok(lane);
            }
            drop(one_at_a_time);
            endpoint.freed.notified().await;
            if let Some(found) = known() {
                return Ok(found);
            }
        }
    }

    /// Closes what was idle for too long or was closed by the peer, and forgets empty endpoints.
    pub fn sweep(&self) {
        let now = self.clock.now();
        self.endpoints.borrow_mut().retain(|_, endpoint| {
            let mut idle = endpoint.idle.borrow_mut();
            idle.retain_mut(|i| now < i.until && i.h1.live.conn.wire.is_quiet());
            let mut h2 = endpoint.h2.borrow_mut();
            h2.retain(|shared| !shared.is_over(now));
            !idle.is_empty() || !h2.is_empty() || Rc::strong_count(endpoint) > 1
        });
    }

    /// Closes the idle connections of clusters that `keep` does not name.
    pub fn retain(&self, keep: impl Fn(&str) -> bool) {
        self.endpoints.borrow_mut().retain(|key, _| keep(&key.cluster));
    }

    /// Closes every idle connection.
    pub fn clear(&self) {
        self.endpoints.borrow_mut().clear();
    }
}

fn pending(budget: Budget<'_>) -> Result<Slot, ConnectError> {
    let slot = Slot::take(&budget.load.pending, budget.limits.max_pending);
    slot.ok_or(ConnectError::Overflow)
}

/// The newest idle connection that still lives; those that were idle for too long are closed, also before they are swept.
fn quiet(endpoint: &Endpoint, now: Instant) -> Option<Box<H1>> {
    let mut idle = endpoint.idle.borrow_mut();
    while let Some(mut candidate) = idle.pop() {
        if now < candidate.until && candidate.h1.live.conn.wire.is_quiet() {
            return Some(candidate.h1);
        }
    }
    None
}
