//! One certified key with the roots that came with it.
//!
//! Holds: key and leaf belong together; times and serial are the leaf's.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use weft_types::SpiffeId;
use zeroize::Zeroizing;

use crate::{IdentityError, TrustBundle, peer, tls};

/// What a workload proves itself with, until it is replaced.
pub struct Credential {
    spiffe_id: Option<SpiffeId>,
    chain_pem: String,
    key_pem: Zeroizing<String>,
    bundle: TrustBundle,
    not_before: SystemTime,
    not_after: SystemTime,
    serial: String,
    certified: Arc<CertifiedKey>,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credential")
            .field("spiffe_id", &self.spiffe_id)
            .field("serial", &self.serial)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

impl Credential {
    /// Binds a key (PKCS#8 PEM), its chain (leaf first; a trailing root is not presented to peers) and the roots.
    ///
    /// # Errors
    /// When a piece does not parse, or key and leaf do not belong together.
    pub fn from_pem(
        key_pem: &str,
        chain_pem: &str,
        roots_pem: &str,
    ) -> Result<Self, IdentityError> {
        let unreadable = |what: &'static str, why: String| IdentityError::Unreadable { what, why };
        let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes())
            .map_err(|e| unreadable("private key", e.to_string()))?;
        let chain = presented_chain(chain_pem)?;
        let leaf = chain.first().ok_or_else(|| unreadable("chain", "empty".into()))?;
        let facts = peer::LeafFacts::read(leaf)
            .ok_or_else(|| unreadable("certificate", "not an X.509 certificate".into()))?;
        let shown = chain.iter().map(pem_of).collect::<String>();
        let certified = CertifiedKey::from_der(chain, key, &tls::provider())
            .map_err(|e| IdentityError::Key(e.to_string()))?;
        Ok(Self {
            spiffe_id: facts.uris.iter().find_map(|uri| SpiffeId::parse(uri).ok()),
            chain_pem: shown,
            key_pem: Zeroizing::new(key_pem.to_owned()),
            bundle: TrustBundle::from_pem(roots_pem)?,
            not_before: SystemTime::UNIX_EPOCH + Duration::from_secs(facts.not_before),
            not_after: SystemTime::UNIX_EPOCH + Duration::from_secs(facts.not_after),
            serial: facts.serial,
            certified: Arc::new(certified),
        })
    }

    /// The identity in the leaf, when it has the mesh's form.
    #[must_use]
    pub const fn spiffe_id(&self) -> Option<&SpiffeId> {
        self.spiffe_id.as_ref()
    }

    /// PEM that is presented: leaf and intermediates.
    #[must_use]
    pub fn chain_pem(&self) -> &str {
        &self.chain_pem
    }

    /// The private key, for a local Envoy over its agent's socket only. Never log it.
    #[must_use]
    pub fn key_pem(&self) -> &str {
        &self.key_pem
    }

    /// The roots.
    #[must_use]
    pub const fn bundle(&self) -> &TrustBundle {
        &self.bundle
    }

    /// The same key and chain, with other roots.
    ///
    /// # Errors
    /// When the roots do not parse.
    pub fn trusting(&self, roots_pem: &str) -> Result<Self, IdentityError> {
        Ok(Self {
            spiffe_id: self.spiffe_id.clone(),
            chain_pem: self.chain_pem.clone(),
            key_pem: self.key_pem.clone(),
            bundle: TrustBundle::from_pem(roots_pem)?,
            not_before: self.not_before,
            not_after: self.not_after,
            serial: self.serial.clone(),
            certified: Arc::clone(&self.certified),
        })
    }

    /// Start of validity.
    #[must_use]
    pub const fn not_before(&self) -> SystemTime {
        self.not_before
    }

    /// End of validity.
    #[must_use]
    pub const fn not_after(&self) -> SystemTime {
        self.not_after
    }

    /// Serial number of the leaf in lower-case hex, as Envoy shows it.
    #[must_use]
    pub fn serial(&self) -> &str {
        &self.serial
    }

    pub(crate) const fn certified(&self) -> &Arc<CertifiedKey> {
        &self.certified
    }
}

fn presented_chain(chain_pem: &str) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    let mut chain = CertificateDer::pem_slice_iter(chain_pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| IdentityError::Unreadable { what: "chain", why: e.to_string() })?;
    if chain.len() > 1 && chain.last().is_some_and(peer::self_issued) {
        chain.pop();
    }
    Ok(chain)
}

pub(crate) fn pem_of(certificate: &CertificateDer<'static>) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(certificate);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = tail;
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}
