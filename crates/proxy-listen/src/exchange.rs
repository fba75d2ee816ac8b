//! One request and its answer, seen from the server, in HTTP/1 or HTTP/2.
//!
//! In: a connection with a request read, or an h2 stream. Out: frames of the request; frames of the answer go in.
//! Holds: an exchange is answered at most once.
//! Never: deciding the answer.

use std::task::{Context, Poll};

use bytes::Bytes;
use h2::server::{Connection, SendResponse};
use proxy_http::encode::Answer;
use proxy_http::h1::Conn;
use proxy_http::h2io::{self, Receiver, Sender};
use proxy_http::{BodyKind, BoxIo, Frame, RequestHead, ResponseHead, StreamError, Version};

/// The server's h2 connection.
pub type H2Server = Connection<BoxIo, Bytes>;

const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// What an h2 client may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct H2Limits {
    /// Streams at once.
    pub streams: u32,
    /// Bytes of a request's head.
    pub head: u32,
    /// It may ask for a tunnel: CONNECT, and CONNECT with a protocol (RFC 8441).
    pub connect: bool,
}

impl Default for H2Limits {
    fn default() -> Self {
        Self { streams: 1024, head: 60 * 1024, connect: false }
    }
}

/// Greets an h2 client.
///
/// # Errors
/// When the preface is wrong or the connection breaks.
pub async fn h2_handshake(io: BoxIo, limits: H2Limits) -> Result<H2Server, h2::Error> {
    let mut builder = h2::server::Builder::new();
    if limits.connect {
        builder.enable_connect_protocol();
    }
    builder
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(limits.head)
        .max_send_buffer_size(256 * 1024)
        .handshake(io)
        .await
}

/// The client's end of one exchange.
#[derive(Debug)]
pub enum Exchange<'a> {
    /// On an HTTP/1 connection; it serves one exchange after the other.
    H1(H1<'a>),
    /// A stream of an h2 connection.
    H2(Box<H2>),
}

/// An exchange on an HTTP/1 connection.
#[derive(Debug)]
pub struct H1<'a> {
    /// The connection.
    pub conn: &'a mut Conn,
    /// What the request's head says about the answer's form.
    pub answer: Answer,
    answered: bool,
    connect: bool,
}

/// An exchange on an h2 stream.
#[derive(Debug)]
pub struct H2 {
    respond: SendResponse<Bytes>,
    receiver: Receiver,
    sender: Option<Sender>,
    to_head: bool,
    /// It is CONNECT: a success does not end the stream.
    connect: bool,
}

/// True for an answer that agrees to a tunnel: to an upgrade, or to CONNECT.
const fn agrees(head: &ResponseHead, connect: bool) -> bool {
    head.status == 101 || connect && head.status / 100 == 2
}

impl<'a> Exchange<'a> {
    /// The exchange that starts with `head` on `conn`.
    #[must_use]
    pub fn h1(conn: &'a mut Conn, head: &RequestHead) -> Self {
        let is_10 = head.version == Version::Http10;
        let answer = Answer {
            to_head: head.method == http::Method::HEAD,
            chunks: !is_10,
            keep_alive: head.keep_alive,
            say_keep_alive: is_10 && head.keep_alive,
        };
        Self::H1(H1 {
            conn,
            answer,
            answered: false,
            connect: head.method == http::Method::CONNECT,
        })
    }

    /// The exchange of one h2 stream, with its head.
    ///
    /// # Errors
    /// The head is malformed.
    pub fn h2(
        request: http::Request<h2::RecvStream>,
        respond: SendResponse<Bytes>,
    ) -> Result<(RequestHead, Self), StreamError> {
        let mut respond = respond;
        let (parts, body) = request.into_parts();
        let head = h2io::request_head(&parts, body.is_end_stream())
            .inspect_err(|_malformed| respond.send_reset(h2::Reason::PROTOCOL_ERROR))?;
        let to_head = head.method == http::Method::HEAD;
        let connect = head.method == http::Method::CONNECT;
        let h2 = H2 { respond, receiver: Receiver::new(body), sender: None, to_head, connect };
        Ok((head, Self::H2(Box::new(h2))))
    }

    /// The next frame of the request's body.
    ///
    /// # Errors
    /// The client broke off.
    pub fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Frame>, StreamError>> {
        match self {
            Self::H1(h1) => h1.conn.poll_frame(cx),
            Self::H2(h2) => h2.receiver.poll_frame(cx),
        }
    }

    /// Resolves when the client is gone while the answer is still being made.
    pub fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::H1(h1) if !h1.conn.incoming_done() || !h1.conn.wire.read.is_empty() => {
                Poll::Pending
            }
            Self::H1(h1) => match h1.conn.wire.poll_fill(cx) {
                Poll::Ready(Ok(true)) | Poll::Pending => Poll::Pending,
                Poll::Ready(Ok(false) | Err(_)) => Poll::Ready(()),
            },
            Self::H2(h2) => match &mut h2.sender {
                Some(sender) => sender.poll_reset(cx).map(|_| ()),
                None => h2.respond.poll_reset(cx).map(|_| ()),
            },
        }
    }

    /// Queues a 1xx that is not the answer.
    pub fn send_informational(&mut self, head: &ResponseHead) {
        match self {
            Self::H1(h1) if h1.answer.chunks => h1.conn.send_informational(head),
            // A client of HTTP/1.0 knows no such answer.
            Self::H1(_) => {}
            Self::H2(h2) => {
                // Nothing is lost without it: a stream that is gone shows at the answer.
                h2io::response_of(head, true)
                    .map(|early| h2.respond.send_informational(early).ok())
                    .ok();
            }
        }
    }

    /// Queues the answer's head.
    ///
    /// # Errors
    /// The stream was reset.
    pub fn send_head(&mut self, head: &ResponseHead) -> Result<(), StreamError> {
        match self {
            Self::H1(h1) => {
                h1.answered = true;
                let unframed = matches!(head.body, BodyKind::Chunked | BodyKind::UntilClose);
                if unframed && !h1.answer.chunks && !h1.answer.to_head {
                    h1.answer.keep_alive = false;
                    h1.answer.say_keep_alive = false;
                }
                // What follows the head of an agreed tunnel is no body, and has no length.
                let to_head = h1.answer.to_head || agrees(head, h1.connect);
                h1.conn.send_response(head, Answer { to_head, ..h1.answer });
            }
            Self::H2(h2) => {
                let end = !agrees(head, h2.connect) && (head.body.is_empty() || h2.to_head);
                let response = h2io::response_of(head, h2.to_head)?;
                let mut sender = Sender::new(h2.respond.send_response(response, end)?);
                if end {
                    sender.set_ended();
                }
                h2.sender = Some(sender);
            }
        }
        Ok(())
    }

    /// Queues a frame of the answer's body.
    pub fn send_frame(&mut self, frame: Frame) {
        match self {
            Self::H1(h1) => h1.conn.send_frame(frame),
            Self::H2(h2) => {
                if let Some(sender) = &mut h2.sender {
                    sender.send_frame(frame);
                }
            }
        }
    }

    /// Queues the answer's end.
    pub fn send_end(&mut self) {
        match self {
            Self::H1(h1) => h1.conn.send_end(),
            Self::H2(h2) => {
                if let Some(sender) = &mut h2.sender {
                    sender.send_end();
                }
            }
        }
    }

    /// True when the answer's source should wait.
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self {
            Self::H1(h1) => h1.conn.is_full(),
            Self::H2(h2) => h2.sender.as_ref().is_some_and(Sender::is_full),
        }
    }

    /// Writes what is queued.
    ///
    /// # Errors
    /// The client is gone.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamError>> {
        match self {
            Self::H1(h1) => h1.conn.wire.poll_flush(cx).map_err(Into::into),
            Self::H2(h2) => h2.sender.as_mut().map_or(Poll::Ready(Ok(())), |s| s.poll_flush(cx)),
        }
    }

    /// True once the answer's head was queued.
    #[must_use]
    pub const fn answered(&self) -> bool {
        match self {
            Self::H1(h1) => h1.answered,
            Self::H2(h2) => h2.sender.is_some(),
        }
    }

    /// Asks the client not to send another request on this connection.
    pub const fn close_after(&mut self) {
        if let Self::H1(h1) = self {
            h1.answer.keep_alive = false;
            h1.answer.say_keep_alive = false;
        }
    }

    /// Breaks an answer off, so that the client cannot take it for complete.
    pub fn abort(&mut self, reason: h2::Reason) {
        self.close_after();
        if let Self::H2(h2) = self {
            match &mut h2.sender {
                Some(sender) => sender.reset(reason),
                None => h2.respond.send_reset(reason),
            }
        }
    }
}
