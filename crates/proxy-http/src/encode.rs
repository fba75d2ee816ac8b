//! HTTP/1 heads: values to bytes.
//!
//! In: a head. Out: bytes at the end of a buffer.
//! Holds: exactly one statement about the body's length; hop-by-hop fields come from the head's members only.

use bytes::{BufMut, BytesMut};
use http::{Method, StatusCode};

use crate::fields::{DIGITS, decimal};
use crate::{BodyKind, Fields, RequestHead, ResponseHead};

/// Room for the first line and the lines that only we write.
const OWN: usize = 192;

/// Writes a request head. `keep_alive: false` asks the server to close.
pub fn request(head: &RequestHead, keep_alive: bool, out: &mut BytesMut) {
    out.reserve(head.fields.room() + head.path.len() + head.authority.len() + OWN);
    out.put_slice(head.method.as_str().as_bytes());
    out.put_u8(b' ');
    let target = if head.path.is_empty() { &head.authority } else { &head.path };
    out.put_slice(target.as_bytes());
    out.put_slice(b" HTTP/1.1\r\n");
    let mut out = Lines { out, fields: &head.fields };
    out.line("host", head.authority.as_bytes());
    out.fields(false);
    if let Some(protocol) = &head.upgrade {
        out.upgrade(protocol);
    } else if !keep_alive {
        out.line("connection", b"close");
    }
    match head.body {
        BodyKind::Chunked | BodyKind::UntilClose => out.line("transfer-encoding", b"chunked"),
        BodyKind::Length(n) => out.content_length(n),
        BodyKind::Empty if matches!(head.method, Method::POST | Method::PUT | Method::PATCH) => {
            out.content_length(0);
        }
        BodyKind::Empty => {}
    }
    let Lines { out, .. } = out;
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
    out.reserve(head.fields.room() + OWN);
    status_line(head.status, answer.chunks, out);
    let bodiless = answer.to_head || head.status == 304;
    let mut out = Lines { out, fields: &head.fields };
    out.fields(bodiless);
    if let Some(protocol) = &head.upgrade {
        out.upgrade(protocol);
    } else if !answer.keep_alive && head.status >= 200 {
        out.line("connection", b"close");
    } else if answer.say_keep_alive {
        out.line("connection", b"keep-alive");
    }
    if let (true, BodyKind::Length(n)) = (answer.to_head, head.body) {
        // An answer of our own, whose length GET would have been told.
        if !head.fields.has("content-length") {
            out.content_length(n);
        }
    }
    if !bodiless && head.status >= 200 && head.status != 204 {
        match head.body {
            BodyKind::Length(n) => out.content_length(n),
            BodyKind::Empty => out.content_length(0),
            BodyKind::Chunked | BodyKind::UntilClose if answer.chunks => {
                out.line("transfer-encoding", b"chunked");
            }
            BodyKind::Chunked | BodyKind::UntilClose => {}
        }
    }
    let Lines { out, .. } = out;
    out.put_slice(b"\r\n");
}

/// A client of HTTP/1.0 is answered in its own version.
fn status_line(status: u16, http_11: bool, out: &mut BytesMut) {
    match status {
        200 if http_11 => out.put_slice(b"HTTP/1.1 200 OK\r\n"),
        _ => {
            let reason = StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason());
            out.put_slice(if http_11 { b"HTTP/1.1 " } else { b"HTTP/1.0 " });
            put_decimal(u64::from(status), out);
            out.put_u8(b' ');
            out.put_slice(reason.unwrap_or("Unknown").as_bytes());
            out.put_slice(b"\r\n");
        }
    }
}

/// The lines of a head, whose names are spelled as the message's sender did, where that is kept.
struct Lines<'a> {
    out: &'a mut BytesMut,
    fields: &'a Fields,
}

impl<'a> Lines<'a> {
    fn name(&mut self, name: &str) {
        self.out.put_slice(self.fields.spelled(name).as_bytes());
        self.out.put_slice(b": ");
    }

    fn line(&mut self, name: &str, value: &[u8]) {
        self.name(name);
        self.out.put_slice(value);
        self.out.put_slice(b"\r\n");
    }

    /// Writes the fields, `content-length` only when the message's own body does not state it.
    fn fields(&mut self, with_length: bool) {
        self.fields.write_lines(if with_length { "" } else { "content-length" }, self.out);
    }

    fn upgrade(&mut self, protocol: &str) {
        self.line("connection", b"Upgrade");
        self.line("upgrade", protocol.as_bytes());
    }

    fn content_length(&mut self, n: u64) {
        self.name("content-length");
        put_decimal(n, self.out);
        self.out.put_slice(b"\r\n");
    }
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
        Lines { out, fields: trailers }.fields(false);
    }
    out.put_slice(b"\r\n");
}

fn put_decimal(n: u64, out: &mut BytesMut) {
    out.put_slice(decimal(n, &mut [0; DIGITS]));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_of_http_1_0_is_answered_in_its_own_version() {
        let answer =
            Answer { to_head: false, chunks: false, keep_alive: false, say_keep_alive: false };
        let mut out = BytesMut::new();
        response(
            &ResponseHead { body: BodyKind::Chunked, ..ResponseHead::new(200) },
            answer,
            &mut out,
        );
        assert_eq!(&out[..], b"HTTP/1.0 200 OK\r\nconnection: close\r\n\r\n");
    }

    #[test]
    fn names_are_spelled_as_they_came_where_that_is_kept() {
        let text =
            "POST / HTTP/1.1\r\nHOST: a\r\nX-One: 1\r\nx-two: 2\r\nContent-Length: 3\r\n\r\n";
        for (keep_case, expected) in [
            (
                true,
                "POST / HTTP/1.1\r\nHOST: a\r\nX-One: new\r\nx-three: 3\r\nContent-Length: 3\r\n\r\n",
            ),
            (
                false,
                "POST / HTTP/1.1\r\nhost: a\r\nx-one: new\r\nx-three: 3\r\ncontent-length: 3\r\n\r\n",
            ),
        ] {
            let limits = crate::parse::Limits { keep_case, ..Default::default() };
            let mut head = RequestHead::default();
            assert_eq!(crate::parse::request(&mut text.into(), &mut head, limits), Ok(true));
            head.fields.remove("x-two");
            head.fields.set("x-one", b"new");
            head.fields.append("X-Three", b"3");
            let mut out = BytesMut::new();
            request(&head, true, &mut out);
            assert_eq!(std::str::from_utf8(&out).unwrap(), expected);
        }
    }

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
        head.fields.remove("content-length");
        head.body = BodyKind::Length(7);
        out.clear();
        response(&head, Answer { to_head: true, ..answer }, &mut out);
        assert_eq!(&out[..], b"HTTP/1.1 200 OK\r\nx-a: 1\r\ncontent-length: 7\r\n\r\n");
    }
}
