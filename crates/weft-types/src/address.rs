//! Addresses, ranges of them, and paths of unix sockets, as Istio's configuration has them.
//!
//! In: text. Out: whether it is one. Holds: an IPv6 address may name its zone, a range may not.

use std::net::{IpAddr, Ipv6Addr};

/// An IPv4 or IPv6 address.
#[must_use]
pub fn is_ip(text: &str) -> bool {
    match text.split_once('%') {
        Some((address, zone)) => address.parse::<Ipv6Addr>().is_ok() && !zone.is_empty(),
        None => text.parse::<IpAddr>().is_ok(),
    }
}

/// A range of addresses, or one address. Bits behind those of the range may be set.
#[must_use]
pub fn is_range(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return is_ip(text) };
    let most = match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    let plain = bits == "0" || !bits.starts_with(['0', '+']);
    plain && bits.parse::<u8>().is_ok_and(|bits| bits <= most)
}

/// What stands behind `unix://`: the path of a file, or `@` and the name of an abstract socket.
#[must_use]
pub fn is_socket(path: &str) -> bool {
    path.starts_with('@') || path.starts_with('/') && !path.ends_with('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_ranges_are_told_from_what_looks_like_them() {
        for text in ["10.0.0.1", "::", "fe80::1%eth0", "::ffff:1.2.3.4"] {
            assert!(is_ip(text) && is_range(text), "{text}");
        }
        for text in ["", "10.0.0", "010.0.0.1", "1.2.3.4%eth0", "fe80::1%", "[::1]", "1.2.3.4 "] {
            assert!(!is_ip(text) && !is_range(text), "{text}");
        }
        for text in ["10.1.2.3/8", "::/0", "1.2.3.4/32", "2001:db8::1/128"] {
            assert!(is_range(text), "{text}");
        }
        for text in
            ["1.2.3.4/33", "1.2.3.4/08", "1.2.3.4/+8", "1.2.3.4/", "a/8", "::1%a/64", "1.2.3.4/8/8"]
        {
            assert!(!is_range(text), "{text}");
        }
    }

    #[test]
    fn a_socket_is_a_path_or_an_abstract_name() {
        assert!(is_socket("/run/a") && is_socket("@a") && is_socket("@a/"));
        assert!(!is_socket("") && !is_socket("run/a") && !is_socket("/run/") && !is_socket("/"));
    }
}
