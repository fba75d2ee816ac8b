//! Peers that are known by a hash of what they show.

use aws_lc_rs::digest::{SHA256, digest};
use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// SHA-256 of what a peer must show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pin {
    /// Of its certificate.
    Certificate([u8; 32]),
    /// Of its public key, as in the certificate (`SubjectPublicKeyInfo`).
    Key([u8; 32]),
}

impl Pin {
    /// True when one of `wanted` is that of this leaf, or nothing is wanted; a leaf that does not parse has no key.
    #[must_use]
    pub fn any(wanted: &[Self], leaf: &CertificateDer<'_>) -> bool {
        wanted.is_empty() || wanted.iter().any(|pin| pin.is_of(leaf))
    }

    fn is_of(&self, leaf: &CertificateDer<'_>) -> bool {
        let is = |bytes: &[u8], wanted: &[u8; 32]| digest(&SHA256, bytes).as_ref() == wanted;
        match self {
            Self::Certificate(wanted) => is(leaf, wanted),
            Self::Key(wanted) => X509Certificate::from_der(leaf)
                .is_ok_and(|(_, leaf)| is(leaf.public_key().raw, wanted)),
        }
    }
}
