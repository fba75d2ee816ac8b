//! Listening sockets and where a captured connection wanted to go.
//!
//! Holds: every worker binds the same address with SO_REUSEPORT, so that the kernel spreads connections.
//! Why behind traits: the simulator runs whole proxies on a network of its own.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;

use proxy_http::wire::Io;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

const BACKLOG: i32 = 4096;

/// A connection that was accepted.
pub trait Arrived: Io {
    /// Our end's address.
    ///
    /// # Errors
    /// When the connection is already gone.
    fn local_addr(&self) -> io::Result<SocketAddr>;
    /// The destination before the capture rules changed it; the local address when nothing was changed.
    ///
    /// # Errors
    /// When the connection is already gone.
    fn original_destination(&self) -> io::Result<SocketAddr>;
}

/// The next connection, and who it is from.
pub type Accepting<'a> =
    Pin<Box<dyn Future<Output = io::Result<(Box<dyn Arrived>, SocketAddr)>> + 'a>>;

/// A socket that listens.
pub trait Accept {
    /// Waits for the next connection. Cancel-safe.
    fn accept(&self) -> Accepting<'_>;
    /// The address that it is bound to.
    ///
    /// # Errors
    /// When the socket is gone.
    fn local_addr(&self) -> io::Result<SocketAddr>;
}

/// What is listened on.
pub trait Listen: std::fmt::Debug + Send + Sync {
    /// Binds and listens. Must be called inside a runtime.
    ///
    /// # Errors
    /// When the address is in use or not ours.
    fn bind(&self, address: SocketAddr) -> io::Result<Box<dyn Accept>>;
}

/// The machine's TCP.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tcp;

impl Listen for Tcp {
    fn bind(&self, address: SocketAddr) -> io::Result<Box<dyn Accept>> {
        Ok(Box::new(bind(address)?))
    }
}

impl Accept for TcpListener {
    fn accept(&self) -> Accepting<'_> {
        Box::pin(async {
            let (stream, remote) = Self::accept(self).await?;
            // A socket that is gone already fails at its first read.
            stream.set_nodelay(true).ok();
            Ok((Box::new(stream) as Box<dyn Arrived>, remote))
        })
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Self::local_addr(self)
    }
}

impl Arrived for TcpStream {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Self::local_addr(self)
    }

    fn original_destination(&self) -> io::Result<SocketAddr> {
        original_destination(self)
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

fn original_destination(stream: &TcpStream) -> io::Result<SocketAddr> {
    let local = stream.local_addr()?;
    let socket = SockRef::from(stream);
    let original = match local {
        SocketAddr::V4(_) => socket.original_dst_v4(),
        SocketAddr::V6(_) => socket.original_dst_v6(),
    };
    Ok(original.ok().and_then(|address| address.as_socket()).unwrap_or(local))
}

/// Ends a connection with a reset instead of an orderly close, so that nobody takes silence for an answer.
pub fn reset(stream: Box<dyn Arrived>) {
    stream.cut();
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
