//! The PROXY header, which a load balancer puts before all other bytes: who the client is, and where it wanted to go.
//!
//! In: a stream. Out: the addresses; the header is taken off. Source: HAProxy's specification, versions 1 and 2.
//! Holds: reading is bounded by what a header may have; what is no header is refused, because only the balancer speaks here.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bytes::{Buf as _, BytesMut};
use proxy_http::wire::poll_read_into;
use tokio::io::AsyncRead;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const WORD: &[u8] = b"PROXY ";
/// The longest line of version 1, with its end.
const LONGEST_LINE: usize = 107;
/// What stands before the addresses of version 2.
const HEAD: usize = 16;

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Introduced {
    /// The client.
    pub from: SocketAddr,
    /// Where it wanted to go.
    pub to: SocketAddr,
}

/// What the first bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// A header of so many bytes. One of the balancer's own connections says nothing.
    Whole(usize, Option<Introduced>),
    /// The beginning of one.
    Part,
    /// None.
    Broken,
}

/// Takes the header off.
///
/// # Errors
/// As the stream; and when no header comes.
pub async fn introduced(
    io: &mut (impl AsyncRead + Unpin + ?Sized),
    first: &mut BytesMut,
) -> io::Result<Option<Introduced>> {
    loop {
        match header(first) {
            Header::Whole(length, says) => {
                first.advance(length);
                return Ok(says);
            }
            Header::Part => {}
            Header::Broken => return Err(io::ErrorKind::InvalidData.into()),
        }
        if poll_fn(|cx| poll_read_into(io, cx, first)).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Judges what came so far.
#[must_use]
pub fn header(first: &[u8]) -> Header {
    let begins = |with: &[u8]| first.iter().zip(with).all(|(one, other)| one == other);
    if begins(SIGNATURE) && first.len() >= HEAD {
        bytes(first).unwrap_or(Header::Broken)
    } else if begins(WORD) && first.len() >= WORD.len() {
        line(first)
    } else if begins(SIGNATURE) || begins(WORD) {
        Header::Part
    } else {
        Header::Broken
    }
}

fn line(first: &[u8]) -> Header {
    let end = first.windows(2).take(LONGEST_LINE - 1).position(|pair| pair == b"\r\n");
    let Some(end) = end else {
        return if first.len() < LONGEST_LINE { Header::Part } else { Header::Broken };
    };
    let text = first.get(WORD.len()..end).and_then(|text| std::str::from_utf8(text).ok());
    match text.map(|text| text.split(' ').collect::<Vec<_>>()).as_deref() {
        Some(["UNKNOWN", ..]) => Header::Whole(end + 2, None),
        Some([family, from, to, from_port, to_port]) => {
            let said = addresses(family, [from, to], [from_port, to_port]);
            said.map_or(Header::Broken, |said| Header::Whole(end + 2, Some(said)))
        }
        _ => Header::Broken,
    }
}

fn addresses(family: &str, hosts: [&str; 2], ports: [&str; 2]) -> Option<Introduced> {
    let host = |text: &str| -> Option<IpAddr> {
        let ip: IpAddr = text.parse().ok()?;
        (matches!((family, ip), ("TCP4", IpAddr::V4(_)) | ("TCP6", IpAddr::V6(_)))).then_some(ip)
    };
    let port = |text: &str| -> Option<u16> {
        let digits = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
        text.parse().ok().filter(|_| digits)
    };
    let [from, to] = hosts;
    let [from_port, to_port] = ports;
    Some(Introduced {
        from: SocketAddr::new(host(from)?, port(from_port)?),
        to: SocketAddr::new(host(to)?, port(to_port)?),
    })
}

/// `None` for what no header has.
fn bytes(first: &[u8]) -> Option<Header> {
    let (head, rest) = first.split_at_checked(HEAD)?;
    let [command, family, high, low] = *head.get(SIGNATURE.len()..)? else { return None };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if !matches!(command, 0x20 | 0x21) {
        return None;
    }
    let Some(body) = rest.get(..length) else { return Some(Header::Part) };
    let says = match (command, family) {
        (0x21, 0x11) => Some(pair::<4>(body, |ip| Ipv4Addr::from(ip).into())?),
        (0x21, 0x21) => Some(pair::<16>(body, |ip| Ipv6Addr::from(ip).into())?),
        // The balancer's own connection, or a family without addresses of TCP.
        _ => None,
    };
    Some(Header::Whole(HEAD + length, says))
}

/// Two addresses of `N` bytes, then their ports.
fn pair<const N: usize>(body: &[u8], ip: fn([u8; N]) -> IpAddr) -> Option<Introduced> {
    let (from, rest) = body.split_first_chunk::<N>()?;
    let (to, rest) = rest.split_first_chunk::<N>()?;
    let (from_port, rest) = rest.split_first_chunk::<2>()?;
    let (to_port, _extras) = rest.split_first_chunk::<2>()?;
    Some(Introduced {
        from: SocketAddr::new(ip(*from), u16::from_be_bytes(*from_port)),
        to: SocketAddr::new(ip(*to), u16::from_be_bytes(*to_port)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(from: &str, to: &str) -> Option<Introduced> {
        Some(Introduced { from: from.parse().unwrap(), to: to.parse().unwrap() })
    }

    fn second(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [SIGNATURE, &[command, family], &length, body].concat()
    }

    #[track_caller]
    fn check(header: &[u8], says: Option<Introduced>) {
        let whole = [header, b"GET"].concat();
        assert_eq!(super::header(&whole), Header::Whole(header.len(), says));
        for end in 0..header.len() {
            assert_eq!(super::header(&whole[..end]), Header::Part, "of {end} bytes");
        }
    }

    #[test]
    fn both_versions_are_read_byte_by_byte() {
        check(b"PROXY TCP4 1.2.3.4 5.6.7.8 90 443\r\n", said("1.2.3.4:90", "5.6.7.8:443"));
        check(b"PROXY TCP6 ::1 2001:db8::2 90 443\r\n", said("[::1]:90", "[2001:db8::2]:443"));
        check(b"PROXY UNKNOWN\r\n", None);
        check(b"PROXY UNKNOWN ffff:f::1 ::1 9 9\r\n", None);
        let four = second(0x21, 0x11, &[1, 2, 3, 4, 5, 6, 7, 8, 0, 90, 1, 187, 4, 0, 1, 0]);
        check(&four, said("1.2.3.4:90", "5.6.7.8:443"));
        let six = [[0; 15].as_slice(), &[1], &[0; 15], &[2], &[0, 90, 1, 187]].concat();
        check(&second(0x21, 0x21, &six), said("[::1]:90", "[::2]:443"));
        check(&second(0x20, 0, &[]), None);
        check(&second(0x21, 0x31, &[7; 216]), None);
    }

    #[test]
    fn what_is_no_header_is_refused() {
        let short = second(0x21, 0x11, &[1, 2, 3]);
        let (version, command) = (second(0x11, 0x11, &[0; 12]), second(0x22, 0x11, &[0; 12]));
        let long = [b"PROXY TCP4 ".as_slice(), &[b'1'; 107]].concat();
        for bad in [
            b"GET / HTTP/1.1\r\n".as_slice(),
            b"PROXY TCP4 1.2.3.4 ::1 1 2\r\n",
            b"PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n",
            b"PROXY TCP4 1.2.3.4 5.6.7.8 1 70000\r\n",
            b"PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n",
            b"PROXY  TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
            b"PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n",
            &short,
            &version,
            &command,
            &long,
        ] {
            assert_eq!(super::header(bad), Header::Broken, "{bad:?}");
        }
    }
}
