//! Where a body ends: by length, by chunks, or by the end of the connection.
//!
//! In: the bytes read so far. Out: frames.
//! Holds: chunk framing is read strictly; anything doubtful ends the message.
//! Never: buffering a whole body.

use bytes::{Buf, Bytes, BytesMut};

use crate::{Frame, StreamError, parse};

const MAX_CHUNK_LINE: usize = 1024;

/// How the length of a body is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BodyKind {
    /// There is none.
    #[default]
    Empty,
    /// This many bytes.
    Length(u64),
    /// Unknown until it ends; trailers may follow.
    Chunked,
    /// Ends with the connection (HTTP/1 responses only).
    UntilClose,
}

impl BodyKind {
    /// True when no byte of a body follows.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        matches!(self, Self::Empty | Self::Length(0))
    }
}

/// Reads one body out of a stream of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decoder {
    /// Nothing more belongs to this message.
    Done,
    /// Bytes left.
    Length(u64),
    /// Everything until the connection ends.
    UntilClose,
    /// Before a chunk's size line.
    ChunkSize,
    /// Inside a chunk.
    ChunkData(u64),
    /// Before the line end after a chunk.
    ChunkEnd,
    /// After the last chunk.
    Trailers,
}

/// One step of a [`Decoder`].
#[derive(Debug)]
pub enum Decoded {
    /// A piece of the body.
    Frame(Frame),
    /// The message is complete.
    End,
    /// More bytes are needed.
    More,
}

impl From<BodyKind> for Decoder {
    fn from(kind: BodyKind) -> Self {
        match kind {
            BodyKind::Empty | BodyKind::Length(0) => Self::Done,
            BodyKind::Length(n) => Self::Length(n),
            BodyKind::Chunked => Self::ChunkSize,
            BodyKind::UntilClose => Self::UntilClose,
        }
    }
}

impl Decoder {
    /// Takes the next piece from the front of `buf`.
    ///
    /// # Errors
    /// The framing is broken.
    pub fn decode(&mut self, buf: &mut BytesMut) -> Result<Decoded, StreamError> {
        loop {
            match *self {
                Self::Done => return Ok(Decoded::End),
                Self::UntilClose if buf.is_empty() => return Ok(Decoded::More),
                Self::UntilClose => return Ok(Decoded::Frame(Frame::Data(buf.split().freeze()))),
                Self::Length(left) => {
                    let Some((data, left)) = take(buf, left) else { return Ok(Decoded::More) };
                    *self = if left == 0 { Self::Done } else { Self::Length(left) };
                    return Ok(Decoded::Frame(Frame::Data(data)));
                }
                Self::ChunkData(left) => {
                    let Some((data, left)) = take(buf, left) else { return Ok(Decoded::More) };
                    *self = if left == 0 { Self::ChunkEnd } else { Self::ChunkData(left) };
                    return Ok(Decoded::Frame(Frame::Data(data)));
                }
                Self::ChunkEnd => match buf.get(..2) {
                    None => return Ok(Decoded::More),
                    Some(b"\r\n") => {
                        buf.advance(2);
                        *self = Self::ChunkSize;
                    }
                    Some(_) => return Err(StreamError::Protocol("no line end after a chunk")),
                },
                Self::ChunkSize => match chunk_size(buf)? {
                    None => return Ok(Decoded::More),
                    Some(0) => *self = Self::Trailers,
                    Some(size) => *self = Self::ChunkData(size),
                },
                Self::Trailers => {
                    let Some(trailers) = parse::trailers(buf)? else { return Ok(Decoded::More) };
                    *self = Self::Done;
                    if !trailers.is_empty() {
                        return Ok(Decoded::Frame(Frame::Trailers(trailers)));
                    }
                }
            }
        }
    }
}

fn take(buf: &mut BytesMut, left: u64) -> Option<(Bytes, u64)> {
    if buf.is_empty() {
        return None;
    }
    let n = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len());
    Some((buf.split_to(n).freeze(), left - n as u64))
}

/// Reads `HEX [;extension] CRLF`. A bare LF is refused: two readers could see two different chunks.
fn chunk_size(buf: &mut BytesMut) -> Result<Option<u64>, StreamError> {
    let Some(end) = buf.iter().take(MAX_CHUNK_LINE).position(|b| *b == b'\n') else {
        let too_long = buf.len() >= MAX_CHUNK_LINE;
        return if too_long {
            Err(StreamError::Protocol("chunk size line too long"))
        } else {
            Ok(None)
        };
    };
    let line = buf.split_to(end + 1);
    let bad = StreamError::Protocol("bad chunk size");
    let line = line.strip_suffix(b"\r\n").ok_or(bad)?;
    let digits = line.split(|b| *b == b';').next().unwrap_or_default();
    let digits = digits.trim_ascii_end();
    if digits.is_empty()
        || digits.len() > 15
        || !digits.iter().all(u8::is_ascii_hexdigit)
        || line.contains(&b'\r')
    {
        return Err(bad);
    }
    let text = std::str::from_utf8(digits).map_err(|_not_ascii| bad)?;
    u64::from_str_radix(text, 16).map(Some).map_err(|_overflow| bad)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fields;

    /// Body, trailers, and what follows the message.
    type Whole = (Vec<u8>, Option<Fields>, Vec<u8>);

    fn all(kind: BodyKind, input: &[u8], step: usize) -> Result<Whole, StreamError> {
        let (mut decoder, mut buf) = (Decoder::from(kind), BytesMut::new());
        let (mut body, mut trailers) = (Vec::new(), None);
        let mut pieces = input.chunks(step);
        loop {
            match decoder.decode(&mut buf)? {
                Decoded::Frame(Frame::Data(data)) => body.extend_from_slice(&data),
                Decoded::Frame(Frame::Trailers(fields)) => trailers = Some(fields),
                Decoded::End => break,
                Decoded::More => match pieces.next() {
                    Some(piece) => buf.extend_from_slice(piece),
                    None => return Err(StreamError::Closed),
                },
            }
        }
        let mut rest = buf.to_vec();
        pieces.for_each(|p| rest.extend_from_slice(p));
        Ok((body, trailers, rest))
    }

    #[test]
    fn chunks_are_read_at_every_split() {
        let input = b"5;x=1\r\nhello\r\n6\r\n world\r\n0\r\nx-sum: 1\r\n\r\nGET /";
        for step in 1..input.len() {
            let (body, trailers, rest) = all(BodyKind::Chunked, input, step).unwrap();
            assert_eq!(body, b"hello world");
            assert_eq!(trailers.unwrap().text("x-sum"), Some("1"));
            assert_eq!(rest, b"GET /");
        }
    }

    #[test]
    fn doubtful_chunks_are_refused() {
        for input in [
            &b"5\nhello\r\n0\r\n\r\n"[..],
            b"0x5\r\nhello\r\n0\r\n\r\n",
            b"-1\r\n",
            b"+5\r\nhello\r\n",
            b"ffffffffffffffffff\r\n",
            b"5\r\nhelloX0\r\n\r\n",
            b"\r\n",
            b"5 5\r\nhello\r\n",
        ] {
            let result = all(BodyKind::Chunked, input, 64);
            assert!(matches!(result, Err(StreamError::Protocol(_))), "{input:?}: {result:?}");
        }
    }

    #[test]
    fn a_length_leaves_the_next_message_alone() {
        let (body, _, rest) = all(BodyKind::Length(3), b"abcGET /", 64).unwrap();
        assert_eq!((body.as_slice(), rest.as_slice()), (&b"abc"[..], &b"GET /"[..]));
    }
}
