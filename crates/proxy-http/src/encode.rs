//! HTTP/1 heads: values to bytes.
//!
//! In: a head. Out: bytes at the end of a buffer.
//! Holds: exactly one statement about the body's length; hop-by-hop fields come from the head's members only.

use bytes::{BufMut, BytesMut};
use http::{Method, StatusCode};

use crate::{BodyKind, Fields, RequestHead, ResponseHead};

/// Writes a request head. `keep_alive: false` asks the server to close.
pub fn request(head: &RequestHead, keep_alive: bool, out: &mut BytesMut) {
    out.reserve(256 + head.fields.len() * 48);
    out.put_slice(head.method.as_str().as_bytes());
    out.put_u8(b' ');
    let target = if head.path.is_empty() { &head.authority } else { &head.path };
    out.put_slice(target.as_bytes());
    out.put_slice(b" HTTP/1.1\r\nhost: ");
    out.put_slice(head.authority.as_bytes());
    out.put_slice(b"\r\n");
    fields(&head.fields, false, out);
    if let Some(protocol) = &head.upgrade {
        upgrade(protocol, out);
    } else if !keep_alive {
        out.put_slice(b"connection: close\r\n");
    }
    match head.body {
        BodyKind::Chunked | BodyKind::UntilClose => {
            out.put_slice(b"transfer-encoding: chunked\r\n")
        }
        BodyKind::Length(n) => content_length(n, out),
        BodyKind::Empty if matches!(head.method, Method::POST | Method::PUT | Method::PATCH) => {
            content_length(0, out);
        }
        BodyKind::Empty => {}
    }
    out.put_slice(b"\r\n");
}

/// How a response body is framed toward an HTTP/1 client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The request was HEAD, so that only the head goes out.
    pub to_head: bool,
    /// The client speaks HTTP/1.1, so chunks are understood.
    pub chunks: bool,
    /// The connection stays open after this.
    pub keep_alive: bool,
    /// The client is HTTP/1.0 and asked to keep the connection.
    pub say_keep_alive: bool,
}

/// Writes a response head.
pub fn response(head: &ResponseHead, answer: Answer, out: &mut BytesMut) {
    out.reserve(256 + head.fields.len() * 48);
    status_line(head.status, out);
    let bodiless = answer.to_head || head.status == 304;
    fields(&head.fields, bodiless, out);
    if let Some(protocol) = &head.upgrade {
        upgrade(protocol, out);
    } else if !answer.keep_alive && head.status >= 200 {
        out.put_slice(b"connection: close\r\n");
    } else if answer.say_keep_alive {
        out.put_slice(b"connection: keep-alive\r\n");
    }
    if !bodiless && head.status >= 200 && head.status != 204 {
        match head.body {
            BodyKind::Length(n) => content_length(n, out),
            BodyKind::Empty => content_length(0, out),
            BodyKind::Chunked | BodyKind::UntilClose if answer.chunks => {
                out.put_slice(b"transfer-encoding: chunked\r\n");
            }
            BodyKind::Chunked | BodyKind::UntilClose => {}
        }
    }
    out.put_slice(b"\r\n");
}

fn status_line(status: u16, out: &mut BytesMut) {
    match status {
        200 => out.put_slice(b"HTTP/1.1 200 OK\r\n"),
        _ => {
            let reason = StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason());
            out.put_slice(b"HTTP/1.1 ");
            decimal(u64::from(status), out);
            out.put_u8(b' ');
            out.put_slice(reason.unwrap_or("Unknown").as_bytes());
            out.put_slice(b"\r\n");
        }
    }
}

/// Writes fields, `content-length` only when the message's own body does not state it.
fn fields(fields: &Fields, with_length: bool, out: &mut BytesMut) {
    for (name, value) in fields.iter() {
        if name == "content-length" && !with_length {
            continue;
        }
        out.put_slice(name.as_bytes());
        out.put_slice(b": ");
        out.put_slice(value);
        out.put_slice(b"\r\n");
    }
}

fn upgrade(protocol: &str, out: &mut BytesMut) {
    out.put_slice(b"connection: Upgrade\r\nupgrade: ");
    out.put_slice(protocol.as_bytes());
    out.put_slice(b"\r\n");
}

fn content_length(n: u64, out: &mut BytesMut) {
    out.put_slice(b"content-length: ");
    decimal(n, out);
    out.put_slice(b"\r\n");
}

/// Writes the size line of a chunk.
pub fn chunk_start(size: usize, out: &mut BytesMut) {
    let mut digits = [0u8; 16];
    let (mut at, mut left) = (digits.len(), size);
    loop {
        at -= 1;
        digits[at] = b"0123456789abcdef"[left & 15];
        left >>= 4;
        if left == 0 {
            break;
        }
    }
    out.put_slice(&digits[at..]);
    out.put_slice(b"\r\n");
}

/// Writes the last chunk and the trailers.
pub fn chunk_end(trailers: Option<&Fields>, out: &mut BytesMut) {
    out.put_slice(b"0\r\n");
    if let Some(trailers) = trailers {
        fields(trailers, false, out);
    }
    out.put_slice(b"\r\n");
}

fn decimal(mut n: u64, out: &mut BytesMut) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b"0123456789"[(n % 10) as usize];
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.put_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_states_its_length_once() {
        let mut head = ResponseHead::new(200);
        head.fields.append("content-length", b"5");
        head.fields.append("x-a", b"1");
        let answer =
            Answer { to_head: false, chunks: true, keep_alive: true, say_keep_alive: false };
        for (kind, expected) in [
            (BodyKind::Length(5), "HTTP/1.1 200 OK\r\nx-a: 1\r\ncontent-length: 5\r\n\r\n"),
            (BodyKind::Chunked, "HTTP/1.1 200 OK\r\nx-a: 1\r\ntransfer-encoding: chunked\r\n\r\n"),
        ] {
            head.body = kind;
            let mut out = BytesMut::new();
            response(&head, answer, &mut out);
            assert_eq!(std::str::from_utf8(&out).unwrap(), expected);
        }
        let mut out = BytesMut::new();
        response(&head, Answer { to_head: true, ..answer }, &mut out);
        assert_eq!(&out[..], b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx-a: 1\r\n\r\n");
    }
}
