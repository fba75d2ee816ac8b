//! Messages of DNS over TCP: each behind its length (RFC 1035, 4.2.2).

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use weft_rt::Clock;

/// A client that says nothing for so long is hung up on.
const IDLE: Duration = Duration::from_secs(30);

/// The next message; `None` when the other side has hung up, or is silent.
pub(super) async fn question(stream: &mut TcpStream, clock: &Clock) -> io::Result<Option<Vec<u8>>> {
    match clock.timeout(IDLE, read(stream)).await {
        Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Ok(message) => message.map(Some),
        Err(_silent) => Ok(None),
    }
}

/// One message.
pub(super) async fn read(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let length = stream.read_u16().await?;
    let mut message = vec![0; usize::from(length)];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

/// Writes one message.
pub(super) async fn write(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes()[..], message].concat()).await
}
