//! Calls Envoy's admin port over a socket that is exempt from capture.
//! Bound: short answers are read up to [`LONGEST`], metrics up to [`MOST_METRICS`].

use std::io;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use super::bootstrap::ADMIN;

/// More than this is not an answer that we asked for.
const LONGEST: u64 = 1 << 20;
/// Envoy has some hundred lines for each cluster.
const MOST_METRICS: usize = 256 << 20;

/// One request on its own connection; gives the status code and the body.
pub(super) async fn call(method: &str, path: &str) -> io::Result<(u16, String)> {
    let mut stream = connect().await?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    let odd = || io::Error::new(io::ErrorKind::InvalidData, "admin port speaks no HTTP");
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(odd)?;
    let code = head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(odd)?;
    Ok((code, body.to_owned()))
}

/// Envoy's metrics as Prometheus reads them.
pub(super) async fn metrics() -> io::Result<Bytes> {
    let odd = |error: hyper::Error| io::Error::other(error);
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(connect().await?)).await.map_err(odd)?;
    let request = hyper::Request::get("/stats/prometheus")
        .header(hyper::header::HOST, "localhost")
        .body(Empty::<Bytes>::new())
        .map_err(io::Error::other)?;
    let answer = async {
        let answer = sender.send_request(request).await.map_err(odd)?;
        let whole = Limited::new(answer.into_body(), MOST_METRICS).collect().await;
        Ok(whole.map_err(io::Error::other)?.to_bytes())
    };
    // The connection is driven for as long as the answer is read, and ends with it.
    let mut answer = std::pin::pin!(answer);
    tokio::select! {
        biased;
        answer = answer.as_mut() => answer,
        _ended = connection => answer.await,
    }
}

async fn connect() -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if let Some(mark) = crate::MARK {
        socket2::SockRef::from(&socket).set_mark(mark)?;
    }
    socket.connect(([127, 0, 0, 1], ADMIN).into()).await
}
