//! One HTTP/1 connection, either end: reads bodies by their framing, writes bodies by theirs.
//!
//! In: a [`Wire`]. Out: heads and frames.
//! Holds: bytes of the next message are never handed out as this one's; a message that ends early is an error.
//! Never: retries, routing, timers. Which head may follow is the caller's business.

use std::task::{Context, Poll, ready};

use http::Method;

use crate::body::{Decoded, Decoder};
use crate::encode::{self, Answer};
use crate::parse::{self, Limits, Refused};
use crate::wire::HIGH_WATER;
use crate::{BodyKind, Fields, Frame, RequestHead, ResponseHead, StreamError, Wire};

/// What happened while waiting for a request.
#[derive(Debug)]
pub enum Next {
    /// `head` holds a request.
    Request,
    /// The client closed between requests.
    Closed,
    /// The request must be answered with an error, then the connection ends.
    Refused(Refused),
}

/// A connection that speaks HTTP/1.
#[derive(Debug)]
pub struct Conn {
    /// The bytes below.
    pub wire: Wire,
    /// What is asked of heads.
    pub limits: Limits,
    decoder: Decoder,
    writes: Writes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writes {
    /// Bytes as they are: a length was stated, or the end of the connection ends the body.
    Plain,
    Chunks,
    /// Nothing may be written: no body, or HEAD.
    Nothing,
}

impl Conn {
    /// A connection before its first message.
    #[must_use]
    pub const fn new(wire: Wire) -> Self {
        let limits = Limits { most: parse::MAX_HEAD, http_10: true, keep_case: false };
        Self { wire, limits, decoder: Decoder::Done, writes: Writes::Nothing }
    }

    /// Server: the next request, where all of its head has been read already, as it mostly has.
    pub fn take_request(&mut self, head: &mut RequestHead) -> Option<Next> {
        if self.wire.read.is_empty() {
            return None;
        }
        match parse::request(&mut self.wire.read, head, self.limits) {
            Ok(true) => {
                self.decoder = head.body.into();
                Some(Next::Request)
            }
            Ok(false) => None,
            Err(refused) => Some(Next::Refused(refused)),
        }
    }

    /// Server: waits for the next request head.
    ///
    /// # Errors
    /// The connection broke, also in the middle of a head.
    pub fn poll_request(
        &mut self,
        cx: &mut Context<'_>,
        head: &mut RequestHead,
    ) -> Poll<Result<Next, StreamError>> {
        loop {
            if let Some(next) = self.take_request(head) {
                return Poll::Ready(Ok(next));
            }
            if !ready!(self.wire.poll_fill(cx))? {
                let clean = self.wire.read.is_empty();
                return Poll::Ready(if clean {
                    Ok(Next::Closed)
                } else {
                    Err(StreamError::Closed)
                });
            }
        }
    }

    /// Client: waits until `head` holds the next response head, informational ones included.
    ///
    /// # Errors
    /// The connection broke or the server broke the protocol.
    pub fn poll_response(
        &mut self,
        cx: &mut Context<'_>,
        head: &mut ResponseHead,
        method: &Method,
    ) -> Poll<Result<(), StreamError>> {
        loop {
            if !self.wire.read.is_empty()
                && parse::response(&mut self.wire.read, head, method, self.limits.keep_case)?
            {
                self.decoder = head.body.into();
                return Poll::Ready(Ok(()));
            }
            if !ready!(self.wire.poll_fill(cx))? {
                return Poll::Ready(Err(StreamError::Closed));
            }
        }
    }

    /// The next piece of the body that comes in; `None` at its end.
    ///
    /// # Errors
    /// The body ended early or is malformed.
    pub fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Frame>, StreamError>> {
        loop {
            match self.decoder.decode(&mut self.wire.read)? {
                Decoded::Frame(frame) => return Poll::Ready(Ok(Some(frame))),
                Decoded::End => return Poll::Ready(Ok(None)),
                Decoded::More => {}
            }
            if !ready!(self.wire.poll_fill(cx))? {
                if self.decoder == Decoder::UntilClose {
                    self.decoder = Decoder::Done;
                    return Poll::Ready(Ok(None));
                }
                return Poll::Ready(Err(StreamError::Closed));
            }
        }
    }

    /// Moves a small piece of the body that comes in to a connection that sends it as it is; says how many bytes. `None`: there
    /// is none, or it must be read as a frame.
    pub fn pass_to(&mut self, to: &mut Self) -> Option<u64> {
        let (Decoder::Length(left), Writes::Plain) = (self.decoder, to.writes) else { return None };
        let n = self.wire.pass_to(&mut to.wire, left)? as u64;
        self.decoder = BodyKind::Length(left - n).into();
        Some(n)
    }

    /// True when the incoming message has no bytes left to hand out.
    #[must_use]
    pub fn incoming_done(&self) -> bool {
        self.decoder == Decoder::Done
    }

    /// Client: queues a request head.
    pub fn send_request(&mut self, head: &RequestHead) {
        encode::request(head, true, self.wire.gather());
        self.writes = match head.body {
            BodyKind::Empty => Writes::Nothing,
            BodyKind::Length(_) => Writes::Plain,
            BodyKind::Chunked | BodyKind::UntilClose => Writes::Chunks,
        };
    }

    /// Server: queues a response head.
    pub fn send_response(&mut self, head: &ResponseHead, answer: Answer) {
        encode::response(head, answer, self.wire.gather());
        self.writes = match head.body {
            _ if answer.to_head => Writes::Nothing,
            BodyKind::Empty => Writes::Nothing,
            BodyKind::Length(_) => Writes::Plain,
            _ if answer.chunks => Writes::Chunks,
            _ => Writes::Plain,
        };
    }

    /// Queues an informational response (100 or another below 200), which is not the answer.
    pub fn send_informational(&mut self, head: &ResponseHead) {
        let answer =
            Answer { to_head: false, chunks: true, keep_alive: true, say_keep_alive: false };
        encode::response(head, answer, self.wire.gather());
    }

    /// Queues a piece of the outgoing body.
    pub fn send_frame(&mut self, frame: Frame) {
        match (frame, self.writes) {
            (_, Writes::Nothing) => {}
            (Frame::Data(data), Writes::Plain) => self.wire.push(data),
            (Frame::Data(data), Writes::Chunks) => {
                encode::chunk_start(data.len(), self.wire.gather());
                self.wire.push(data);
                self.wire.gather().extend_from_slice(b"\r\n");
            }
            (Frame::Trailers(trailers), Writes::Chunks) => self.end_chunks(Some(&trailers)),
            (Frame::Trailers(_), Writes::Plain) => {}
        }
    }

    /// Queues the end of the outgoing body.
    pub fn send_end(&mut self) {
        if self.writes == Writes::Chunks {
            self.end_chunks(None);
        }
        self.writes = Writes::Nothing;
    }

    fn end_chunks(&mut self, trailers: Option<&Fields>) {
        encode::chunk_end(trailers, self.wire.gather());
        self.writes = Writes::Nothing;
    }

    /// True when the sender should wait for a flush.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.wire.pending() > HIGH_WATER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nowhere() -> Wire {
        Wire::new(Box::new(tokio::io::join(tokio::io::empty(), tokio::io::sink())))
    }

    /// Both ends of an answer whose head has gone through, with these bytes behind it.
    fn answered(length: &str, rest: &str) -> (Conn, Conn) {
        let (mut server, mut client) = (Conn::new(nowhere()), Conn::new(nowhere()));
        server.wire.read.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        server.wire.read.extend_from_slice(format!("{length}\r\n\r\n{rest}").as_bytes());
        let (mut head, mut cx) =
            (ResponseHead::default(), Context::from_waker(std::task::Waker::noop()));
        assert!(server.poll_response(&mut cx, &mut head, &Method::GET).is_ready());
        let answer =
            Answer { to_head: false, chunks: true, keep_alive: true, say_keep_alive: false };
        client.send_response(&head, answer);
        client.wire.out.clear();
        (server, client)
    }

    #[test]
    fn a_piece_is_passed_on_up_to_the_end_of_its_message() {
        let (mut server, mut client) = answered("Content-Length: 5", "abcdeHTTP/1.1 200");
        assert_eq!(server.pass_to(&mut client), Some(5));
        assert!(server.incoming_done());
        assert_eq!(
            (&client.wire.out[..], &server.wire.read[..]),
            (&b"abcde"[..], &b"HTTP/1.1 200"[..])
        );
        assert_eq!(server.pass_to(&mut client), None);
    }

    #[test]
    fn what_is_not_counted_in_bytes_is_read_as_frames() {
        let (mut server, mut client) = answered("Transfer-Encoding: chunked", "1\r\na\r\n");
        assert_eq!(server.pass_to(&mut client), None);
        let (mut server, mut client) = answered("Content-Length: 9000", &"a".repeat(9000));
        assert_eq!(server.pass_to(&mut client), None, "a large piece is not copied");
        let (mut server, mut client) = answered("Content-Length: 5", "");
        assert_eq!(server.pass_to(&mut client), None);
    }
}
