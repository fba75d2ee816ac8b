//! HTTP/2 connections, which many requests share.
//!
//! In: an endpoint, bounds of its connections. Out: a way onto a connection, which counts as a stream until it is dropped.
//! Holds: a connection gets no more streams at once than its server or the user allows, one until the server has said
//! how many, and none once it has had its requests or its time; what it carries ends by itself.
//! Never: waiting for a stream.

use std::cell::Cell;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use bytes::Bytes;
use h2::client::{Connection, SendRequest};
use h2::{Ping, PingPong};
use tokio::io::{AsyncRead, AsyncWrite};
use weft_rt::Clock;

use super::{Endpoint, Room};
use crate::target::{Dial, Pings};
use crate::{Connect, ConnectError, Target, dial};

const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// What a server allows that has not said it yet; no server can say this number.
const UNSAID: usize = usize::MAX - 1;

/// One connection.
#[derive(Debug)]
pub(super) struct SharedH2 {
    send: SendRequest<Bytes>,
    local: Option<SocketAddr>,
    peer: Option<Arc<str>>,
    alive: Weak<()>,
    counts: Rc<Counts>,
}

/// What a connection has carried and carries.
#[derive(Debug)]
struct Counts {
    active: Cell<u32>,
    used: Cell<u32>,
    /// When it was last without streams.
    rested: Cell<Instant>,
    dial: Dial,
    born: Instant,
}

/// A way onto a connection.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) send: SendRequest<Bytes>,
    pub(crate) local: Option<SocketAddr>,
    pub(crate) peer: Option<Arc<str>>,
    pub(crate) stream: Stream,
}

/// One stream of a connection; dropping it ends its count.
#[derive(Debug)]
pub(crate) struct Stream {
    counts: Rc<Counts>,
    endpoint: Weak<Endpoint>,
    clock: Clock,
}

impl Drop for Stream {
    fn drop(&mut self) {
        let left = self.counts.active.get().saturating_sub(1);
        self.counts.active.set(left);
        if left == 0 {
            self.counts.rested.set(self.clock.now());
        }
        if let Some(endpoint) = self.endpoint.upgrade() {
            endpoint.freed.notify_one();
        }
    }
}

impl SharedH2 {
    /// It takes no more requests.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        let Counts { active, used, rested, dial, born } = &*self.counts;
        let idle = active.get() == 0 && now >= rested.get() + dial.idle_timeout;
        let worn = dial.max_requests.is_some_and(|most| used.get() >= most);
        self.alive.strong_count() == 0 || idle || worn || now >= *born + dial.max_duration
    }

    /// The server has not greeted yet.
    fn is_new(&self) -> bool {
        self.send.current_max_send_streams() == UNSAID
    }

    fn has_room(&self) -> bool {
        let own = self.counts.dial.max_streams.unwrap_or(u32::MAX);
        let said = if self.is_new() { 1 } else { self.send.current_max_send_streams() };
        let servers = u32::try_from(said).unwrap_or(u32::MAX);
        // A server that wants none for now is waited for.
        self.counts.active.get() < own.min(servers).max(1)
    }

    fn lane(&self, endpoint: &Rc<Endpoint>, clock: &Clock) -> Lane {
        self.counts.active.set(self.counts.active.get() + 1);
        self.counts.used.set(self.counts.used.get().saturating_add(1));
        let stream = Stream {
            counts: Rc::clone(&self.counts),
            endpoint: Rc::downgrade(endpoint),
            clock: clock.clone(),
        };
        Lane {
            send: self.send.clone(),
            local: self.local,
            peer: self.peer.as_ref().map(Arc::clone),
            stream,
        }
    }
}

/// A stream of a connection that has room. Connections whose time is over are let go.
pub(super) fn free(endpoint: &Rc<Endpoint>, clock: &Clock) -> Option<Lane> {
    let now = clock.now();
    let mut all = endpoint.h2.borrow_mut();
    all.retain(|shared| !shared.is_over(now));
    all.iter().find(|shared| shared.has_room()).map(|shared| shared.lane(endpoint, clock))
}

/// Waits for a server to greet that has not yet, as long as connecting to it may take: what more it takes is known then.
/// False when there is none to wait for.
pub(super) async fn greeted(endpoint: &Endpoint, clock: &Clock) -> bool {
    let new = |shared: &SharedH2| {
        let waits = shared.counts.born + shared.counts.dial.timeout;
        (shared.is_new() && shared.alive.strong_count() > 0).then_some(waits)
    };
    let until = endpoint.h2.borrow().iter().find_map(new);
    let Some(left) = until.and_then(|until| until.checked_duration_since(clock.now())) else {
        return false;
    };
    clock.timeout(left, endpoint.greeted.notified()).await.is_ok()
}

/// Takes no more streams of the connection of this one.
pub(super) fn forget(endpoint: &Endpoint, stream: &Stream) {
    endpoint.h2.borrow_mut().retain(|shared| !Rc::ptr_eq(&shared.counts, &stream.counts));
}

/// Opens a connection, for one stream at first.
pub(super) async fn connect(
    endpoint: &Rc<Endpoint>,
    target: &Target,
    (network, clock): (&dyn Connect, &Clock),
    room: Room,
) -> Result<Lane, ConnectError> {
    let dialled = dial(network, target, clock).await?;
    let (local, peer) = (dialled.local, dialled.peer);
    let (send, mut connection) = h2::client::Builder::new()
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .enable_push(false)
        .initial_max_send_streams(UNSAID)
        .handshake::<_, Bytes>(dialled.io)
        .await
        .map_err(|_broken| ConnectError::Refused(std::io::ErrorKind::ConnectionReset))?;
    let token = Rc::new(());
    let alive = Rc::downgrade(&token);
    let pings = target.dial.pings.zip(connection.ping_pong());
    let (watch, waiting) = (clock.clone(), Rc::downgrade(endpoint));
    // The task ends with the connection; the pool sees it by the token.
    tokio::task::spawn_local(async move {
        tokio::select! {
            ended = serve(connection, &waiting) => if let Err(error) = ended {
                tracing::debug!(%error, "an h2 connection to a server ended");
            },
            () = unanswered(pings, &watch) => {
                tracing::debug!("an h2 connection to a server answers no pings");
            }
        }
        drop((token, room));
        tell(&waiting);
    });
    let now = clock.now();
    let counts = Counts {
        active: Cell::new(0),
        used: Cell::new(0),
        rested: Cell::new(now),
        dial: target.dial,
        born: now,
    };
    let shared = SharedH2 { send, local, peer, alive, counts: Rc::new(counts) };
    let lane = shared.lane(endpoint, clock);
    endpoint.h2.borrow_mut().push(shared);
    // It has room for more than one.
    endpoint.freed.notify_waiters();
    Ok(lane)
}

/// Drives a connection to its end, and tells when the server has greeted.
async fn serve<T>(
    mut connection: Connection<T, Bytes>,
    waiting: &Weak<Endpoint>,
) -> Result<(), h2::Error>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let greeting = poll_fn(|cx| match Pin::new(&mut connection).poll(cx) {
        Poll::Pending if connection.max_concurrent_send_streams() == UNSAID => Poll::Pending,
        Poll::Pending => Poll::Ready(None),
        Poll::Ready(ended) => Poll::Ready(Some(ended)),
    });
    let ended = greeting.await;
    tell(waiting);
    match ended {
        Some(ended) => ended,
        None => connection.await,
    }
}

fn tell(waiting: &Weak<Endpoint>) {
    if let Some(endpoint) = waiting.upgrade() {
        endpoint.greeted.notify_waiters();
    }
}

/// Ends when a ping gets no answer in time.
async fn unanswered(pings: Option<(Pings, PingPong)>, clock: &Clock) {
    let Some((Pings { interval, timeout }, mut pings)) = pings else {
        return std::future::pending().await;
    };
    loop {
        clock.sleep(interval).await;
        let answer = clock.timeout(timeout, pings.ping(Ping::opaque())).await;
        if !matches!(answer, Ok(Ok(_))) {
            return;
        }
    }
}
