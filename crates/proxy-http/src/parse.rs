//! HTTP/1 heads: bytes to values, with the checks that keep two readers from disagreeing.
//!
//! In: what was read so far. Out: a head and how many bytes it took, or the status to refuse with.
//! Holds: one length per message; both length and chunks, repeated lengths or unknown codings are refused.
//! Never: I/O.

use std::mem::MaybeUninit;

use bytes::{Buf, BytesMut};
use http::Method;

use crate::{BodyKind, Fields, RequestHead, ResponseHead, StreamError, Version, hop, target};

/// Largest head, as Envoy's default (60 KiB).
pub const MAX_HEAD: usize = 60 * 1024;
/// Most fields in a head.
pub const MAX_FIELDS: usize = 100;

/// A request that must be answered with this status and then closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// 400, 426, 431, 501 or 505.
    pub status: u16,
    /// Envoy-like detail for the log.
    pub why: &'static str,
}

pub(crate) const fn refuse(status: u16, why: &'static str) -> Refused {
    Refused { status, why }
}

/// What is asked of a request head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest head, in bytes.
    pub most: usize,
    /// HTTP/1.0 is served.
    pub http_10: bool,
    /// The case of field names is kept for whoever gets the message.
    pub keep_case: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { most: MAX_HEAD, http_10: true, keep_case: false }
    }
}

/// Reads one request head from the front of `buf` into `head`; false when more bytes are needed.
///
/// # Errors
/// The request must be refused.
pub fn request(
    buf: &mut BytesMut,
    head: &mut RequestHead,
    limits: Limits,
) -> Result<bool, Refused> {
    skip_empty_lines(buf);
    let mut slots = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let mut parsed = httparse::Request::new(&mut []);
    let status = httparse::ParserConfig::default()
        .parse_request_with_uninit_headers(&mut parsed, buf, &mut slots)
        .map_err(|error| refusal(error, buf))?;
    let httparse::Status::Complete(size) = status else {
        return if buf.len() > limits.most { Err(TOO_LARGE) } else { Ok(false) };
    };
    if size > limits.most {
        return Err(TOO_LARGE);
    }
    head.clear();
    head.version = if parsed.version == Some(0) { Version::Http10 } else { Version::Http11 };
    if head.version == Version::Http10 && !limits.http_10 {
        return Err(refuse(426, "low_version"));
    }
    head.method = target::method(parsed.method.unwrap_or_default())?;
    target::set(head, parsed.path.unwrap_or_default())?;
    head.fields.adopt(buf.get(..size).unwrap_or_default(), parsed.headers, limits.keep_case);
    buf.advance(size);
    settle_request(head)?;
    Ok(true)
}

const TOO_LARGE: Refused = refuse(431, "http1.headers_too_large");

fn refusal(error: httparse::Error, buf: &[u8]) -> Refused {
    match error {
        httparse::Error::TooManyHeaders => refuse(431, "http1.too_many_headers"),
        httparse::Error::Version if names_a_version(buf) => refuse(505, "unsupported_version"),
        httparse::Error::HeaderValue => refuse(400, "http1.invalid_characters"),
        _ => refuse(400, "http1.codec_error"),
    }
}

/// The request line ends with a version of HTTP, if not with one of ours.
fn names_a_version(buf: &[u8]) -> bool {
    let line = buf.split(|b| *b == b'\n').next().unwrap_or_default();
    let Some(version) = line.trim_ascii_end().rsplit(|b| *b == b' ').next() else { return false };
    matches!(version, [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'])
        && line.iter().filter(|b| **b == b' ').count() == 2
}

fn skip_empty_lines(buf: &mut BytesMut) {
    while buf.starts_with(b"\r\n") {
        buf.advance(2);
    }
}

fn settle_request(head: &mut RequestHead) -> Result<(), Refused> {
    target::set_authority(head)?;
    let length = length(&head.fields).map_err(|_bad| refuse(400, "http1.codec_error"))?;
    let chunked = chunked(&head.fields)?;
    head.body = match (length, chunked) {
        (Some(_), true) => return Err(refuse(400, "http1.content_length_and_chunked_not_allowed")),
        (None, true) if head.version == Version::Http10 => {
            return Err(refuse(400, "http1.transfer_encoding_not_allowed"));
        }
        (None, true) => BodyKind::Chunked,
        (Some(n), false) => BodyKind::Length(n),
        (None, false) => BodyKind::Empty,
    };
    if head.method == Method::CONNECT && (length.is_some_and(|n| n > 0) || chunked) {
        return Err(refuse(400, "http1.body_disallowed"));
    }
    head.expect_continue = head.version == Version::Http11
        && !head.body.is_empty()
        && head.fields.text("expect").is_some_and(|v| v.eq_ignore_ascii_case("100-continue"));
    hop::check(&head.fields)?;
    let hop = hop::strip(&mut head.fields);
    head.keep_alive = hop.keeps(head.version);
    head.upgrade = hop.upgrade;
    Ok(())
}

/// Reads the head of the response to a request of this method into `head`; false when bytes are missing.
///
/// # Errors
/// The server broke the protocol.
pub fn response(
    buf: &mut BytesMut,
    head: &mut ResponseHead,
    method: &Method,
    keep_case: bool,
) -> Result<bool, StreamError> {
    let mut slots = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let mut parsed = httparse::Response::new(&mut []);
    let status = httparse::ParserConfig::default()
        .parse_response_with_uninit_headers(&mut parsed, buf, &mut slots)
        .map_err(|error| match error {
            httparse::Error::TooManyHeaders => StreamError::TooLarge,
            _ => StreamError::Protocol("bad response head"),
        })?;
    let httparse::Status::Complete(size) = status else {
        return if buf.len() > MAX_HEAD { Err(StreamError::TooLarge) } else { Ok(false) };
    };
    head.clear();
    head.status = parsed.code.unwrap_or_default();
    head.version = if parsed.version == Some(0) { Version::Http10 } else { Version::Http11 };
    head.fields.adopt(buf.get(..size).unwrap_or_default(), parsed.headers, keep_case);
    buf.advance(size);
    settle_response(head, method)?;
    Ok(true)
}

fn settle_response(head: &mut ResponseHead, method: &Method) -> Result<(), StreamError> {
    let length = length(&head.fields)?;
    let chunked =
        chunked(&head.fields).map_err(|_coding| StreamError::Protocol("transfer-encoding"))?;
    if length.is_some() && chunked {
        return Err(StreamError::Protocol("both length and chunks"));
    }
    let bodiless = *method == Method::HEAD || matches!(head.status, 100..=199 | 204 | 304);
    head.body = match length {
        _ if bodiless => BodyKind::Empty,
        _ if chunked => BodyKind::Chunked,
        Some(n) => BodyKind::Length(n),
        None => BodyKind::UntilClose,
    };
    let hop = hop::strip(&mut head.fields);
    head.keep_alive = hop.keeps(head.version) && head.body != BodyKind::UntilClose;
    head.upgrade = hop.upgrade.filter(|_| head.status == 101);
    Ok(())
}

/// Reads the fields after the last chunk, up to the empty line.
///
/// # Errors
/// They are malformed or too large.
pub fn trailers(buf: &mut BytesMut) -> Result<Option<Fields>, StreamError> {
    if buf.starts_with(b"\r\n") {
        buf.advance(2);
        return Ok(Some(Fields::new()));
    }
    if buf.len() < 2 {
        return Ok(None);
    }
    let mut slots = [httparse::EMPTY_HEADER; MAX_FIELDS];
    match httparse::parse_headers(buf, &mut slots) {
        Ok(httparse::Status::Complete((size, headers))) => {
            if size > MAX_HEAD {
                return Err(StreamError::TooLarge);
            }
            let mut fields = Fields::new();
            fields.adopt(buf.get(..size).unwrap_or_default(), headers, false);
            for name in ["transfer-encoding", "content-length", "host", "connection"] {
                fields.remove(name);
            }
            buf.advance(size);
            Ok(Some(fields))
        }
        Ok(httparse::Status::Partial) if buf.len() > MAX_HEAD => Err(StreamError::TooLarge),
        Ok(httparse::Status::Partial) => Ok(None),
        Err(httparse::Error::TooManyHeaders) => Err(StreamError::TooLarge),
        Err(_bad) => Err(StreamError::Protocol("bad trailers")),
    }
}

fn length(fields: &Fields) -> Result<Option<u64>, StreamError> {
    let mut values = fields.all("content-length");
    let Some(value) = values.next() else { return Ok(None) };
    let bad = StreamError::Protocol("bad content-length");
    if values.next().is_some() || value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(bad);
    }
    let text = std::str::from_utf8(value).map_err(|_not_ascii| bad)?;
    text.parse().map(Some).map_err(|_overflow| bad)
}

fn chunked(fields: &Fields) -> Result<bool, Refused> {
    let mut values = fields.all("transfer-encoding");
    let Some(value) = values.next() else { return Ok(false) };
    if values.next().is_some() || !value.trim_ascii().eq_ignore_ascii_case(b"chunked") {
        return Err(refuse(501, "http1.invalid_transfer_encoding"));
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<RequestHead, Refused> {
        let (mut buf, mut head) = (BytesMut::from(text), RequestHead::default());
        assert!(request(&mut buf, &mut head, Limits::default())?, "incomplete: {text}");
        Ok(head)
    }

    #[test]
    fn a_plain_request_is_read() {
        let head = parse("GET /a?b HTTP/1.1\r\nHost: x.y:80\r\nX-A: 1\r\nConnection: keep-alive, x-hop\r\nX-Hop: 2\r\n\r\n").unwrap();
        assert_eq!((head.path.as_str(), head.authority.as_str()), ("/a?b", "x.y:80"));
        assert_eq!(head.fields.iter().collect::<Vec<_>>(), [("x-a", &b"1"[..])]);
        assert!(head.keep_alive && head.upgrade.is_none());
    }

    #[test]
    fn ambiguous_lengths_are_refused() {
        for (fields, status) in [
            ("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", 400),
            ("Content-Length: 3\r\nContent-Length: 3\r\n", 400),
            ("Content-Length: 3, 3\r\n", 400),
            ("Content-Length: +3\r\n", 400),
            ("Content-Length: -3\r\n", 400),
            ("Content-Length: 99999999999999999999\r\n", 400),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 501),
            ("Transfer-Encoding: gzip, chunked\r\n", 501),
            ("Transfer-Encoding: xchunked\r\n", 501),
            ("Transfer-Encoding : chunked\r\n", 400),
            ("Host: b\r\n", 400),
            ("X: a\r\n b\r\n", 400),
        ] {
            let got = parse(&format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
            assert_eq!(got.err().map(|e| e.status), Some(status), "{fields:?}");
        }
        assert_eq!(parse("GET / HTTP/1.1\r\n\r\n").unwrap_err().status, 400);
        assert_eq!(
            parse("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap_err().status,
            400
        );
    }

    #[test]
    fn version_1_0_closes_unless_asked() {
        assert!(!parse("GET / HTTP/1.0\r\n\r\n").unwrap().keep_alive);
        assert!(parse("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").unwrap().keep_alive);
    }

    #[test]
    fn an_absolute_target_names_the_host() {
        let head = parse("GET http://a.b:8/x HTTP/1.1\r\nHost: evil\r\n\r\n").unwrap();
        assert_eq!((head.authority.as_str(), head.path.as_str()), ("a.b:8", "/x"));
    }

    #[test]
    fn bodiless_responses_have_no_body() {
        let read = |text: &str, method| {
            let mut head = ResponseHead::default();
            assert!(response(&mut BytesMut::from(text), &mut head, &method, false).unwrap());
            head
        };
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
        assert_eq!(read(head, Method::HEAD).body, BodyKind::Empty);
        assert_eq!(read(head, Method::GET).body, BodyKind::Length(5));
        assert_eq!(read("HTTP/1.1 204 x\r\n\r\n", Method::GET).body, BodyKind::Empty);
        let close = read("HTTP/1.1 200 OK\r\n\r\n", Method::GET);
        assert_eq!((close.body, close.keep_alive), (BodyKind::UntilClose, false));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
            let mut head = RequestHead::default();
            let _ignored = request(&mut BytesMut::from(&bytes[..]), &mut head, Limits::default());
            let mut answer = ResponseHead::default();
            let _ignored = response(&mut BytesMut::from(&bytes[..]), &mut answer, &Method::GET, true);
        }
    }
}
