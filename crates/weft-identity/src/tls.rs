//! TLS settings of both ends.
//!
//! Holds: TLS 1.2 at least; a connection lives on with the key it began with; what is the mesh's own is read from the
//! store at every handshake, so that such settings need not know of rotation; whoever is verified is verified at every
//! connection.
//! Why sessions are not resumed there: the library takes the certificate of a resumed session from memory and judges it no
//! more, so that who has expired, or whose root is gone, would still come in.

use std::sync::{Arc, LazyLock};

use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ServerConfig, SignatureAlgorithm, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::verify::PeerVerifier;
use crate::{Certificate, IdentityError, IdentityStore, Pin, SanMatch, TlsLimits, Trust};

static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| Arc::new(aws_lc_rs::default_provider()));

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::clone(&PROVIDER)
}

/// What an end proves itself with.
#[derive(Debug, Clone, Default)]
pub enum Own {
    /// The certificate of the mesh, whatever it is at the moment of the handshake.
    #[default]
    Mesh,
    /// The first of these that the peer can verify.
    Given(Vec<Arc<Certificate>>),
    /// Nothing; clients only.
    Nothing,
}

/// What a server asks of its clients.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Clients {
    /// No certificate.
    #[default]
    Unasked,
    /// A certificate, which is verified when they have one.
    Asked,
    /// A certificate.
    Required,
}

/// How a server meets its clients.
#[derive(Debug, Clone, Default)]
pub struct ServerTls {
    /// What it shows.
    pub own: Own,
    /// What it asks for.
    pub clients: Clients,
    /// Who issued the certificates of clients.
    pub trust: Trust,
    /// Names that the client's certificate may carry; empty accepts all under the roots.
    pub sans: Vec<SanMatch>,
    /// Hashes, of which the client's certificate must have one; empty accepts all under the roots.
    pub pins: Vec<Pin>,
    /// Protocols, the preferred first; empty when none is negotiated.
    pub alpn: Vec<Vec<u8>>,
    /// Versions and suites.
    pub limits: TlsLimits,
}

/// How a client meets a server. SNI is given per connection, as rustls' `ServerName`.
#[derive(Debug, Clone, Default)]
pub struct ClientTls {
    /// What it shows, when it is asked.
    pub own: Own,
    /// Who issued the certificate of the server.
    pub trust: Trust,
    /// Names that the server's certificate may carry; empty accepts all under the roots.
    pub sans: Vec<SanMatch>,
    /// Hashes, of which the server's certificate must have one; empty accepts all under the roots.
    pub pins: Vec<Pin>,
    /// The certificate must be that of the name that is asked for.
    pub named: bool,
    /// Protocols offered.
    pub alpn: Vec<Vec<u8>>,
    /// Versions and suites.
    pub limits: TlsLimits,
}

/// Settings of a server.
///
/// # Errors
/// When the TLS library refuses the settings.
pub fn server_config(
    store: &IdentityStore,
    tls: &ServerTls,
) -> Result<Arc<ServerConfig>, IdentityError> {
    let wrong = |e: rustls::Error| IdentityError::Tls(e.to_string());
    let builder = ServerConfig::builder_with_provider(tls.limits.provider())
        .with_protocol_versions(tls.limits.versions()?)
        .map_err(wrong)?;
    let verifier = PeerVerifier {
        required: tls.clients == Clients::Required,
        pins: tls.pins.clone(),
        ..PeerVerifier::new(store.clone(), tls.trust.clone(), tls.sans.clone())
    };
    let builder = match tls.clients {
        Clients::Unasked => builder.with_no_client_auth(),
        Clients::Asked | Clients::Required => builder.with_client_cert_verifier(Arc::new(verifier)),
    };
    let own = Shown { store: store.clone(), own: tls.own.clone() };
    let mut config = builder.with_cert_resolver(Arc::new(own));
    if tls.clients != Clients::Unasked {
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    config.alpn_protocols.clone_from(&tls.alpn);
    Ok(Arc::new(config))
}

/// Settings of a client.
///
/// # Errors
/// When the TLS library refuses the settings.
pub fn client_config(
    store: &IdentityStore,
    tls: &ClientTls,
) -> Result<Arc<ClientConfig>, IdentityError> {
    let verifier = PeerVerifier {
        named: tls.named,
        pins: tls.pins.clone(),
        ..PeerVerifier::new(store.clone(), tls.trust.clone(), tls.sans.clone())
    };
    let mut config = ClientConfig::builder_with_provider(tls.limits.provider())
        .with_protocol_versions(tls.limits.versions()?)
        .map_err(|e| IdentityError::Tls(e.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_cert_resolver(Arc::new(Shown { store: store.clone(), own: tls.own.clone() }));
    if matches!(tls.trust, Trust::Mesh) {
        config.resumption = Resumption::disabled();
    }
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

/// Presents what is right at the moment of the handshake.
#[derive(Debug)]
struct Shown {
    store: IdentityStore,
    own: Own,
}

impl Shown {
    fn certified(&self, schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        match &self.own {
            Own::Mesh => self.store.current().map(|own| Arc::clone(own.certified())),
            Own::Nothing => None,
            Own::Given(all) => {
                let fits = |one: &&Arc<Certificate>| {
                    let algorithm = one.certified().key.algorithm();
                    schemes.iter().any(|scheme| of(*scheme) == Some(algorithm))
                };
                let best = all.iter().find(fits).or_else(|| all.first());
                best.map(|one| Arc::clone(one.certified()))
            }
        }
    }
}

/// The kind of key that signs so.
fn of(scheme: SignatureScheme) -> Option<SignatureAlgorithm> {
    match scheme {
        SignatureScheme::ECDSA_NISTP256_SHA256
        | SignatureScheme::ECDSA_NISTP384_SHA384
        | SignatureScheme::ECDSA_NISTP521_SHA512 => Some(SignatureAlgorithm::ECDSA),
        SignatureScheme::RSA_PKCS1_SHA256
        | SignatureScheme::RSA_PKCS1_SHA384
        | SignatureScheme::RSA_PKCS1_SHA512
        | SignatureScheme::RSA_PSS_SHA256
        | SignatureScheme::RSA_PSS_SHA384
        | SignatureScheme::RSA_PSS_SHA512 => Some(SignatureAlgorithm::RSA),
        SignatureScheme::ED25519 => Some(SignatureAlgorithm::ED25519),
        _ => None,
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.certified(hello.signature_schemes())
    }
}

impl ResolvesClientCert for Shown {
    fn resolve(
        &self,
        _root_hint_subjects: &[&[u8]],
        schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        self.certified(schemes)
    }

    fn has_certs(&self) -> bool {
        !matches!(self.own, Own::Nothing)
    }
}
