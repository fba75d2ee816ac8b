//! Versions of TLS and cipher suites that one server or client allows.
//!
//! Holds: names are OpenSSL's, as configuration has them; what the TLS library does not do is not allowed by naming it.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::{CipherSuite, NamedGroup, SupportedProtocolVersion, version};

use crate::{IdentityError, tls};

/// What may be negotiated; the default is everything that the library does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct TlsLimits {
    /// TLS 1.2 is not spoken.
    pub only_13: bool,
    /// TLS 1.3 is not spoken.
    pub only_12: bool,
    /// Cipher suites of TLS 1.2 by OpenSSL's names; empty for all. Those of 1.3 are not chosen by lists.
    pub suites: Vec<String>,
    /// Groups for the exchange of keys by OpenSSL's names; empty for all.
    pub curves: Vec<String>,
}

const ONLY_12: &[&SupportedProtocolVersion] = &[&version::TLS12];
const ONLY_13: &[&SupportedProtocolVersion] = &[&version::TLS13];

/// OpenSSL's names of the suites of TLS 1.2 that the library does.
const SUITES: [(&str, CipherSuite); 6] = [
    ("ECDHE-ECDSA-AES256-GCM-SHA384", CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
    ("ECDHE-RSA-AES256-GCM-SHA384", CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
    ("ECDHE-ECDSA-AES128-GCM-SHA256", CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
    ("ECDHE-RSA-AES128-GCM-SHA256", CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
    ("ECDHE-ECDSA-CHACHA20-POLY1305", CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
    ("ECDHE-RSA-CHACHA20-POLY1305", CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256),
];

/// OpenSSL's names of the groups that the library does.
const CURVES: [(&str, NamedGroup); 4] = [
    ("X25519", NamedGroup::X25519),
    ("P-256", NamedGroup::secp256r1),
    ("P-384", NamedGroup::secp384r1),
    ("X25519MLKEM768", NamedGroup::X25519MLKEM768),
];

impl TlsLimits {
    /// Versions, the newest first.
    ///
    /// # Errors
    /// When none is left.
    pub(crate) fn versions(
        &self,
    ) -> Result<&'static [&'static SupportedProtocolVersion], IdentityError> {
        match (self.only_12, self.only_13) {
            (true, true) => Err(IdentityError::Tls("no version of TLS is left".into())),
            (true, false) => Ok(ONLY_12),
            (false, true) => Ok(ONLY_13),
            (false, false) => Ok(rustls::ALL_VERSIONS),
        }
    }

    /// The library's means, without what is not allowed.
    pub(crate) fn provider(&self) -> Arc<CryptoProvider> {
        let all = tls::provider();
        if self.suites.is_empty() && self.curves.is_empty() {
            return all;
        }
        let mut own = CryptoProvider::clone(&all);
        let allowed = |suite: CipherSuite| {
            let mut named = SUITES.iter().filter(|(name, _)| self.suites.iter().any(|s| s == name));
            self.suites.is_empty() || named.any(|(_, known)| *known == suite)
        };
        own.cipher_suites.retain(|suite| suite.tls13().is_some() || allowed(suite.suite()));
        let group = |group: NamedGroup| {
            let mut named = CURVES.iter().filter(|(name, _)| self.curves.iter().any(|c| c == name));
            self.curves.is_empty() || named.any(|(_, known)| *known == group)
        };
        own.kx_groups.retain(|known| group(known.name()));
        Arc::new(own)
    }
}
