//! Upgrades and CONNECT, from either version of HTTP to either.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use h2::ext::Protocol as Asked;
use http::{Method, Request, StatusCode};
use proxy_config::ProxyConfig;
use proxy_config::cluster::Protocol;
use proxy_config::route::PathMatch;
use support::{Proxy, cluster, forward, manager_with, raw, read_head, server, simple};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A server of HTTP/1 that agrees to upgrades and CONNECT and then sends back what comes; its first words are its head.
async fn echo_h1() -> SocketAddr {
    server(|_, mut stream| async move {
        let head = read_head(&mut stream).await.unwrap();
        let answer = match head.starts_with("CONNECT ") {
            true => "HTTP/1.1 200 OK\r\n\r\n",
            false if head.starts_with("GET /no") => {
                "HTTP/1.1 404 x\r\nContent-Length: 4\r\n\r\nnone"
            }
            false => {
                "HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-A: 1\r\n\r\n"
            }
        };
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let (mut from, mut to) = stream.split();
        tokio::io::copy(&mut from, &mut to).await.ok();
    })
    .await
}

/// The same in HTTP/2.
async fn echo_h2() -> SocketAddr {
    server(|_, stream| async move {
        let mut builder = h2::server::Builder::new();
        builder.enable_connect_protocol();
        let mut connection = builder.handshake::<_, Bytes>(stream).await.unwrap();
        while let Some(Ok((request, mut answer))) = connection.accept().await {
            tokio::spawn(async move {
                let asked = request.extensions().get::<Asked>().map(|p| p.as_str().to_owned());
                let words = format!("{} {:?} {}\r\n\r\n", request.method(), asked, request.uri());
                let mut to = answer.send_response(http::Response::new(()), false).unwrap();
                to.send_data(Bytes::from(words), false).unwrap();
                let mut from = request.into_body();
                while let Some(Ok(data)) = from.data().await {
                    from.flow_control().release_capacity(data.len()).unwrap();
                    to.send_data(data, false).unwrap();
                }
                to.send_data(Bytes::new(), true).ok();
            });
        }
    })
    .await
}

fn toward(address: SocketAddr, protocol: Protocol) -> ProxyConfig {
    let mut config = simple(&[address]);
    let mut changed = cluster("c", &[address]);
    changed.protocol = protocol;
    config.clusters.insert("c".into(), Arc::new(changed));
    config
}

/// What came of a tunnel over HTTP/2: the status, and every byte of the answer to 300 kB.
async fn through_h2(front: SocketAddr, request: Request<()>) -> (StatusCode, String, usize) {
    let stream = TcpStream::connect(front).await.unwrap();
    let (mut send, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    // The server's settings come with the first answer.
    let plain = Request::get("http://x/none").body(()).unwrap();
    let (first, _) = send.send_request(plain, true).unwrap();
    first.await.unwrap();
    assert!(send.is_extended_connect_protocol_enabled());
    let (answer, mut up) = send.send_request(request, false).unwrap();
    let answer = answer.await.unwrap();
    let status = answer.status();
    let mut down = answer.into_body();
    if status == StatusCode::OK {
        up.send_data(Bytes::from(vec![b'x'; 300_000]), true).unwrap();
    }
    let mut all = Vec::new();
    while let Some(data) = down.data().await {
        let data = data.unwrap();
        down.flow_control().release_capacity(data.len()).unwrap();
        all.extend_from_slice(&data);
    }
    let head = all.windows(4).position(|end| end == b"\r\n\r\n").map_or(all.len(), |at| at + 4);
    let echoed = all.split_off(head).len();
    (status, String::from_utf8(all).unwrap(), echoed)
}

fn websocket(path: &str) -> Request<()> {
    let mut request = Request::new(());
    *request.method_mut() = Method::CONNECT;
    *request.uri_mut() = format!("http://x{path}").parse().unwrap();
    request.extensions_mut().insert(Asked::from("websocket"));
    request
}

#[tokio::test]
async fn a_websocket_of_http_2_reaches_a_server_of_http_1_as_an_upgrade_with_a_key() {
    let proxy = Proxy::start(toward(echo_h1().await, Protocol::Http1));
    let front = proxy.address("in");
    let (status, head, echoed) = through_h2(front, websocket("/chat")).await;
    assert_eq!((status, echoed), (StatusCode::OK, 300_000), "{head}");
    assert!(head.starts_with("GET /chat HTTP/1.1\r\nhost: x\r\n"), "{head}");
    assert!(head.contains("connection: Upgrade\r\nupgrade: websocket\r\n"), "{head}");
    let key = head.lines().find_map(|line| line.strip_prefix("sec-websocket-key: ")).unwrap();
    assert!(key.len() == 24 && key.ends_with("=="), "{key}");
    let (status, body, _) = through_h2(front, websocket("/no")).await;
    assert_eq!((status, body.as_str()), (StatusCode::NOT_FOUND, "none"));
}

#[tokio::test]
async fn a_websocket_of_http_2_reaches_a_server_of_http_2() {
    for protocol in [Protocol::Http2, Protocol::Downstream] {
        let proxy = Proxy::start(toward(echo_h2().await, protocol));
        let (status, head, echoed) = through_h2(proxy.address("in"), websocket("/chat")).await;
        assert_eq!((status, echoed), (StatusCode::OK, 300_000), "{head}");
        assert_eq!(head, "CONNECT Some(\"websocket\") http://x/chat\r\n\r\n");
    }
}

#[tokio::test]
async fn an_upgrade_of_http_1_reaches_a_server_of_http_2() {
    let proxy = Proxy::start(toward(echo_h2().await, Protocol::Http2));
    let mut client = TcpStream::connect(proxy.address("in")).await.unwrap();
    let ask = b"GET /chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    client.write_all(ask).await.unwrap();
    let head = read_head(&mut client).await.unwrap();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(head.contains("upgrade: websocket\r\n"), "{head}");
    let words = read_head(&mut client).await.unwrap();
    assert_eq!(words, "CONNECT Some(\"websocket\") http://x/chat\r\n\r\n");
    client.write_all(b"ping").await.unwrap();
    client.shutdown().await.unwrap();
    let mut rest = String::new();
    client.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "ping");
}

#[tokio::test]
async fn what_no_upgrade_allows_is_refused_with_403_and_connect_is_one_of_them_where_it_has_a_route()
 {
    let proxy = Proxy::start(toward(echo_h1().await, Protocol::Http1));
    let front = proxy.address("in");
    for (ask, status) in [
        ("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n", "403"),
        ("CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n", "404"),
    ] {
        let answer = raw(front, ask.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
    let connect = || Request::connect("x:80").body(()).unwrap();
    assert_eq!(through_h2(front, connect()).await.0, StatusCode::NOT_FOUND);
    let mut route = support::route("/", forward("c"));
    route.matches.path = PathMatch::Connect;
    let mut config = toward(echo_h1().await, Protocol::Http1);
    config.routes.insert("80".into(), support::routes(vec![route]));
    let proxy = Proxy::start(config);
    assert_eq!(through_h2(proxy.address("in"), connect()).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_server_that_does_not_upgrade_is_not_taken_for_one_that_agrees() {
    let proxy = Proxy::start(toward(support::mirror().await, Protocol::Http1));
    let (status, body, _) = through_h2(proxy.address("in"), websocket("/chat")).await;
    assert_eq!((status, body.as_str()), (StatusCode::BAD_GATEWAY, "the server did not upgrade"));
    let ask = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    let answer = raw(proxy.address("in"), ask).await;
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.contains("\r\n\r\nGET / HTTP/1.1"),
        "{answer}"
    );
}

#[tokio::test]
async fn connect_goes_through_where_it_is_an_upgrade_and_has_a_route() {
    let mut route = support::route("/", forward("c"));
    route.matches.path = PathMatch::Connect;
    for (address, protocol) in
        [(echo_h1().await, Protocol::Http1), (echo_h2().await, Protocol::Http2)]
    {
        let mut config = manager_with(toward(address, protocol), |manager| {
            manager.upgrades = vec!["connect".into()];
        });
        config.routes.insert("80".into(), support::routes(vec![route.clone()]));
        let proxy = Proxy::start(config);
        let connect = Request::connect("x:80").body(()).unwrap();
        let (status, head, echoed) = through_h2(proxy.address("in"), connect).await;
        assert_eq!((status, echoed), (StatusCode::OK, 300_000), "{head}");
        assert!(head.starts_with("CONNECT "), "{head}");
        let mut client = TcpStream::connect(proxy.address("in")).await.unwrap();
        client.write_all(b"CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n").await.unwrap();
        let head = read_head(&mut client).await.unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        assert!(!head.contains("transfer-encoding") && !head.contains("content-length"), "{head}");
        read_head(&mut client).await.unwrap();
        client.write_all(b"ping").await.unwrap();
        let mut got = [0; 4];
        client.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"ping");
    }
}
