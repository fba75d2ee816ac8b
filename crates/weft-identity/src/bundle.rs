//! The roots that a peer's certificate must chain to.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::IdentityError;

/// A set of roots, as PEM for Envoy and as a store for rustls.
#[derive(Debug, Clone)]
pub struct TrustBundle {
    pem: String,
    roots: Arc<RootCertStore>,
}

impl TrustBundle {
    /// Reads one or more PEM certificates.
    ///
    /// # Errors
    /// When there is none, or one of them does not parse.
    pub fn from_pem(pem: &str) -> Result<Self, IdentityError> {
        let unreadable = |why: String| IdentityError::Unreadable { what: "trust bundle", why };
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let certificate = certificate.map_err(|e| unreadable(e.to_string()))?;
            roots.add(certificate).map_err(|e| unreadable(e.to_string()))?;
        }
        if roots.is_empty() {
            return Err(unreadable("no certificate in it".into()));
        }
        Ok(Self { pem: pem.to_owned(), roots: Arc::new(roots) })
    }

    /// The PEM as given.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    pub(crate) const fn roots(&self) -> &Arc<RootCertStore> {
        &self.roots
    }
}
