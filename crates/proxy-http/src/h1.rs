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
            if !self.wire.read.is_empty() {
                match parse::request(&mut self.wire.read, head, self.limits) {
                    Ok(true) => {
                        self.decoder = head.body.into();
                        return Poll::Ready(Ok(Next::Request));
                    }
                    Ok(false) => {}
                    Err(refused) => return Poll::Ready(Ok(Next::Refused(refused))),
                }
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

    /// Client: waits for the next response head, informational ones included.
    ///
    /// # Errors
    /// The connection broke or the server broke the protocol.
    pub fn poll_response(
        &mut self,
        cx: &mut Context<'_>,
        method: &Method,
    ) -> Poll<Result<ResponseHead, StreamError>> {
        loop {
            if !self.wire.read.is_empty()
                && let Some(head) =
                    parse::response(&mut self.wire.read, method, self.limits.keep_case)?
            {
                self.decoder = head.body.into();
                return Poll::Ready(Ok(head));
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
