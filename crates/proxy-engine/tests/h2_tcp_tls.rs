//! HTTP/2, plain TCP, and mutual TLS between two proxies.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use proxy_config::cluster::Protocol;
use proxy_config::listener::{ChainMatch, Direction, FilterChain, Transport};
use proxy_config::matcher::StringMatcher;
use proxy_config::tls::{DownstreamTls, PeerName, UpstreamTls};
use support::{
    Proxy, cluster, config, forward, listener, manager, mirror, raw, route, routes, server,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use weft_identity::{Credential, IdentityStore};

/// One root, and credentials under it.
struct Mesh {
    root: rcgen::Certificate,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
}

impl Mesh {
    fn new() -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let root = params.self_signed(&key).unwrap();
        Self { root, issuer: rcgen::Issuer::new(params, key) }
    }

    fn identity(&self, account: &str) -> IdentityStore {
        let store = IdentityStore::new();
        self.rotate(&store, account);
        store
    }

    fn rotate(&self, store: &IdentityStore, account: &str) {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        let uri = format!("spiffe://cluster.local/ns/test/sa/{account}");
        params.subject_alt_names = vec![rcgen::SanType::URI(uri.try_into().unwrap())];
        let leaf = params.signed_by(&key, &self.issuer).unwrap();
        let credential =
            Credential::from_pem(&key.serialize_pem(), &leaf.pem(), &self.root.pem()).unwrap();
        store.publish(Arc::new(credential));
    }
}

/// An inbound proxy in PERMISSIVE mode before `app`.
fn inbound(mesh: &Mesh, app: std::net::SocketAddr, permissive: bool) -> Proxy {
    inbound_as(mesh.identity("server"), app, permissive)
}

fn inbound_as(identity: IdentityStore, app: std::net::SocketAddr, permissive: bool) -> Proxy {
    let routes = routes(vec![route("/", forward("app"))]);
    let mut inbound = listener("in", manager(Vec::new()));
    inbound.direction = Direction::Inbound;
    inbound.tls_inspector = support::inspector();
    let chain = |name: &str, transport, tls| FilterChain {
        name: name.into(),
        matches: ChainMatch { transport_protocol: Some(transport), ..ChainMatch::default() },
        tls,
        handshake_timeout: None,
        filters: vec![manager(Vec::new())],
    };
    let tls = DownstreamTls {
        require_client_certificate: true,
        alpn: vec!["h2".into(), "http/1.1".into()],
        certificates: vec!["default".into()],
        roots: Some("ROOTCA".into()),
        client_sans: vec![PeerName::Uri(StringMatcher::Prefix("spiffe://cluster.local/".into()))],
        ..DownstreamTls::default()
    };
    inbound.filter_chains = vec![Arc::new(chain("tls", Transport::Tls, Some(tls)))];
    if permissive {
        inbound.filter_chains.push(Arc::new(chain("plain", Transport::RawBuffer, None)));
    }
    let config = config(vec![inbound], routes, vec![cluster("app", &[app])]);
    Proxy::with_identity(config, identity)
}

/// An outbound proxy that speaks mutual TLS with servers called `account`.
fn outbound(mesh: &Mesh, to: std::net::SocketAddr, account: &str, protocol: Protocol) -> Proxy {
    let mut target = cluster("c", &[to]);
    target.protocol = protocol;
    target.tls = Some(Arc::new(UpstreamTls {
        sni: "outbound_.80_._.x.test.svc.cluster.local".into(),
        alpn: vec!["istio-peer-exchange".into(), "istio".into()],
        certificate: Some("default".into()),
        roots: Some("ROOTCA".into()),
        server_sans: vec![PeerName::Uri(StringMatcher::Exact(
            format!("spiffe://cluster.local/ns/test/sa/{account}").into(),
        ))],
        ..UpstreamTls::default()
    }));
    let routes = routes(vec![route("/", forward("c"))]);
    let config = config(vec![listener("out", manager(Vec::new()))], routes, vec![target]);
    Proxy::with_identity(config, mesh.identity("client"))
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn two_proxies_speak_mutual_tls_and_tell_who_asks() {
    let mesh = Mesh::new();
    let server = inbound(&mesh, mirror().await, true);
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let client = outbound(&mesh, server.address("in"), "server", protocol);
        let answer = raw(client.address("out"), GET).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.contains("URI=spiffe://cluster.local/ns/test/sa/client"), "{answer}");
        assert!(answer.contains("By=spiffe://cluster.local/ns/test/sa/server"), "{answer}");
        assert!(!answer.contains("x-envoy-peer-metadata"), "{answer}");
    }
    let plain = raw(server.address("in"), GET).await;
    assert!(plain.starts_with("HTTP/1.1 200 "), "{plain}");
    assert!(!plain.contains("x-forwarded-client-cert"), "{plain}");
}

#[tokio::test]
async fn strict_refuses_plain_text_and_a_wrong_server_name_is_refused() {
    let mesh = Mesh::new();
    let server = inbound(&mesh, mirror().await, false);
    let mut plain = TcpStream::connect(server.address("in")).await.unwrap();
    plain.write_all(GET).await.unwrap();
    let error = plain.read_to_end(&mut Vec::new()).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let client = outbound(&mesh, server.address("in"), "somebody-else", Protocol::Http1);
    let answer = raw(client.address("out"), GET).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("TLS error"), "{answer}");
    let stranger = outbound(&Mesh::new(), server.address("in"), "server", Protocol::Http1);
    assert!(raw(stranger.address("out"), GET).await.starts_with("HTTP/1.1 503 "));
}

#[tokio::test]
async fn permissive_to_strict_ends_plain_connections_at_their_next_request() {
    let mesh = Mesh::new();
    let mut server = inbound(&mesh, mirror().await, true);
    let mut client = TcpStream::connect(server.address("in")).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let head = support::read_head(&mut client).await.unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    server.publish(|config| {
        let mut strict = proxy_config::Listener::clone(&config.listeners["in"]);
        strict.filter_chains.truncate(1);
        config.listeners.insert("in".into(), Arc::new(strict));
    });
    client.write_all(b"GET /2 HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut rest = String::new();
    client.read_to_string(&mut rest).await.ok();
    assert!(!rest.contains("GET /2"), "{rest}");
}

#[tokio::test]
async fn h2_with_prior_knowledge_becomes_http1_and_back() {
    let proxy = Proxy::start(support::simple(&[mirror().await]));
    let stream = TcpStream::connect(proxy.address("in")).await.unwrap();
    let (mut send, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let mut answers = Vec::new();
    for i in 0..5 {
        let request = http::Request::post(format!("http://x/{i}"))
            .header("content-length", "3")
            .body(())
            .unwrap();
        let (answer, mut body) = send.send_request(request, false).unwrap();
        body.send_data(Bytes::from_static(b"abc"), true).unwrap();
        answers.push(answer);
    }
    for (i, answer) in answers.into_iter().enumerate() {
        let (parts, mut body) = answer.await.unwrap().into_parts();
        assert_eq!(parts.status, 200);
        assert_eq!(parts.headers["server"], "istio-envoy");
        let mut text = Vec::new();
        while let Some(data) = body.data().await {
            let data = data.unwrap();
            body.flow_control().release_capacity(data.len()).unwrap();
            text.extend_from_slice(&data);
        }
        let text = String::from_utf8(text).unwrap();
        assert!(text.starts_with(&format!("POST /{i} HTTP/1.1\r\nhost: x\r\n")), "{text}");
        assert!(text.ends_with("\r\n\r\nabc"), "{text}");
    }
}

/// A gRPC-like server: echoes data frames and ends with a status in trailers.
async fn grpc() -> std::net::SocketAddr {
    server(|_, stream| async move {
        let mut connection = h2::server::handshake(stream).await.unwrap();
        while let Some(Ok((request, mut respond))) = connection.accept().await {
            tokio::spawn(async move {
                let mut body = request.into_body();
                let answer = http::Response::builder()
                    .header("content-type", "application/grpc")
                    .body(())
                    .unwrap();
                let mut send = respond.send_response(answer, false).unwrap();
                while let Some(Ok(data)) = body.data().await {
                    body.flow_control().release_capacity(data.len()).unwrap();
                    send.reserve_capacity(data.len());
                    send.send_data(data, false).unwrap();
                }
                let mut trailers = http::HeaderMap::new();
                trailers.insert("grpc-status", "7".parse().unwrap());
                send.send_trailers(trailers).unwrap();
            });
        }
    })
    .await
}

#[tokio::test]
async fn streams_and_trailers_pass_both_ways_over_h2() {
    let mut config = support::simple(&[]);
    let mut target = cluster("c", &[grpc().await]);
    target.protocol = Protocol::Http2;
    config.clusters.insert("c".into(), Arc::new(target));
    let proxy = Proxy::start(config);
    let stream = TcpStream::connect(proxy.address("in")).await.unwrap();
    let (mut send, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::post("http://x/s/m")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .unwrap();
    let (answer, mut up) = send.send_request(request, false).unwrap();
    up.send_data(Bytes::from_static(b"one"), false).unwrap();
    let mut body = answer.await.unwrap().into_body();
    // The first echo comes while the request is still open.
    assert_eq!(body.data().await.unwrap().unwrap(), "one");
    up.send_data(Bytes::from_static(b"two"), true).unwrap();
    assert_eq!(body.data().await.unwrap().unwrap(), "two");
    while body.data().await.is_some() {}
    let trailers = body.trailers().await.unwrap().unwrap();
    assert_eq!(trailers["grpc-status"], "7");
}

#[tokio::test]
async fn tcp_passes_with_half_close() {
    let app = server(|_, mut stream| async move {
        let mut got = Vec::new();
        stream.read_to_end(&mut got).await.unwrap();
        stream.write_all(format!("got {}", got.len()).as_bytes()).await.unwrap();
    })
    .await;
    let routes = routes(Vec::new());
    let proxy = Proxy::start(config(
        vec![listener("t", support::tcp("c"))],
        routes,
        vec![cluster("c", &[app])],
    ));
    let mut client = TcpStream::connect(proxy.address("t")).await.unwrap();
    client.write_all(&vec![1; 300_000]).await.unwrap();
    client.shutdown().await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(Duration::from_secs(10), client.read_to_string(&mut answer))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(answer, "got 300000");
}

#[tokio::test]
async fn rotation_and_new_plans_lose_no_request() {
    let mesh = Mesh::new();
    let own = mesh.identity("server");
    let mut server = inbound_as(own.clone(), mirror().await, false);
    let mut client = outbound(&mesh, server.address("in"), "server", Protocol::Http1);
    let mut stream = TcpStream::connect(client.address("out")).await.unwrap();
    for i in 0..300 {
        if i % 10 == 0 {
            mesh.rotate(&own, "server");
            server.publish(|_| {});
        }
        if i % 7 == 0 {
            let name = if i % 2 == 0 { "c" } else { "d" };
            let mut other = proxy_config::Cluster::clone(&client.config.clusters["c"]);
            other.name = "d".into();
            client.publish(|config| {
                config.clusters.insert("d".into(), Arc::new(other));
                config.routes.insert("80".into(), routes(vec![route("/", forward(name))]));
            });
        }
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let head = support::read_head(&mut stream).await.unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{i}: {head}");
        let length = head.lines().find_map(|l| l.strip_prefix("content-length: ")).unwrap();
        stream.read_exact(&mut vec![0; length.parse().unwrap()]).await.unwrap();
    }
    // The last one is told after its answer was sent.
    support::wait_for(|| {
        let told = client.told.lock().unwrap();
        (told.iter().filter(|t| **t == (200, "-")).count() == 300).then_some(())
    });
}
