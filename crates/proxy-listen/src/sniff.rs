//! What a client speaks, from its first bytes.
//!
//! In: a stream, what to look for. Out: the kind, and the bytes that were read to tell.
//! Holds: bounded reading; a client that says nothing is "silent" and may be waiting for the server.
//! Never: consuming: the bytes go back in front of the stream.

use std::future::poll_fn;
use std::io;

use bytes::BytesMut;
use proxy_http::wire::poll_read_into;
use tokio::io::AsyncRead;
use weft_identity::rustls::server::Acceptor;

const MOST: usize = 64 * 1024;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const PREFACE_LINE: &[u8] = b"PRI * HTTP/2.0\r\n";
const LONGEST_METHOD: usize = 24;

/// The part of a ClientHello that chooses a filter chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hello {
    /// Server name, lower case.
    pub sni: Option<String>,
    /// Protocols offered, in order.
    pub alpn: Vec<String>,
}

/// What the first bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sniffed {
    /// TLS.
    Tls(Hello),
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 without TLS.
    Http2,
    /// Something else.
    Other,
    /// The client closed without a byte.
    Closed,
}

/// What is asked about a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// Tell TLS from plain text.
    pub tls: bool,
    /// Tell HTTP from other plain text.
    pub http: bool,
}

/// Reads until the question is answered.
///
/// # Errors
/// As the stream.
pub async fn sniff(
    io: &mut (impl AsyncRead + Unpin + ?Sized),
    ask: Ask,
    first: &mut BytesMut,
) -> io::Result<Sniffed> {
    loop {
        if let Some(answer) = judge(first, ask) {
            return Ok(answer);
        }
        let n = poll_fn(|cx| poll_read_into(io, cx, first)).await?;
        if n == 0 {
            return Ok(if first.is_empty() { Sniffed::Closed } else { Sniffed::Other });
        }
    }
}

/// The answer, if these bytes are enough.
#[must_use]
pub fn judge(first: &[u8], ask: Ask) -> Option<Sniffed> {
    let lead = *first.first()?;
    if ask.tls && lead == 0x16 {
        return match first.get(1) {
            None => None,
            Some(3) => hello(first),
            Some(_) => Some(Sniffed::Other),
        };
    }
    if !ask.http {
        return Some(Sniffed::Other);
    }
    http(first)
}

fn hello(first: &[u8]) -> Option<Sniffed> {
    let mut acceptor = Acceptor::default();
    let mut rest = first;
    while !rest.is_empty() {
        if acceptor.read_tls(&mut rest).is_err() {
            return Some(Sniffed::Other);
        }
        match acceptor.accept() {
            Ok(Some(accepted)) => {
                let hello = accepted.client_hello();
                let sni = hello.server_name().map(str::to_ascii_lowercase);
                let alpn = hello.alpn().map_or_else(Vec::new, |names| {
                    names.map(|name| String::from_utf8_lossy(name).into_owned()).collect()
                });
                return Some(Sniffed::Tls(Hello { sni, alpn }));
            }
            Ok(None) => {}
            // It is TLS all the same: the handshake that follows tells the client what is wrong.
            Err(_bad) => return Some(Sniffed::Tls(Hello::default())),
        }
    }
    (first.len() > MOST).then_some(Sniffed::Other)
}

fn http(first: &[u8]) -> Option<Sniffed> {
    if !first.first()?.is_ascii_uppercase() {
        return Some(Sniffed::Other);
    }
    let n = first.len().min(PREFACE.len());
    if first[..n] == PREFACE[..n] {
        return (n == PREFACE.len()).then_some(Sniffed::Http2);
    }
    if first.starts_with(PREFACE_LINE) {
        // Nothing else begins like this; its reader ends the connection.
        return Some(Sniffed::Http2);
    }
    let method = first.iter().take(LONGEST_METHOD);
    let letters = method.take_while(|b| b.is_ascii_uppercase() || **b == b'-').count();
    if letters == LONGEST_METHOD || first.get(letters).is_some_and(|b| *b != b' ') {
        return Some(Sniffed::Other);
    }
    let Some(line_end) = first.iter().take(MOST).position(|b| *b == b'\n') else {
        return (first.len() > MOST).then_some(Sniffed::Other);
    };
    let line = first[..line_end].trim_ascii_end();
    Some(match line {
        _ if line.ends_with(b" HTTP/1.1") => Sniffed::Http1,
        _ if line.ends_with(b" HTTP/1.0") => Sniffed::Http10,
        _ => Sniffed::Other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: Ask = Ask { tls: true, http: true };

    #[test]
    fn plain_protocols_are_told_apart_at_every_split() {
        for (bytes, expected) in [
            (&b"GET / HTTP/1.1\r\n"[..], Sniffed::Http1),
            (b"PROPFIND /x HTTP/1.0\r\n", Sniffed::Http10),
            (PREFACE, Sniffed::Http2),
            (b"PRINT / HTTP/1.1\r\n", Sniffed::Http1),
            (b"PRI * HTTP/2.0\r\n\r\nXX", Sniffed::Http2),
            (b"HELO mail\r\n", Sniffed::Other),
            (b"G@T / HTTP/1.1\r\n", Sniffed::Other),
            (b"\x00\x01", Sniffed::Other),
            (b"get / HTTP/1.1\r\n", Sniffed::Other),
        ] {
            for cut in 1..bytes.len() {
                let early = judge(&bytes[..cut], BOTH);
                assert!(early.is_none() || early == Some(expected.clone()), "{bytes:?} at {cut}");
            }
            assert_eq!(judge(bytes, BOTH), Some(expected), "{bytes:?}");
        }
    }

    #[test]
    fn without_a_question_nothing_is_waited_for() {
        assert_eq!(judge(b"G", Ask { tls: true, http: false }), Some(Sniffed::Other));
        assert_eq!(judge(b"\x16", Ask { tls: true, http: false }), None);
    }
}
