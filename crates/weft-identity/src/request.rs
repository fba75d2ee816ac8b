//! A new key and the request to certify it.

use rcgen::{CertificateParams, DistinguishedName, KeyPair, SanType};
use weft_types::SpiffeId;
use zeroize::Zeroizing;

use crate::IdentityError;

/// A key made here, and the request that goes to the authority.
pub struct SigningRequest {
    /// PKCS#8 PEM; wiped when dropped.
    pub key_pem: Zeroizing<String>,
    /// PEM of the request, with the identity as URI name.
    pub csr_pem: String,
}

impl std::fmt::Debug for SigningRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningRequest").field("csr_pem", &self.csr_pem).finish_non_exhaustive()
    }
}

impl SigningRequest {
    /// Makes an ECDSA P-256 key and a request for `identity`.
    ///
    /// # Errors
    /// When the machine gives no randomness or the identity does not fit into a certificate.
    pub fn new(identity: &SpiffeId) -> Result<Self, IdentityError> {
        let wrong = |e: rcgen::Error| IdentityError::Request(e.to_string());
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(wrong)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        let uri = identity.to_string().try_into().map_err(wrong)?;
        params.subject_alt_names = vec![SanType::URI(uri)];
        let csr_pem = params.serialize_request(&key).and_then(|csr| csr.pem()).map_err(wrong)?;
        Ok(Self { key_pem: Zeroizing::new(key.serialize_pem()), csr_pem })
    }
}
