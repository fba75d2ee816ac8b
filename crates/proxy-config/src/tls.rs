//! TLS of either side, and the secrets that it names.
//! In: nothing. Out: types. Holds: a key is never printed. Source of the semantics: Envoy's TLS contexts and Secret.

use std::sync::Arc;

use crate::matcher::StringMatcher;

/// Name of a secret: `default` and `ROOTCA` are the mesh's, `kubernetes://NAME` comes from the control plane,
/// `file-cert:CERTIFICATE~KEY`, `file-root:FILE` and `file-crl:FILE` from files beside the proxy.
pub type SecretName = Arc<str>;

/// What a secret holds, as PEM.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// A certificate chain and its key.
    Certificate {
        /// Leaf first.
        chain: Vec<u8>,
        /// Never printed.
        key: Vec<u8>,
    },
    /// Authorities, and lists of what they revoked.
    Authorities {
        /// One or more certificates.
        roots: Vec<u8>,
        /// Lists; empty for none.
        revoked: Vec<u8>,
        /// They are those of the operating system, of which some may be of kinds that are not known.
        system: bool,
    },
    /// Lists of revoked certificates alone.
    Revoked(Vec<u8>),
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Certificate { .. } => "Certificate",
            Self::Authorities { .. } => "Authorities",
            Self::Revoked(_) => "Revoked",
        })
    }
}

/// One accepted name of a peer.
#[derive(Debug, Clone)]
pub enum PeerName {
    /// A URI that matches.
    Uri(StringMatcher),
    /// A name of whatever kind that matches; a wildcard in the certificate stands for hosts.
    Any(StringMatcher),
}

/// SHA-256 of what a peer must show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pin {
    /// Of its certificate.
    Certificate([u8; 32]),
    /// Of its public key, as in the certificate (`SubjectPublicKeyInfo`).
    Key([u8; 32]),
}

/// What may be negotiated; the default is everything from TLS 1.2 on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsLimits {
    /// TLS 1.2 is not spoken.
    pub only_13: bool,
    /// TLS 1.3 is not spoken.
    pub only_12: bool,
    /// Cipher suites of TLS 1.2; empty for all.
    pub suites: Vec<String>,
    /// Groups for the exchange of keys; empty for all.
    pub curves: Vec<String>,
}

/// TLS toward an endpoint.
#[derive(Debug, Clone, Default)]
pub struct UpstreamTls {
    /// SNI; empty sends none.
    pub sni: Arc<str>,
    /// Offered application protocols.
    pub alpn: Vec<Arc<str>>,
    /// Our certificate; `None` shows none.
    pub certificate: Option<SecretName>,
    /// Trusted roots; `None` verifies nobody.
    pub roots: Option<SecretName>,
    /// Lists of revoked certificates beside those that come with the roots.
    pub revoked: Option<SecretName>,
    /// One must match a name in the server's certificate; empty accepts any trusted one.
    pub server_sans: Vec<PeerName>,
    /// One must be that of the server; empty accepts any trusted one.
    pub pins: Vec<Pin>,
    /// Versions and suites.
    pub limits: TlsLimits,
}

/// How TLS is terminated.
#[derive(Debug, Clone, Default)]
pub struct DownstreamTls {
    /// The client must show a certificate; else it is verified when it shows one and there are roots.
    pub require_client_certificate: bool,
    /// Offered application protocols, by preference.
    pub alpn: Vec<Arc<str>>,
    /// Where certificates and keys come from; of several the first that suits the client is shown.
    pub certificates: Vec<SecretName>,
    /// Where trusted roots come from; `None` verifies nobody.
    pub roots: Option<SecretName>,
    /// Lists of revoked certificates beside those that come with the roots.
    pub revoked: Option<SecretName>,
    /// Client certificates of any issuer are taken.
    pub trusts_anyone: bool,
    /// One of these must match a name in the client's certificate; empty accepts any trusted one.
    pub client_sans: Vec<PeerName>,
    /// One must be that of the client; empty accepts any trusted one.
    pub pins: Vec<Pin>,
    /// Versions and suites.
    pub limits: TlsLimits,
}

impl UpstreamTls {
    /// Secrets that it needs.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretName> {
        [&self.certificate, &self.roots, &self.revoked].into_iter().flatten()
    }
}

impl DownstreamTls {
    /// Secrets that it needs.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretName> {
        self.certificates.iter().chain([&self.roots, &self.revoked].into_iter().flatten())
    }
}
