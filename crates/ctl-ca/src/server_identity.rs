//! The control plane's own TLS: a certificate for its Service names, issued by the mesh root, renewed in time.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{KeyPair, SanType};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use weft_identity::rustls::ServerConfig;
use weft_identity::{
    Clients, Credential, IdentityError, IdentityStore, ServerTls, Trust, server_config,
};
use weft_rt::Clock;

use crate::{Ca, Refused};

const LIFE: Duration = Duration::from_secs(30 * 24 * 3600);

/// Keeps a server certificate fresh.
#[derive(Debug)]
pub struct ServerIdentity {
    store: IdentityStore,
    ca: Arc<Ca>,
    names: Vec<String>,
}

impl ServerIdentity {
    /// Issues the first certificate for DNS `names`, e.g. `istiod.istio-system.svc`.
    ///
    /// # Errors
    /// When a name does not fit into a certificate, or the root cannot sign.
    pub fn new(ca: Arc<Ca>, names: Vec<String>) -> Result<Self, Refused> {
        let identity = Self { store: IdentityStore::new(), ca, names };
        identity.renew()?;
        Ok(identity)
    }

    /// TLS settings for a port that speaks `alpn`, and asks no certificate of clients.
    ///
    /// # Errors
    /// When the TLS library refuses the settings.
    pub fn server_config(&self, alpn: &[&str]) -> Result<Arc<ServerConfig>, IdentityError> {
        let alpn = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        server_config(&self.store, &ServerTls { alpn, ..ServerTls::default() })
    }

    /// TLS settings for the port of the certificate service: a client may show a certificate and must then have its key. What it
    /// proves is judged at each call, since a proxy whose certificate has ended must still come in with its token.
    ///
    /// # Errors
    /// When the TLS library refuses the settings.
    pub fn proving_config(&self) -> Result<Arc<ServerConfig>, IdentityError> {
        let (clients, trust, alpn) = (Clients::Asked, Trust::Anyone, vec![b"h2".to_vec()]);
        server_config(&self.store, &ServerTls { clients, trust, alpn, ..ServerTls::default() })
    }

    /// Renews at half-life and when somebody else signs, for ever.
    pub async fn keep(self, clock: Clock) {
        let mut changes = self.ca.changes();
        loop {
            let signer = Arc::clone(&changes.borrow_and_update().signer);
            let other = changes.wait_for(|now| !Arc::ptr_eq(&now.signer, &signer));
            tokio::select! {
                () = clock.sleep(LIFE / 2) => {}
                _ = other => {}
            }
            if let Err(error) = self.renew() {
                tracing::error!(%error, "control plane's own certificate not renewed");
            }
        }
    }

    fn renew(&self) -> Result<(), Refused> {
        let wrong = |e: rcgen::Error| Refused::Sign(e.to_string());
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(wrong)?;
        let mut names = Vec::new();
        for name in &self.names {
            names.push(SanType::DnsName(name.as_str().try_into().map_err(wrong)?));
        }
        let serving = self.ca.serving();
        let mut chain = self.ca.certify(&serving, &key, names, Some(LIFE))?;
        // The roots come last, and a server does not show them.
        chain.pop();
        let credential =
            Credential::from_pem(&key.serialize_pem(), &chain.concat(), serving.bundle())
                .map_err(|e| Refused::Sign(e.to_string()))?;
        self.store.publish(Arc::new(credential));
        Ok(())
    }
}

/// A stranger who connects and is silent holds a handshake for at most this long.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Finished handshakes that may wait for the server.
const WAITING: usize = 64;
/// Handshakes at the same time; more clients wait in the kernel's queue.
const HANDSHAKES: usize = 256;

/// TLS connections for tonic's `serve_with_incoming`; handshakes run beside each other. Ends when it is dropped.
pub fn tls_incoming(
    listener: TcpListener,
    config: Arc<ServerConfig>,
    clock: Clock,
) -> ReceiverStream<io::Result<TlsStream<TcpStream>>> {
    let (done, incoming) = mpsc::channel(WAITING);
    let acceptor = TlsAcceptor::from(config);
    tokio::spawn(async move {
        let mut handshakes = tokio::task::JoinSet::new();
        loop {
            tokio::select! {
                () = done.closed() => return,
                Some(_) = handshakes.join_next(), if !handshakes.is_empty() => {}
                accepted = listener.accept(), if handshakes.len() < HANDSHAKES => match accepted {
                    Ok((stream, _)) => {
                        let (acceptor, clock, done) = (acceptor.clone(), clock.clone(), done.clone());
                        handshakes.spawn(handshake(acceptor, stream, clock, done));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept");
                        clock.sleep(Duration::from_millis(50)).await;
                    }
                },
            }
        }
    });
    ReceiverStream::new(incoming)
}

async fn handshake(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    clock: Clock,
    done: mpsc::Sender<io::Result<TlsStream<TcpStream>>>,
) {
    stream.set_nodelay(true).ok();
    match clock.timeout(HANDSHAKE, acceptor.accept(stream)).await {
        // The server is going down when nobody takes the connection.
        Ok(Ok(stream)) => drop(done.send(Ok(stream)).await),
        Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
        Err(error) => tracing::debug!(%error, "TLS handshake too slow"),
    }
}
