//! Names that a certificate is good for.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A subject alternative name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// A host, perhaps with `*` for its first part.
    Host(String),
    /// An address.
    Address(IpAddr),
    /// An identity, such as `spiffe://cluster.local/ns/a/sa/b`.
    Uri(String),
    /// An address of mail.
    Mail(String),
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(text) | Self::Uri(text) | Self::Mail(text) => f.write_str(text),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// Whether clients that call this host take a certificate with these names. `*` stands for one part of a name, as RFC 6125 has
/// it; a pattern of hosts is covered by the same pattern.
#[must_use]
pub fn covers(names: &[Name], host: &str) -> bool {
    let address: Option<IpAddr> = host.parse().ok();
    names.iter().any(|name| match name {
        Name::Host(own) if address.is_none() => is_meant(own, host),
        Name::Address(own) => address == Some(*own),
        _ => false,
    })
}

fn is_meant(own: &str, host: &str) -> bool {
    let same = own.eq_ignore_ascii_case(host);
    let below =
        |rest: &str| host.split_once('.').is_some_and(|(_, tail)| tail.eq_ignore_ascii_case(rest));
    same || own.strip_prefix("*.").is_some_and(below)
}

/// The address of four or sixteen bytes.
pub(crate) fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(|bytes| IpAddr::V4(Ipv4Addr::from(bytes)));
    let sixteen = || <[u8; 16]>::try_from(bytes).map(|bytes| IpAddr::V6(Ipv6Addr::from(bytes)));
    four.or_else(|_| sixteen()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_one_part_of_a_name() {
        let names = [Name::Host("*.shop.example".into()), Name::Host("Shop.Example".into())];
        for good in ["a.shop.example", "shop.example", "*.shop.example", "A.SHOP.EXAMPLE"] {
            assert!(covers(&names, good), "{good}");
        }
        for bad in ["a.b.shop.example", "example", "*.example", "10.0.0.1", "ashop.example"] {
            assert!(!covers(&names, bad), "{bad}");
        }
        let address = [Name::Address("10.0.0.1".parse().unwrap()), Name::Host("10.0.0.2".into())];
        assert!(covers(&address, "10.0.0.1") && !covers(&address, "10.0.0.2"));
    }

    #[test]
    fn bytes_are_an_address_of_either_family() {
        assert_eq!(address(&[10, 0, 0, 1]), "10.0.0.1".parse().ok());
        assert_eq!(address(&[0; 16]), "::".parse().ok());
        assert_eq!(address(&[1, 2]), None);
    }
}
