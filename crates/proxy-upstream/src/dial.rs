//! One new connection.
//!
//! In: a target, and the network to reach it by. Out: a stream, TLS inside where asked.
//! Holds: every socket carries the mark, else capture rules would send it back to us.
//! Why the network is handed in: the simulator runs whole proxies on one of its own.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use proxy_http::BoxIo;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use weft_rt::Clock;

use crate::{Keepalive, Target, introduction};

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectError {
    /// Not in time.
    Timeout,
    /// The network or the host said no.
    Refused(io::ErrorKind),
    /// The handshake failed; the text is for the log.
    Tls(String),
    /// A limit of the cluster is reached.
    Overflow,
}

impl std::fmt::Display for ConnectError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Timeout => f.write_str("connection timeout"),
            Self::Refused(kind) => write!(f, "{kind}"),
            Self::Tls(why) => write!(f, "TLS error: {why}"),
            Self::Overflow => f.write_str("overflow"),
        }
    }
}

impl std::error::Error for ConnectError {}

/// A fresh connection and its local address.
pub struct Dialled {
    /// The stream, TLS inside when the target asks for it.
    pub io: BoxIo,
    /// Our end.
    pub local: Option<SocketAddr>,
    /// The server's verified identity.
    pub peer: Option<Arc<str>>,
}

impl std::fmt::Debug for Dialled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dialled").field("local", &self.local).finish_non_exhaustive()
    }
}

/// A stream to a server, and our address on it.
pub type Connected = (BoxIo, Option<SocketAddr>);
/// A connection in the making.
pub type Connecting<'a> = Pin<Box<dyn Future<Output = io::Result<Connected>> + 'a>>;

/// What connections are made over.
pub trait Connect: std::fmt::Debug + Send + Sync {
    /// Connects to the target's address, by its socket settings.
    fn connect<'a>(&'a self, target: &'a Target) -> Connecting<'a>;
}

/// The machine's TCP.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tcp;

impl Connect for Tcp {
    fn connect<'a>(&'a self, target: &'a Target) -> Connecting<'a> {
        Box::pin(async move {
            let stream = tcp(target).await?;
            let local = stream.local_addr().ok();
            Ok((Box::new(stream) as BoxIo, local))
        })
    }
}

/// Connects, with TLS if the target says so.
///
/// # Errors
/// See [`ConnectError`].
pub async fn dial(
    network: &dyn Connect,
    target: &Target,
    clock: &Clock,
) -> Result<Dialled, ConnectError> {
    let connected = clock.timeout(target.dial.timeout, connect(network, target)).await;
    connected.unwrap_or(Err(ConnectError::Timeout))
}

/// TLS over a stream.
struct Inside(tokio_rustls::client::TlsStream<BoxIo>);
proxy_http::io_through!(Inside, |tls| tls.0, tls.0.get_ref().0);

async fn connect(network: &dyn Connect, target: &Target) -> Result<Dialled, ConnectError> {
    let refused = |error: io::Error| match error.kind() {
        io::ErrorKind::TimedOut => ConnectError::Timeout,
        kind => ConnectError::Refused(kind),
    };
    let (mut stream, local) = network.connect(target).await.map_err(refused)?;
    if let Some(client) = &target.dial.introduced {
        stream.write_all(&introduction::header(client)).await.map_err(refused)?;
    }
    let Some(tls) = &target.tls else {
        return Ok(Dialled { io: stream, local, peer: None });
    };
    let connector = TlsConnector::from(tls.config.clone());
    let stream =
        connector.connect(tls.server_name.as_ref().clone(), stream).await.map_err(broken)?;
    let leaf = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let peer = leaf.and_then(|leaf| weft_identity::peer_uris(leaf).into_iter().next());
    Ok(Dialled { io: Box::new(Inside(stream)), local, peer: peer.map(Into::into) })
}

/// A handshake that failed: the server went away, or one side did not like the other.
fn broken(error: io::Error) -> ConnectError {
    match error.kind() {
        kind @ (io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe) => ConnectError::Refused(kind),
        _ => ConnectError::Tls(error.to_string()),
    }
}

async fn tcp(target: &Target) -> io::Result<TcpStream> {
    let socket = match target.address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if let Some(mark) = target.dial.mark
        && let Err(error) = SockRef::from(&socket).set_mark(mark)
    {
        // Without the privilege there are no capture rules either (tests, static mode on a host).
        tracing::debug!(%error, "cannot mark an upstream socket");
    }
    if let Some(keepalive) = &target.dial.keepalive {
        SockRef::from(&socket).set_tcp_keepalive(&probes(keepalive))?;
    }
    if let Some(ip) = target.dial.bind.filter(|ip| ip.is_ipv4() == target.address.is_ipv4()) {
        socket.bind(SocketAddr::new(ip, 0))?;
    }
    let stream = socket.connect(target.address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn probes(wanted: &Keepalive) -> TcpKeepalive {
    let mut settings = TcpKeepalive::new();
    if let Some(time) = wanted.time {
        settings = settings.with_time(time);
    }
    if let Some(interval) = wanted.interval {
        settings = settings.with_interval(interval);
    }
    if let Some(probes) = wanted.probes {
        settings = settings.with_retries(probes);
    }
    settings
}
