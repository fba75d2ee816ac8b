//! Takes new worlds, lets a burst of them settle, and hands the last one to every stream.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};
use weft_proto::ads::{
    Ads, AdsServer, DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest,
    DiscoveryResponse, Outgoing,
};
use weft_proto::withdrawal::WithdrawalServer;
use weft_rt::Clock;
use weft_xds::Mode;

use crate::registrar::Registrar;
use crate::sleeper::Sleepers;
use crate::stream::{Opened, Requests};
use crate::withdrawals::Withdrawals;
use crate::world::{Published, Views};
use crate::{Access, Ledger, World};

/// How long a burst of changes may settle before it is pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Debounce {
    /// Push when nothing came for so long.
    pub quiet: Duration,
    /// Push at the latest after so long.
    pub max: Duration,
}

impl Default for Debounce {
    fn default() -> Self {
        Self { quiet: Duration::from_millis(25), max: Duration::from_secs(1) }
    }
}

pub(crate) type Current<W> = watch::Receiver<Option<Arc<Published<W>>>>;

/// The xDS server. Cheap to clone.
pub struct PushServer<W: World> {
    pub(crate) newest: watch::Sender<Option<Arc<Published<W>>>>,
    settled: watch::Sender<Option<Arc<Published<W>>>>,
    revision: Arc<AtomicU64>,
    ledger: Ledger,
    registrar: Option<Arc<dyn Registrar>>,
    views: Arc<Views<W::View>>,
    sleepers: Sleepers,
    pub(crate) clock: Clock,
}

impl<W: World> std::fmt::Debug for PushServer<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PushServer").field("revision", &self.revision).finish_non_exhaustive()
    }
}

impl<W: World> Clone for PushServer<W> {
    fn clone(&self) -> Self {
        Self {
            newest: self.newest.clone(),
            settled: self.settled.clone(),
            revision: Arc::clone(&self.revision),
            ledger: self.ledger.clone(),
            registrar: self.registrar.clone(),
            views: Arc::clone(&self.views),
            sleepers: self.sleepers.clone(),
            clock: self.clock.clone(),
        }
    }
}

impl<W: World> PushServer<W> {
    /// A server with nothing to push, and the future that lets bursts settle (spawn it).
    pub fn new(debounce: Debounce, clock: Clock) -> (Self, impl Future<Output = ()> + Send) {
        let (newest, settled) = (watch::Sender::new(None), watch::Sender::new(None));
        let ledger = Ledger::new(clock.clone());
        let revision = Arc::new(AtomicU64::new(0));
        let (registrar, views) = (None, Arc::default());
        let sleepers = Sleepers::default();
        let server = Self { newest, settled, revision, ledger, registrar, views, sleepers, clock };
        let settling = Settling {
            newest: server.newest.subscribe(),
            settled: server.settled.clone(),
            sleepers: server.sleepers.clone(),
            ledger: server.ledger.clone(),
            clock: server.clock.clone(),
            debounce,
        };
        (server, settling.run())
    }

    /// The same server, which tells of proxies that come and go.
    #[must_use]
    pub fn telling(self, registrar: Arc<dyn Registrar>) -> Self {
        Self { registrar: Some(registrar), ..self }
    }

    /// Makes `world` the newest; the answer is its revision, which [`Ledger::report`] speaks of.
    pub fn publish(&self, world: Arc<W>) -> u64 {
        let revision = self.revision.fetch_add(1, Ordering::SeqCst) + 1;
        let published = Published::new(revision, world, Arc::clone(&self.views));
        self.newest.send_replace(Some(Arc::new(published)));
        self.ledger.published(revision);
        revision
    }

    /// What was published last.
    #[must_use]
    pub fn world(&self) -> Option<Arc<W>> {
        self.newest.borrow().as_ref().map(|published| Arc::clone(&published.world))
    }

    /// The book.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The gRPC service for one port.
    #[must_use]
    pub fn service(&self, access: Access) -> AdsServer<PushService<W>> {
        AdsServer::new(Arc::new(PushService { server: self.clone(), access }))
    }

    /// The gRPC service for one port that tells ending pods when nobody sends to them any more.
    #[must_use]
    pub fn withdrawals(&self, access: Access) -> WithdrawalServer<Withdrawals<W>> {
        WithdrawalServer::new(Arc::new(Withdrawals::new(self.clone(), access)))
    }
}

/// Lets bursts settle, and wakes streams for what settled.
struct Settling<W: World> {
    newest: Current<W>,
    settled: watch::Sender<Option<Arc<Published<W>>>>,
    sleepers: Sleepers,
    ledger: Ledger,
    clock: Clock,
    debounce: Debounce,
}

impl<W: World> Settling<W> {
    async fn run(mut self) {
        while self.newest.changed().await.is_ok() {
            self.settle().await;
            let Some(latest) = self.newest.borrow_and_update().clone() else { continue };
            let before = self.settled.send_replace(Some(Arc::clone(&latest)));
            self.sleepers.wake(before.as_deref(), &latest);
            self.ledger.touch();
        }
        // Whoever is woken now finds that nothing will come any more.
        let Self { settled, sleepers, .. } = self;
        drop(settled);
        sleepers.wake_all();
    }

    async fn settle(&mut self) {
        let Self { newest, clock, debounce, .. } = self;
        let deadline = clock.now() + debounce.max;
        while newest.has_changed().is_ok() {
            newest.mark_unchanged();
            let quiet = (clock.now() + debounce.quiet).min(deadline);
            tokio::select! {
                () = clock.sleep_until(quiet) => break,
                more = newest.changed() => if more.is_err() || clock.now() >= deadline { break },
            }
        }
    }
}

/// [`PushServer`] behind one port's rule.
#[derive(Debug)]
pub struct PushService<W: World> {
    server: PushServer<W>,
    access: Access,
}

/// Answers that may wait for a slow proxy's window.
const OUTGOING: usize = 16;

impl<W: World> PushService<W> {
    async fn open(
        &self,
        metadata: &MetadataMap,
        peer: Option<SocketAddr>,
        requests: Requests,
        mode: Mode,
    ) -> Result<ReceiverStream<Result<weft_xds::Response, Status>>, Status> {
        let identity = self.access.open(metadata, peer).await?;
        let (outgoing, responses) = mpsc::channel(OUTGOING);
        let server = &self.server;
        let (ledger, registrar) = (server.ledger.clone(), server.registrar.clone());
        let sleepers = server.sleepers.clone();
        let opened = Opened { mode, identity, ledger, registrar, sleepers, outgoing };
        tokio::spawn(opened.run(requests, server.settled.subscribe(), server.clock.clone()));
        Ok(ReceiverStream::new(responses))
    }
}

#[async_trait::async_trait]
impl<W: World> Ads for PushService<W> {
    async fn sotw(
        &self,
        request: Request<Streaming<DiscoveryRequest>>,
    ) -> Result<Response<Outgoing<DiscoveryResponse>>, Status> {
        let (metadata, peer) = (request.metadata().clone(), request.remote_addr());
        let requests = request.into_inner().map(|request| request.map(weft_xds::Request::Sotw));
        let answers = self.open(&metadata, peer, Box::pin(requests), Mode::Sotw).await?;
        let ours = |answer| match answer {
            Ok(weft_xds::Response::Sotw(response)) => Some(Ok(response)),
            Ok(weft_xds::Response::Delta(_)) => None,
            Err(status) => Some(Err(status)),
        };
        Ok(Response::new(Box::pin(answers.filter_map(ours))))
    }

    async fn delta(
        &self,
        request: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<Outgoing<DeltaDiscoveryResponse>>, Status> {
        let (metadata, peer) = (request.metadata().clone(), request.remote_addr());
        let requests = request.into_inner().map(|request| request.map(weft_xds::Request::Delta));
        let answers = self.open(&metadata, peer, Box::pin(requests), Mode::Delta).await?;
        let ours = |answer| match answer {
            Ok(weft_xds::Response::Delta(response)) => Some(Ok(response)),
            Ok(weft_xds::Response::Sotw(_)) => None,
            Err(status) => Some(Err(status)),
        };
        Ok(Response::new(Box::pin(answers.filter_map(ours))))
    }
}
