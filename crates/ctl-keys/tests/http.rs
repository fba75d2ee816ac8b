//! Keys from a real server on the loopback.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use ctl_keys::{Addresses, Answer, Authorities, Found, Http, Keys, Parts, Place, Web, Wish};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use url::Url;
use weft_rt::{Clock, Rng};

const SET: &str =
    r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

/// Every host is at one address.
struct At(SocketAddr);

#[async_trait]
impl Addresses for At {
    async fn of(&self, _: &str, _: u16) -> Result<Vec<SocketAddr>, String> {
        Ok(vec![self.0])
    }
}

/// No authority but the machine's.
struct Usual;

#[async_trait]
impl Authorities for Usual {
    async fn pem(&self) -> Result<String, String> {
        Ok(String::new())
    }
}

async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let whole = |status: &str, more: &str, body: &str| {
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{more}\r\n{body}", body.len())
    };
    let text = match head.split_ascii_whitespace().nth(1).unwrap_or_default() {
        "/jwks?tenant=a" if head.contains("host: issuer.example\r\n") => whole("200 OK", "", SET),
        "/moved" => whole("302 Found", "location: /jwks?tenant=a\r\n", ""),
        "/broken" => whole("500 Internal Server Error", "", "oh"),
        "/endless" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
            loop {
                stream.write_all(&[b' '; 65536]).await?;
            }
        }
        _ => whole("404 Not Found", "", ""),
    };
    stream.write_all(text.as_bytes()).await
}

async fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    });
    address
}

fn http(address: SocketAddr, blocked: &[&str]) -> Http {
    let blocked = blocked.iter().map(|network| network.parse().unwrap()).collect();
    Http { addresses: Arc::new(At(address)), authorities: Arc::new(Usual), blocked }
}

#[tokio::test]
async fn keys_come_over_http_and_what_is_wrong_is_said() {
    let web = Arc::new(http(server().await, &[]));
    let (period, clock, rng) = (std::time::Duration::from_secs(600), Clock::real(), Rng::seeded(1));
    let parts = Parts { web, period, file: None, clock, rng };
    let stop = CancellationToken::new();
    let _running = stop.clone().drop_guard();
    let mut keys = Keys::start(parts, stop);
    let place = |path: &str| Place::Uri(format!("http://issuer.example{path}"));
    let paths = ["/jwks?tenant=a", "/moved", "/broken", "/endless", "/none"];
    let patience = std::time::Duration::from_secs(60);
    let wish = || Wish { patience, ..Wish::default() };
    keys.ask(paths.iter().map(|path| (place(path), wish())).collect());
    let known = |found: &Found| {
        let all =
            found.places.values().filter(|held| held.keys.is_some() || held.failure.is_some());
        all.count() == paths.len()
    };
    while !known(&keys.found()) {
        keys.changed().await;
    }
    let found = keys.found();
    for path in ["/jwks?tenant=a", "/moved"] {
        assert_eq!(found.keys(&place(path)).map(|keys| &**keys), Some(SET), "{path}: {found:?}");
    }
    for (path, why) in [("/broken", "500"), ("/none", "404"), ("/endless", "1048576")] {
        let said = found.places[&place(path)].failure.clone().unwrap().why;
        assert!(said.contains(why), "{path}: {said}");
    }
}

#[tokio::test]
async fn a_blocked_network_is_not_asked() {
    let at = Url::parse("http://issuer.example/jwks?tenant=a").unwrap();
    let address = server().await;
    let blocked = http(address, &["10.0.0.0/8", "127.0.0.0/8"]).get(&at).await;
    assert!(blocked.unwrap_err().contains("blocked network 127.0.0.0/8"));
    let open = http(address, &["10.0.0.0/8"]).get(&at).await;
    assert!(matches!(open, Ok(Answer::Body(body)) if body == SET));
}
