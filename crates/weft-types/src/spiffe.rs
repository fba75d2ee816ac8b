//! SPIFFE identities of workloads, as Istio writes them: `spiffe://DOMAIN/ns/NAMESPACE/sa/ACCOUNT`.
//!
//! In: text from a token, a certificate or a flag. Out: [`SpiffeId`], [`TrustDomain`].
//! Holds: a value was parsed; namespace and account are single path segments of plain characters.
//! Never: aliases or matching rules, those are policy.

use std::fmt;
use std::str::FromStr;

/// Why a text is no identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpiffeError {
    /// Not a trust domain.
    #[error("`{0}` is no trust domain: use 1 to 255 of a-z, 0-9, `.`, `-`, `_`")]
    Domain(String),
    /// Not of the form that the mesh issues.
    #[error("`{0}` is no workload identity: want spiffe://DOMAIN/ns/NAMESPACE/sa/ACCOUNT")]
    Form(String),
    /// A namespace or account with characters that do not fit into a path segment.
    #[error(
        "`{0}` is no namespace or service account: use 1 to 253 of a-z, A-Z, 0-9, `.`, `-`, `_`"
    )]
    Segment(String),
}

/// The name under which one certificate authority speaks, e.g. `cluster.local`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TrustDomain(String);

impl TrustDomain {
    /// Reads a trust domain.
    ///
    /// # Errors
    /// Empty, too long, or with characters outside of SPIFFE's set.
    pub fn parse(text: &str) -> Result<Self, SpiffeError> {
        let plain =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_');
        if (1..=255).contains(&text.len()) && text.bytes().all(plain) {
            Ok(Self(text.to_owned()))
        } else {
            Err(SpiffeError::Domain(text.to_owned()))
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What every identity of this domain starts with: `spiffe://DOMAIN/`.
    #[must_use]
    pub fn prefix(&self) -> String {
        format!("spiffe://{}/", self.0)
    }
}

impl fmt::Display for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TrustDomain {
    type Err = SpiffeError;
    fn from_str(text: &str) -> Result<Self, SpiffeError> {
        Self::parse(text)
    }
}

/// Who a workload is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpiffeId {
    domain: TrustDomain,
    namespace: String,
    service_account: String,
}

impl SpiffeId {
    /// Puts an identity together.
    ///
    /// # Errors
    /// When a part is not a plain path segment.
    pub fn new(
        domain: TrustDomain,
        namespace: &str,
        service_account: &str,
    ) -> Result<Self, SpiffeError> {
        Ok(Self {
            domain,
            namespace: segment(namespace)?,
            service_account: segment(service_account)?,
        })
    }

    /// Reads `spiffe://DOMAIN/ns/NAMESPACE/sa/ACCOUNT`.
    ///
    /// # Errors
    /// When the text has another form.
    pub fn parse(text: &str) -> Result<Self, SpiffeError> {
        let form = || SpiffeError::Form(text.to_owned());
        let rest = text.strip_prefix("spiffe://").ok_or_else(form)?;
        let mut parts = rest.split('/');
        let mut next = || parts.next().ok_or_else(form);
        let (domain, ns, namespace, sa, account) = (next()?, next()?, next()?, next()?, next()?);
        if ns != "ns" || sa != "sa" || parts.next().is_some() {
            return Err(form());
        }
        Self::new(TrustDomain::parse(domain)?, namespace, account)
    }

    /// The trust domain.
    #[must_use]
    pub const fn trust_domain(&self) -> &TrustDomain {
        &self.domain
    }

    /// Whether both are the same account, whatever the trust domain is called.
    #[must_use]
    pub fn is_account_of(&self, other: &Self) -> bool {
        (&self.namespace, &self.service_account) == (&other.namespace, &other.service_account)
    }

    /// The Kubernetes namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The Kubernetes service account.
    #[must_use]
    pub fn service_account(&self) -> &str {
        &self.service_account
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "spiffe://{}/ns/{}/sa/{}", self.domain, self.namespace, self.service_account)
    }
}

impl FromStr for SpiffeId {
    type Err = SpiffeError;
    fn from_str(text: &str) -> Result<Self, SpiffeError> {
        Self::parse(text)
    }
}

fn segment(text: &str) -> Result<String, SpiffeError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    let dots_only = text.bytes().all(|b| b == b'.');
    if (1..=253).contains(&text.len()) && text.bytes().all(plain) && !dots_only {
        Ok(text.to_owned())
    } else {
        Err(SpiffeError::Segment(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_reads_back_as_it_was_written() {
        let text = "spiffe://cluster.local/ns/payments/sa/payment-service";
        let id = SpiffeId::parse(text).unwrap();
        assert_eq!(id.to_string(), text);
        assert_eq!((id.namespace(), id.service_account()), ("payments", "payment-service"));
        assert_eq!(id.trust_domain().prefix(), "spiffe://cluster.local/");
    }

    #[test]
    fn what_could_name_another_identity_is_refused() {
        for text in [
            "spiffe://cluster.local/ns/a/sa/b/c",
            "spiffe://cluster.local/ns//sa/b",
            "spiffe://cluster.local/ns/../sa/b",
            "spiffe://Cluster.local/ns/a/sa/b",
            "spiffe:///ns/a/sa/b",
            "spiffe://cluster.local/sa/a/ns/b",
            "spiffe://cluster.local/ns/a/sa/b%2Fc",
            "https://cluster.local/ns/a/sa/b",
        ] {
            assert!(SpiffeId::parse(text).is_err(), "{text}");
        }
    }
}
