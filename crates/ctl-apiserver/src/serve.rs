//! The server: sockets, TLS, who is asking, which handler.
//!
//! In: listeners, the registry. Out: answers.
//! Holds: nobody without credentials gets more than 401; every connection ends when `stop` fires.

mod answer;
mod auth;
mod collection;
mod discovery;
mod node;
mod object;
mod openapi;
mod query;
mod review;
mod route;
mod view;
mod warnings;
mod watch;

pub(crate) use view::EVENTS;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::Registry;
use crate::pki::{Credential, Pki, PkiError};

/// Connections at a time over all listeners; more wait in the kernel's queue.
const MOST_CONNECTIONS: usize = 1024;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long running requests may take after `stop`.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// Answers of other rooms on paths below `/weft/`, for the admin: the JSON of a path, or `None` when there is none.
pub type Extra = Arc<dyn Fn(&str) -> Option<serde_json::Value> + Send + Sync>;

/// The REST server. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Server {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) registry: Registry,
    pub(crate) node_socket: PathBuf,
    pub(crate) stop: CancellationToken,
    pub(crate) extra: std::sync::OnceLock<Extra>,
    pki: Pki,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("registry", &self.registry).finish_non_exhaustive()
    }
}

impl Server {
    /// A server over `registry`, with its certificates in `<state>/apiserver`; `stop` ends it.
    ///
    /// # Errors
    /// When the certificates cannot be read or made.
    pub fn new(
        state: &Path,
        registry: Registry,
        node_socket: PathBuf,
        stop: CancellationToken,
    ) -> Result<Self, PkiError> {
        let pki = Pki::open(state, registry.clock().clone())?;
        Ok(Self {
            shared: Arc::new(Shared {
                registry,
                node_socket,
                stop,
                extra: std::sync::OnceLock::new(),
                pki,
            }),
        })
    }

    /// Serves other rooms' answers below `/weft/`; only the first call counts.
    pub fn set_extra(&self, extra: Extra) {
        self.shared.extra.get_or_init(|| extra);
    }

    /// The certificates.
    #[must_use]
    pub fn pki(&self) -> &Pki {
        &self.shared.pki
    }

    /// Writes the admin's kubeconfig, for the loopback socket `address`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_admin_kubeconfig(&self, path: &Path, address: SocketAddr) -> Result<(), PkiError> {
        self.shared.pki.write_kubeconfig(path, &format!("https://{address}"), Credential::Admin)
    }

    /// Writes the node's kubeconfig, for the server's address in the mesh namespace.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_node_kubeconfig(&self, path: &Path, address: SocketAddr) -> Result<(), PkiError> {
        self.shared.pki.write_kubeconfig(path, &format!("https://{address}"), Credential::Node)
    }

    /// Serves until `stop` fires.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub async fn serve(&self, listeners: Vec<TcpListener>) -> Result<(), PkiError> {
        let acceptor = TlsAcceptor::from(self.shared.pki.server_config()?);
        let mut accepting = JoinSet::new();
        let room = Arc::new(tokio::sync::Semaphore::new(MOST_CONNECTIONS));
        for listener in listeners {
            let (shared, acceptor) = (Arc::clone(&self.shared), acceptor.clone());
            accepting.spawn(accept(listener, shared, acceptor, Arc::clone(&room)));
        }
        while accepting.join_next().await.is_some() {}
        Ok(())
    }
}

async fn accept(
    listener: TcpListener,
    shared: Arc<Shared>,
    acceptor: TlsAcceptor,
    room: Arc<tokio::sync::Semaphore>,
) {
    let mut open = JoinSet::new();
    loop {
        let Ok(seat) = Arc::clone(&room).acquire_owned().await else { return };
        let stream = tokio::select! {
            () = shared.stop.cancelled() => break,
            accepted = listener.accept() => accepted,
            _ = open.join_next(), if !open.is_empty() => continue,
        };
        let Ok((stream, _)) = stream else {
            // Out of file descriptors, most likely: let some connections end first.
            shared.registry.clock().sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (shared, acceptor) = (Arc::clone(&shared), acceptor.clone());
        open.spawn(async move {
            connection(stream, shared, acceptor).await;
            drop(seat);
        });
    }
    let ended = async { while open.join_next().await.is_some() {} };
    // What does not end by itself ends with `open`.
    shared.registry.clock().timeout(LAST_WORDS, ended).await.ok();
}

async fn connection(stream: TcpStream, shared: Arc<Shared>, acceptor: TlsAcceptor) {
    let clock = shared.registry.clock().clone();
    // Small answers must not wait for more.
    stream.set_nodelay(true).ok();
    let Ok(Ok(stream)) = clock.timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await else {
        return;
    };
    let certificate = stream.get_ref().1.peer_certificates().and_then(|c| c.first());
    let user = certificate.and_then(|c| auth::of_certificate(c.as_ref()));
    let stop = shared.stop.clone();
    let service = service_fn(move |request| {
        let (shared, user) = (Arc::clone(&shared), user.clone());
        async move { Ok::<_, Infallible>(route::answer(shared, user, request).await) }
    });
    let builder = Builder::new(TokioExecutor::new());
    let serving = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    let mut serving = std::pin::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection to the API server failed");
    }
}
