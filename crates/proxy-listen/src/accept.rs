//! TLS on an accepted connection.
//!
//! In: a stream and settings that verify the client as they were made to. Out: a stream and who is at its end.
//! Holds: a handshake has a time limit of the caller.

use std::io;
use std::sync::Arc;

use proxy_http::BoxIo;
use tokio_rustls::TlsAcceptor;
use weft_identity::rustls::ServerConfig;
use weft_identity::rustls::pki_types::CertificateDer;

/// A verified client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// URI names in its certificate, the first being its identity.
    pub uris: Vec<String>,
    /// SHA-256 of its certificate, in hexadecimal.
    pub hash: String,
}

impl Peer {
    fn of(leaf: &CertificateDer<'_>) -> Self {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, leaf);
        let hash = digest.as_ref().iter().fold(String::with_capacity(64), |mut text, byte| {
            for digit in [byte >> 4, byte & 15] {
                text.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
            }
            text
        });
        Self { uris: weft_identity::peer_uris(leaf), hash }
    }
}

/// A connection after its handshake.
pub struct Secured {
    /// The stream inside.
    pub io: BoxIo,
    /// The client, if it showed a certificate that was verified.
    pub peer: Option<Peer>,
    /// The protocol agreed on.
    pub alpn: Option<Vec<u8>>,
}

impl std::fmt::Debug for Secured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secured").field("alpn", &self.alpn).finish_non_exhaustive()
    }
}

/// Performs the server's side of the handshake.
///
/// # Errors
/// When the client breaks off, or is not who it must be.
pub async fn accept_tls(io: BoxIo, config: Arc<ServerConfig>) -> io::Result<Secured> {
    let mut stream = TlsAcceptor::from(config).accept(io).await?;
    // A request is small; the library's own 64 KiB of write-ahead would only hide back-pressure.
    stream.get_mut().1.set_buffer_limit(Some(64 * 1024));
    let (_, session) = stream.get_ref();
    let peer = session.peer_certificates().and_then(<[_]>::first).map(Peer::of);
    let alpn = session.alpn_protocol().map(<[u8]>::to_vec);
    Ok(Secured { io: Box::new(stream), peer, alpn })
}
