//! The PROXY header: tells a server who its client is.
//!
//! In: the client and where it wanted to go. Out: the bytes that stand before all others. Source: HAProxy's specification.
//! Holds: addresses of two families cannot be told; then the header says that nothing is known.

use std::net::{IpAddr, SocketAddr};

use proxy_config::cluster::ProxyVersion;

use crate::Introduced;

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Version 2, on behalf of a client.
const PROXIED: u8 = 0x21;
/// TCP over IPv4 or IPv6, or nothing said.
const TCP4: u8 = 0x11;
const TCP6: u8 = 0x21;
const UNKNOWN: u8 = 0x00;

/// The header's bytes.
pub(crate) fn header(of: &Introduced) -> Vec<u8> {
    match of.version {
        ProxyVersion::V1 => text(of.from, of.to).into_bytes(),
        ProxyVersion::V2 => bytes(of.from, of.to),
    }
}

fn text(from: SocketAddr, to: SocketAddr) -> String {
    let family = match (from, to) {
        (SocketAddr::V4(_), SocketAddr::V4(_)) => "TCP4",
        (SocketAddr::V6(_), SocketAddr::V6(_)) => "TCP6",
        _ => return "PROXY UNKNOWN\r\n".to_owned(),
    };
    format!("PROXY {family} {} {} {} {}\r\n", from.ip(), to.ip(), from.port(), to.port())
}

fn bytes(from: SocketAddr, to: SocketAddr) -> Vec<u8> {
    let (family, addresses) = match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => (TCP4, [from.octets(), to.octets()].concat()),
        (IpAddr::V6(from), IpAddr::V6(to)) => (TCP6, [from.octets(), to.octets()].concat()),
        _ => (UNKNOWN, Vec::new()),
    };
    let mut found = SIGNATURE.to_vec();
    found.extend([PROXIED, family]);
    let ports = [from.port().to_be_bytes(), to.port().to_be_bytes()].concat();
    let rest = if family == UNKNOWN { Vec::new() } else { [addresses, ports].concat() };
    let length = u16::try_from(rest.len()).unwrap_or_default();
    found.extend(length.to_be_bytes());
    found.extend(rest);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(version: ProxyVersion, from: &str, to: &str) -> Vec<u8> {
        header(&Introduced { version, from: from.parse().unwrap(), to: to.parse().unwrap() })
    }

    #[test]
    fn the_header_says_both_addresses_as_the_specification_has_them() {
        let text = of(ProxyVersion::V1, "10.1.2.3:1000", "10.4.5.6:80");
        assert_eq!(text, b"PROXY TCP4 10.1.2.3 10.4.5.6 1000 80\r\n");
        assert_eq!(of(ProxyVersion::V1, "[::1]:1", "10.4.5.6:80"), b"PROXY UNKNOWN\r\n");
        let bytes = of(ProxyVersion::V2, "10.1.2.3:258", "10.4.5.6:80");
        assert_eq!(bytes[..12], SIGNATURE);
        assert_eq!(bytes[12..], [0x21, 0x11, 0, 12, 10, 1, 2, 3, 10, 4, 5, 6, 1, 2, 0, 80]);
        assert_eq!(of(ProxyVersion::V2, "[::1]:1", "[::2]:2").len(), 16 + 36);
    }
}
