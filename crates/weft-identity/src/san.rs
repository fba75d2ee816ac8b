//! Which names a peer's certificate may carry.

use crate::PeerNames;

/// One accepted name. An empty list of them accepts every name under our roots.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SanMatch {
    /// This URI and no other one, e.g. `spiffe://cluster.local/ns/payments/sa/payment-service`.
    Exact(String),
    /// Every URI that starts so, where it is the only one, e.g. `spiffe://cluster.local/`.
    Prefix(String),
    /// This name of whatever kind: URI, host (which a wildcard in the certificate may stand for), mail or IP address.
    Named(String),
    /// Every name of whatever kind that starts so.
    NamedPrefix(String),
}

impl SanMatch {
    /// True when one of the names is accepted.
    #[must_use]
    pub fn accepts(&self, names: &PeerNames) -> bool {
        match self {
            Self::Exact(want) => names.identity().is_some_and(|uri| uri == want),
            Self::Prefix(want) => {
                names.identity().is_some_and(|uri| uri.starts_with(want.as_str()))
            }
            Self::Named(want) => {
                names.all().any(|name| name == *want)
                    || names.hosts.iter().any(|host| stands_for(host, want))
            }
            Self::NamedPrefix(want) => names.all().any(|name| name.starts_with(want.as_str())),
        }
    }

    /// True when one of the names is accepted by one of `wanted`, or nothing is wanted.
    #[must_use]
    pub fn any(wanted: &[Self], names: &PeerNames) -> bool {
        wanted.is_empty() || wanted.iter().any(|want| want.accepts(names))
    }
}

/// Whether a host name in a certificate is that of `host`; its first label may be `*`.
pub(crate) fn stands_for(written: &str, host: &str) -> bool {
    let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
    match (written.strip_prefix("*."), host.split_once('.')) {
        (Some(parent), Some((label, rest))) => !label.is_empty() && same(parent, rest),
        _ => same(written, host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> PeerNames {
        PeerNames {
            uris: vec!["spiffe://a/b".to_owned()],
            hosts: vec!["*.Example.com".to_owned(), "plain.test".to_owned()],
            mails: vec!["a@b.c".to_owned()],
            addresses: vec!["10.0.0.1".parse().unwrap()],
        }
    }

    #[test]
    fn a_name_of_any_kind_is_found_and_a_wildcard_stands_for_one_label() {
        let named = |name: &str| SanMatch::Named(name.to_owned()).accepts(&names());
        for known in ["spiffe://a/b", "www.example.com", "PLAIN.test", "a@b.c", "10.0.0.1"] {
            assert!(named(known), "{known}");
        }
        for other in ["a.b.example.com", "example.com", "spiffe://a", "10.0.0.2", ".example.com"] {
            assert!(!named(other), "{other}");
        }
    }

    #[test]
    fn whoever_shows_two_identities_has_none() {
        let two = PeerNames { uris: vec!["spiffe://a/b".into(), "spiffe://a/c".into()], ..names() };
        for wanted in [SanMatch::Exact("spiffe://a/b".into()), SanMatch::Prefix("spiffe://".into())]
        {
            assert!(wanted.accepts(&names()) && !wanted.accepts(&two), "{wanted:?}");
        }
    }

    #[test]
    fn a_uri_is_not_taken_for_a_host() {
        assert!(!SanMatch::Exact("plain.test".to_owned()).accepts(&names()));
        assert!(SanMatch::Prefix("spiffe://".to_owned()).accepts(&names()));
        assert!(SanMatch::any(&[], &PeerNames::default()));
    }
}
