//! A gRPC channel to the control plane whose socket is exempt from traffic capture.
//!
//! In: where, which roots, which mark. Out: a connected channel with keep-alive.
//! Why the mark: the proxy's own connections must not be captured into the proxy.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::net::{TcpSocket, TcpStream, UnixStream};
use tonic::Status;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Uri};
use tower::service_fn;

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// `HOST:PORT` without TLS.
    Plain(String),
    /// `HOST:PORT` with TLS.
    Tls {
        /// `HOST:PORT`.
        address: String,
        /// Name that the server's certificate must carry.
        server_name: String,
        /// PEM of the roots.
        roots_pem: Vec<u8>,
    },
    /// A unix socket.
    Unix(PathBuf),
}

const CONNECT: Duration = Duration::from_secs(5);
const KEEP_ALIVE: Duration = Duration::from_secs(30);
const KEEP_ALIVE_ANSWER: Duration = Duration::from_secs(10);

/// Connects now, once. `mark` is set on the socket before it connects (needs CAP_NET_ADMIN).
///
/// # Errors
/// `UNAVAILABLE` with the cause, or `INVALID_ARGUMENT` for an address or root that cannot be read.
pub async fn connect(target: &Target, mark: Option<u32>) -> Result<Channel, Status> {
    match target {
        Target::Unix(path) => {
            let path = path.clone();
            let dial = service_fn(move |_: Uri| {
                let path = path.clone();
                async move { Ok::<_, io::Error>(TokioIo::new(UnixStream::connect(path).await?)) }
            });
            let endpoint = endpoint("http://localhost")?;
            endpoint.connect_with_connector(dial).await.map_err(unavailable)
        }
        Target::Plain(address) => tcp(endpoint(&format!("http://{address}"))?, address, mark).await,
        Target::Tls { address, server_name, roots_pem } => {
            let tls = ClientTlsConfig::new()
                .ca_certificate(Certificate::from_pem(roots_pem))
                .domain_name(server_name);
            let endpoint = endpoint(&format!("https://{address}"))?
                .tls_config(tls)
                .map_err(|e| Status::invalid_argument(causes(&e)))?;
            tcp(endpoint, address, mark).await
        }
    }
}

fn endpoint(uri: &str) -> Result<Endpoint, Status> {
    let endpoint = Endpoint::from_shared(uri.to_owned())
        .map_err(|e| Status::invalid_argument(format!("{uri}: {e}")))?;
    Ok(endpoint
        .connect_timeout(CONNECT)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE_ANSWER)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(1 << 20))
}

async fn tcp(endpoint: Endpoint, address: &str, mark: Option<u32>) -> Result<Channel, Status> {
    let address = address.to_owned();
    let dial = service_fn(move |_: Uri| {
        let address = address.clone();
        async move { dial(&address, mark).await.map(TokioIo::new) }
    });
    endpoint.connect_with_connector(dial).await.map_err(unavailable)
}

async fn dial(address: &str, mark: Option<u32>) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, format!("{address}: no such host"));
    for address in tokio::net::lookup_host(address).await? {
        match dial_one(address, mark).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = io::Error::new(error.kind(), format!("{address}: {error}")),
        }
    }
    Err(last)
}

async fn dial_one(address: SocketAddr, mark: Option<u32>) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(mark) = mark {
        socket2::SockRef::from(&socket).set_mark(mark)?;
    }
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn unavailable(error: tonic::transport::Error) -> Status {
    Status::unavailable(causes(&error))
}

fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
