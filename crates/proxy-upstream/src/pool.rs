//! Connections of one worker, kept for the next request.
//!
//! In: a cluster's name and a [`Target`]. Out: an exchange on an idle connection, or on a new one.
//! Holds: keyed by cluster, address, protocol and TLS identity, never by plan: a new plan cuts nothing.
//! Never: threads; a pool belongs to one worker.
//! Why the newest idle connection first: the others grow old and are closed, so the pool shrinks by itself.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::SendRequest;
use proxy_http::h1::Conn;
use proxy_http::{RequestHead, StreamError, Wire};
use weft_rt::Clock;

use crate::load::{Limits, Load, Slot};
use crate::{ConnectError, Exchange, Protocol, Target, dial};

const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
const MAX_IDLE: usize = 1024;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    cluster: Arc<str>,
    address: SocketAddr,
    protocol: Protocol,
    tls: Option<u64>,
}

/// A connection and what it counts for.
#[derive(Debug)]
pub struct Live {
    pub(crate) conn: Conn,
    pub(crate) local: Option<SocketAddr>,
    pub(crate) peer: Option<Arc<str>>,
    used: u32,
    _slot: Slot,
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
    live: Live,
    until: Instant,
}

#[derive(Debug, Default)]
struct Endpoint {
    idle: RefCell<Vec<Idle>>,
    h2: RefCell<Option<SharedH2>>,
    connecting: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct SharedH2 {
    lane: Lane,
    alive: Weak<()>,
}

/// A way onto an h2 connection.
#[derive(Debug, Clone)]
pub(crate) struct Lane {
    pub(crate) send: SendRequest<Bytes>,
    pub(crate) local: Option<SocketAddr>,
    pub(crate) peer: Option<Arc<str>>,
}

/// The way back to the pool.
#[derive(Debug, Clone)]
pub struct Home {
    endpoint: Rc<Endpoint>,
    clock: Clock,
    max_requests: u32,
    idle_timeout: Duration,
}

impl Home {
    pub(crate) fn take_back(&self, mut live: Live) {
        live.conn.wire.rest();
        live.used += 1;
        let mut idle = self.endpoint.idle.borrow_mut();
        if idle.len() < MAX_IDLE && live.used < self.max_requests {
            idle.push(Idle { live, until: self.clock.now() + self.idle_timeout });
        }
    }
}

/// All pools of a worker.
#[derive(Debug)]
pub struct Pools {
    endpoints: RefCell<HashMap<Key, Rc<Endpoint>>>,
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
    pub fn new(clock: Clock) -> Self {
        Self { endpoints: RefCell::default(), clock }
    }

    /// Puts `head` on a connection to `target`.
    pub async fn start(
        &self,
        cluster: &Arc<str>,
        target: &Target,
        head: &RequestHead,
        budget: Budget<'_>,
    ) -> Acquired {
        let endpoint = self.endpoint(cluster, target);
        let result = match target.protocol {
            Protocol::Http1 => self.start_h1(endpoint, target, head, budget).await.map(Ok),
            Protocol::Http2 => self.start_h2(&endpoint, target, head, budget).await,
        };
        match result {
            Ok(Ok(exchange)) => Acquired::Exchange(exchange),
            Ok(Err(broken)) => Acquired::Broken(broken),
            Err(error) => Acquired::Failed(error),
        }
    }

    fn endpoint(&self, cluster: &Arc<str>, target: &Target) -> Rc<Endpoint> {
        let key = Key {
            cluster: Arc::clone(cluster),
            address: target.address,
            protocol: target.protocol,
            tls: target.tls.as_ref().map(|tls| tls.id),
        };
        Rc::clone(self.endpoints.borrow_mut().entry(key).or_default())
    }

    async fn start_h1(
        &self,
        endpoint: Rc<Endpoint>,
        target: &Target,
        head: &RequestHead,
        budget: Budget<'_>,
    ) -> Result<Exchange, ConnectError> {
        let idle = if budget.fresh { None } else { quiet(&endpoint) };
        let reused = idle.is_some();
        let live = match idle {
            Some(live) => live,
            None => self.connect_h1(target, budget).await?,
        };
        let home = Home {
            endpoint,
            clock: self.clock.clone(),
            max_requests: target.dial.max_requests.unwrap_or(u32::MAX),
            idle_timeout: target.dial.idle_timeout,
        };
        Ok(Exchange::on_h1(live, home, head, reused))
    }

    async fn connect_h1(&self, target: &Target, budget: Budget<'_>) -> Result<Live, ConnectError> {
        let (slot, _pending) = slots(budget)?;
        let dialled = dial(target, &self.clock).await?;
        let conn = Conn::new(Wire::new(dialled.io));
        Ok(Live { conn, local: dialled.local, peer: dialled.peer, used: 0, _slot: slot })
    }

    async fn start_h2(
        &self,
        endpoint: &Rc<Endpoint>,
        target: &Target,
        head: &RequestHead,
        budget: Budget<'_>,
    ) -> Result<Result<Exchange, StreamError>, ConnectError> {
        let mut reused = true;
        let shared = shared_h2(endpoint).filter(|_| !budget.fresh);
        let lane = match shared {
            Some(found) => found,
            None => {
                let _one_at_a_time = endpoint.connecting.lock().await;
                match shared_h2(endpoint).filter(|_| !budget.fresh) {
                    Some(found) => found,
                    None => {
                        reused = false;
                        self.connect_h2(endpoint, target, budget).await?
                    }
                }
            }
        };
        let Lane { send, local, peer } = lane;
        match send.ready().await {
            Ok(send) => Ok(Exchange::on_h2(Lane { send, local, peer }, head, reused)),
            Err(error) => {
                endpoint.h2.borrow_mut().take();
                Ok(Err(error.into()))
            }
        }
    }

    async fn connect_h2(
        &self,
        endpoint: &Rc<Endpoint>,
        target: &Target,
        budget: Budget<'_>,
    ) -> Result<Lane, ConnectError> {
        let (slot, _pending) = slots(budget)?;
        let dialled = dial(target, &self.clock).await?;
        let (local, peer) = (dialled.local, dialled.peer);
        let (send, connection) = h2::client::Builder::new()
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .enable_push(false)
            .handshake::<_, Bytes>(dialled.io)
            .await
            .map_err(|_broken| ConnectError::Refused(std::io::ErrorKind::ConnectionReset))?;
        let token = Rc::new(());
        let alive = Rc::downgrade(&token);
        // The task ends with the connection; the pool sees it by the token.
        tokio::task::spawn_local(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "an h2 connection to a server ended");
            }
            drop((token, slot));
        });
        let lane = Lane { send, local, peer };
        *endpoint.h2.borrow_mut() = Some(SharedH2 { lane: lane.clone(), alive });
        Ok(lane)
    }

    /// Closes what was idle for too long or was closed by the peer, and forgets empty endpoints.
    pub fn sweep(&self) {
        let now = self.clock.now();
        self.endpoints.borrow_mut().retain(|_, endpoint| {
            let mut idle = endpoint.idle.borrow_mut();
            idle.retain_mut(|i| now < i.until && i.live.conn.wire.is_quiet());
            let mut h2 = endpoint.h2.borrow_mut();
            if h2.as_ref().is_some_and(|h2| h2.alive.strong_count() == 0) {
                *h2 = None;
            }
            !idle.is_empty() || h2.is_some() || Rc::strong_count(endpoint) > 1
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

fn slots(budget: Budget<'_>) -> Result<(Slot, Slot), ConnectError> {
    let pending = Slot::take(&budget.load.pending, budget.limits.max_pending);
    let connection = Slot::take(&budget.load.connections, budget.limits.max_connections);
    Ok((connection.ok_or(ConnectError::Overflow)?, pending.ok_or(ConnectError::Overflow)?))
}

fn quiet(endpoint: &Endpoint) -> Option<Live> {
    let mut idle = endpoint.idle.borrow_mut();
    while let Some(mut candidate) = idle.pop() {
        if candidate.live.conn.wire.is_quiet() {
            return Some(candidate.live);
        }
    }
    None
}

fn shared_h2(endpoint: &Endpoint) -> Option<Lane> {
    let shared = endpoint.h2.borrow();
    let shared = shared.as_ref().filter(|h2| h2.alive.strong_count() > 0)?;
    Some(shared.lane.clone())
}
