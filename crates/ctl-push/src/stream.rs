//! One proxy's stream, from its first message to its end.
//!
//! Holds: a new revision is pushed when the last one is answered, or after [`PATIENCE`]; what the proxy asks for by
//! itself is answered at once. Clusters and endpoints vanish last, when nothing is under way.

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio_stream::{Stream, StreamExt as _};
use tonic::Status;
use weft_admin_api::sync::RefusedResource;
use weft_proto::type_url;
use weft_rt::Clock;
use weft_xds::{Answer, Mode, Received, Request, ResourceSet, Response, Session};

use crate::access::{self, Identity};
use crate::publish::Current;
use crate::registrar::{Registrar, Stay};
use crate::sleeper::{Sleeper, Sleepers};
use crate::world::{Published, Seen};
use crate::{Ledger, ProxyNode, World};

/// Messages of the proxy.
pub(crate) type Requests = Pin<Box<dyn Stream<Item = Result<Request, Status>> + Send>>;

/// How long a proxy may leave an answer unanswered before the next revision is sent all the same.
const PATIENCE: Duration = Duration::from_secs(5);
/// Types whose resources others point at: they go last.
const POINTED_AT: [&str; 2] = [type_url::CLUSTER, type_url::ENDPOINTS];

/// A stream whose proxy has not named itself yet.
pub(crate) struct Opened {
    pub(crate) mode: Mode,
    pub(crate) identity: Option<Identity>,
    pub(crate) ledger: Ledger,
    pub(crate) registrar: Option<Arc<dyn Registrar>>,
    pub(crate) sleepers: Sleepers,
    pub(crate) outgoing: mpsc::Sender<Result<Response, Status>>,
}

impl Opened {
    pub(crate) async fn run<W: World>(
        self,
        mut requests: Requests,
        current: Current<W>,
        clock: Clock,
    ) {
        let Some(Ok(mut first)) = requests.next().await else { return };
        let (proxy, _stay) = match self.admit(&mut first, &current).await {
            Ok(admitted) => admitted,
            Err(status) => {
                tracing::warn!(%status, "discovery stream refused");
                // The proxy may have hung up first; then there is nobody to tell.
                self.outgoing.send(Err(status)).await.ok();
                return;
            }
        };
        let name = proxy.name();
        tracing::info!(proxy = name, mode = ?self.mode, version = proxy.version, "proxy connected");
        let line = self.ledger.connect(&proxy);
        let proven = self.identity.is_some();
        let (sleeper, outgoing) =
            (Sleeper::new(proxy, line, Session::new(self.mode)), self.outgoing);
        // Before it looks at the newest world, so that it is woken for every later one.
        self.sleepers.enter(&sleeper);
        let (world, behind_since) = (None, None);
        let mut stream =
            ProxyStream { sleeper, proven, current, outgoing, clock, world, behind_since };
        let end = stream.pump(first, requests).await;
        tracing::info!(proxy = name, end, "proxy disconnected");
    }

    /// Who it is, and its stay with whoever takes note of it.
    async fn admit<W: World>(
        &self,
        first: &mut Request,
        current: &Current<W>,
    ) -> Result<(ProxyNode, Option<Stay>), Status> {
        let proxy = Self::name(first)?;
        if let Some(identity) = &self.identity {
            access::matches(identity, &proxy)?;
            let published = current.borrow().clone();
            let account = &identity.service_account;
            let why = published.and_then(|published| published.contradicts(&proxy, account));
            why.map_or(Ok(()), |why| Err(access::against(why, identity, &proxy)))?;
        }
        let stay = match &self.registrar {
            Some(registrar) => Some(Stay::begin(registrar, &proxy).await?),
            None => None,
        };
        Ok((proxy, stay))
    }

    fn name(first: &mut Request) -> Result<ProxyNode, Status> {
        let node = match first {
            Request::Delta(request) => request.node.take(),
            Request::Sotw(request) => request.node.take(),
        };
        let node = node.ok_or_else(|| Status::invalid_argument("first message names no node"))?;
        ProxyNode::parse(node)
    }
}

struct ProxyStream<W: World> {
    sleeper: Arc<Sleeper>,
    /// Who it is was proven; nobody else gets a secret.
    proven: bool,
    current: Current<W>,
    outgoing: mpsc::Sender<Result<Response, Status>>,
    clock: Clock,
    world: Option<Seen<W>>,
    behind_since: Option<Instant>,
}

/// The proxy reads no more.
struct Gone;

impl<W: World> ProxyStream<W> {
    async fn pump(&mut self, first: Request, mut requests: Requests) -> &'static str {
        let newest = self.current.borrow_and_update().clone();
        self.take(newest);
        if self.receive(first).await.is_err() {
            return "hung up";
        }
        loop {
            let impatient = self.behind_since.map(|since| since + PATIENCE);
            let step = tokio::select! {
                request = requests.next() => match request {
                    Some(Ok(request)) => self.receive(request).await,
                    Some(Err(_)) => return "connection lost",
                    None => return "ended by the proxy",
                },
                () = self.sleeper.woken() => {
                    if self.current.has_changed().is_err() {
                        return "server stopped";
                    }
                    self.look_up();
                    self.catch_up(false).await
                }
                () = wait_until(&self.clock, impatient) => self.catch_up(true).await,
            };
            if step.is_err() {
                return "hung up";
            }
        }
    }

    async fn receive(&mut self, request: Request) -> Result<(), Gone> {
        let received = self.sleeper.awake(|session| session.receive(request));
        let Received { type_url, answer, wants } = received;
        // Only now: a world that came before it was awake may not have woken it.
        self.look_up();
        if let Some(answer) = answer {
            self.note(&type_url, answer);
        }
        if wants && self.behind_since.is_some() {
            // What it slept through comes first, so that it is told nothing that is over.
            self.catch_up(false).await?;
        }
        if wants {
            self.push(&type_url, POINTED_AT.contains(&type_url.as_str())).await?;
        }
        self.catch_up(false).await
    }

    /// Looks whether there is a newer world.
    fn look_up(&mut self) {
        if self.current.has_changed().is_ok_and(|changed| changed) {
            self.behind_since.get_or_insert_with(|| self.clock.now());
        }
    }

    /// Serves the newest world when the proxy is ready for it, and tells the book when all is answered.
    async fn catch_up(&mut self, impatient: bool) -> Result<(), Gone> {
        if self.behind_since.is_some() && (impatient || self.idle()) {
            self.behind_since = None;
            let newest = self.current.borrow_and_update().clone();
            self.take(newest);
            for type_url in type_url::PUSH_ORDER {
                self.push(type_url, POINTED_AT.contains(&type_url)).await?;
            }
            if let Some(seen) = &self.world {
                self.sleeper.line.offered(seen.published.revision);
            }
        }
        if !self.idle() {
            return Ok(());
        }
        for type_url in POINTED_AT {
            self.push(type_url, false).await?;
        }
        // A proxy that has not asked for listeners is still starting.
        let listens = |session: &mut Session| session.subscribed(type_url::LISTENER);
        if self.idle() && self.sleeper.with(listens) {
            // Who hears that it is settled finds it at rest.
            self.rest();
            self.sleeper.line.settled();
        }
        Ok(())
    }

    /// Nothing is left to do until a world comes that may concern it.
    fn rest(&self) {
        let Some(seen) = &self.world else { return };
        let newest = || self.current.has_changed().is_ok_and(|changed| !changed);
        let shares = seen.published.world.shares_endpoints(&seen.resources);
        self.sleeper.rest(|| shares && newest());
    }

    fn take(&mut self, published: Option<Arc<Published<W>>>) {
        let Some(published) = published else { return };
        let (view, resources) = published.seen_by(&self.sleeper.proxy, self.world.as_ref());
        if self.world.is_none() {
            self.sleeper.line.offered(published.revision);
        }
        self.world = Some(Seen { published, view, resources });
    }

    fn idle(&self) -> bool {
        !self.sleeper.with(|session| session.waiting_for_any())
    }

    async fn push(&mut self, type_url: &str, keep_removed: bool) -> Result<(), Gone> {
        // Before the first world is known nothing is answered: an empty answer would look like an empty mesh.
        let Some(seen) = &self.world else { return Ok(()) };
        let empty = ResourceSet::new();
        let known = seen.resources.get(type_url);
        let set = known.filter(|_| self.proven || type_url != type_url::SECRET);
        let set = set.unwrap_or(&empty);
        let revision = seen.published.revision;
        let sent = self.sleeper.with(|session| {
            let response = session.push(type_url, set, revision, keep_removed)?;
            Some((response, session.held(type_url)))
        });
        let Some((response, held)) = sent else { return Ok(()) };
        self.sleeper.line.sent(type_url, held);
        self.outgoing.send(Ok(response)).await.map_err(|_closed| Gone)
    }

    fn note(&self, type_url: &str, answer: Answer) {
        let Answer { tag, sent, removed, refused } = answer;
        let names: HashSet<&str> = refused.iter().map(|r| r.resource.as_str()).collect();
        let settled = sent.iter().chain(&removed).filter(|name| !names.contains(name.as_str()));
        let settled: Vec<String> = settled.cloned().collect();
        let refused: Vec<_> = refused
            .into_iter()
            .map(|refusal| RefusedResource {
                objects: self.objects(type_url, &refusal.resource),
                resource: refusal.resource,
                why: refusal.why,
            })
            .collect();
        for RefusedResource { resource, why, objects: _ } in &refused {
            let (proxy, kind) = (self.sleeper.proxy.name(), type_url::short(type_url));
            tracing::warn!(proxy, kind, resource, why, revision = tag, "resource refused");
        }
        let waiting = self.sleeper.with(|session| session.waiting(type_url));
        self.sleeper.line.answered(type_url, &settled, refused, waiting);
    }

    /// The user objects that a resource names in its metadata (`istio.config`).
    fn objects(&self, type_url: &str, resource: &str) -> Vec<String> {
        let set = self.world.as_ref().and_then(|seen| seen.resources.get(type_url));
        let body = set.and_then(|set| set.get(resource)).map(|resource| &resource.body);
        body.map(|body| config_paths(body)).unwrap_or_default()
    }
}

async fn wait_until(clock: &Clock, deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => clock.sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Finds length-prefixed strings that start with `/apis/` in an encoded message, without knowing its type.
fn config_paths(body: &[u8]) -> Vec<String> {
    const START: &[u8] = b"/apis/";
    let mut paths: Vec<String> = Vec::new();
    for at in 1..body.len().saturating_sub(START.len()) {
        if !body.get(at..).is_some_and(|rest| rest.starts_with(START)) {
            continue;
        }
        let byte =
            |back: usize| at.checked_sub(back).and_then(|i| body.get(i)).copied().unwrap_or(0);
        let length = match (byte(2), byte(1)) {
            (low, high @ 1..=3) if low >= 0x80 => usize::from(low & 0x7f) | usize::from(high) << 7,
            (_, short) => usize::from(short),
        };
        let path = body.get(at..at + length).and_then(|path| std::str::from_utf8(path).ok());
        if let Some(path) = path.filter(|path| !paths.iter().any(|p| p == path)) {
            paths.push(path.to_owned());
        }
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::config_paths;

    #[test]
    fn config_paths_are_found_in_any_message() {
        let path = "/apis/networking.istio.io/v1/namespaces/a/virtual-service/b";
        let mut body = vec![0x0a, 0x12, u8::try_from(path.len()).unwrap()];
        body.extend_from_slice(path.as_bytes());
        body.extend_from_slice(b"\x2a\x03abc");
        let long = format!("/apis/{}", "x".repeat(200));
        body.extend_from_slice(&[0x0a, 0xce, 0x01]);
        body.extend_from_slice(long.as_bytes());
        assert_eq!(config_paths(&body), [path.to_owned(), long]);
    }
}
