//! Keys from a server with TLS, whose authority the machine does not know.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ctl_keys::{Addresses, Answer, Authorities, Http, Web};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use url::Url;

const HOST: &str = "issuer.example";
const BODY: &str = "keys";

struct At(SocketAddr);

#[async_trait]
impl Addresses for At {
    async fn of(&self, _: &str, _: u16) -> Result<Vec<SocketAddr>, String> {
        Ok(vec![self.0])
    }
}

/// What an operator named.
struct Named(Result<String, String>);

#[async_trait]
impl Authorities for Named {
    async fn pem(&self) -> Result<String, String> {
        self.0.clone()
    }
}

struct Root {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Root {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A server for [`HOST`] whose certificate ends at that time from now, in seconds.
    async fn serve(&self, host: &str, ends: i64) -> SocketAddr {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        let now = time::OffsetDateTime::now_utc();
        params.not_before = now - Duration::from_secs(7200);
        params.not_after = now + time::Duration::seconds(ends);
        let leaf = params.signed_by(&key, &self.issuer).unwrap();
        let leaf = CertificateDer::from(leaf.der().to_vec());
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                let text =
                    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{BODY}", BODY.len());
                stream.write_all(text.as_bytes()).await.unwrap();
            }
        });
        address
    }
}

/// What a fetch under these further authorities brings.
async fn fetch(address: SocketAddr, named: Result<String, String>) -> Result<String, String> {
    let (addresses, authorities) = (Arc::new(At(address)), Arc::new(Named(named)));
    let web = Http { addresses, authorities, blocked: Vec::new() };
    let at = Url::parse(&format!("https://{HOST}/jwks")).unwrap();
    match web.get(&at).await? {
        Answer::Body(body) => Ok(String::from_utf8(body.to_vec()).unwrap()),
        Answer::Moved(to) => Err(to),
    }
}

#[tokio::test]
async fn a_further_authority_is_believed_and_no_other() {
    let (own, other) = (Root::new(), Root::new());
    let server = own.serve(HOST, 3600).await;
    assert_eq!(fetch(server, Ok(own.pem.clone())).await.as_deref(), Ok(BODY));
    assert_eq!(fetch(server, Ok(other.pem.clone() + &own.pem)).await.as_deref(), Ok(BODY));
    for named in [String::new(), other.pem.clone()] {
        let said = fetch(server, Ok(named)).await.unwrap_err();
        assert!(said.starts_with("TLS with issuer.example"), "{said}");
    }
}

#[tokio::test]
async fn a_server_that_has_expired_or_is_another_is_refused_and_why_is_said() {
    let own = Root::new();
    let expired = own.serve(HOST, -60).await;
    let said = fetch(expired, Ok(own.pem.clone())).await.unwrap_err();
    assert!(said.to_lowercase().contains("expired"), "{said}");
    let other = own.serve("other.example", 3600).await;
    let said = fetch(other, Ok(own.pem.clone())).await.unwrap_err();
    assert!(said.contains("not valid for name"), "{said}");
}

#[tokio::test]
async fn authorities_that_cannot_be_read_add_none_and_are_told() {
    let own = Root::new();
    let server = own.serve(HOST, 3600).await;
    for (named, why) in [
        (Ok("no PEM at all".to_owned()), "have no PEM certificate in them"),
        (
            Ok(own.pem.replace("MII", "###")),
            "certificate 1 of the further authorities cannot be read",
        ),
        (Err("the store is away".to_owned()), "the store is away"),
    ] {
        let said = fetch(server, named).await.unwrap_err();
        assert!(said.contains(why), "{said}");
    }
}
