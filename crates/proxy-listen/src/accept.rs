//! TLS on an accepted connection.
//!
//! In: a stream and settings that verify the client as they were made to. Out: a stream and who is at its end.
//! Holds: a handshake has a time limit of the caller.

use std::io;
use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proxy_http::BoxIo;
use tokio_rustls::TlsAcceptor;
use weft_identity::rustls::ServerConfig;
use weft_identity::rustls::pki_types::CertificateDer;
use x509_parser::objects::{oid_registry, oid2abbrev};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

/// A verified client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// URI names in its certificate, the first being its identity.
    pub uris: Vec<String>,
    /// SHA-256 of its certificate, in hexadecimal.
    pub hash: String,
    /// Its certificate.
    pub certificate: CertificateDer<'static>,
    names: OnceLock<Names>,
    pem: OnceLock<String>,
}

/// More of what a client's certificate says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// Its subject, the last part first, as RFC 2253 has it.
    pub subject: String,
    /// DNS names.
    pub dns: Vec<String>,
}

impl Peer {
    /// More of the certificate, read when it is first asked for.
    #[must_use]
    pub fn names(&self) -> &Names {
        self.names.get_or_init(|| Names::of(&self.certificate))
    }

    /// The certificate as PEM, made when it is first asked for.
    #[must_use]
    pub fn pem(&self) -> &str {
        self.pem.get_or_init(|| pem(&self.certificate))
    }

    fn of(leaf: &CertificateDer<'static>) -> Self {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, leaf);
        let hash = digest.as_ref().iter().fold(String::with_capacity(64), |mut text, byte| {
            for digit in [byte >> 4, byte & 15] {
                text.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
            }
            text
        });
        let (names, pem) = (OnceLock::new(), OnceLock::new());
        let uris = weft_identity::peer_uris(leaf);
        Self { uris, hash, certificate: leaf.clone(), names, pem }
    }
}

impl Names {
    fn of(certificate: &[u8]) -> Self {
        let Ok((_, leaf)) = X509Certificate::from_der(certificate) else {
            return Self::default();
        };
        let parts = leaf.subject().iter_attributes().map(|part| {
            let kind = oid2abbrev(part.attr_type(), oid_registry());
            format!("{}={}", kind.unwrap_or("?"), part.as_str().unwrap_or("?"))
        });
        let mut parts: Vec<String> = parts.collect();
        parts.reverse();
        let dns = leaf.subject_alternative_name().ok().flatten().map_or_else(Vec::new, |names| {
            let dns = names.value.general_names.iter().filter_map(|name| match name {
                GeneralName::DNSName(name) => Some((*name).to_owned()),
                _ => None,
            });
            dns.collect()
        });
        Self { subject: parts.join(","), dns }
    }
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines = text.as_bytes().chunks(64).map(String::from_utf8_lossy);
    let body: Vec<_> = lines.collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", body.join("\n"))
}

/// A connection after its handshake.
pub struct Secured {
    /// The stream inside.
    pub io: BoxIo,
    /// The client, if it showed a certificate that was verified.
    pub peer: Option<Box<Peer>>,
    /// The protocol agreed on.
    pub alpn: Option<Vec<u8>>,
}

impl std::fmt::Debug for Secured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secured").field("alpn", &self.alpn).finish_non_exhaustive()
    }
}

/// TLS over whatever stream.
struct Inside(tokio_rustls::server::TlsStream<BoxIo>);
proxy_http::io_through!(Inside, |tls| tls.0, tls.0.get_ref().0);

/// Performs the server's side of the handshake.
///
/// # Errors
/// When the client breaks off, or is not who it must be.
pub async fn accept_tls(io: BoxIo, config: Arc<ServerConfig>) -> io::Result<Secured> {
    let mut stream = TlsAcceptor::from(config).accept(io).await?;
    // A request is small; the library's own 64 KiB of write-ahead would only hide back-pressure.
    stream.get_mut().1.set_buffer_limit(Some(64 * 1024));
    let (_, session) = stream.get_ref();
    let peer =
        session.peer_certificates().and_then(<[_]>::first).map(|leaf| Box::new(Peer::of(leaf)));
    let alpn = session.alpn_protocol().map(<[u8]>::to_vec);
    Ok(Secured { io: Box::new(Inside(stream)), peer, alpn })
}
