//! Bytes both ways between two wires, each direction ending on its own.
//!
//! In: two wires, with whatever was read ahead. Out: bytes moved, per direction, and who broke off.
//! Holds: a half-closed connection keeps its other half; a slow reader pauses its writer.

use std::io;
use std::task::{Context, Poll};

use crate::Wire;
use crate::wire::HIGH_WATER;

/// Which end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The first wire.
    Client,
    /// The second wire.
    Server,
}

/// A pair of wires.
#[derive(Debug)]
pub struct Tunnel {
    client: Side,
    server: Side,
}

#[derive(Debug)]
struct Side {
    wire: Wire,
    read_done: bool,
    shut: bool,
    received: u64,
}

impl Tunnel {
    /// Joins two wires.
    #[must_use]
    pub const fn new(client: Wire, server: Wire) -> Self {
        Self { client: side_of(client), server: side_of(server) }
    }

    /// Bytes from the client and from the server so far.
    #[must_use]
    pub const fn moved(&self) -> (u64, u64) {
        (self.client.received, self.server.received)
    }

    /// Ends both wires with a break, not an orderly close.
    pub fn cut(&self) {
        self.client.wire.cut();
        self.server.wire.cut();
    }

    /// Moves what can be moved; ready when both directions have ended.
    ///
    /// # Errors
    /// One end broke off.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), (End, io::Error)>> {
        let up = step(&mut self.client, &mut self.server, cx);
        let down = step(&mut self.server, &mut self.client, cx);
        let swap = |end| match end {
            End::Client => End::Server,
            End::Server => End::Client,
        };
        match (up, down) {
            (Err((end, error)), _) => Poll::Ready(Err((end, error))),
            (_, Err((end, error))) => Poll::Ready(Err((swap(end), error))),
            (Ok(true), Ok(true)) => Poll::Ready(Ok(())),
            _ => Poll::Pending,
        }
    }
}

const fn side_of(wire: Wire) -> Side {
    Side { wire, read_done: false, shut: false, received: 0 }
}

/// Moves bytes one way; true when this way has ended.
fn step(from: &mut Side, to: &mut Side, cx: &mut Context<'_>) -> Result<bool, (End, io::Error)> {
    loop {
        let mut blocked = false;
        while !from.read_done && to.wire.pending() <= HIGH_WATER {
            if !from.wire.read.is_empty() {
                from.received += from.wire.read.len() as u64;
                let data = from.wire.read.split().freeze();
                to.wire.push(data);
                continue;
            }
            match from.wire.poll_fill(cx) {
                Poll::Ready(Ok(true)) => {}
                Poll::Ready(Ok(false)) => from.read_done = true,
                Poll::Ready(Err(error)) => return Err((End::Client, error)),
                Poll::Pending => {
                    blocked = true;
                    break;
                }
            }
        }
        match to.wire.poll_flush(cx) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(error)) => return Err((End::Server, error)),
            Poll::Pending => return Ok(false),
        }
        if from.read_done {
            return finish(to, cx);
        }
        if blocked {
            from.wire.rest();
            to.wire.rest();
            return Ok(false);
        }
    }
}

fn finish(to: &mut Side, cx: &mut Context<'_>) -> Result<bool, (End, io::Error)> {
    if to.shut {
        return Ok(true);
    }
    match to.wire.poll_shutdown(cx) {
        Poll::Pending => Ok(false),
        // A peer that is gone already needs no goodbye.
        Poll::Ready(_) => {
            to.shut = true;
            Ok(true)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    #[tokio::test]
    async fn each_direction_ends_on_its_own() {
        let (mut client, near) = duplex(1000);
        let (far, mut server) = duplex(1000);
        let mut tunnel = Tunnel::new(Wire::new(Box::new(near)), Wire::new(Box::new(far)));
        let moving = async {
            poll_fn(|cx| tunnel.poll(cx)).await.unwrap();
            tunnel.moved()
        };
        let talking = async {
            let big = vec![7u8; 200_000];
            let (mut reader, mut writer) = tokio::io::split(&mut client);
            let send = async {
                writer.write_all(&big).await.unwrap();
                writer.shutdown().await.unwrap();
            };
            let serve = async {
                let mut got = Vec::new();
                server.read_to_end(&mut got).await.unwrap();
                server.write_all(&got[..5]).await.unwrap();
                server.shutdown().await.unwrap();
                got.len()
            };
            let receive = async {
                let mut got = Vec::new();
                reader.read_to_end(&mut got).await.unwrap();
                got.len()
            };
            tokio::join!(send, serve, receive)
        };
        let (moved, (_, served, received)) = tokio::join!(moving, talking);
        assert_eq!((moved, served, received), ((200_000, 5), 200_000, 5));
    }
}
