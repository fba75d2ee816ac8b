//! The web over HTTP/1.1, with TLS under the machine's authorities.
//!
//! In: a URL. Out: its content, or where it is instead.
//! Holds: at most [`LARGEST`] bytes are read of a content; no address of a blocked network is connected to, whatever name or
//! redirect leads there. Each request has a connection of its own, so that nothing of one reaches another.
//! Why the authorities are read for each request: a new one counts without a restart, and requests are few.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::header;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::{Position, Url};

use crate::{Answer, Web};

/// Bytes of a content that are read.
const LARGEST: usize = 1 << 20;

/// Where hosts are.
#[async_trait]
pub trait Addresses: Send + Sync + 'static {
    /// The addresses of a port of a host, best first.
    ///
    /// # Errors
    /// Why there are none, for a person.
    async fn of(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, String>;
}

/// The web.
pub struct Http {
    /// Where hosts are.
    pub addresses: Arc<dyn Addresses>,
    /// Networks that are never asked.
    pub blocked: Vec<IpNet>,
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http").field("blocked", &self.blocked).finish_non_exhaustive()
    }
}

#[async_trait]
impl Web for Http {
    async fn get(&self, at: &Url) -> Result<Answer, String> {
        let host = at.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = at.port_or_known_default().unwrap_or(80);
        let stream = self.connect(host, port).await?;
        match at.scheme() {
            "https" => exchange(secure(host, stream).await?, at).await,
            _ => exchange(stream, at).await,
        }
    }
}

impl Http {
    async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, String> {
        let mut last = format!("{host} has no address");
        for address in self.addresses.of(host, port).await? {
            let ip = address.ip().to_canonical();
            if let Some(network) = self.blocked.iter().find(|network| network.contains(&ip)) {
                return Err(format!("{host} is {ip}, which is in the blocked network {network}"));
            }
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = format!("{address}: {error}"),
            }
        }
        Err(last)
    }
}

async fn secure(
    host: &str,
    stream: TcpStream,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, String> {
    let roots = tokio::task::spawn_blocking(roots).await.map_err(|error| error.to_string())??;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let name = ServerName::try_from(host.to_owned()).map_err(|e| format!("{host:?}: {e}"))?;
    let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    connected.map_err(|error| format!("TLS with {host}: {error}"))
}

fn roots() -> Result<RootCertStore, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    match found.errors.first() {
        _ if !roots.is_empty() => Ok(roots),
        Some(error) => Err(format!("the machine's authorities cannot be read: {error}")),
        None => Err("this machine has no authorities that certificates could be under".to_owned()),
    }
}

async fn exchange<S>(stream: S, at: &Url) -> Result<Answer, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let text = |error: hyper::Error| error.to_string();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(text)?;
    let request = http::Request::get(&at[Position::BeforePath..Position::AfterQuery])
        .header(header::HOST, &at[Position::BeforeHost..Position::AfterPort])
        .header(header::ACCEPT, "application/jwk-set+json, application/json")
        .header(header::USER_AGENT, "weft")
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    let answer = async { read(sender.send_request(request).await.map_err(text)?).await };
    // The connection is driven for as long as the answer is read, and ends with it.
    let mut answer = std::pin::pin!(answer);
    tokio::select! {
        biased;
        answer = answer.as_mut() => answer,
        ended = connection => match ended {
            Ok(()) => answer.await,
            Err(error) => Err(error.to_string()),
        },
    }
}

async fn read(response: http::Response<hyper::body::Incoming>) -> Result<Answer, String> {
    let code = response.status();
    if code.is_redirection() {
        let to = response.headers().get(header::LOCATION).and_then(|to| to.to_str().ok());
        let moved = to.map(|to| Answer::Moved(to.to_owned()));
        return moved.ok_or_else(|| format!("it answers {code} without a readable location"));
    }
    if !code.is_success() {
        return Err(format!("it answers {code}"));
    }
    let body = Limited::new(response.into_body(), LARGEST).collect().await;
    let body = body.map_err(|error| match error.is::<http_body_util::LengthLimitError>() {
        true => format!("its answer is larger than {LARGEST} bytes"),
        false => format!("its answer cannot be read: {error}"),
    })?;
    Ok(Answer::Body(body.to_bytes()))
}
