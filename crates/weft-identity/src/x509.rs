//! What a CA certificate says, for the authority that loads it.

use std::time::{Duration, SystemTime};

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::IdentityError;

/// Facts of one certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// DER of the subject public key info.
    pub public_key_info: Vec<u8>,
    /// May sign certificates.
    pub is_ca: bool,
    /// End of validity.
    pub not_after: SystemTime,
}

/// Reads the first certificate of a PEM.
///
/// # Errors
/// When there is none or it does not parse.
pub fn facts(pem: &str) -> Result<Facts, IdentityError> {
    let unreadable = |why: String| IdentityError::Unreadable { what: "certificate", why };
    let der =
        CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|e| unreadable(e.to_string()))?;
    let (_, certificate) =
        X509Certificate::from_der(&der).map_err(|e| unreadable(e.to_string()))?;
    let seconds = u64::try_from(certificate.validity().not_after.timestamp()).unwrap_or(0);
    Ok(Facts {
        public_key_info: certificate.public_key().raw.to_vec(),
        is_ca: certificate.is_ca(),
        not_after: SystemTime::UNIX_EPOCH + Duration::from_secs(seconds),
    })
}
