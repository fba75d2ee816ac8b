//! A connection with what was read too much and what is not yet written.
//!
//! In: any byte stream. Out: bytes in a buffer; queued bytes on the stream.
//! Holds: an idle wire owns no buffer; writes keep their order.
//! Never: meaning of the bytes.
//! Why one scratch buffer per thread: reads are large when data is there, and cost no memory when not. Why spare buffers:
//! most requests need a few, for as long as they last.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Any two-way byte stream: plain socket, TLS, or a pipe in a test.
pub trait Io: AsyncRead + AsyncWrite + Unpin {
    /// From now on dropping the stream is a break that the peer cannot take for an orderly end. A message whose end is
    /// the end of its connection would else seem complete.
    fn cut(&self);
}

impl Io for TcpStream {
    fn cut(&self) {
        // A socket that is gone already needs no reset.
        SockRef::from(self).set_linger(Some(std::time::Duration::ZERO)).ok();
    }
}

impl Io for tokio::io::Join<tokio::io::Empty, tokio::io::Sink> {
    fn cut(&self) {}
}

impl Io for tokio::io::DuplexStream {
    fn cut(&self) {}
}

/// Makes a wrapper around a stream one itself: reading, writing and [`Io::cut`] through the given expressions.
#[macro_export]
macro_rules! io_through {
    ($outer:ty, |$this:ident| $inner:expr, $below:expr) => {
        impl ::tokio::io::AsyncRead for $outer {
            fn poll_read(
                mut self: ::std::pin::Pin<&mut Self>,
                cx: &mut ::std::task::Context<'_>,
                buf: &mut ::tokio::io::ReadBuf<'_>,
            ) -> ::std::task::Poll<::std::io::Result<()>> {
                let $this = &mut *self;
                ::std::pin::Pin::new(&mut $inner).poll_read(cx, buf)
            }
        }
        impl ::tokio::io::AsyncWrite for $outer {
            fn poll_write(
                mut self: ::std::pin::Pin<&mut Self>,
                cx: &mut ::std::task::Context<'_>,
                buf: &[u8],
            ) -> ::std::task::Poll<::std::io::Result<usize>> {
                let $this = &mut *self;
                ::std::pin::Pin::new(&mut $inner).poll_write(cx, buf)
            }
            fn poll_write_vectored(
                mut self: ::std::pin::Pin<&mut Self>,
                cx: &mut ::std::task::Context<'_>,
                bufs: &[::std::io::IoSlice<'_>],
            ) -> ::std::task::Poll<::std::io::Result<usize>> {
                let $this = &mut *self;
                ::std::pin::Pin::new(&mut $inner).poll_write_vectored(cx, bufs)
            }
            fn is_write_vectored(&self) -> bool {
                let $this = self;
                $inner.is_write_vectored()
            }
            fn poll_flush(
                mut self: ::std::pin::Pin<&mut Self>,
                cx: &mut ::std::task::Context<'_>,
            ) -> ::std::task::Poll<::std::io::Result<()>> {
                let $this = &mut *self;
                ::std::pin::Pin::new(&mut $inner).poll_flush(cx)
            }
            fn poll_shutdown(
                mut self: ::std::pin::Pin<&mut Self>,
                cx: &mut ::std::task::Context<'_>,
            ) -> ::std::task::Poll<::std::io::Result<()>> {
                let $this = &mut *self;
                ::std::pin::Pin::new(&mut $inner).poll_shutdown(cx)
            }
        }
        impl $crate::wire::Io for $outer {
            fn cut(&self) {
                let $this = self;
                $below.cut();
            }
        }
    };
}

/// The one seam where the kind of stream is forgotten.
pub type BoxIo = Box<dyn Io>;

const SCRATCH: usize = 64 * 1024;
/// Above this many queued bytes a sink asks its source to wait.
pub const HIGH_WATER: usize = 64 * 1024;
const COPY_BELOW: usize = 8 * 1024;
const MAX_SLICES: usize = 16;

/// Buffers that the thread keeps for whoever needs one next, and the largest of them.
const SPARE: usize = 16;
const SPARE_SIZE: usize = 8 * 1024;

thread_local! {
    static READ: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH].into_boxed_slice());
    static SPARES: RefCell<Vec<BytesMut>> = const { RefCell::new(Vec::new()) };
}

/// Gives a buffer its memory, when it has none.
fn furnish(buffer: &mut BytesMut) {
    if buffer.capacity() == 0
        && let Some(spare) = SPARES.with_borrow_mut(Vec::pop)
    {
        *buffer = spare;
    }
}

/// Takes the memory of an empty buffer.
fn strip(buffer: &mut BytesMut) {
    let spare = std::mem::take(buffer);
    if (1..=SPARE_SIZE).contains(&spare.capacity()) {
        SPARES.with_borrow_mut(|all| {
            if all.len() < SPARE {
                all.push(spare);
            }
        });
    }
}

/// Reads once from `io`, as much as there is, to the end of `into`. `Ok(0)` is the end of the stream.
///
/// # Errors
/// As the stream.
pub fn poll_read_into(
    io: &mut (impl AsyncRead + Unpin + ?Sized),
    cx: &mut Context<'_>,
    into: &mut BytesMut,
) -> Poll<io::Result<usize>> {
    READ.with_borrow_mut(|scratch| {
        let mut buf = ReadBuf::new(scratch);
        ready!(Pin::new(io).poll_read(cx, &mut buf))?;
        furnish(into);
        into.extend_from_slice(buf.filled());
        Poll::Ready(Ok(buf.filled().len()))
    })
}

/// A stream with its read-ahead and its write queue.
pub struct Wire {
    io: BoxIo,
    /// Read and not yet consumed.
    pub read: BytesMut,
    /// Small writes gather here; larger pieces go to the queue as they are.
    pub out: BytesMut,
    queue: VecDeque<Bytes>,
    queued: usize,
    /// The stream took bytes that it may still hold back.
    unflushed: bool,
    eof: bool,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wire")
            .field("read", &self.read.len())
            .field("eof", &self.eof)
            .finish_non_exhaustive()
    }
}

impl Wire {
    /// Wraps a fresh stream.
    #[must_use]
    pub fn new(io: BoxIo) -> Self {
        let (read, out) = (BytesMut::new(), BytesMut::new());
        Self { io, read, out, queue: VecDeque::new(), queued: 0, unflushed: false, eof: false }
    }

    /// Gives the stream back, with what was read ahead.
    #[must_use]
    pub fn into_parts(self) -> (BoxIo, BytesMut) {
        (self.io, self.read)
    }

    /// See [`Io::cut`].
    pub fn cut(&self) {
        self.io.cut();
    }

    /// Reads more. `Ok(false)` is the end of the stream.
    ///
    /// # Errors
    /// As the stream.
    pub fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        if self.eof {
            return Poll::Ready(Ok(false));
        }
        let n = ready!(poll_read_into(&mut self.io, cx, &mut self.read))?;
        self.eof = n == 0;
        Poll::Ready(Ok(n > 0))
    }

    /// Waits for the first bytes of what comes next; false when nothing comes any more.
    pub async fn begun(&mut self) -> bool {
        std::future::poll_fn(|cx| {
            if !self.read.is_empty() {
                return Poll::Ready(true);
            }
            self.poll_fill(cx).map(|filled| filled.unwrap_or(false))
        })
        .await
    }

    /// True when the peer has said or done nothing while the wire was idle.
    pub fn is_quiet(&mut self) -> bool {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        self.read.is_empty() && !self.eof && self.poll_fill(&mut cx).is_pending()
    }

    /// Where small writes gather, with memory.
    pub fn gather(&mut self) -> &mut BytesMut {
        furnish(&mut self.out);
        &mut self.out
    }

    /// Moves up to so many bytes that were read here behind what another wire gathers, if they are worth a copy; says how
    /// many. A buffer that is taken apart and shared costs more than to copy little.
    pub(crate) fn pass_to(&mut self, to: &mut Self, most: u64) -> Option<usize> {
        let n = usize::try_from(most).unwrap_or(usize::MAX).min(self.read.len());
        if !(1..COPY_BELOW).contains(&n) {
            return None;
        }
        to.gather().extend_from_slice(&self.read[..n]);
        self.read.advance(n);
        Some(n)
    }

    /// Queues a piece of a body.
    pub fn push(&mut self, data: Bytes) {
        if data.len() < COPY_BELOW {
            self.gather().extend_from_slice(&data);
            return;
        }
        self.seal();
        self.queued += data.len();
        self.queue.push_back(data);
    }

    fn seal(&mut self) {
        if !self.out.is_empty() {
            self.queued += self.out.len();
            self.queue.push_back(self.out.split().freeze());
        }
    }

    /// Bytes not yet written.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.queued + self.out.len()
    }

    /// True when everything that was queued has left for the peer.
    #[must_use]
    pub fn is_flushed(&self) -> bool {
        self.pending() == 0 && !self.unflushed
    }

    /// Writes until nothing is queued here, nor held back by the stream.
    ///
    /// # Errors
    /// As the stream.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.pending() > 0 {
            let written = if self.queue.is_empty() {
                ready!(Pin::new(&mut self.io).poll_write(cx, &self.out))?
            } else {
                self.seal();
                let mut slices = [IoSlice::new(&[]); MAX_SLICES];
                for (slot, piece) in slices.iter_mut().zip(&self.queue) {
                    *slot = IoSlice::new(piece);
                }
                let used = self.queue.len().min(MAX_SLICES);
                ready!(Pin::new(&mut self.io).poll_write_vectored(cx, &slices[..used]))?
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.consume(written);
            self.unflushed = true;
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.io).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    fn consume(&mut self, mut written: usize) {
        while written > 0 {
            let Some(front) = self.queue.front_mut() else {
                if written < self.out.len() {
                    self.out.advance(written);
                } else {
                    // Without moving on, so that its memory serves whole again.
                    self.out.clear();
                }
                return;
            };
            let n = written.min(front.len());
            front.advance(n);
            self.queued -= n;
            written -= n;
            if front.is_empty() {
                self.queue.pop_front();
            }
        }
    }

    /// Frees empty buffers; called when the connection has nothing to do.
    pub fn rest(&mut self) {
        if self.read.is_empty() {
            strip(&mut self.read);
        }
        if self.pending() == 0 {
            strip(&mut self.out);
            self.queue = VecDeque::new();
        }
    }

    /// Ends the writing side.
    ///
    /// # Errors
    /// As the stream.
    pub fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_flush(cx))?;
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt as _, BufStream, DuplexStream, duplex};

    use super::*;

    impl Io for BufStream<DuplexStream> {
        fn cut(&self) {}
    }

    /// A stream that takes much and hands it on slowly, as TLS does while its socket is full.
    #[tokio::test]
    async fn what_the_stream_holds_back_leaves_it() {
        let (mut peer, near) = duplex(10);
        let mut wire = Wire::new(Box::new(BufStream::new(near)));
        let said = vec![7; 5000];
        wire.push(said.clone().into());
        let mut heard = Vec::new();
        let flushing = async {
            poll_fn(|cx| wire.poll_flush(cx)).await.unwrap();
            assert!(wire.is_flushed());
            drop(wire);
        };
        tokio::join!(flushing, async { peer.read_to_end(&mut heard).await.unwrap() });
        assert_eq!(heard, said);
    }
}
