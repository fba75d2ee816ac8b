//! One request and its answer, seen from the client, in HTTP/1 or HTTP/2.
//!
//! In: a connection from the pool. Out: the server's head and frames.
//! Holds: an HTTP/1 connection goes back to its pool only after both messages ended cleanly.
//! Never: retrying.

use std::future::Future as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use h2::client::ResponseFuture;
use http::Method;
use proxy_http::h1::Conn;
use proxy_http::h2io::{self, Receiver, Sender};
use proxy_http::{BodyKind, Frame, RequestHead, ResponseHead, StreamError, Wire};

use crate::pool::{Home, Lane, Live, Stream};

/// The server's end of one exchange.
#[derive(Debug)]
pub enum Exchange {
    /// On an HTTP/1 connection.
    H1(Box<H1>),
    /// A stream of an h2 connection.
    H2(Box<H2>),
}

/// An HTTP/1 connection with the exchange that is on it. In one box for as long as the connection lives, in its pool too.
#[derive(Debug)]
pub struct H1 {
    pub(crate) live: Live,
    /// `None` while it is there.
    home: Option<Home>,
    method: Method,
    reused: bool,
    sent_all: bool,
    server_keeps: bool,
}

impl H2 {
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<ResponseHead, StreamError>> {
        if let Poll::Ready(Some(early)) = self.response.poll_informational(cx) {
            let (parts, ()) = early?.into_parts();
            return Poll::Ready(Ok(h2io::response_head(&parts, true)?));
        }
        let (parts, body) = ready!(std::pin::Pin::new(&mut self.response).poll(cx))?.into_parts();
        let mut head = h2io::response_head(&parts, body.is_end_stream())?;
        if let (200..=299, Some(protocol)) = (head.status, &self.upgrade) {
            // As HTTP/1 says the same.
            (head.status, head.body) = (101, BodyKind::Empty);
            head.upgrade = Some(protocol.clone());
        }
        self.receiver = Some(Receiver::new(body));
        Poll::Ready(Ok(head))
    }
}

impl H1 {
    /// A connection without an exchange.
    pub(crate) const fn new(live: Live) -> Self {
        Self {
            live,
            home: None,
            method: Method::GET,
            reused: false,
            sent_all: false,
            server_keeps: false,
        }
    }
}

/// An exchange on an h2 stream.
#[derive(Debug)]
pub struct H2 {
    response: ResponseFuture,
    receiver: Option<Receiver>,
    sender: Sender,
    local: Option<SocketAddr>,
    peer: Option<Arc<str>>,
    reused: bool,
    /// The protocol that an extended CONNECT asks for.
    upgrade: Option<String>,
    _stream: Stream,
}

impl Exchange {
    /// Starts a request on an HTTP/1 connection.
    pub(crate) fn on_h1(mut h1: Box<H1>, home: Home, head: &RequestHead, reused: bool) -> Self {
        h1.home = Some(home);
        h1.method.clone_from(&head.method);
        (h1.reused, h1.sent_all, h1.server_keeps) = (reused, head.body.is_empty(), false);
        h1.live.conn.send_request(head);
        Self::H1(h1)
    }

    /// Starts a request on an h2 connection.
    pub(crate) fn on_h2(lane: Lane, head: &RequestHead, reused: bool) -> Result<Self, StreamError> {
        let Lane { mut send, local, peer, stream: counted } = lane;
        let mut request = h2io::request_of(head)?;
        let end = head.body.is_empty() && !head.tunnels();
        if let BodyKind::Length(n) = head.body {
            request.headers_mut().insert(http::header::CONTENT_LENGTH, n.into());
        }
        let (response, stream) = send.send_request(request, end)?;
        let mut sender = Sender::new(stream);
        if end {
            sender.set_ended();
        }
        Ok(Self::H2(Box::new(H2 {
            response,
            receiver: None,
            sender,
            local,
            peer,
            reused,
            upgrade: head.upgrade.clone(),
            _stream: counted,
        })))
    }

    /// The connection had served before: a failure without an answer may only mean that it had gone stale.
    #[must_use]
    pub const fn reused(&self) -> bool {
        match self {
            Self::H1(h1) => h1.reused,
            Self::H2(h2) => h2.reused,
        }
    }

    /// The server's verified identity.
    #[must_use]
    pub const fn peer(&self) -> Option<&Arc<str>> {
        match self {
            Self::H1(h1) => h1.live.peer.as_ref(),
            Self::H2(h2) => h2.peer.as_ref(),
        }
    }

    /// Our address on the connection.
    #[must_use]
    pub const fn local(&self) -> Option<SocketAddr> {
        match self {
            Self::H1(h1) => h1.live.local,
            Self::H2(h2) => h2.local,
        }
    }

    /// Queues a frame of the request's body.
    pub fn send_frame(&mut self, frame: Frame) {
        match self {
            Self::H1(h1) => {
                h1.sent_all |= matches!(frame, Frame::Trailers(_));
                h1.live.conn.send_frame(frame);
            }
            Self::H2(h2) => h2.sender.send_frame(frame),
        }
    }

    /// Queues the request's end.
    pub fn send_end(&mut self) {
        match self {
            Self::H1(h1) => {
                h1.sent_all = true;
                h1.live.conn.send_end();
            }
            Self::H2(h2) => h2.sender.send_end(),
        }
    }

    /// True when the request's source should wait.
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self {
            Self::H1(h1) => h1.live.conn.is_full(),
            Self::H2(h2) => h2.sender.is_full(),
        }
    }

    /// Writes what is queued.
    ///
    /// # Errors
    /// The server is gone.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamError>> {
        match self {
            Self::H1(h1) => h1.live.conn.wire.poll_flush(cx).map_err(Into::into),
            Self::H2(h2) => h2.sender.poll_flush(cx),
        }
    }

    /// Waits until `head` holds the next head: any number of 1xx, then the answer's.
    ///
    /// # Errors
    /// The server is gone or broke the protocol.
    pub fn poll_head(
        &mut self,
        head: &mut ResponseHead,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), StreamError>> {
        match self {
            Self::H1(h1) => {
                ready!(h1.live.conn.poll_response(cx, head, &h1.method))?;
                h1.server_keeps = head.keep_alive;
            }
            Self::H2(h2) => *head = ready!(h2.poll_head(cx))?,
        }
        Poll::Ready(Ok(()))
    }

    /// The next frame of the answer's body.
    ///
    /// # Errors
    /// The server broke off.
    pub fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Frame>, StreamError>> {
        match self {
            Self::H1(h1) => h1.live.conn.poll_frame(cx),
            Self::H2(h2) => match &mut h2.receiver {
                Some(receiver) => receiver.poll_frame(cx),
                None => Poll::Ready(Ok(None)),
            },
        }
    }

    /// Moves a small piece of the answer's body to a client's connection, where both are of HTTP/1 and count bytes.
    pub fn pass_to(&mut self, client: &mut Conn) -> Option<u64> {
        match self {
            Self::H1(h1) => h1.live.conn.pass_to(client),
            Self::H2(_) => None,
        }
    }

    /// Ends the exchange; a connection that can serve again goes back to its pool.
    pub fn finish(self) {
        if let Self::H1(mut h1) = self {
            let conn = &h1.live.conn;
            let clean = conn.incoming_done() && conn.wire.is_flushed() && conn.wire.read.is_empty();
            if h1.server_keeps
                && h1.sent_all
                && clean
                && let Some(home) = h1.home.take()
            {
                home.take_back(h1);
            }
        }
    }

    /// Breaks the exchange off.
    pub fn abort(self) {
        if let Self::H2(mut h2) = self {
            h2.sender.reset(h2::Reason::CANCEL);
        }
    }

    /// After an upgrade: the bytes below. `None` for h2.
    #[must_use]
    pub fn into_wire(self) -> Option<(Wire, Live)> {
        match self {
            Self::H1(h1) => {
                let H1 { mut live, .. } = *h1;
                let wire = live.take_wire();
                Some((wire, live))
            }
            Self::H2(_) => None,
        }
    }
}
