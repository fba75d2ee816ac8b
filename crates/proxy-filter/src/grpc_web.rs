//! gRPC as browsers speak it, for servers that only know gRPC.
//!
//! In: content types, chunks of bodies, trailers of the answer. Out: what stands for them on the other side.
//! Holds: messages pass as they come, none is collected; what is kept of a request are less than four characters.
//! Source: the protocol description of gRPC-Web (PROTOCOL-WEB.md of grpc/grpc), and Envoy's filter `grpc_web`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const GRPC: &[u8] = b"application/grpc";
const WEB: &[u8] = b"application/grpc-web";
const TEXT: &[u8] = b"application/grpc-web-text";
/// Marks a frame that holds trailers.
const TRAILERS: u8 = 0x80;

/// Whether a content type is that of gRPC proper.
#[must_use]
pub fn is_grpc(content_type: &[u8]) -> bool {
    encoding(content_type, GRPC).is_some()
}

/// What follows a content type's name: nothing or an encoding such as `+proto`.
fn encoding<'a>(content_type: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = content_type.get(name.len()..)?;
    let alike = content_type[..name.len()].eq_ignore_ascii_case(name);
    (alike && (rest.is_empty() || rest.starts_with(b"+"))).then_some(rest)
}

/// How one call of a browser is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call<'a> {
    /// Its body is base64.
    pub text: bool,
    /// It wants base64.
    pub wants_text: bool,
    /// Encoding of its messages, such as `+proto`.
    encoding: &'a [u8],
}

impl<'a> Call<'a> {
    /// Reads `content-type` and `accept`; nothing when it is no gRPC-Web.
    #[must_use]
    pub fn of(content_type: &'a [u8], accept: Option<&[u8]>) -> Option<Self> {
        let wants_text = accept.is_some_and(|accept| encoding(accept, TEXT).is_some());
        let binary = encoding(content_type, WEB).map(|found| (false, found));
        let (text, encoding) = binary.or_else(|| Some((true, encoding(content_type, TEXT)?)))?;
        Some(Self { text, wants_text, encoding })
    }

    /// Content type for the server.
    #[must_use]
    pub fn content_type(&self) -> Vec<u8> {
        [GRPC, self.encoding].concat()
    }
}

/// The body of a request is no base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// Body of a request in base64, of which each part may be padded.
#[derive(Debug, Default)]
pub struct Decoded {
    left: Vec<u8>,
}

impl Decoded {
    /// The bytes of the next part, as far as they are complete.
    ///
    /// # Errors
    /// When it is no base64.
    pub fn next(&mut self, part: &[u8]) -> Result<Vec<u8>, Malformed> {
        self.left.extend_from_slice(part);
        let whole = self.left.len() / 4 * 4;
        let mut found = Vec::with_capacity(whole / 4 * 3);
        let (mut from, groups) = (0, whole / 4);
        for end in (1..=groups).map(|group| group * 4) {
            if self.left[end - 1] == b'=' || end == whole {
                let padded = &self.left[from..end];
                STANDARD.decode_vec(padded, &mut found).map_err(|_error| Malformed)?;
                from = end;
            }
        }
        self.left.drain(..whole);
        Ok(found)
    }

    /// Whether the body may end here.
    ///
    /// # Errors
    /// When a group of four characters is not complete.
    pub const fn end(&self) -> Result<(), Malformed> {
        if self.left.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}

/// How an answer goes to the browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// As base64.
    pub text: bool,
}

impl Answer {
    /// Content type for the browser, when the server's is that of gRPC.
    #[must_use]
    pub fn content_type(self, of_server: &[u8]) -> Option<Vec<u8>> {
        let own = encoding(of_server, GRPC)?;
        let own = if own.is_empty() { b"+proto" } else { own };
        Some([if self.text { TEXT } else { WEB }, own].concat())
    }

    /// A part of the body.
    #[must_use]
    pub fn part(self, part: &[u8]) -> Option<Vec<u8>> {
        self.text.then(|| STANDARD.encode(part).into_bytes())
    }

    /// Trailers, as the last frame of the body.
    #[must_use]
    pub fn trailers<'a>(self, fields: impl Iterator<Item = (&'a str, &'a [u8])>) -> Vec<u8> {
        let mut lines = Vec::new();
        for (name, value) in fields {
            lines.extend_from_slice(name.to_ascii_lowercase().as_bytes());
            lines.push(b':');
            lines.extend_from_slice(value);
            lines.extend_from_slice(b"\r\n");
        }
        let length = u32::try_from(lines.len()).unwrap_or(u32::MAX);
        let mut frame = vec![TRAILERS];
        frame.extend_from_slice(&length.to_be_bytes());
        frame.extend_from_slice(&lines);
        self.part(&frame).unwrap_or(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_are_told_apart() {
        assert!(is_grpc(b"application/grpc") && is_grpc(b"application/grpc+json"));
        assert!(!is_grpc(b"application/grpc-web") && !is_grpc(b"application/grpcx"));
        let call = Call::of(b"application/grpc-web+proto", None).unwrap();
        assert_eq!((call.text, call.wants_text), (false, false));
        assert_eq!(call.content_type(), b"application/grpc+proto");
        let call = Call::of(b"application/grpc-web-text", Some(b"application/grpc-web-text"));
        let call = call.unwrap();
        assert_eq!((call.text, call.wants_text), (true, true));
        assert_eq!(call.content_type(), b"application/grpc");
        assert_eq!(Call::of(b"application/grpc", None), None);
        let answer = Answer { text: false };
        let told = |of: &[u8]| answer.content_type(of).map(|told| String::from_utf8(told).unwrap());
        assert_eq!(told(b"application/grpc").as_deref(), Some("application/grpc-web+proto"));
        assert_eq!(told(b"text/html"), None);
    }

    #[test]
    fn base64_comes_in_any_parts_and_may_be_padded_between() {
        let text = b"aGVsbG8=IHdvcmxkAQ==";
        for cut in 0..text.len() {
            let mut body = Decoded::default();
            let mut found = body.next(&text[..cut]).unwrap();
            found.extend(body.next(&text[cut..]).unwrap());
            assert_eq!(found, b"hello world\x01", "cut at {cut}");
            assert_eq!(body.end(), Ok(()));
        }
        assert_eq!(Decoded::default().next(b"a*bc"), Err(Malformed));
        let mut body = Decoded::default();
        assert_eq!(body.next(b"YWJjYQ"), Ok(b"abc".to_vec()));
        assert_eq!(body.end(), Err(Malformed));
    }

    #[test]
    fn trailers_are_the_last_frame() {
        let fields = || [("Grpc-Status", b"0".as_slice())].into_iter();
        let frame = Answer { text: false }.trailers(fields());
        assert_eq!(frame, b"\x80\0\0\0\x0fgrpc-status:0\r\n");
        let text = Answer { text: true }.trailers(fields());
        assert_eq!(Decoded::default().next(&text), Ok(frame));
    }
}
