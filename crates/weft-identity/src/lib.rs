//! Keys, signing requests, trust bundles, rotation, and the TLS settings that follow from them.
//!
//! In: an identity, somebody who signs ([`CertificateSigner`]), the clock. Out: an [`IdentityStore`] that always holds the
//! newest credential, and rustls configurations that read it at every handshake.
//! Holds: the private key never leaves the process except to a local Envoy; a rotation ends no connection.
//! Never: gRPC, files, policy about who may speak to whom beyond names in a certificate.
//! Why configurations read the store: a pool or listener keeps one configuration for life and need not know of rotation.

mod alarm;
mod bundle;
mod certificate;
mod credential;
mod limits;
mod peer;
mod pin;
mod proof;
mod request;
mod rotate;
mod san;
mod store;
mod tls;
mod trust;
mod verify;
pub mod x509;

pub use bundle::TrustBundle;
pub use certificate::Certificate;
pub use credential::Credential;
pub use limits::TlsLimits;
pub use peer::{PeerNames, peer_spiffe, peer_uris};
pub use pin::Pin;
pub use proof::{Proof, Unproven, prove};
pub use request::SigningRequest;
pub use rotate::{
    CertificateSigner, Held, RotateOptions, SignError, SignedChain, TrustNews, rotate,
};
pub use san::SanMatch;
pub use store::{Asked, IdentityStore};
pub use tls::{
    ClientTls, Clients, Own, ServerTls, client_config, server_config, static_server_config,
};
pub use trust::Trust;

/// The TLS types that the proxy rooms use.
pub use rustls;

/// Why a key, certificate or bundle cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum IdentityError {
    /// Key or request could not be made.
    #[error("cannot make a key or signing request: {0}")]
    Request(String),
    /// PEM or DER that does not parse.
    #[error("unreadable {what}: {why}")]
    Unreadable {
        /// Which piece.
        what: &'static str,
        /// The parser's word.
        why: String,
    },
    /// Key and certificate do not fit, or the algorithm is not supported.
    #[error("unusable key: {0}")]
    Key(String),
    /// The TLS library refuses the settings.
    #[error("unusable TLS settings: {0}")]
    Tls(String),
}
