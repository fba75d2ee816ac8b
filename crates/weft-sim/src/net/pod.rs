//! The network as one pod's proxy has it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use proxy_http::Io;
use proxy_listen::socket::Accepting;
use proxy_listen::{Accept, Arrived, Listen};
use proxy_upstream::dial::Connecting;
use proxy_upstream::{Connect, Target};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{Mutex, mpsc};

use super::{Arrival, End, Net};

/// One pod's view.
#[derive(Debug, Clone)]
pub(crate) struct PodNet {
    pub(crate) net: Net,
    pub(crate) ip: IpAddr,
}

impl PodNet {
    /// Whatever address of its own a pod names, it is this one.
    fn own(&self, address: SocketAddr) -> SocketAddr {
        SocketAddr::new(self.ip, address.port())
    }
}

impl Listen for PodNet {
    fn bind(&self, address: SocketAddr) -> io::Result<Box<dyn Accept>> {
        let address = self.own(address);
        Ok(Box::new(Socket { address, arrivals: Mutex::new(self.net.listen(address)?) }))
    }
}

impl Connect for PodNet {
    fn connect<'a>(&'a self, target: &'a Target) -> Connecting<'a> {
        Box::pin(async move {
            let to = target.address;
            let to = if to.ip().is_loopback() { self.own(to) } else { to };
            let (end, local) = self.net.connect(self.ip, to).await?;
            Ok((Box::new(end) as Box<dyn Io>, Some(local)))
        })
    }
}

struct Socket {
    address: SocketAddr,
    arrivals: Mutex<mpsc::Receiver<Arrival>>,
}

impl Accept for Socket {
    fn accept(&self) -> Accepting<'_> {
        Box::pin(async {
            let arrival = self.arrivals.lock().await.recv().await;
            let arrival = arrival.ok_or(io::ErrorKind::NotConnected)?;
            let remote = arrival.remote;
            Ok((Box::new(Taken(arrival)) as Box<dyn Arrived>, remote))
        })
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

/// An accepted connection.
struct Taken(Arrival);

impl Taken {
    fn end(self: Pin<&mut Self>) -> Pin<&mut End> {
        Pin::new(&mut self.get_mut().0.end)
    }
}

impl AsyncRead for Taken {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.end().poll_read(cx, buf)
    }
}

impl AsyncWrite for Taken {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.end().poll_write(cx, buf)
    }
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end().poll_flush(cx)
    }
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end().poll_shutdown(cx)
    }
}

impl Io for Taken {
    fn cut(&self) {
        self.0.end.cut();
    }
}

impl Arrived for Taken {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.0.local)
    }
    fn original_destination(&self) -> io::Result<SocketAddr> {
        Ok(self.0.original)
    }
}
