//! Where the keys of an issuer are.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Where keys are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Place {
    /// A set of keys stands at this URI.
    Uri(String),
    /// The OpenID configuration of this issuer tells.
    Issuer(String),
}

/// What is wanted of a place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wish {
    /// How long one fetch may take.
    pub patience: Duration,
    /// Whose keys they are.
    pub issuers: BTreeSet<String>,
}

/// The places that are asked.
pub type Wanted = BTreeMap<Place, Wish>;

impl Place {
    /// What is asked first.
    #[must_use]
    pub fn uri(&self) -> String {
        match self {
            Self::Uri(uri) => uri.clone(),
            Self::Issuer(issuer) => {
                format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))
            }
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.uri())
    }
}
