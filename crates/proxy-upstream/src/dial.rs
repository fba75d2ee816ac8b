//! One new connection.
//!
//! Holds: every socket carries the mark, else capture rules would send it back to us.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use proxy_http::BoxIo;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use weft_rt::Clock;

use crate::{Keepalive, Target};

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

/// Connects, with TLS if the target says so.
///
/// # Errors
/// See [`ConnectError`].
pub async fn dial(target: &Target, clock: &Clock) -> Result<Dialled, ConnectError> {
    let connected = clock.timeout(target.dial.timeout, connect(target)).await;
    connected.unwrap_or(Err(ConnectError::Timeout))
}

/// TLS over a socket.
struct Inside(tokio_rustls::client::TlsStream<TcpStream>);
proxy_http::io_through!(Inside, |tls| tls.0, tls.0.get_ref().0);

async fn connect(target: &Target) -> Result<Dialled, ConnectError> {
    let refused = |error: io::Error| match error.kind() {
        io::ErrorKind::TimedOut => ConnectError::Timeout,
        kind => ConnectError::Refused(kind),
    };
    let stream = tcp(target).await.map_err(refused)?;
    let local = stream.local_addr().ok();
    let Some(tls) = &target.tls else {
        return Ok(Dialled { io: Box::new(stream), local, peer: None });
    };
    let connector = TlsConnector::from(tls.config.clone());
    let stream = connector
        .connect(tls.server_name.clone(), stream)
        .await
        .map_err(|error| ConnectError::Tls(error.to_string()))?;
    let leaf = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let peer = leaf.and_then(|leaf| weft_identity::peer_uris(leaf).into_iter().next());
    Ok(Dialled { io: Box::new(Inside(stream)), local, peer: peer.map(Into::into) })
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
