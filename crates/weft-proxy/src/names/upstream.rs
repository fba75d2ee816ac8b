//! Asks the pod's own name servers, one after the other.
//!
//! Holds: an answer is passed on as it came, and only one that answers this question.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpSocket, UdpSocket};
use weft_rt::Clock;

use super::stream;
use crate::MARK;

const PORT: u16 = 53;
/// What resolvers wait for one server (resolv.conf(5)).
const PATIENCE: Duration = Duration::from_secs(5);
const LARGEST: usize = 65_535;

/// The answer of the first server that has one; `None` when none has.
pub(super) async fn over_udp(
    servers: &[IpAddr],
    question: &[u8],
    clock: &Clock,
) -> Option<Vec<u8>> {
    for server in servers {
        match clock.timeout(PATIENCE, datagram(*server, question)).await {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => tracing::debug!(%server, %error, "a name server failed"),
            Err(_late) => tracing::debug!(%server, "a name server did not answer in time"),
        }
    }
    None
}

/// As [`over_udp`].
pub(super) async fn over_tcp(
    servers: &[IpAddr],
    question: &[u8],
    clock: &Clock,
) -> Option<Vec<u8>> {
    for server in servers {
        match clock.timeout(PATIENCE, connection(*server, question)).await {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => tracing::debug!(%server, %error, "a name server failed"),
            Err(_late) => tracing::debug!(%server, "a name server did not answer in time"),
        }
    }
    None
}

async fn datagram(server: IpAddr, question: &[u8]) -> io::Result<Vec<u8>> {
    let own: SocketAddr = match server {
        IpAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        IpAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(own).await?;
    mark(SockRef::from(&socket));
    socket.connect((server, PORT)).await?;
    socket.send(question).await?;
    let mut buffer = vec![0; LARGEST];
    loop {
        let length = socket.recv(&mut buffer).await?;
        // Another question's answer that came late is not ours.
        if length >= 2 && buffer.get(..2) == question.get(..2) {
            buffer.truncate(length);
            return Ok(buffer);
        }
    }
}

async fn connection(server: IpAddr, question: &[u8]) -> io::Result<Vec<u8>> {
    let socket = if server.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    mark(SockRef::from(&socket));
    let mut connection = socket.connect((server, PORT).into()).await?;
    stream::write(&mut connection, question).await?;
    stream::read(&mut connection).await
}

/// Without the privilege there are no capture rules either.
fn mark(socket: SockRef<'_>) {
    if let Some(mark) = MARK
        && let Err(error) = socket.set_mark(mark)
    {
        tracing::debug!(%error, "cannot mark a socket to a name server");
    }
}
