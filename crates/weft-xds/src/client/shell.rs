//! Runs a [`DeltaClient`] over gRPC: connects, feeds, reconnects with back-off.
//!
//! In: options and commands. Out: updates, in order. Ends when the [`Client`] and all its clones are dropped.
//! Holds: a lost connection costs no resource; what was accepted serves on.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Status, Streaming};
use weft_proto::ads::{self, DeltaDiscoveryRequest, DeltaDiscoveryResponse};
use weft_proto::envoy::config::core::v3::Node;
use weft_rt::{Backoff, Clock, Rng};

use super::{DeltaClient, Update, UpdateId, Verdict};

/// Opens a new channel to the server; called for every connection.
pub type Connect = Arc<dyn Fn() -> BoxFuture<'static, Result<Channel, Status>> + Send + Sync>;
/// Gives the metadata of a new stream (the token); called for every connection.
pub type Headers = Arc<dyn Fn() -> Result<MetadataMap, Status> + Send + Sync>;

/// What a client needs to run.
#[derive(Clone)]
pub struct ClientOptions {
    /// Who we are.
    pub node: Node,
    /// How to reach the server.
    pub connect: Connect,
    /// How to prove who we are.
    pub headers: Headers,
    /// Time.
    pub clock: Clock,
}

impl std::fmt::Debug for ClientOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientOptions").field("node", &self.node.id).finish_non_exhaustive()
    }
}

#[derive(Debug)]
enum Command {
    SubscribeAll(String),
    Subscribe(String, Vec<String>),
    Unsubscribe(String, Vec<String>),
    Answer(UpdateId, Verdict),
}

/// Tells a running client what to do. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    commands: mpsc::Sender<Command>,
    connected: watch::Receiver<bool>,
}

impl Client {
    /// Wants every resource of a type.
    pub async fn subscribe_all(&self, type_url: &str) {
        self.send(Command::SubscribeAll(type_url.to_owned())).await;
    }

    /// Wants more names of a type; known ones are not asked for again.
    pub async fn subscribe(&self, type_url: &str, names: Vec<String>) {
        self.send(Command::Subscribe(type_url.to_owned(), names)).await;
    }

    /// Wants names no more.
    pub async fn unsubscribe(&self, type_url: &str, names: Vec<String>) {
        self.send(Command::Unsubscribe(type_url.to_owned(), names)).await;
    }

    /// Gives the verdict on an update.
    pub async fn answer(&self, id: UpdateId, verdict: Verdict) {
        self.send(Command::Answer(id, verdict)).await;
    }

    /// True while a stream is open; changes wake the receiver.
    #[must_use]
    pub fn connected(&self) -> watch::Receiver<bool> {
        self.connected.clone()
    }

    async fn send(&self, command: Command) {
        // The other end is gone only when the caller dropped the client's future; then nobody waits for an effect.
        self.commands.send(command).await.ok();
    }
}

/// Bound of both queues: a slow proxy makes the server wait, by HTTP/2's flow control.
const QUEUE: usize = 64;
/// Requests that may wait for the stream; more than a proxy asks in one go.
const REQUESTS: usize = 1024;

/// Makes a client: the handle, its updates, and the future that does the work (spawn it).
pub fn client(
    options: ClientOptions,
) -> (Client, mpsc::Receiver<Update>, impl Future<Output = ()> + Send) {
    let (commands, inbox) = mpsc::channel(QUEUE);
    let (outbox, updates) = mpsc::channel(QUEUE);
    let (connected, watch) = watch::channel(false);
    let runner = Runner { inbox, outbox, connected, state: DeltaClient::new(options.node.clone()) };
    (Client { commands, connected: watch }, updates, Box::pin(runner.run(options)))
}

struct Runner {
    inbox: mpsc::Receiver<Command>,
    outbox: mpsc::Sender<Update>,
    connected: watch::Sender<bool>,
    state: DeltaClient,
}

/// Why a stream is over.
enum End {
    /// Nobody needs the client any more.
    Unwanted,
    Lost(Status),
}

struct Stream {
    requests: mpsc::Sender<DeltaDiscoveryRequest>,
    responses: Streaming<DeltaDiscoveryResponse>,
}

impl Runner {
    async fn run(mut self, options: ClientOptions) {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        let mut rng = Rng::from_os();
        loop {
            let end = match self.open(&options).await {
                Ok(stream) => {
                    self.connected.send_replace(true);
                    let (end, served) = self.pump(stream).await;
                    self.connected.send_replace(false);
                    // Who is refused on an open stream asks no sooner again than who cannot open one.
                    if served {
                        backoff.reset();
                    }
                    end
                }
                Err(status) => End::Lost(status),
            };
            let End::Lost(status) = end else { return };
            let wait = backoff.next(&mut rng);
            tracing::warn!(%status, retry_in = ?wait, "discovery stream lost; what was accepted serves on");
            if !self.idle(options.clock.sleep(wait)).await {
                return;
            }
        }
    }

    async fn open(&mut self, options: &ClientOptions) -> Result<Stream, Status> {
        let channel = (options.connect)().await?;
        let (requests, outgoing) = mpsc::channel(REQUESTS);
        for first in self.state.connect() {
            requests
                .try_send(first)
                .map_err(|full| Status::internal(format!("too many resource types: {full}")))?;
        }
        let mut request = tonic::Request::new(ReceiverStream::new(outgoing));
        *request.metadata_mut() = (options.headers)()?;
        let responses = ads::delta_stream(channel, request).await?.into_inner();
        Ok(Stream { requests, responses })
    }

    /// Why it ended, and whether the server had said anything.
    async fn pump(&mut self, mut stream: Stream) -> (End, bool) {
        let (outbox, mut served) = (self.outbox.clone(), false);
        loop {
            tokio::select! {
                command = self.inbox.recv() => {
                    let Some(command) = command else { return (End::Unwanted, served) };
                    let Some(request) = self.obey(command) else { continue };
                    if stream.requests.send(request).await.is_err() {
                        return (End::Lost(Status::unavailable("stream closed")), served);
                    }
                }
                response = next_response(&outbox, &mut stream.responses) => match response {
                    Ok((place, response)) => {
                        served = true;
                        place.send(self.state.receive(response));
                    }
                    Err(end) => return (end, served),
                },
            }
        }
    }

    /// Takes commands while there is no stream; false when the client is not needed any more.
    async fn idle(&mut self, wait: impl Future<Output = ()>) -> bool {
        tokio::pin!(wait);
        loop {
            tokio::select! {
                () = &mut wait => return true,
                command = self.inbox.recv() => match command {
                    // The next stream begins with all wishes, so the request itself is not needed.
                    Some(command) => drop(self.obey(command)),
                    None => return false,
                },
            }
        }
    }

    fn obey(&mut self, command: Command) -> Option<DeltaDiscoveryRequest> {
        match command {
            Command::SubscribeAll(type_url) => self.state.subscribe_all(&type_url),
            Command::Subscribe(type_url, names) => self.state.subscribe(&type_url, names),
            Command::Unsubscribe(type_url, names) => self.state.unsubscribe(&type_url, names),
            Command::Answer(id, verdict) => self.state.answer(&id, &verdict),
        }
    }
}

/// Reads only when there is a place for the update, so that commands are obeyed while the proxy is busy.
async fn next_response<'a>(
    outbox: &'a mpsc::Sender<Update>,
    responses: &mut Streaming<DeltaDiscoveryResponse>,
) -> Result<(mpsc::Permit<'a, Update>, DeltaDiscoveryResponse), End> {
    let place = outbox.reserve().await.map_err(|_closed| End::Unwanted)?;
    match responses.message().await {
        Ok(Some(response)) => Ok((place, response)),
        Ok(None) => Err(End::Lost(Status::unavailable("stream ended by the server"))),
        Err(status) => Err(End::Lost(status)),
    }
}
