//! How the certificate authority stands: `GET /weft/debug/ca` and `weft ca`.

use serde::{Deserialize, Serialize};

/// Where a change of the authority stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// One authority signs, and its roots alone are trusted.
    #[default]
    Steady,
    /// The roots of the next one are being handed out; the present one signs.
    Trusting,
    /// The next one signs; certificates of the former one are being renewed.
    Renewing,
}

impl Phase {
    /// As shown to people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::Trusting => "trusting",
            Self::Renewing => "renewing",
        }
    }
}

/// One certificate of the authority.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateReport {
    /// Its subject.
    pub subject: String,
    /// Serial number in lower-case hex.
    pub serial: String,
    /// Kind and size of its key.
    pub key: String,
    /// End of its life, in seconds of Unix time.
    pub not_after: u64,
    /// SHA-256 in lower-case hex.
    pub fingerprint: String,
}

/// What a root is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RootUse {
    /// The one that new certificates lead to.
    Signing,
    /// Trusted beside it.
    Trusted,
    /// To sign next.
    Next,
    /// Trusted until the last certificate under it is gone.
    Retiring,
}

impl RootUse {
    /// As shown to people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Signing => "signing",
            Self::Trusted => "trusted",
            Self::Next => "next",
            Self::Retiring => "retiring",
        }
    }
}

/// One trusted root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootReport {
    /// The certificate.
    #[serde(flatten)]
    pub certificate: CertificateReport,
    /// What it is there for.
    pub usage: RootUse,
    /// Certificates under it that live and are shown.
    pub live: usize,
}

/// The whole answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaReport {
    /// The authority's present time, in seconds of Unix time.
    pub now: u64,
    /// Where a change stands.
    pub phase: Phase,
    /// Since when, in seconds of Unix time.
    pub since: u64,
    /// Where the authority comes from: `self-made`, a Secret, or a folder.
    pub source: String,
    /// The certificate that signs.
    pub issuer: CertificateReport,
    /// Certificates between it and the root, when there are.
    pub above: Vec<CertificateReport>,
    /// First end on the way from the issuer to its root, in seconds of Unix time.
    pub horizon: u64,
    /// Every root that is trusted.
    pub roots: Vec<RootReport>,
    /// Version of the set of roots.
    pub trust_version: u64,
    /// Holders of live certificates.
    pub holders: usize,
    /// Of these, who does not have the newest roots.
    pub behind: usize,
    /// Who has the oldest roots, and which version of them.
    pub oldest: Option<(String, u64)>,
    /// Whom the present phase waits for: the first of them.
    pub waiting: Vec<String>,
    /// How many the present phase waits for.
    pub waits_for: usize,
    /// Earliest end of a live certificate, in seconds of Unix time.
    #[serde(default)]
    pub first_end: Option<u64>,
    /// Latest end of a live certificate, in seconds of Unix time.
    pub last_end: Option<u64>,
    /// How long everybody must have been done before the next phase begins, in seconds.
    pub settle_seconds: u64,
    /// Time over which renewals spread, in milliseconds.
    pub spread_ms: u64,
    /// An authority was given that cannot be used, and why; the last good one signs.
    pub problem: Option<String>,
    /// What will end, told early.
    pub warnings: Vec<String>,
    /// Why a rotation cannot begin now.
    pub cannot_rotate: Option<String>,
    /// The last order to rotate that was judged, and why it was refused.
    pub order: String,
    /// See `order`.
    pub refused: Option<String>,
    /// The last order to finish that was obeyed.
    pub finished: String,
}
