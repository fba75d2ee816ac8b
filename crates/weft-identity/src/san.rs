//! Which names a peer's certificate may carry.

/// One accepted name. An empty list of them accepts every name under our roots.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SanMatch {
    /// This URI, e.g. `spiffe://cluster.local/ns/payments/sa/payment-service`.
    Exact(String),
    /// Every URI that starts so, e.g. `spiffe://cluster.local/`.
    Prefix(String),
}

impl SanMatch {
    /// True when `uri` is accepted.
    #[must_use]
    pub fn accepts(&self, uri: &str) -> bool {
        match self {
            Self::Exact(want) => uri == want,
            Self::Prefix(want) => uri.starts_with(want.as_str()),
        }
    }

    /// True when one of `uris` is accepted by one of `wanted`, or nothing is wanted.
    #[must_use]
    pub fn any(wanted: &[Self], uris: &[String]) -> bool {
        wanted.is_empty() || uris.iter().any(|uri| wanted.iter().any(|want| want.accepts(uri)))
    }
}
