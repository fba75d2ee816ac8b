//! Keys of issuers that the control plane fetched: `GET /weft/debug/issuers`.
//! Holds: only public keys. A place is in the answer while some RequestAuthentication names it.

use serde::{Deserialize, Serialize};

/// Where keys are fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A set of keys stands at this URI.
    Uri(String),
    /// The OpenID configuration of this issuer says where.
    Issuer(String),
}

/// One place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuerKeys {
    /// Where.
    pub from: Origin,
    /// The JSON web key set that counts now; none before the first that could be read, so that tokens are refused.
    pub jwks: Option<String>,
}

/// Answer of `/weft/debug/issuers`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuersReport {
    /// All places.
    pub places: Vec<IssuerKeys>,
}
