//! The running proxy: worker threads, the published plan, and the way to end.
//!
//! In: options once, configurations as they are accepted. Out: serving; counts and bound addresses for the admin port.
//! Holds: a plan is compiled off the workers and published whole; a drain tells every connection.
//! Never: protobuf, files, environment.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use proxy_config::ProxyConfig;
use proxy_listen::Listen;
use proxy_upstream::Connect;
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use weft_identity::IdentityStore;
use weft_rt::{Clock, Drain, Rng};
use weft_telemetry::Sink;

use crate::callers::Callers;
use crate::denied::TellDenials;
use crate::explained::ExplainTo;
use crate::peers::PeerExchange;
use crate::plan::Plan;
use crate::publish::Publisher;
use crate::worker::{Activity, Shared, Worker};

const STACK: usize = 1024 * 1024;
const QUIET: Duration = Duration::from_secs(1);
/// Who has not finished a handshake by then is not waited for.
const OPENING: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(50);

/// How a proxy is reached, and reaches others.
#[derive(Debug, Clone)]
pub struct Network {
    /// What it listens on.
    pub listen: Arc<dyn Listen>,
    /// What it connects over.
    pub connect: Arc<dyn Connect>,
}

impl Network {
    /// The machine's TCP.
    #[must_use]
    pub fn tcp() -> Self {
        Self { listen: Arc::new(proxy_listen::Tcp), connect: Arc::new(proxy_upstream::Tcp) }
    }
}

/// What an engine is started with.
pub struct Options {
    /// Our credential, also later ones.
    pub identity: IdentityStore,
    /// Metadata for peers.
    pub exchange: PeerExchange,
    /// One listener to records per worker; their number is the number of workers.
    pub sinks: Vec<Box<dyn Sink + Send>>,
    /// Time that connections of a removed listener have left.
    pub listener_drain: Duration,
    /// Who hears why rules did not let a call pass.
    pub denials: TellDenials,
    /// Clients that may ask what was decided about their requests.
    pub explain_to: ExplainTo,
    /// Time.
    pub clock: Clock,
    /// The network.
    pub network: Network,
    /// Takes the issuers whose tokens are signed by keys that are not known.
    pub unknown_keys: mpsc::Sender<String>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("workers", &self.sinks.len()).finish_non_exhaustive()
    }
}

/// Addresses that listeners are bound to, or why not.
#[derive(Debug, Default)]
pub struct BoundBoard(Mutex<BTreeMap<Arc<str>, Result<SocketAddr, String>>>);

impl BoundBoard {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Result<SocketAddr, String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn opened(&self, name: &Arc<str>, address: Option<SocketAddr>) {
        if let Some(address) = address {
            self.lock().insert(Arc::clone(name), Ok(address));
        }
    }

    pub(crate) fn failed(&self, name: &Arc<str>, error: &io::Error) {
        self.lock().insert(Arc::clone(name), Err(error.to_string()));
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> BTreeMap<Arc<str>, Result<SocketAddr, String>> {
        self.lock().clone()
    }
}

type Sinks = Vec<Box<dyn Sink + Send>>;

/// A running proxy. Dropping it ends the workers at once; call [`Engine::drain`] before.
#[derive(Debug)]
pub struct Engine {
    publisher: Arc<Publisher>,
    activity: Arc<Activity>,
    callers: Callers,
    bound: Arc<BoundBoard>,
    drain: Drain,
    clock: Clock,
    stop: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
}

impl Engine {
    /// Starts the workers, without any listener yet.
    ///
    /// # Errors
    /// When threads or runtimes cannot be made.
    pub fn start(options: Options) -> io::Result<Self> {
        let (mut engine, shared, sinks, stopped) = Self::prepare(options);
        let mut seeds = Rng::from_os();
        for (index, sink) in sinks.into_iter().enumerate() {
            let (shared, stopped, seed) = (shared.clone(), stopped.clone(), seeds.next_u64());
            let thread =
                std::thread::Builder::new().name(format!("worker-{index}")).stack_size(STACK);
            // One worker looks up names for all.
            let resolver = (index == 0).then(|| Arc::clone(&engine.publisher));
            let (begin, begun) = std::sync::mpsc::sync_channel(1);
            let worker = move || {
                // Whoever starts us waits to be told.
                let runtime = runtime().map_err(|error| begin.send(Err(error)).ok()).ok();
                let Some(runtime) = runtime else { return };
                begin.send(Ok(())).ok();
                runtime.block_on(work(shared, sink, (seed, resolver), stopped));
            };
            engine.threads.push(thread.spawn(worker)?);
            begun.recv().map_err(io::Error::other)??;
        }
        Ok(engine)
    }

    /// One worker without a thread: the future does its work until [`Engine::stop`] or until the engine is dropped. Its
    /// connections live in the `LocalSet` that it is run in, and end with that. The same seed makes the same choices.
    pub fn here(options: Options, seed: u64) -> (Self, impl Future<Output = ()> + use<>) {
        let (engine, shared, sinks, stopped) = Self::prepare(options);
        let publisher = Arc::clone(&engine.publisher);
        let run = async move {
            if let Some(sink) = sinks.into_iter().next() {
                work(shared, sink, (seed, Some(publisher)), stopped).await;
            }
        };
        (engine, run)
    }

    fn prepare(options: Options) -> (Self, Shared, Sinks, watch::Receiver<bool>) {
        let Options {
            identity,
            exchange,
            sinks,
            listener_drain,
            denials,
            explain_to,
            clock,
            network,
            unknown_keys,
        } = options;
        let publisher = Arc::new(Publisher::new(identity));
        let (stop, stopped) = watch::channel(false);
        let shared = Shared {
            plan: Arc::clone(&publisher.plan),
            changed: publisher.watch(),
            network,
            clock: clock.clone(),
            activity: Arc::default(),
            callers: Callers::default(),
            drain: Drain::new(),
            listener_drain,
            denials,
            explain_to,
            exchange: Arc::new(exchange),
            bound: Arc::default(),
            unknown_keys,
        };
        let (activity, bound) = (Arc::clone(&shared.activity), Arc::clone(&shared.bound));
        let (drain, callers) = (shared.drain.clone(), shared.callers.clone());
        let threads = Vec::new();
        let engine = Self { publisher, activity, callers, bound, drain, clock, stop, threads };
        (engine, shared, sinks, stopped)
    }

    /// Compiles and publishes; the answer names what could not be used.
    pub fn publish(&self, config: &ProxyConfig) -> Vec<String> {
        self.publisher.publish(config)
    }

    /// The plan in force.
    #[must_use]
    pub fn plan(&self) -> Arc<Plan> {
        self.publisher.plan.load_full()
    }

    /// What is going on.
    #[must_use]
    pub fn activity(&self) -> &Activity {
        &self.activity
    }

    /// Who calls without the mesh's mutual TLS.
    #[must_use]
    pub const fn callers(&self) -> &Callers {
        &self.callers
    }

    /// Where listeners are bound.
    #[must_use]
    pub fn bound(&self) -> &BoundBoard {
        &self.bound
    }

    /// True once a drain has begun.
    #[must_use]
    pub fn draining(&self) -> bool {
        self.drain.started()
    }

    /// Asks every client to leave after its request, without waiting.
    pub fn start_drain(&self) {
        self.drain.start();
    }

    /// Drains for at most `limit`; sooner when nobody is connected, or nothing was asked for a second. A client that is
    /// about to ask is waited for: one that has connected, and is not through with its handshake.
    pub async fn drain(&self, limit: Duration) {
        self.drain.start();
        let start = self.clock.now();
        let end = start + limit;
        let (mut begun, mut since) = (self.begun(), self.clock.now());
        while self.clock.now() < end {
            let now = self.begun();
            let opening = self.activity.opening.load(Ordering::Relaxed) > 0;
            let opening = opening && self.clock.now() - start < OPENING;
            let busy = opening || self.activity.requests.load(Ordering::Relaxed) > 0;
            if busy || now != begun {
                (begun, since) = (now, self.clock.now());
            }
            let empty = self.activity.connections.load(Ordering::Relaxed) == 0;
            if self.clock.now() - since >= QUIET || (empty && self.clock.now() - since >= QUIET / 2)
            {
                return;
            }
            self.clock.sleep(POLL).await;
        }
    }

    fn begun(&self) -> u64 {
        let Activity { begun, opened, .. } = &*self.activity;
        begun.load(Ordering::Relaxed) + opened.load(Ordering::Relaxed)
    }

    /// Ends the workers and waits for their threads.
    pub fn stop(mut self) {
        self.stop.send_replace(true);
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a worker had panicked");
            }
        }
    }
}

/// Belongs to the thread that makes it: its tasks are woken without the locks and the second queue of a `LocalSet`.
fn runtime() -> io::Result<LocalRuntime> {
    Builder::new_current_thread().enable_all().build_local(LocalOptions::default())
}

/// One worker's life.
async fn work(
    shared: Shared,
    sink: Box<dyn Sink + Send>,
    (seed, resolver): (u64, Option<Arc<Publisher>>),
    mut stopped: watch::Receiver<bool>,
) {
    let clock = shared.clock.clone();
    // Tasks of their own: this future is looked at after every batch of the others' work, and so has to be cheap to look at.
    let mut parts = JoinSet::new();
    if let Some(publisher) = resolver {
        parts.spawn_local(crate::resolve::run(publisher, clock));
    }
    parts.spawn_local(Worker::new(shared, sink, seed).run());
    parts.spawn_local(async move {
        // The engine is gone, too, when nobody can say stop any more.
        stopped.wait_for(|stop| *stop).await.ok();
    });
    if let Some(Err(ended)) = parts.join_next().await
        && let Ok(panic) = ended.try_into_panic()
    {
        std::panic::resume_unwind(panic);
    }
}
