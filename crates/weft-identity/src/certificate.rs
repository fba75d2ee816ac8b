//! A certificate and its key that came from elsewhere than the mesh's authority: a Secret, a file.
//!
//! Holds: key and leaf belong together. Never: logs the key.
//! Why the fit is checked here and not by the TLS library: it refuses certificates of version 1, which people still make.

use std::sync::Arc;

use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::{IdentityError, tls};

/// A certificate chain with its key.
pub struct Certificate {
    certified: Arc<CertifiedKey>,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate").field("chain", &self.certified.cert.len()).finish()
    }
}

impl Certificate {
    /// Reads a chain (leaf first) and a key.
    ///
    /// # Errors
    /// When one of them does not parse, or they do not belong together.
    pub fn from_pem(chain_pem: &[u8], key_pem: &[u8]) -> Result<Self, IdentityError> {
        let unreadable = |what: &'static str, why: String| IdentityError::Unreadable { what, why };
        let chain = CertificateDer::pem_slice_iter(chain_pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| unreadable("certificate", error.to_string()))?;
        let leaf = chain.first().ok_or_else(|| unreadable("certificate", "is empty".into()))?;
        let (_, leaf) = X509Certificate::from_der(leaf)
            .map_err(|error| unreadable("certificate", error.to_string()))?;
        let own = leaf.public_key().raw.to_vec();
        let key = PrivateKeyDer::from_pem_slice(key_pem)
            .map_err(|error| unreadable("private key", error.to_string()))?;
        let key = tls::provider()
            .key_provider
            .load_private_key(key)
            .map_err(|error| IdentityError::Key(error.to_string()))?;
        if key.public_key().is_some_and(|public| public.as_ref() != own) {
            return Err(IdentityError::Key("it is not the key of the certificate".into()));
        }
        Ok(Self { certified: Arc::new(CertifiedKey::new(chain, key)) })
    }

    pub(crate) const fn certified(&self) -> &Arc<CertifiedKey> {
        &self.certified
    }
}
