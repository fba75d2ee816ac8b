//! Looks at the frames of an h2 connection as they pass: for floods, and for requests that nobody was shown.
//!
//! In: the bytes of both directions. Out: the same bytes; an end of the stream when the client floods; counts; the stream
//! itself when h2 is done with it, so that it can be closed without a reset that overtakes the last words.
//! Holds: only frame heads are looked at, so that a body costs nothing; the limits are Envoy's defaults.
//! Never: judging a request; the h2 crate does that, and resets what is malformed without telling its user.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use proxy_http::BoxIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;

const PREFACE: usize = 24;
const HEAD: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const WINDOW_UPDATE: u8 = 8;
const PROTOCOL_ERROR: u32 = 1;
const PRIORITIES_PER_STREAM: u64 = 100;
const WINDOWS_PER_DATA: u64 = 10;
const MOST_UNSHOWN: usize = 4096;

/// What was seen of a connection.
#[derive(Default)]
pub struct Seen {
    /// Streams that the client has opened and [`Seen::shown`] was not called for.
    unshown: RefCell<Vec<u32>>,
    newest: Cell<u32>,
    streams: Cell<u64>,
    sent_data: Cell<u64>,
    priorities: Cell<u64>,
    windows: Cell<u64>,
    malformed: Cell<u32>,
    oversized: Cell<u32>,
    flood: Cell<Option<&'static str>>,
    changed: Notify,
    left: RefCell<Option<BoxIo>>,
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (streams, flood) = (self.streams.get(), self.flood.get());
        f.debug_struct("Seen")
            .field("streams", &streams)
            .field("flood", &flood)
            .finish_non_exhaustive()
    }
}

impl Seen {
    /// The stream below, once the h2 connection above it was dropped.
    #[must_use]
    pub fn take_stream(&self) -> Option<BoxIo> {
        self.left.take()
    }

    /// The request of this stream was handed out.
    pub fn shown(&self, stream: u32) {
        self.unshown.borrow_mut().retain(|id| *id != stream);
    }

    /// Takes the numbers of requests that were reset as malformed, and that were answered as too large.
    pub fn take_refused(&self) -> (u32, u32) {
        (self.malformed.take(), self.oversized.take())
    }

    /// Waits until there is one.
    pub async fn refused(&self) {
        while self.malformed.get() + self.oversized.get() == 0 {
            self.changed.notified().await;
        }
    }

    /// Which flood ended the connection, as Envoy's log names it.
    #[must_use]
    pub const fn flood(&self) -> Option<&'static str> {
        self.flood.get()
    }

    fn came(&self, frame: Head) -> io::Result<()> {
        let count = |cell: &Cell<u64>| cell.set(cell.get() + 1);
        match frame.kind {
            HEADERS if frame.stream > self.newest.get() => {
                self.newest.set(frame.stream);
                count(&self.streams);
                let mut unshown = self.unshown.borrow_mut();
                if unshown.len() < MOST_UNSHOWN {
                    unshown.push(frame.stream);
                }
            }
            PRIORITY => count(&self.priorities),
            WINDOW_UPDATE => count(&self.windows),
            _ => {}
        }
        let (streams, data) = (self.streams.get(), self.sent_data.get());
        if self.priorities.get() > PRIORITIES_PER_STREAM * (1 + streams) {
            return Err(self.ends("http2.inbound_priority_frames_flood"));
        }
        if self.windows.get() > 5 + 2 * (streams + WINDOWS_PER_DATA * data) {
            return Err(self.ends("http2.inbound_window_update_frames_flood"));
        }
        Ok(())
    }

    fn ends(&self, why: &'static str) -> io::Error {
        self.flood.set(Some(why));
        io::Error::other(why)
    }

    fn went(&self, frame: Head) {
        if frame.kind == DATA {
            self.sent_data.set(self.sent_data.get() + 1);
        }
        if frame.kind != RST_STREAM && frame.kind != HEADERS {
            return;
        }
        let mut unshown = self.unshown.borrow_mut();
        let Some(at) = unshown.iter().position(|id| *id == frame.stream) else { return };
        unshown.swap_remove(at);
        let refused = match frame {
            // The one answer that h2 gives by itself is 431.
            Head { kind: HEADERS, .. } => &self.oversized,
            Head { word: PROTOCOL_ERROR, .. } => &self.malformed,
            Head { .. } => return,
        };
        refused.set(refused.get() + 1);
        self.changed.notify_one();
    }
}

/// The head of a frame, and of RST_STREAM the error.
#[derive(Debug, Clone, Copy)]
struct Head {
    kind: u8,
    stream: u32,
    word: u32,
}

/// Finds frame heads in a stream of bytes.
#[derive(Debug)]
struct Scan {
    head: [u8; HEAD + 4],
    have: usize,
    skip: usize,
}

impl Scan {
    const fn new(skip: usize) -> Self {
        Self { head: [0; HEAD + 4], have: 0, skip }
    }

    /// The next frame whose head is complete; `bytes` is moved behind it.
    fn next(&mut self, bytes: &mut &[u8]) -> Option<Head> {
        loop {
            let jump = self.skip.min(bytes.len());
            *bytes = &bytes[jump..];
            self.skip -= jump;
            let (byte, rest) = bytes.split_first()?;
            *bytes = rest;
            self.head[self.have] = *byte;
            self.have += 1;
            let is_reset = self.have > 3 && self.head[3] == RST_STREAM;
            let wanted = if is_reset { HEAD + 4 } else { HEAD };
            if self.have == wanted {
                return Some(self.whole(wanted));
            }
        }
    }

    fn whole(&mut self, taken: usize) -> Head {
        let [a, b, c, kind, _flags, s0, s1, s2, s3, w0, w1, w2, w3] = self.head;
        let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        self.skip = (HEAD + length).saturating_sub(taken);
        self.have = 0;
        let stream = u32::from_be_bytes([s0 & 0x7f, s1, s2, s3]);
        Head { kind, stream, word: u32::from_be_bytes([w0, w1, w2, w3]) }
    }
}

/// A stream whose frames are looked at.
pub struct Framed {
    io: BoxIo,
    seen: Rc<Seen>,
    inbound: Scan,
    outbound: Scan,
}

impl std::fmt::Debug for Framed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Framed").field("seen", &self.seen).finish_non_exhaustive()
    }
}

impl Framed {
    /// Looks at a server's end of a connection from its first byte on.
    #[must_use]
    pub fn new(io: BoxIo) -> (Self, Rc<Seen>) {
        let seen = Rc::new(Seen::default());
        let (inbound, outbound) = (Scan::new(PREFACE), Scan::new(0));
        (Self { io, seen: Rc::clone(&seen), inbound, outbound }, seen)
    }

    fn went(&mut self, mut bytes: &[u8]) {
        while let Some(frame) = self.outbound.next(&mut bytes) {
            self.seen.went(frame);
        }
    }
}

impl Drop for Framed {
    fn drop(&mut self) {
        let nowhere = tokio::io::join(tokio::io::empty(), tokio::io::sink());
        let io = std::mem::replace(&mut self.io, Box::new(nowhere));
        self.seen.left.replace(Some(io));
    }
}

impl proxy_http::Io for Framed {
    fn cut(&self) {
        self.io.cut();
    }
}

impl AsyncRead for Framed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.io).poll_read(cx, buf))?;
        let mut bytes = buf.filled().get(before..).unwrap_or_default();
        while let Some(frame) = this.inbound.next(&mut bytes) {
            this.seen.came(frame)?;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Framed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.io).poll_write(cx, buf))?;
        self.went(buf.get(..written).unwrap_or_default());
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.io).poll_write_vectored(cx, bufs))?;
        let mut left = written;
        for piece in bufs {
            let n = left.min(piece.len());
            self.went(&piece[..n]);
            left -= n;
        }
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, 0], &stream.to_be_bytes(), payload].concat()
    }

    #[test]
    fn frame_heads_are_found_at_every_split() {
        let bytes = [
            frame(HEADERS, 1, b"abc"),
            frame(RST_STREAM, 5, &[0, 0, 0, 1]),
            frame(DATA, 3, b""),
            frame(WINDOW_UPDATE, 0, &[0; 4]),
        ]
        .concat();
        for step in 1..=bytes.len() {
            let (mut scan, mut found) = (Scan::new(0), Vec::new());
            for mut piece in bytes.chunks(step) {
                while let Some(Head { kind, stream, word }) = scan.next(&mut piece) {
                    found.push((kind, stream, if kind == RST_STREAM { word } else { 0 }));
                }
            }
            assert_eq!(found, [(1, 1, 0), (3, 5, 1), (0, 3, 0), (8, 0, 0)], "{step}");
        }
    }

    #[test]
    fn floods_end_the_connection_and_busy_clients_do_not() {
        let seen = Seen::default();
        let head = |kind, stream| Head { kind, stream, word: 0 };
        seen.came(head(HEADERS, 1)).unwrap();
        for _ in 0..200 {
            seen.went(head(DATA, 1));
            (0..10).for_each(|_| seen.came(head(WINDOW_UPDATE, 1)).unwrap());
            seen.came(head(PRIORITY, 1)).unwrap();
        }
        assert!(seen.came(head(PRIORITY, 1)).is_err());
        assert_eq!(seen.flood(), Some("http2.inbound_priority_frames_flood"));
        let quiet = Seen::default();
        let some = (0..6).map(|_| quiet.came(head(WINDOW_UPDATE, 0)).is_ok());
        assert_eq!(some.collect::<Vec<_>>(), [true, true, true, true, true, false]);
    }

    #[test]
    fn only_requests_that_were_never_shown_count_as_refused() {
        let seen = Seen::default();
        let reset = |stream| Head { kind: RST_STREAM, stream, word: PROTOCOL_ERROR };
        for stream in [1, 3, 5] {
            seen.came(Head { kind: HEADERS, stream, word: 0 }).unwrap();
        }
        seen.shown(3);
        seen.went(reset(1));
        seen.went(reset(3));
        seen.went(Head { word: 7, ..reset(5) });
        seen.came(Head { kind: HEADERS, stream: 7, word: 0 }).unwrap();
        seen.went(Head { kind: HEADERS, stream: 7, word: 0 });
        assert_eq!((seen.take_refused(), seen.take_refused()), ((1, 1), (0, 0)));
    }
}
