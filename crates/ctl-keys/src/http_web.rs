//! The web over HTTP/1.1, with TLS under the machine's authorities and further ones that an operator names.
//!
//! In: a URL. Out: its content, or where it is instead.
//! Holds: at most [`LARGEST`] bytes are read of a content; no address of a blocked network is connected to, whatever name or
//! redirect leads there. Each request has a connection of its own, so that nothing of one reaches another.
//! Further authorities that cannot be read add none, and are told when a server is not verified.
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
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
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

/// Further authorities that servers of keys may be under.
#[async_trait]
pub trait Authorities: Send + Sync + 'static {
    /// Their PEM; empty for none.
    ///
    /// # Errors
    /// Why they cannot be read, for a person.
    async fn pem(&self) -> Result<String, String>;
}

/// The web.
pub struct Http {
    /// Where hosts are.
    pub addresses: Arc<dyn Addresses>,
    /// Authorities beside the machine's.
    pub authorities: Arc<dyn Authorities>,
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
            "https" => exchange(self.secure(host, stream).await?, at).await,
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

    async fn secure(
        &self,
        host: &str,
        stream: TcpStream,
    ) -> Result<tokio_rustls::client::TlsStream<TcpStream>, String> {
        let further = self.authorities.pem().await;
        let (roots, wrong) = tokio::task::spawn_blocking(move || roots(further))
            .await
            .map_err(|error| error.to_string())?;
        let also = wrong.iter().map(|why| format!("; {why}")).collect::<String>();
        if roots.is_empty() {
            return Err(format!("TLS with {host}: no authority is trusted{also}"));
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let name = ServerName::try_from(host.to_owned()).map_err(|e| format!("{host:?}: {e}"))?;
        let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
        connected.map_err(|error| format!("TLS with {host}: {error}{also}"))
    }
}

/// The machine's authorities and further ones, and what is wrong with either.
fn roots(further: Result<String, String>) -> (RootCertStore, Vec<String>) {
    let (mut roots, mut wrong) = (RootCertStore::empty(), Vec::new());
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    match found.errors.first() {
        _ if !roots.is_empty() => {}
        Some(error) => wrong.push(format!("the machine's authorities cannot be read: {error}")),
        None => wrong.push("this machine has no authorities".to_owned()),
    }
    match further.and_then(|pem| add(&mut roots, &pem)) {
        Ok(()) => {}
        Err(error) => wrong.push(error),
    }
    (roots, wrong)
}

/// Adds all certificates of a PEM, or tells which cannot be read.
fn add(roots: &mut RootCertStore, pem: &str) -> Result<(), String> {
    let mut found = 0_usize;
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        found += 1;
        let told = |error: &dyn std::fmt::Display| {
            format!("certificate {found} of the further authorities cannot be read: {error}")
        };
        let certificate = certificate.map_err(|error| told(&error))?;
        roots.add(certificate).map_err(|error| told(&error))?;
    }
    match found == 0 && !pem.trim().is_empty() {
        true => Err("the further authorities have no PEM certificate in them".to_owned()),
        false => Ok(()),
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
    // The connection is driven for as long as the answer is read, and ends with it. Servers that end it without a word of TLS have
    // still answered, when the answer is whole.
    let mut answer = std::pin::pin!(answer);
    tokio::select! {
        biased;
        answer = answer.as_mut() => answer,
        ended = connection => {
            let answer = answer.await;
            match ended {
                Err(error) => answer.map_err(|_consequence| error.to_string()),
                Ok(()) => answer,
            }
        }
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
