//! Names of services and patterns of names.
//!
//! In: what users write as a host. Out: full names, and patterns that match them.
//! Holds: short names mean the namespace of the object that has them, as in Istio.

use std::fmt;
use std::sync::Arc;

/// A full host name, such as `reviews.default.svc.cluster.local`; lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Host(Arc<str>);

impl Host {
    /// Takes a full name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.to_ascii_lowercase().into())
    }

    /// The name of a Kubernetes service.
    #[must_use]
    pub fn of_service(name: &str, namespace: &str, domain: &str) -> Self {
        Self(format!("{name}.{namespace}.svc.{domain}").into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Completes a short name with the namespace of the object that has it.
#[must_use]
pub fn expand(host: &str, namespace: &str, domain: &str) -> Host {
    if host.contains('.') || host.starts_with('*') || host.is_empty() {
        Host::new(host)
    } else {
        Host::new(&format!("{host}.{namespace}.svc.{domain}"))
    }
}

/// A host, or all hosts below a name (`*.example.com`), or all (`*`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HostPattern {
    /// One host.
    Exact(Host),
    /// Hosts that end with this; begins with a dot, or is empty for all.
    Suffix(Arc<str>),
}

impl HostPattern {
    /// Reads a pattern that is expanded already.
    #[must_use]
    pub fn new(text: &str) -> Self {
        match text.strip_prefix('*') {
            Some(rest) => Self::Suffix(rest.to_ascii_lowercase().into()),
            None => Self::Exact(Host::new(text)),
        }
    }

    /// Whether every host is meant.
    #[must_use]
    pub fn is_every(&self) -> bool {
        matches!(self, Self::Suffix(rest) if rest.is_empty())
    }

    /// Whether a host is meant.
    #[must_use]
    pub fn matches(&self, host: &str) -> bool {
        match self {
            Self::Exact(exact) => exact.as_str() == host,
            Self::Suffix(suffix) => {
                host.len() > suffix.len() && host.ends_with(&**suffix) || suffix.is_empty()
            }
        }
    }

    /// Whether every host of `other` is meant.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Exact(host)) => self.matches(host.as_str()),
            (Self::Exact(_), Self::Suffix(_)) => false,
            (Self::Suffix(wide), Self::Suffix(narrow)) => narrow.ends_with(&**wide),
        }
    }

    /// What both mean, the narrower of the two.
    #[must_use]
    pub fn intersection<'a>(&'a self, other: &'a Self) -> Option<&'a Self> {
        if self.covers(other) {
            Some(other)
        } else if other.covers(self) {
            Some(self)
        } else {
            None
        }
    }

    /// Longer is more specific; an exact name is more specific than any pattern.
    #[must_use]
    pub fn specificity(&self) -> (bool, usize) {
        match self {
            Self::Exact(host) => (true, host.as_str().len()),
            Self::Suffix(suffix) => (false, suffix.len()),
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(host) => host.fmt(f),
            Self::Suffix(suffix) => write!(f, "*{suffix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_meet_at_the_narrower_one() {
        let all = HostPattern::new("*");
        let com = HostPattern::new("*.example.com");
        let one = HostPattern::new("a.example.com");
        assert_eq!(all.intersection(&com), Some(&com));
        assert_eq!(one.intersection(&com), Some(&one));
        assert_eq!(one.intersection(&HostPattern::new("b.example.com")), None);
        assert!(!com.matches("example.com"));
    }
}
