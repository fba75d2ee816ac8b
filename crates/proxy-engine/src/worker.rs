//! One worker: a thread's share of connections, with everything that it alone owns.
//!
//! In: plans, a drain. Out: served connections.
//! Holds: no lock on the request path; the plan is reached through one atomic load.
//! Never: configuration text, files.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use foldhash::HashMap;
use proxy_http::{RequestHead, ResponseHead};
use proxy_listen::Accept;
use proxy_upstream::Pools;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use weft_rt::{Clock, Drain, DrainWatch, Rng};
use weft_telemetry::Sink;

use crate::called::Hosts;
use crate::callers::Callers;
use crate::connection;
use crate::denied::TellDenials;
use crate::explained::ExplainTo;
use crate::heads::Heads;
use crate::peers::{PeerExchange, Peers};
use crate::plan::{Listener, Plan};

const SWEEP: Duration = Duration::from_secs(5);
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Counts that all workers share, for drain and the admin port.
#[derive(Debug, Default)]
pub struct Activity {
    /// Client connections open now.
    pub connections: AtomicU64,
    /// Of these, the ones that are still being opened: first bytes, TLS.
    pub opening: AtomicU64,
    /// Client connections that were ever open to requests.
    pub opened: AtomicU64,
    /// Requests in flight now.
    pub requests: AtomicU64,
    /// Requests and TCP connections ever begun.
    pub begun: AtomicU64,
}

/// One unit of a count.
pub(crate) struct Counted<'a>(&'a AtomicU64);

impl<'a> Counted<'a> {
    pub(crate) fn one(count: &'a AtomicU64) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What every worker is given.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) plan: Arc<ArcSwap<Plan>>,
    pub(crate) changed: watch::Receiver<u64>,
    pub(crate) network: crate::engine::Network,
    pub(crate) clock: Clock,
    pub(crate) activity: Arc<Activity>,
    pub(crate) callers: Callers,
    pub(crate) drain: Drain,
    /// Time that connections of a removed listener have left.
    pub(crate) listener_drain: Duration,
    pub(crate) denials: TellDenials,
    pub(crate) explain_to: ExplainTo,
    pub(crate) exchange: Arc<PeerExchange>,
    pub(crate) bound: Arc<crate::engine::BoundBoard>,
    pub(crate) unknown_keys: mpsc::Sender<String>,
}

impl Shared {
    /// Tells of a token that none of its issuer's keys could have signed. Where nobody has listened to those before, it is dropped:
    /// whoever has a new key comes again.
    pub(crate) fn unknown_key(&self, issuer: &str) {
        if let Ok(place) = self.unknown_keys.try_reserve() {
            place.send(issuer.to_owned());
        }
    }
}

/// What one worker owns.
pub(crate) struct Worker {
    pub(crate) shared: Shared,
    pub(crate) pools: Pools,
    pub(crate) rng: RefCell<Rng>,
    pub(crate) sink: Box<dyn Sink>,
    pub(crate) peers: Peers,
    pub(crate) cursors: RefCell<HashMap<Arc<str>, proxy_balance::Cursor>>,
    pub(crate) heads: Heads<RequestHead>,
    pub(crate) answers: Heads<ResponseHead>,
    /// Hosts that are looked up when they are called.
    pub(crate) called: Rc<Hosts>,
}

impl Worker {
    pub(crate) fn new(shared: Shared, sink: Box<dyn Sink>, seed: u64) -> Rc<Self> {
        Rc::new(Self {
            pools: Pools::new(Arc::clone(&shared.network.connect), shared.clock.clone()),
            rng: RefCell::new(Rng::seeded(seed)),
            peers: Peers::new(shared.exchange.read),
            cursors: RefCell::default(),
            heads: Heads::default(),
            answers: Heads::default(),
            called: Rc::default(),
            sink,
            shared,
        })
    }

    /// Serves until the drain is over and the owner drops this future.
    pub(crate) async fn run(self: Rc<Self>) {
        let mut changed = self.shared.changed.clone();
        let mut open = Open::default();
        loop {
            let plan = self.shared.plan.load_full();
            open.follow(&self, &plan);
            plan.begin(self.shared.clock.now());
            self.pools.retain(|name| plan.clusters.contains_key(name));
            self.cursors.borrow_mut().retain(|name, _| plan.clusters.contains_key(name));
            self.called.retain(&plan);
            loop {
                tokio::select! {
                    change = changed.changed() => match change {
                        Ok(()) => break,
                        // The engine is gone; connections end when the runtime is dropped.
                        Err(_) => return,
                    },
                    () = self.shared.clock.sleep(SWEEP) => self.pools.sweep(),
                }
            }
        }
    }
}

/// Sockets that are open now.
#[derive(Default)]
struct Open(HashMap<(Arc<str>, SocketAddr), Drain>);

impl Open {
    /// Opens what the plan has and closes what it has not.
    fn follow(&mut self, worker: &Rc<Worker>, plan: &Plan) {
        self.0.retain(|(name, address), drain| {
            let wanted = plan.listeners.get(name).is_some_and(|l| l.address == Some(*address));
            if !wanted {
                drain.start();
            }
            wanted
        });
        for listener in plan.listeners.values() {
            let Some(address) = listener.address else { continue };
            let key = (Arc::clone(&listener.name), address);
            if self.0.contains_key(&key) {
                continue;
            }
            match worker.shared.network.listen.bind(address) {
                Ok(socket) => {
                    worker.shared.bound.opened(&listener.name, socket.local_addr().ok());
                    let drain = worker.shared.drain.child();
                    let accept =
                        accept(Rc::clone(worker), socket, Arc::clone(listener), drain.clone());
                    tokio::task::spawn_local(accept);
                    self.0.insert(key, drain);
                }
                Err(error) => {
                    worker.shared.bound.failed(&listener.name, &error);
                    tracing::error!(listener = %listener.name, %address, %error, "cannot listen");
                }
            }
        }
    }
}

/// Accepts until the listener is removed. A drain of the whole proxy keeps accepting: clients that have
/// not heard of it yet are served, and told to close. Connections of a removed listener are told to close, and after a while
/// they are closed.
async fn accept(
    worker: Rc<Worker>,
    socket: Box<dyn Accept>,
    listener: Arc<Listener>,
    drain: Drain,
) {
    let removed = async {
        drain.begun().await;
        if worker.shared.drain.started() {
            std::future::pending::<()>().await;
        }
    };
    tokio::pin!(removed);
    let mut served = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = socket.accept() => accepted,
            Some(_ended) = served.join_next() => continue,
            () = &mut removed => break,
        };
        match accepted {
            Ok((stream, remote)) => {
                let watch: DrainWatch = drain.watch();
                let serve = connection::serve(
                    Rc::clone(&worker),
                    stream,
                    remote,
                    Arc::clone(&listener),
                    watch,
                );
                served.spawn_local(serve);
            }
            Err(error) => {
                tracing::warn!(listener = %listener.name, %error, "cannot accept");
                worker.shared.clock.sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(socket);
    let ended = async { while served.join_next().await.is_some() {} };
    if worker.shared.clock.timeout(worker.shared.listener_drain, ended).await.is_err() {
        tracing::info!(listener = %listener.name, left = served.len(), "closes what is left");
    }
}
