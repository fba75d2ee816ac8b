//! The server behind every measured proxy: as little work for a request as there can be.
//!
//! In: HTTP/1.1 requests without a body, `GET /BYTES`; gRPC calls on a second address. Out: 200 with that many bytes; other
//! paths get 1 KB; `GET /echo` is upgraded to a WebSocket whose bytes all come back.
//! Holds: pipelined requests are answered in their order; one thread.
//! Never: anything that a proxy could be slower or faster by; it knows no request but by its first line.
//! Why our own: generator and backend share a core, and have to be well faster together than every proxy beside them.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;

mod grpc;

const DEFAULT: usize = 1024;
/// Largest body.
const MOST: usize = 64 * 1024 * 1024;
/// Longest head.
const HEAD: usize = 64 * 1024;
const END: &[u8] = b"\r\n\r\n";
/// From so many bytes on an answer is written from where it is kept.
const LARGE: usize = 128 * 1024;
const ECHO: &[u8] = b"GET /echo ";
/// The answer to the key that the standard takes as its example; who sends another one does not look.
const UPGRADE: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let usage = "usage: bench-backend ADDRESS:PORT [ADDRESS:PORT-OF-GRPC]";
    let plain: SocketAddr = words.next().context(usage)?.parse().context(usage)?;
    let grpc: Option<SocketAddr> = words.next().map(|word| word.parse()).transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    LocalSet::new().block_on(&runtime, async {
        if let Some(address) = grpc {
            let listener = TcpListener::bind(address).await?;
            tokio::task::spawn_local(grpc::serve(listener));
        }
        serve(TcpListener::bind(plain).await?).await
    })
}

async fn serve(listener: TcpListener) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        // A client that breaks off is nobody's concern here.
        tokio::task::spawn_local(async move { drop(answer(stream).await) });
    }
}

async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut answers: HashMap<usize, Rc<[u8]>> = HashMap::new();
    let (mut held, mut out) = (Vec::with_capacity(4096), Vec::new());
    while stream.read_buf(&mut held).await? > 0 {
        while let Some(end) = held.windows(END.len()).position(|window| window == END) {
            if held.starts_with(ECHO) {
                stream.write_all(UPGRADE).await?;
                return echo(stream, held.split_off(end + END.len())).await;
            }
            let bytes = wanted(&held).unwrap_or(DEFAULT).min(MOST);
            let answer = answers.entry(bytes).or_insert_with(|| response(bytes));
            held.drain(..end + END.len());
            if bytes < LARGE {
                out.extend_from_slice(answer);
            } else {
                stream.write_all(&out).await?;
                out.clear();
                stream.write_all(answer).await?;
            }
        }
        if held.len() > HEAD {
            return Ok(());
        }
        stream.write_all(&out).await?;
        out.clear();
    }
    Ok(())
}

/// Sends back what comes, beginning with what came already.
async fn echo(mut stream: TcpStream, mut held: Vec<u8>) -> std::io::Result<()> {
    loop {
        stream.write_all(&held).await?;
        held.clear();
        if stream.read_buf(&mut held).await? == 0 {
            return Ok(());
        }
    }
}

/// The number in `GET /NUMBER `.
fn wanted(head: &[u8]) -> Option<usize> {
    let path = head.strip_prefix(b"GET /")?;
    let end = path.iter().position(|byte| !byte.is_ascii_digit())?;
    std::str::from_utf8(&path[..end]).ok()?.parse().ok()
}

fn response(bytes: usize) -> Rc<[u8]> {
    let mut response = format!("HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\n\r\n").into_bytes();
    response.resize(response.len() + bytes, b'x');
    response.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_says_how_much_is_wanted() {
        assert_eq!(wanted(b"GET /65536 HTTP/1.1\r\n"), Some(65536));
        assert_eq!(wanted(b"GET / HTTP/1.1\r\n"), None);
        assert_eq!(wanted(b"POST /1 HTTP/1.1\r\n"), None);
        assert!(response(3).ends_with(b"Content-Length: 3\r\n\r\nxxx"));
    }
}
