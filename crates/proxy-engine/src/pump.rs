//! Moves one request and its answer between the client's and the server's exchange.
//!
//! In: both exchanges. Out: the answer's head; later how the bodies ended.
//! Holds: both directions move at once; a full side pauses its source; request bytes are kept up to a bound,
//! so that a try that failed before an answer can be repeated.
//! Never: deciding whether to repeat.

use std::collections::VecDeque;
use std::task::{Context, Poll, ready};

use proxy_filter::grpc_web::{Answer, Decoded, Malformed};
use proxy_http::{Frame, ResponseHead, StreamError};
use proxy_listen::Exchange as Client;
use proxy_upstream::Exchange as Server;

use crate::mirror::Copies;

/// Most bytes of a request body that are kept for a repetition.
pub(crate) const KEEP: usize = 64 * 1024;

/// Who broke off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    Client(StreamError),
    Server(StreamError),
}

/// Why no more of a body goes to the server now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fed {
    /// The client has sent no more yet; it wakes us.
    Waits,
    /// The server must take what it has first; it wakes us.
    Full,
    /// There is no more, or the server takes no more.
    Ended,
}

/// The request's body: what was taken from the client, and how far it was sent.
#[derive(Debug, Default)]
pub(crate) struct Upload {
    kept: Vec<Frame>,
    kept_bytes: usize,
    overflowed: bool,
    sent: usize,
    /// Frames that were read before there was a server to send them to.
    ahead: VecDeque<Frame>,
    ahead_bytes: usize,
    /// The end was read ahead too.
    ahead_done: bool,
    client_done: bool,
    done: bool,
    failed: bool,
    pub(crate) bytes: u64,
    frames: u64,
    pub(crate) copies: Copies,
    /// It comes in base64, and goes on without.
    pub(crate) decoded: Option<Decoded>,
}

impl Upload {
    pub(crate) fn new(empty: bool) -> Self {
        Self { client_done: empty, done: empty, ..Self::default() }
    }

    /// True when the body, as far as it was read, can be sent again.
    pub(crate) const fn repeatable(&self) -> bool {
        !self.overflowed
    }

    /// Starts over for another try.
    pub(crate) fn rewind(&mut self) {
        self.sent = 0;
        self.failed = false;
        self.done = self.client_done && self.kept.is_empty();
    }

    pub(crate) const fn complete(&self) -> bool {
        self.client_done || self.ahead_done
    }

    /// Reads the body ahead, until it ends or so many bytes of it are here.
    pub(crate) fn poll_ahead(
        &mut self,
        client: &mut Client<'_>,
        most: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), StreamError>> {
        // The client may wait for a word of ours before it sends the body.
        if let Poll::Ready(Err(error)) = client.poll_flush(cx) {
            return Poll::Ready(Err(error));
        }
        while !self.complete() && self.ahead_bytes < most {
            match ready!(self.take(client, cx))? {
                None => self.ahead_done = true,
                Some(frame) => {
                    if let Frame::Data(data) = &frame {
                        self.ahead_bytes += data.len();
                    }
                    self.ahead.push_back(frame);
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// The beginning of what was read ahead.
    pub(crate) fn shown(&self, most: usize) -> Vec<u8> {
        let mut found = Vec::with_capacity(most.min(self.ahead_bytes));
        for frame in &self.ahead {
            if let Frame::Data(data) = frame {
                found.extend(data.iter().take(most - found.len()));
            }
        }
        found
    }

    /// Bytes that were read ahead.
    pub(crate) const fn ahead(&self) -> usize {
        self.ahead_bytes
    }

    /// The client's next frame.
    fn take(
        &mut self,
        client: &mut Client<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Frame>, StreamError>> {
        let frame = ready!(client.poll_frame(cx))?;
        if let Some(frame) = &frame {
            self.frames += 1;
            if let Frame::Data(data) = frame {
                self.bytes += data.len() as u64;
            }
        }
        Poll::Ready(Ok(frame))
    }

    /// What was read ahead, then what the client sends.
    fn next(
        &mut self,
        client: &mut Client<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Frame>, StreamError>> {
        loop {
            let frame = match self.ahead.pop_front() {
                Some(frame) => Some(frame),
                None if self.ahead_done => None,
                None => ready!(self.take(client, cx))?,
            };
            let Some(decoded) = &mut self.decoded else { return Poll::Ready(Ok(frame)) };
            let frame = plain(decoded, frame).map_err(|_malformed| NO_BASE64)?;
            // Less than a group of characters is nothing yet, and an empty chunk would be the end.
            if !matches!(&frame, Some(Frame::Data(data)) if data.is_empty()) {
                return Poll::Ready(Ok(frame));
            }
        }
    }

    /// Grows with whatever moves.
    pub(crate) const fn moved(&self) -> u64 {
        self.frames + self.sent as u64
    }

    fn keep(&mut self, frame: &Frame) {
        self.copies.frame(frame);
        let size = match frame {
            Frame::Data(data) => data.len(),
            Frame::Trailers(_) => 256,
        };
        if self.overflowed || self.kept_bytes + size > KEEP {
            self.overflowed = true;
            self.kept.clear();
            return;
        }
        self.kept_bytes += size;
        self.kept.push(frame.clone());
        self.sent = self.kept.len();
    }

    /// Feeds the server with kept frames, then with the client's. Errors of the server are left to its answer:
    /// it may have refused the body and said why.
    fn poll(
        &mut self,
        client: &mut Client<'_>,
        server: &mut Server,
        cx: &mut Context<'_>,
    ) -> Result<(), Broken> {
        loop {
            let fed = self.feed(client, server, cx)?;
            match server.poll_flush(cx) {
                // There is room again, and nobody but us would ask the client for more.
                Poll::Ready(Ok(())) if fed == Fed::Full => {}
                Poll::Ready(Ok(())) | Poll::Pending => return Ok(()),
                Poll::Ready(Err(_)) => {
                    self.failed = true;
                    return Ok(());
                }
            }
        }
    }

    fn feed(
        &mut self,
        client: &mut Client<'_>,
        server: &mut Server,
        cx: &mut Context<'_>,
    ) -> Result<Fed, Broken> {
        while !self.done && !self.failed {
            if server.is_full() {
                return Ok(Fed::Full);
            }
            if let Some(frame) = self.kept.get(self.sent) {
                server.send_frame(frame.clone());
                self.sent += 1;
            } else if self.client_done {
                server.send_end();
                self.done = true;
            } else {
                match self.next(client, cx) {
                    Poll::Pending => return Ok(Fed::Waits),
                    Poll::Ready(Err(error)) => return Err(Broken::Client(error)),
                    Poll::Ready(Ok(None)) => {
                        self.client_done = true;
                        self.copies.end();
                    }
                    Poll::Ready(Ok(Some(frame))) => {
                        self.keep(&frame);
                        server.send_frame(frame);
                    }
                }
            }
        }
        Ok(Fed::Ended)
    }
}

const NO_BASE64: StreamError = StreamError::Protocol("the body is no base64");

/// What a frame of base64 holds.
fn plain(decoded: &mut Decoded, frame: Option<Frame>) -> Result<Option<Frame>, Malformed> {
    Ok(match frame {
        Some(Frame::Data(data)) => Some(Frame::Data(decoded.next(&data)?.into())),
        other => {
            decoded.end()?;
            other
        }
    })
}

/// Sends the request and waits until `head` holds the next head of the answer, a 1xx or the final one.
pub(crate) fn poll_head(
    client: &mut Client<'_>,
    server: &mut Server,
    (upload, head): (&mut Upload, &mut ResponseHead),
    cx: &mut Context<'_>,
) -> Poll<Result<(), Broken>> {
    upload.poll(client, server, cx)?;
    match server.poll_head(head, cx) {
        Poll::Ready(Ok(())) => return Poll::Ready(Ok(())),
        Poll::Ready(Err(error)) => return Poll::Ready(Err(Broken::Server(error))),
        Poll::Pending => {}
    }
    if client.poll_flush(cx).is_ready_err()
        || (upload.complete() && client.poll_gone(cx).is_ready())
    {
        return Poll::Ready(Err(Broken::Client(StreamError::Closed)));
    }
    Poll::Pending
}

trait ReadyErr {
    fn is_ready_err(&self) -> bool;
}

impl ReadyErr for Poll<Result<(), StreamError>> {
    fn is_ready_err(&self) -> bool {
        matches!(self, Self::Ready(Err(_)))
    }
}

/// The answer's body.
#[derive(Debug, Default)]
pub(crate) struct Download {
    ended: bool,
    pub(crate) bytes: u64,
    pub(crate) grpc_status: Option<u16>,
    /// Its trailers go into the body.
    pub(crate) browser: Option<Answer>,
}

impl Download {
    /// Moves the answer's body, and the rest of the request's; ready when the answer is written.
    pub(crate) fn poll(
        &mut self,
        client: &mut Client<'_>,
        server: &mut Server,
        upload: &mut Upload,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Broken>> {
        if !upload.done && !upload.failed {
            upload.poll(client, server, cx)?;
        }
        loop {
            let mut starved = false;
            while !self.ended && !client.is_full() {
                if self.browser.is_none()
                    && let Client::H1(h1) = client
                    && let Some(bytes) = server.pass_to(h1.conn)
                {
                    self.bytes += bytes;
                    continue;
                }
                match server.poll_frame(cx) {
                    Poll::Ready(Ok(Some(frame))) => self.pass(client, frame),
                    Poll::Ready(Ok(None)) => {
                        client.send_end();
                        self.ended = true;
                    }
                    Poll::Ready(Err(error)) => {
                        // What came before the break is the client's; then it sees the break.
                        client.poll_flush(cx).is_ready_err();
                        return Poll::Ready(Err(Broken::Server(error)));
                    }
                    Poll::Pending => {
                        starved = true;
                        break;
                    }
                }
            }
            match client.poll_flush(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(Broken::Client(error))),
                Poll::Ready(Ok(())) if self.ended => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(())) => {}
            }
            if starved {
                if upload.complete() && client.poll_gone(cx).is_ready() {
                    return Poll::Ready(Err(Broken::Client(StreamError::Closed)));
                }
                return Poll::Pending;
            }
        }
    }

    /// Grows with whatever moves.
    pub(crate) const fn moved(&self) -> u64 {
        self.bytes + self.ended as u64
    }

    fn pass(&mut self, client: &mut Client<'_>, frame: Frame) {
        match &frame {
            Frame::Data(data) => self.bytes += data.len() as u64,
            Frame::Trailers(fields) => self.grpc_status = grpc_status(fields),
        }
        client.send_frame(match self.browser {
            None => frame,
            Some(answer) => for_browser(answer, frame),
        });
    }
}

fn for_browser(answer: Answer, frame: Frame) -> Frame {
    match frame {
        Frame::Data(data) => Frame::Data(answer.part(&data).map_or(data, Into::into)),
        Frame::Trailers(fields) => Frame::Data(answer.trailers(fields.iter()).into()),
    }
}

/// `grpc-status` of trailers or of a trailers-only head.
pub(crate) fn grpc_status(fields: &proxy_http::Fields) -> Option<u16> {
    fields.text("grpc-status").and_then(|text| text.trim().parse().ok())
}
