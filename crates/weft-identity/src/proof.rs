//! What a certificate that a client shows proves to the authority that signed it.
//!
//! In: the chain as shown, the roots of the mesh, the time. Out: one identity and the serial number, or why nothing.
//! Holds: the handshake has shown that the client has the key; here the chain, its times and its names are judged, at each
//! call anew. A certificate with another number of identities than one proves none.

use std::sync::Arc;
use std::time::SystemTime;

use rustls::server::WebPkiClientVerifier;
use rustls::{CertificateError, Error};
use rustls_pki_types::{CertificateDer, UnixTime};
use weft_types::SpiffeId;

use crate::peer::LeafFacts;
use crate::{TrustBundle, tls};

/// Who showed a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Its identity.
    pub identity: SpiffeId,
    /// Serial number in lower-case hex.
    pub serial: String,
}

/// Why a certificate proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    /// It has ended, or has not begun.
    #[error("the certificate is not valid now: {0}")]
    Time(String),
    /// It does not lead to a root of the mesh.
    #[error("the certificate is not of this mesh: {0}")]
    Foreign(String),
    /// It is none of a workload.
    #[error("the certificate is none of a workload: {0}")]
    Unusable(String),
}

/// Judges a chain, leaf first.
///
/// # Errors
/// Why it proves nothing.
pub fn prove(
    chain: &[CertificateDer<'_>],
    roots_pem: &str,
    now: SystemTime,
) -> Result<Proof, Unproven> {
    let unusable = |why: &str| Unproven::Unusable(why.to_owned());
    let (leaf, above) = chain.split_first().ok_or_else(|| unusable("it is empty"))?;
    let roots = TrustBundle::from_pem(roots_pem).map_err(|e| Unproven::Foreign(e.to_string()))?;
    let roots = Arc::clone(roots.roots());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, tls::provider()).build();
    let verifier = verifier.map_err(|error| Unproven::Foreign(error.to_string()))?;
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    verifier
        .verify_client_cert(leaf, above, UnixTime::since_unix_epoch(since))
        .map_err(|error| reason(&error))?;
    let facts = LeafFacts::read(leaf).ok_or_else(|| unusable("it cannot be read"))?;
    let [uri] = facts.uris.as_slice() else {
        return Err(unusable("it must have one URI, which is its identity"));
    };
    let identity = SpiffeId::parse(uri).map_err(|error| unusable(&format!("{uri}: {error}")))?;
    Ok(Proof { identity, serial: facts.serial })
}

fn reason(error: &Error) -> Unproven {
    let told = error.to_string();
    match error {
        Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        ) => Unproven::Time(told),
        Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => Unproven::Foreign(told),
        _ => Unproven::Unusable(told),
    }
}
