//! Listening sockets and where a captured connection wanted to go.
//!
//! Holds: every worker binds the same address with SO_REUSEPORT, so that the kernel spreads connections.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

const BACKLOG: i32 = 4096;

/// Binds and listens. Must be called inside a runtime.
///
/// # Errors
/// When the address is in use or not ours.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// The destination before the capture rules changed it; the local address when nothing was changed.
///
/// # Errors
/// When the connection is already gone.
pub fn original_destination(stream: &TcpStream) -> io::Result<SocketAddr> {
    let local = stream.local_addr()?;
    let socket = SockRef::from(stream);
    let original = match local {
        SocketAddr::V4(_) => socket.original_dst_v4(),
        SocketAddr::V6(_) => socket.original_dst_v6(),
    };
    Ok(original.ok().and_then(|address| address.as_socket()).unwrap_or(local))
}

/// Ends a connection with a reset instead of an orderly close, so that nobody takes silence for an answer.
pub fn reset(stream: TcpStream) {
    // A socket that is gone already needs no reset.
    SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO)).ok();
    drop(stream);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn two_workers_bind_one_address_and_an_uncaptured_connection_keeps_its_own() {
        let first = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = first.local_addr().unwrap();
        let second = bind(address).unwrap();
        let client = TcpStream::connect(address).await.unwrap();
        let (server, _) =
            tokio::select! { c = first.accept() => c, c = second.accept() => c }.unwrap();
        assert_eq!(original_destination(&server).unwrap(), address);
        drop(client);
    }
}
