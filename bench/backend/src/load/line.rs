//! One connection of the generator, plain or TLS, and one exchange on it.
//! In: an address. Out: a stream, and the number of bytes of an answer. Holds: an answer is read to its last byte, and is a 200.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};

const END: &[u8] = b"\r\n\r\n";
/// Longest head of an answer.
const HEAD: usize = 64 * 1024;

/// How a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Protection {
    /// Not at all.
    None,
    /// TLS, each connection with a full handshake.
    Full,
    /// TLS, resumed where the server gave a ticket.
    Resumed,
}

/// What bytes go over.
pub(crate) trait Line: Read + Write + Send {}
impl<T: Read + Write + Send> Line for T {}

/// Makes connections of one kind.
pub(crate) struct Dialer {
    address: SocketAddr,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

impl Dialer {
    pub(crate) fn new(address: SocketAddr, host: &str, protection: Protection) -> Result<Self> {
        let tls = (protection != Protection::None)
            .then(|| {
                Ok::<_, anyhow::Error>((
                    config(protection)?,
                    ServerName::try_from(host.to_owned())?,
                ))
            })
            .transpose()?;
        Ok(Self { address, tls })
    }

    pub(crate) fn dial(&self) -> Result<Box<dyn Line>> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        // Closed by a reset: a port that waits after its connection could not be used again, and they would run out.
        rustix::net::sockopt::set_socket_linger(&stream, Some(std::time::Duration::ZERO))?;
        let Some((config, name)) = &self.tls else { return Ok(Box::new(stream)) };
        let connection = ClientConnection::new(Arc::clone(config), name.clone())?;
        Ok(Box::new(StreamOwned::new(connection, stream)))
    }
}

fn config(protection: Protection) -> Result<Arc<ClientConfig>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone(provider)))
        .with_no_client_auth();
    if protection == Protection::Full {
        config.resumption = Resumption::disabled();
    }
    Ok(Arc::new(config))
}

/// Believes every server: what a client spends on proof is not what is measured.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// A request for so many bytes.
pub(crate) fn request(host: &str, bytes: usize, connection: &str) -> Vec<u8> {
    format!("GET /{bytes} HTTP/1.1\r\nHost: {host}\r\nConnection: {connection}\r\n\r\n")
        .into_bytes()
}

/// Sends a request and reads its answer.
pub(crate) fn exchange(line: &mut dyn Line, request: &[u8], buffer: &mut Vec<u8>) -> Result<()> {
    line.write_all(request)?;
    answer(line, buffer)
}

/// Reads an answer with a length.
pub(crate) fn answer(line: &mut dyn Line, buffer: &mut Vec<u8>) -> Result<()> {
    let (head, mut held) = head(line, buffer)?;
    ensure!(
        buffer.starts_with(b"HTTP/1.1 200 "),
        "not a 200: {:?}",
        String::from_utf8_lossy(buffer)
    );
    let whole = head + length(&buffer[..head]).context("an answer without its length")?;
    let mut piece = [0; 16 * 1024];
    while held < whole {
        held += some(line, &mut piece)?;
    }
    ensure!(held == whole, "{held} bytes instead of {whole}");
    Ok(())
}

/// Reads until a head is whole; answers how long it is, and how many bytes came in all.
pub(crate) fn head(line: &mut dyn Line, buffer: &mut Vec<u8>) -> Result<(usize, usize)> {
    buffer.clear();
    let mut piece = [0; 16 * 1024];
    loop {
        let count = some(line, &mut piece)?;
        buffer.extend_from_slice(&piece[..count]);
        if let Some(end) = buffer.windows(END.len()).position(|window| window == END) {
            return Ok((end + END.len(), buffer.len()));
        }
        ensure!(buffer.len() < HEAD, "a head without an end");
    }
}

fn some(line: &mut dyn Line, piece: &mut [u8]) -> io::Result<usize> {
    match line.read(piece)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        count => Ok(count),
    }
}

/// The number in `content-length`.
fn length(head: &[u8]) -> Option<usize> {
    let head = std::str::from_utf8(head).ok()?;
    head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_where_its_length_says() {
        let whole = b"HTTP/1.1 200 OK\r\ncontent-Length: 3\r\n\r\nabc";
        assert_eq!(length(&whole[..whole.len() - 3]), Some(3));
        for (bytes, good) in [(whole.len(), true), (whole.len() - 1, false)] {
            let mut line = io::Cursor::new(whole[..bytes].to_vec());
            assert_eq!(answer(&mut line, &mut Vec::new()).is_ok(), good);
        }
    }
}
