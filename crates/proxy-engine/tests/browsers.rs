//! gRPC-Web of browsers, towards a server that speaks gRPC only.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use proxy_config::ProxyConfig;
use proxy_config::cluster::Protocol;
use proxy_config::http::HttpFilter;
use support::{Proxy, cluster, manager_with, raw, server, simple};

/// Answers with what it is told of the call, and the message as it came; the method `none` is unknown to it.
async fn grpc() -> SocketAddr {
    server(|_, stream| async move {
        let mut connection = h2::server::handshake(stream).await.unwrap();
        while let Some(Ok((request, mut answer))) = connection.accept().await {
            tokio::spawn(async move {
                let field = |name: &str| request.headers().get(name).unwrap().to_str().unwrap();
                let head = http::Response::builder().header("content-type", "application/grpc");
                if request.uri().path() == "/t.App/none" {
                    let head = head.header("grpc-status", "12").body(()).unwrap();
                    answer.send_response(head, true).unwrap();
                    return;
                }
                let told = format!("{} {};", field("content-type"), field("te"));
                let mut to = answer.send_response(head.body(()).unwrap(), false).unwrap();
                to.send_data(Bytes::from(told), false).unwrap();
                let mut from = request.into_body();
                while let Some(Ok(data)) = from.data().await {
                    to.send_data(data, false).unwrap();
                }
                let mut trailers = http::HeaderMap::new();
                trailers.insert("grpc-status", "0".parse().unwrap());
                trailers.insert("x-end", "told".parse().unwrap());
                to.send_trailers(trailers).unwrap();
            });
        }
    })
    .await
}

fn bridged(address: SocketAddr) -> ProxyConfig {
    let mut config = simple(&[address]);
    let mut changed = cluster("c", &[address]);
    changed.protocol = Protocol::Http2;
    config.clusters.insert("c".into(), Arc::new(changed));
    manager_with(config, |manager| manager.filters.insert(0, HttpFilter::GrpcWeb))
}

async fn call(proxy: &Proxy, method: &str, kind: &str, body: &str) -> String {
    let head = format!(
        "POST /t.App/{method} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {kind}\r\nAccept: {kind}\r\n"
    );
    let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
    raw(proxy.address("in"), request.as_bytes()).await
}

#[tokio::test]
async fn a_browser_is_answered_with_trailers_in_the_body() {
    let proxy = Proxy::start(bridged(grpc().await));
    let told = call(&proxy, "echo", "application/grpc-web+proto", "\0\0\0\0\u{1}x").await;
    assert!(told.starts_with("HTTP/1.1 200 OK\r\n"), "{told}");
    assert!(told.contains("content-type: application/grpc-web+proto\r\n"), "{told}");
    assert!(told.contains("application/grpc+proto trailers;"), "{told}");
    assert!(told.contains("\0\0\0\0\u{1}x"), "{told}");
    assert!(told.contains("grpc-status:0\r\nx-end:told\r\n"), "{told}");
}

#[tokio::test]
async fn text_is_base64_both_ways_and_what_is_none_is_refused() {
    let proxy = Proxy::start(bridged(grpc().await));
    // Two parts, each padded by itself.
    let body = format!("{}{}", STANDARD.encode(b"\0\0\0\0"), STANDARD.encode(b"\x01x"));
    let told = call(&proxy, "echo", "application/grpc-web-text", &body).await;
    assert!(told.contains("content-type: application/grpc-web-text+proto\r\n"), "{told}");
    for part in
        [&b"application/grpc trailers;"[..], b"\x80\0\0\0\x1bgrpc-status:0\r\nx-end:told\r\n"]
    {
        assert!(told.contains(&STANDARD.encode(part)), "{part:?} is not in {told}");
    }
    let told = call(&proxy, "echo", "application/grpc-web-text", "!!!!").await;
    assert!(told.contains("grpc-status: 13\r\n"), "{told}");
}

#[tokio::test]
async fn an_answer_without_a_body_and_others_calls_pass_as_they_are() {
    let proxy = Proxy::start(bridged(grpc().await));
    let told = call(&proxy, "none", "application/grpc-web", "").await;
    assert!(told.contains("grpc-status: 12\r\n"), "{told}");
    assert!(told.contains("content-type: application/grpc-web+proto\r\n"), "{told}");
    let gone = Proxy::start(bridged("127.0.0.1:1".parse().unwrap()));
    let told = call(&gone, "echo", "application/grpc-web", "").await;
    assert!(
        told.starts_with("HTTP/1.1 200 OK\r\n") && told.contains("grpc-status: 14\r\n"),
        "{told}"
    );
    let told = call(&gone, "echo", "text/plain", "").await;
    assert!(told.starts_with("HTTP/1.1 503 "), "{told}");
}
