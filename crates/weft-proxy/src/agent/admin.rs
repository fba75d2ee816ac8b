//! Calls Envoy's admin port over a socket that is exempt from capture.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;

use super::bootstrap::ADMIN;

/// More than this is not an answer that we asked for.
const LONGEST: u64 = 1 << 20;

/// One request on its own connection; gives the status code and the body.
pub(super) async fn call(method: &str, path: &str) -> io::Result<(u16, String)> {
    let socket = TcpSocket::new_v4()?;
    if let Some(mark) = crate::MARK {
        socket2::SockRef::from(&socket).set_mark(mark)?;
    }
    let mut stream = socket.connect(([127, 0, 0, 1], ADMIN).into()).await?;
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
