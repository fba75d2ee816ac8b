//! One connection: two pipes whose bytes take time.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// Bytes that may be under way or unread in one direction.
const WINDOW: usize = 256 * 1024;

#[derive(Debug)]
enum Segment {
    Data(Bytes),
    Fin,
    Reset,
}

/// What one end sends to the other.
#[derive(Debug, Default)]
struct Pipe {
    queue: VecDeque<(Instant, Segment)>,
    bytes: usize,
    reader: Option<Waker>,
    writer: Option<Waker>,
    finished: bool,
    /// Nobody reads at its end.
    deaf: bool,
}

impl Pipe {
    fn push(&mut self, at: Instant, segment: Segment) {
        let at = self.queue.back().map_or(at, |(last, _)| at.max(*last));
        if let Segment::Data(bytes) = &segment {
            self.bytes += bytes.len();
        }
        self.queue.push_back((at, segment));
        wake(&mut self.reader);
    }

    fn was_reset(&self, now: Instant) -> bool {
        self.queue.iter().any(|(at, segment)| *at <= now && matches!(segment, Segment::Reset))
    }
}

/// Both pipes; the index is the end that writes.
#[derive(Debug)]
pub(super) struct Link {
    pipes: [Pipe; 2],
    latency: Duration,
}

impl Link {
    /// Both ends find it reset.
    pub(super) fn break_now(&mut self) {
        let now = Instant::now();
        for pipe in &mut self.pipes {
            pipe.queue.clear();
            pipe.push(now, Segment::Reset);
            wake(&mut pipe.writer);
        }
    }
}

/// One end of a connection.
pub(crate) struct End {
    link: Arc<Mutex<Link>>,
    side: usize,
    due: Option<Pin<Box<Sleep>>>,
    cut: AtomicBool,
}

impl std::fmt::Debug for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("End").field("side", &self.side).finish_non_exhaustive()
    }
}

/// A new connection, and a way to break it.
pub(super) fn pair(latency: Duration) -> (End, End, Weak<Mutex<Link>>) {
    let link = Arc::new(Mutex::new(Link { pipes: Default::default(), latency }));
    let end = |side| End { link: Arc::clone(&link), side, due: None, cut: AtomicBool::new(false) };
    (end(0), end(1), Arc::downgrade(&link))
}

fn lock(link: &Mutex<Link>) -> MutexGuard<'_, Link> {
    link.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wake(waiting: &mut Option<Waker>) {
    if let Some(waker) = waiting.take() {
        waker.wake();
    }
}

fn reset() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

impl AsyncRead for End {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let now = Instant::now();
        let mut link = lock(&this.link);
        let pipe = &mut link.pipes[1 - this.side];
        if pipe.was_reset(now) {
            return Poll::Ready(Err(reset()));
        }
        let due = match pipe.queue.front_mut() {
            Some((at, _)) if *at > now => Some(*at),
            Some((_, Segment::Data(bytes))) => {
                let n = bytes.len().min(buf.remaining());
                buf.put_slice(&bytes[..n]);
                bytes.advance(n);
                pipe.bytes -= n;
                if bytes.is_empty() {
                    pipe.queue.pop_front();
                }
                wake(&mut pipe.writer);
                return Poll::Ready(Ok(()));
            }
            Some((_, Segment::Fin)) => return Poll::Ready(Ok(())),
            Some((_, Segment::Reset)) => return Poll::Ready(Err(reset())),
            None => None,
        };
        pipe.reader = Some(cx.waker().clone());
        drop(link);
        if let Some(at) = due {
            let sleep = this.due.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
            if sleep.deadline() != at {
                sleep.as_mut().reset(at);
            }
            if sleep.as_mut().poll(cx).is_ready() {
                cx.waker().wake_by_ref();
            }
        }
        Poll::Pending
    }
}

impl AsyncWrite for End {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let now = Instant::now();
        let mut link = lock(&self.link);
        if link.pipes[1 - self.side].was_reset(now) || link.pipes[self.side].finished {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let latency = link.latency;
        if link.pipes[self.side].deaf {
            // What arrives at a closed socket is answered by a reset.
            link.pipes[1 - self.side].push(now + latency * 2, Segment::Reset);
            return Poll::Ready(Ok(bytes.len()));
        }
        let pipe = &mut link.pipes[self.side];
        let room = WINDOW.saturating_sub(pipe.bytes).min(bytes.len());
        if room == 0 && !bytes.is_empty() {
            pipe.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        pipe.push(now + latency, Segment::Data(Bytes::copy_from_slice(&bytes[..room])));
        Poll::Ready(Ok(room))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut link = lock(&self.link);
        let at = Instant::now() + link.latency;
        let pipe = &mut link.pipes[self.side];
        if !std::mem::replace(&mut pipe.finished, true) {
            pipe.push(at, Segment::Fin);
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let now = Instant::now();
        let mut link = lock(&self.link);
        let latency = link.latency;
        let incoming = &mut link.pipes[1 - self.side];
        incoming.deaf = true;
        let is_data = |segment: &Segment| matches!(segment, Segment::Data(_));
        // Unread bytes reset at once, bytes under way when they arrive.
        let unread = incoming.queue.iter().find(|(_, segment)| is_data(segment)).map(|(at, _)| *at);
        incoming.queue.clear();
        incoming.bytes = 0;
        wake(&mut incoming.writer);
        let outgoing = &mut link.pipes[self.side];
        if self.cut.load(Ordering::Relaxed) {
            outgoing.queue.clear();
            outgoing.push(now + latency, Segment::Reset);
            return;
        }
        if !std::mem::replace(&mut outgoing.finished, true) {
            outgoing.push(now + latency, Segment::Fin);
        }
        if let Some(at) = unread {
            outgoing.push(at.max(now) + latency, Segment::Reset);
        }
    }
}

impl proxy_http::Io for End {
    fn cut(&self) {
        self.cut.store(true, Ordering::Relaxed);
    }
}

impl tonic::transport::server::Connected for End {
    type ConnectInfo = ();
    fn connect_info(&self) {}
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn bytes_take_their_time_and_an_end_that_did_not_read_resets_its_peer() {
        let (mut near, mut far, _) = pair(Duration::from_millis(5));
        let begun = Instant::now();
        near.write_all(b"hello").await.unwrap();
        let mut got = [0; 5];
        far.read_exact(&mut got).await.unwrap();
        assert_eq!((&got, begun.elapsed().as_millis()), (b"hello", 5));
        near.write_all(b"unread").await.unwrap();
        far.write_all(b"late").await.unwrap();
        tokio::time::advance(Duration::from_millis(5)).await;
        drop(far);
        let error = near.read_to_end(&mut Vec::new()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }

    #[tokio::test(start_paused = true)]
    async fn an_orderly_end_is_read_as_the_end() {
        let (near, mut far, link) = pair(Duration::from_millis(5));
        drop(near);
        assert_eq!(far.read(&mut [0; 1]).await.unwrap(), 0);
        let (mut near, _far, _) = (far, (), link);
        near.write_all(b"x").await.unwrap();
        assert!(near.read(&mut [0; 1]).await.is_ok());
    }
}
