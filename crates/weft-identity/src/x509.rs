//! What CA certificates say, and whether a chain holds, for the authority that loads them.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::RootCertStore;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, UnixTime};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::public_key::PublicKey;
use x509_parser::time::ASN1Time;

use crate::{IdentityError, credential, tls};

/// Facts of one certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// DER of the subject public key info.
    pub public_key_info: Vec<u8>,
    /// May sign certificates.
    pub is_ca: bool,
    /// Start of validity.
    pub not_before: SystemTime,
    /// End of validity.
    pub not_after: SystemTime,
    /// Whose it is.
    pub subject: String,
    /// Serial number in lower-case hex.
    pub serial: String,
    /// Kind and size of the key, e.g. `EC 256` or `RSA 2048`.
    pub key: String,
}

fn unreadable(why: impl ToString) -> IdentityError {
    IdentityError::Unreadable { what: "certificate", why: why.to_string() }
}

/// Reads the first certificate of a PEM.
///
/// # Errors
/// When there is none or it does not parse.
pub fn facts(pem: &str) -> Result<Facts, IdentityError> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(unreadable)?;
    let (_, certificate) = X509Certificate::from_der(&der).map_err(unreadable)?;
    let time = |time: ASN1Time| {
        let seconds = u64::try_from(time.timestamp()).unwrap_or(0);
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    };
    let key = certificate.public_key();
    let kind = match key.parsed() {
        Ok(PublicKey::RSA(rsa)) => format!("RSA {}", rsa.key_size()),
        Ok(PublicKey::EC(point)) => format!("EC {}", point.key_size()),
        _ => "other".to_owned(),
    };
    Ok(Facts {
        public_key_info: key.raw.to_vec(),
        is_ca: certificate.is_ca(),
        not_before: time(certificate.validity().not_before),
        not_after: time(certificate.validity().not_after),
        subject: certificate.subject().to_string(),
        serial: certificate.raw_serial().iter().map(|byte| format!("{byte:02x}")).collect(),
        key: kind,
    })
}

/// Every certificate of a PEM as a PEM of its own, written alike.
///
/// # Errors
/// When there is none, or one does not parse.
pub fn split(pem: &str) -> Result<Vec<String>, IdentityError> {
    let all = ders(pem)?;
    if all.is_empty() {
        return Err(unreadable("there is no PEM certificate in it"));
    }
    Ok(all.iter().map(credential::pem_of).collect())
}

fn ders(pem: &str) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().map_err(unreadable)
}

/// Verifies a chain (leaf first) against one root as a peer of the mesh would.
///
/// # Errors
/// Why a peer would refuse it.
pub fn verify(chain_pem: &str, root_pem: &str, now: SystemTime) -> Result<(), IdentityError> {
    let wrong = |why: String| IdentityError::Tls(why);
    let chain = ders(chain_pem)?;
    let (leaf, above) = chain.split_first().ok_or_else(|| unreadable("the chain is empty"))?;
    let mut roots = RootCertStore::empty();
    for root in ders(root_pem)? {
        roots.add(root).map_err(|error| wrong(error.to_string()))?;
    }
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), tls::provider()).build();
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let verifier = verifier.map_err(|error| wrong(error.to_string()))?;
    let verified = verifier.verify_client_cert(leaf, above, UnixTime::since_unix_epoch(since));
    verified.map(drop).map_err(|error| wrong(error.to_string()))
}
