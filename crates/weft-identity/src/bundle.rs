//! The roots that a peer's certificate must chain to, and what of it was revoked.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};

use crate::{IdentityError, tls};

/// A set of roots, as PEM for Envoy and as a store for rustls.
#[derive(Debug, Clone)]
pub struct TrustBundle {
    pem: String,
    certificates: Vec<CertificateDer<'static>>,
    roots: Arc<RootCertStore>,
    revoked: Vec<CertificateRevocationListDer<'static>>,
}

fn unreadable(what: &'static str, why: impl ToString) -> IdentityError {
    IdentityError::Unreadable { what, why: why.to_string() }
}

impl TrustBundle {
    /// Reads one or more PEM certificates.
    ///
    /// # Errors
    /// When there is none, or one of them does not parse.
    pub fn from_pem(pem: &str) -> Result<Self, IdentityError> {
        let wrong = |why: String| unreadable("trust bundle", why);
        let certificates = CertificateDer::pem_slice_iter(pem.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| wrong(e.to_string()))?;
        let mut roots = RootCertStore::empty();
        for certificate in &certificates {
            roots.add(certificate.clone()).map_err(|e| wrong(e.to_string()))?;
        }
        Self::new(pem, certificates, roots)
    }

    /// The same for a store of an operating system, some of whose roots may be of kinds that we do not know.
    ///
    /// # Errors
    /// When none of its roots can be used.
    pub fn of_system(pem: &str) -> Result<Self, IdentityError> {
        let certificates: Vec<_> =
            CertificateDer::pem_slice_iter(pem.as_bytes()).filter_map(Result::ok).collect();
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates.iter().cloned());
        Self::new(pem, certificates, roots)
    }

    fn new(
        pem: &str,
        certificates: Vec<CertificateDer<'static>>,
        roots: RootCertStore,
    ) -> Result<Self, IdentityError> {
        if roots.is_empty() {
            return Err(unreadable("trust bundle", "no certificate in it"));
        }
        let (pem, roots, revoked) = (pem.to_owned(), Arc::new(roots), Vec::new());
        Ok(Self { pem, certificates, roots, revoked })
    }

    /// The same, without what these lists revoke.
    ///
    /// # Errors
    /// When there is no list in the PEM, or one that cannot be followed, such as those of version 1.
    pub fn without(mut self, lists_pem: &[u8]) -> Result<Self, IdentityError> {
        let lists = CertificateRevocationListDer::pem_slice_iter(lists_pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| unreadable("revocation list", error))?;
        if lists.is_empty() {
            return Err(unreadable("revocation list", "no list in it"));
        }
        // Else every handshake would be refused without a word of the list.
        WebPkiClientVerifier::builder_with_provider(Arc::clone(&self.roots), tls::provider())
            .with_crls(lists.iter().cloned())
            .build()
            .map_err(|error| unreadable("revocation list", error))?;
        self.revoked.extend(lists);
        Ok(self)
    }

    /// The PEM as given.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    pub(crate) const fn roots(&self) -> &Arc<RootCertStore> {
        &self.roots
    }

    pub(crate) fn revoked(&self) -> &[CertificateRevocationListDer<'static>] {
        &self.revoked
    }

    /// Whether the certificate is itself one of the roots.
    pub(crate) fn holds(&self, certificate: &CertificateDer<'_>) -> bool {
        self.certificates.iter().any(|own| own == certificate)
    }
}
