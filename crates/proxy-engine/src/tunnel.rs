//! Connections that go on through an HTTP server: CONNECT, or POST whose bodies are the bytes.
//!
//! In: a host of a cluster and what lies behind it. Out: a wire to there.
//! Holds: nothing of the client is sent before the server has agreed. Where its HTTP frames bytes, a task of this worker
//! turns frames into bytes and ends with either side.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::Method;
use proxy_config::listener::Tunnel;
use proxy_http::wire::poll_read_into;
use proxy_http::{BodyKind, Frame, RequestHead, ResponseHead, StreamError, Wire};
use proxy_listen::Exchange as Client;
use proxy_upstream::pool::{Budget, Live};
use proxy_upstream::{Acquired, ConnectError, Exchange, Protocol, Slot, Target};
use tokio::io::{AsyncWrite as _, DuplexStream};

use crate::plan::Cluster;
use crate::worker::Worker;

/// Bytes that may wait between frames and their reader.
const BETWEEN: usize = 64 * 1024;

/// A tunnel that stands.
pub(crate) struct Through {
    pub(crate) wire: Wire,
    pub(crate) local: Option<std::net::SocketAddr>,
    pub(crate) peer: Option<Arc<str>>,
    /// Counts the connection for as long as it is used.
    pub(crate) live: Option<Held>,
}

/// What counts a connection.
#[expect(dead_code, reason = "held until the connection ends, and never looked at")]
pub(crate) enum Held {
    Slot(Slot),
    Live(Box<Live>),
}

/// Asks the host for a connection to what the tunnel leads to.
pub(crate) async fn open(
    worker: &Worker,
    cluster: &Cluster,
    target: &Target,
    tunnel: &Tunnel,
) -> Result<Through, ConnectError> {
    let head = request(tunnel, target.protocol == Protocol::Http2);
    let budget = Budget { load: &cluster.load, limits: cluster.limits, fresh: false };
    let asking = async {
        let mut server = match worker.pools.start(&cluster.name, target, &head, budget).await {
            Acquired::Exchange(server) => server,
            Acquired::Failed(error) => return Err(error),
            Acquired::Broken(_) => return Err(refused()),
        };
        agreed(&mut server).await.map(|()| server)
    };
    let clock = &worker.shared.clock;
    let server = clock.timeout(target.dial.timeout, asking).await;
    let server = server.unwrap_or(Err(ConnectError::Timeout))?;
    let (local, peer) = (server.local(), server.peer().map(Arc::clone));
    if !tunnel.post && matches!(server, Exchange::H1(_)) {
        let (wire, live) = server.into_wire().ok_or_else(refused)?;
        return Ok(Through { wire, local, peer, live: Some(Held::Live(Box::new(live))) });
    }
    Ok(Through { wire: bytes_of(server), local, peer, live: None })
}

/// The bytes of an exchange whose frames are those of a connection. A task of this worker moves them, and ends with either.
pub(crate) fn bytes_of(peer: impl Frames + 'static) -> Wire {
    let (near, far) = tokio::io::duplex(BETWEEN);
    tokio::task::spawn_local(async move {
        let mut framed = Framed {
            peer,
            far,
            up: BytesMut::new(),
            down: None,
            ended: (false, false),
            told: false,
        };
        match poll_fn(|cx| framed.poll(cx)).await {
            Ok(()) => framed.peer.finish(),
            Err(_broken) => framed.peer.abort(),
        }
    });
    Wire::new(Box::new(near))
}

/// One end of an exchange: what it sends, and what is sent to it.
pub(crate) trait Frames {
    /// The next frame from the peer; `None` at the end.
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Frame>, StreamError>>;
    /// Queues a frame for the peer.
    fn send_frame(&mut self, frame: Frame);
    /// Queues the end.
    fn send_end(&mut self);
    /// Whoever sends should wait.
    fn is_full(&self) -> bool;
    /// Writes what is queued.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamError>>;
    /// Both ways have ended.
    fn finish(self);
    /// Breaks off.
    fn abort(self);
}

macro_rules! frames_through {
    ($exchange:ty, $finish:expr, $abort:expr) => {
        impl Frames for $exchange {
            fn poll_frame(
                &mut self,
                cx: &mut Context<'_>,
            ) -> Poll<Result<Option<Frame>, StreamError>> {
                <$exchange>::poll_frame(self, cx)
            }
            fn send_frame(&mut self, frame: Frame) {
                <$exchange>::send_frame(self, frame);
            }
            fn send_end(&mut self) {
                <$exchange>::send_end(self);
            }
            fn is_full(&self) -> bool {
                <$exchange>::is_full(self)
            }
            fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamError>> {
                <$exchange>::poll_flush(self, cx)
            }
            fn finish(self) {
                $finish(self);
            }
            fn abort(self) {
                $abort(self);
            }
        }
    };
}

frames_through!(Exchange, Exchange::finish, Exchange::abort);
frames_through!(Client<'static>, drop, |mut client: Client<'static>| {
    Client::abort(&mut client, h2::Reason::CANCEL);
});

fn refused() -> ConnectError {
    ConnectError::Refused(std::io::ErrorKind::ConnectionReset)
}

fn request(tunnel: &Tunnel, http2: bool) -> RequestHead {
    let framed = tunnel.post || http2;
    RequestHead {
        method: if tunnel.post { Method::POST } else { Method::CONNECT },
        path: if tunnel.post { "/".to_owned() } else { String::new() },
        scheme: if tunnel.post { "http".to_owned() } else { String::new() },
        authority: tunnel.to.as_ref().to_owned(),
        body: if framed { BodyKind::Chunked } else { BodyKind::Empty },
        keep_alive: true,
        ..RequestHead::default()
    }
}

async fn agreed(server: &mut Exchange) -> Result<(), ConnectError> {
    let mut head = ResponseHead::default();
    let answer = poll_fn(|cx| {
        if let Poll::Ready(Err(error)) = server.poll_flush(cx) {
            return Poll::Ready(Err(error));
        }
        loop {
            ready!(server.poll_head(&mut head, cx))?;
            if head.status >= 200 {
                return Poll::Ready(Ok(head.status));
            }
        }
    });
    match answer.await {
        Ok(200..=299) => Ok(()),
        Ok(_) | Err(_) => Err(refused()),
    }
}

/// Frames on one side, bytes on the other.
struct Framed<F> {
    peer: F,
    far: DuplexStream,
    up: BytesMut,
    /// What is to be written next.
    down: Option<Bytes>,
    /// The bytes, and the frames of the peer, have ended.
    ended: (bool, bool),
    /// The peer has everything, the end too.
    told: bool,
}

impl<F: Frames> Framed<F> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamError>> {
        self.upward(cx)?;
        self.downward(cx)?;
        if self.told && self.ended.1 { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn upward(&mut self, cx: &mut Context<'_>) -> Result<(), StreamError> {
        loop {
            let full = self.fill(cx)?;
            match self.peer.poll_flush(cx) {
                Poll::Ready(Err(error)) => return Err(error),
                // There is room again, and nobody but us would ask for more bytes.
                Poll::Ready(Ok(())) if full => {}
                Poll::Ready(Ok(())) => {
                    self.told = self.ended.0;
                    return Ok(());
                }
                Poll::Pending => return Ok(()),
            }
        }
    }

    /// Queues the bytes that are there; true when the peer must take what it has first.
    fn fill(&mut self, cx: &mut Context<'_>) -> Result<bool, StreamError> {
        while !self.ended.0 {
            if self.peer.is_full() {
                return Ok(true);
            }
            match poll_read_into(&mut self.far, cx, &mut self.up) {
                Poll::Pending => break,
                Poll::Ready(Err(_gone)) => return Err(StreamError::Closed),
                Poll::Ready(Ok(0)) => {
                    self.ended.0 = true;
                    self.peer.send_end();
                }
                Poll::Ready(Ok(_)) => {
                    self.peer.send_frame(Frame::Data(self.up.split().freeze()));
                }
            }
        }
        Ok(false)
    }

    fn downward(&mut self, cx: &mut Context<'_>) -> Result<(), StreamError> {
        while !self.ended.1 {
            let Some(bytes) = &mut self.down else {
                match self.peer.poll_frame(cx)? {
                    Poll::Pending => return Ok(()),
                    Poll::Ready(Some(Frame::Data(data))) => self.down = Some(data),
                    Poll::Ready(Some(Frame::Trailers(_)) | None) => {
                        // The other side reads the end; that it may be gone already makes no difference.
                        drop(Pin::new(&mut self.far).poll_shutdown(cx));
                        self.ended.1 = true;
                    }
                }
                continue;
            };
            match Pin::new(&mut self.far).poll_write(cx, bytes) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Err(_gone)) => return Err(StreamError::Closed),
                Poll::Ready(Ok(n)) => {
                    drop(bytes.split_to(n));
                    if bytes.is_empty() {
                        self.down = None;
                    }
                }
            }
        }
        Ok(())
    }
}
