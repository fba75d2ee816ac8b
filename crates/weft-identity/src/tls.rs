//! TLS settings of both ends, reading the store at every handshake.
//!
//! Holds: TLS 1.2 at least, 1.3 when both can; a connection lives on with the key it began with.

use std::sync::{Arc, LazyLock};

use rustls::client::ResolvesClientCert;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ServerConfig, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::verify::PeerVerifier;
use crate::{IdentityError, IdentityStore, SanMatch};

static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| Arc::new(aws_lc_rs::default_provider()));

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::clone(&PROVIDER)
}

/// How a mesh server meets its clients.
#[derive(Debug, Clone, Default)]
pub struct ServerTls {
    /// The client must present a certificate (mutual TLS). False: it is not asked.
    pub require_client: bool,
    /// Names that the client's certificate may carry; empty accepts all under our roots.
    pub sans: Vec<SanMatch>,
    /// Protocols, the preferred first; empty when none is negotiated.
    pub alpn: Vec<Vec<u8>>,
}

/// How a mesh client meets a server. SNI is given per connection, as rustls' `ServerName`.
#[derive(Debug, Clone, Default)]
pub struct ClientTls {
    /// Names that the server's certificate may carry; empty accepts all under our roots.
    pub sans: Vec<SanMatch>,
    /// Protocols offered.
    pub alpn: Vec<Vec<u8>>,
}

/// Settings of a server that proves itself with the store's credential.
///
/// # Errors
/// When the TLS library refuses the settings.
pub fn server_config(
    store: &IdentityStore,
    tls: &ServerTls,
) -> Result<Arc<ServerConfig>, IdentityError> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|e| IdentityError::Tls(e.to_string()))?;
    let builder = if tls.require_client {
        let verifier = PeerVerifier::new(store.clone(), tls.sans.clone());
        builder.with_client_cert_verifier(Arc::new(verifier))
    } else {
        builder.with_no_client_auth()
    };
    let mut config = builder.with_cert_resolver(Arc::new(FromStore(store.clone())));
    config.alpn_protocols.clone_from(&tls.alpn);
    Ok(Arc::new(config))
}

/// Settings of a client that proves itself with the store's credential.
///
/// # Errors
/// When the TLS library refuses the settings.
pub fn client_config(
    store: &IdentityStore,
    tls: &ClientTls,
) -> Result<Arc<ClientConfig>, IdentityError> {
    let verifier = PeerVerifier::new(store.clone(), tls.sans.clone());
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|e| IdentityError::Tls(e.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_cert_resolver(Arc::new(FromStore(store.clone())));
    config.alpn_protocols.clone_from(&tls.alpn);
    Ok(Arc::new(config))
}

/// Settings of a plain TLS server with a fixed certificate, e.g. of an ingress host.
///
/// # Errors
/// When a PEM does not parse, or key and certificate do not belong together.
pub fn static_server_config(
    chain_pem: &str,
    key_pem: &str,
    alpn: &[Vec<u8>],
) -> Result<Arc<ServerConfig>, IdentityError> {
    let unreadable = |what, why: String| IdentityError::Unreadable { what, why };
    let chain = CertificateDer::pem_slice_iter(chain_pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| unreadable("chain", e.to_string()))?;
    let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes())
        .map_err(|e| unreadable("private key", e.to_string()))?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|e| IdentityError::Tls(e.to_string()))?;
    config.alpn_protocols = alpn.to_vec();
    Ok(Arc::new(config))
}

/// Presents whatever the store holds at the moment of the handshake.
#[derive(Debug)]
struct FromStore(IdentityStore);

impl FromStore {
    fn certified(&self) -> Option<Arc<CertifiedKey>> {
        self.0.current().map(|credential| Arc::clone(credential.certified()))
    }
}

impl ResolvesServerCert for FromStore {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.certified()
    }
}

impl ResolvesClientCert for FromStore {
    fn resolve(
        &self,
        _root_hint_subjects: &[&[u8]],
        _schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        self.certified()
    }

    fn has_certs(&self) -> bool {
        true
    }
}
