//! Somebody else decides: a real small server of HTTP or gRPC is asked before a request goes on.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use proxy_config::ProxyConfig;
use proxy_config::cluster::Protocol;
use proxy_config::ext_authz::{ExtAuthz, Gate, HttpService, Service, Shown};
use proxy_config::http::HttpFilter;
use proxy_config::listener::NetworkFilter;
use proxy_config::matcher::StringMatcher;
use proxy_config::rbac::{Action, Permission, Policy, Principal, Rbac, Rules};
use support::{Proxy, cluster, manager_with, mirror, raw, read_head, server, simple, tcp};
use tokio::io::AsyncWriteExt as _;

/// Rules that match everything but `/free`, watched only.
fn watched() -> HttpFilter {
    let free = Permission::Path(StringMatcher::Exact("/free".into()));
    let policy = Policy {
        permissions: vec![Permission::Not(Box::new(free))],
        principals: vec![Principal::Any],
    };
    let rules = Rules::new(Action::Deny, vec![("ask-0".into(), policy)]);
    HttpFilter::Rbac(Arc::new(Rbac {
        rules: None,
        shadow: Some(rules),
        shadow_prefix: "p_".into(),
    }))
}

fn asking(service: Service) -> ExtAuthz {
    ExtAuthz {
        gate: Some(Gate { prefix: "p_".into(), policy: StringMatcher::Prefix("ask-".into()) }),
        service,
        timeout: Some(Duration::from_secs(10)),
        fail_open: false,
        status_on_error: 503,
        body: None,
        finds_route_again: false,
    }
}

fn by_request() -> ExtAuthz {
    let exact = |name: &str| StringMatcher::Exact(name.into());
    asking(Service::Http(Box::new(HttpService {
        cluster: "ask".into(),
        path_prefix: "/check".into(),
        shown: vec![exact("x-key")],
        added: vec![("x-by".into(), "weft".into())],
        to_server: vec![exact("x-user")],
        to_client_on_no: None,
        to_client_on_yes: vec![exact("x-seen")],
    })))
}

fn by_grpc() -> ExtAuthz {
    asking(Service::Grpc { cluster: "ask".into(), authority: "ask.example".into() })
}

fn with(config: ProxyConfig, filter: ExtAuthz, to: SocketAddr) -> ProxyConfig {
    let filters = vec![watched(), HttpFilter::Ask(Arc::new(filter))];
    let mut config = manager_with(config, |manager| manager.filters.clone_from(&filters));
    let mut ask = cluster("ask", &[to]);
    ask.protocol = match &filters[1] {
        HttpFilter::Ask(filter) if matches!(filter.service, Service::Grpc { .. }) => {
            Protocol::Http2
        }
        _ => Protocol::Http1,
    };
    config.clusters.insert("ask".into(), Arc::new(ask));
    config
}

async fn proxy(filter: ExtAuthz, to: SocketAddr) -> Proxy {
    Proxy::start(with(simple(&[mirror().await]), filter, to))
}

/// Says yes to `x-key: good`, and no to others with what it was shown; fails for `x-key: broken`.
async fn judge() -> SocketAddr {
    server(|_, mut stream| async move {
        while let Some(head) = read_head(&mut stream).await {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let mut body = vec![0; length.map_or(0, |n| n.parse().unwrap())];
            tokio::io::AsyncReadExt::read_exact(&mut stream, &mut body).await.unwrap();
            let said = format!("{head}{}", String::from_utf8_lossy(&body));
            let status = if head.contains("x-key: good\r\n") {
                "200 OK\r\nx-user: ann\r\nx-seen: yes"
            } else if head.contains("x-key: broken\r\n") {
                "500 Oops"
            } else {
                "401 Unauthorized\r\nwww-authenticate: Key"
            };
            let answer =
                format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{said}", said.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    })
    .await
}

async fn ask(proxy: &Proxy, path: &str, more: &str) -> String {
    let request = format!("POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{more}");
    raw(proxy.address("in"), request.as_bytes()).await
}

#[tokio::test]
async fn a_service_of_http_decides_and_changes_both_ways() {
    let proxy = proxy(by_request(), judge().await).await;
    let yes = ask(&proxy, "/a?b=c", "x-key: good\r\nx-user: root\r\n\r\n").await;
    assert!(yes.starts_with("HTTP/1.1 200 ") && yes.contains("x-seen: yes\r\n"), "{yes}");
    assert!(yes.contains("x-user: ann\r\n") && !yes.contains("root"), "{yes}");
    let no = ask(&proxy, "/a?b=c", "x-hidden: 1\r\nauthorization: me\r\n\r\n").await;
    assert!(no.starts_with("HTTP/1.1 401 ") && no.contains("www-authenticate: Key\r\n"), "{no}");
    assert!(no.contains("POST /check/a?b=c HTTP/1.1\r\nhost: x\r\n"), "{no}");
    assert!(no.contains("authorization: me\r\n") && no.contains("x-by: weft\r\n"), "{no}");
    assert!(!no.contains("x-hidden"), "{no}");
    let free = ask(&proxy, "/free", "\r\n").await;
    assert!(free.starts_with("HTTP/1.1 200 "), "{free}");
    let told = proxy.told.lock().unwrap().clone();
    assert!(told.contains(&(401, "UAEX")) && told.contains(&(1, "would not")), "{told:?}");
}

#[tokio::test]
async fn who_cannot_be_asked_lets_nobody_pass_unless_that_is_wished() {
    let closed = by_request();
    let open = ExtAuthz { fail_open: true, ..closed.clone() };
    let nobody = "127.0.0.1:1".parse().unwrap();
    for (filter, status) in [(closed, "503"), (open, "200")] {
        let gone = proxy(filter.clone(), nobody).await;
        let answer = ask(&gone, "/a", "x-key: good\r\n\r\n").await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        let broken = proxy(filter.clone(), judge().await).await;
        let answer = ask(&broken, "/a", "x-key: broken\r\n\r\n").await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        let mut unknown = broken;
        unknown.publish(|config| {
            config.clusters.remove("ask");
        });
        let answer = ask(&unknown, "/a", "x-key: good\r\n\r\n").await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
}

#[tokio::test]
async fn who_takes_too_long_has_not_answered() {
    let silent =
        server(|_, mut stream| async move { while read_head(&mut stream).await.is_some() {} });
    let filter = ExtAuthz { timeout: Some(Duration::from_millis(50)), ..by_request() };
    let proxy = proxy(filter, silent.await).await;
    let answer = ask(&proxy, "/a", "x-key: good\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
}

#[tokio::test]
async fn a_body_is_shown_up_to_its_bound_and_goes_on_whole() {
    let shown = |partial| Some(Shown { most: 4, partial, as_bytes: false });
    let to = judge().await;
    let partial = proxy(ExtAuthz { body: shown(true), ..by_request() }, to).await;
    let no = ask(&partial, "/a", "content-length: 6\r\n\r\nabcdef").await;
    assert!(no.contains("x-envoy-auth-partial-body: true\r\n") && no.ends_with("\r\nabcd"), "{no}");
    let yes = ask(&partial, "/a", "x-key: good\r\ncontent-length: 6\r\n\r\nabcdef").await;
    assert!(yes.starts_with("HTTP/1.1 200 ") && yes.ends_with("\r\nabcdef"), "{yes}");
    let whole = proxy(ExtAuthz { body: shown(false), ..by_request() }, to).await;
    let long = ask(&whole, "/a", "x-key: good\r\ncontent-length: 5\r\n\r\nabcde").await;
    assert!(long.starts_with("HTTP/1.1 413 "), "{long}");
    let chunks = "x-key: good\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n";
    assert!(ask(&whole, "/a", chunks).await.starts_with("HTTP/1.1 413 "));
    let fits = ask(&whole, "/a", "x-key: good\r\ncontent-length: 4\r\n\r\nabcd").await;
    assert!(fits.starts_with("HTTP/1.1 200 ") && fits.ends_with("\r\nabcd"), "{fits}");
    let said = ask(&whole, "/a", "content-length: 4\r\n\r\nabcd").await;
    assert!(said.contains("x-envoy-auth-partial-body: false\r\n"), "{said}");
}

/// A server of gRPC that answers every call with these bytes and this status.
async fn oracle(message: &'static [u8], status: &'static str) -> SocketAddr {
    server(move |_, stream| async move {
        let mut connection = h2::server::handshake(stream).await.unwrap();
        while let Some(Ok((request, mut respond))) = connection.accept().await {
            assert_eq!(request.uri().path(), "/envoy.service.auth.v3.Authorization/Check");
            assert_eq!(request.headers()["te"], "trailers");
            let head = http::Response::builder().header("content-type", "application/grpc");
            let mut send = respond.send_response(head.body(()).unwrap(), false).unwrap();
            let length = u32::try_from(message.len()).unwrap().to_be_bytes();
            let body = [&[0][..], &length, message].concat();
            send.send_data(Bytes::from(body), false).unwrap();
            let mut trailers = http::HeaderMap::new();
            trailers.insert("grpc-status", status.parse().unwrap());
            send.send_trailers(trailers).unwrap();
        }
    })
    .await
}

/// An OK with `x-user: ann` (a CheckResponse: OkHttpResponse, HeaderValueOption, HeaderValue).
const YES: &[u8] = b"\x1a\x11\x12\x0f\x0a\x0d\x0a\x06x-user\x12\x03ann";
/// Code 7 with status 401 and the body `no` (DeniedHttpResponse).
const NO: &[u8] = b"\x0a\x02\x08\x07\x12\x09\x0a\x03\x08\x91\x03\x1a\x02no";

#[tokio::test]
async fn a_service_of_grpc_decides() {
    let yes = proxy(by_grpc(), oracle(YES, "0").await).await;
    let answer = ask(&yes, "/a", "\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("x-user: ann\r\n"), "{answer}");
    let no = proxy(by_grpc(), oracle(NO, "0").await).await;
    let answer = ask(&no, "/a", "\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 401 ") && answer.ends_with("\r\n\r\nno"), "{answer}");
    for (message, status) in [(YES, "13"), (&b"\xff"[..], "0")] {
        let broken = proxy(by_grpc(), oracle(message, status).await).await;
        let answer = ask(&broken, "/a", "\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    }
}

#[tokio::test]
async fn a_connection_of_bytes_is_asked_about_too() {
    for (message, passes) in [(YES, true), (NO, false)] {
        let mut config = with(simple(&[mirror().await]), by_grpc(), oracle(message, "0").await);
        let listener = Arc::make_mut(config.listeners.get_mut("in").unwrap());
        let chain = Arc::make_mut(&mut listener.filter_chains[0]);
        let always = ExtAuthz { gate: None, ..by_grpc() };
        chain.filters = vec![NetworkFilter::Ask(Arc::new(always)), tcp("c")];
        let proxy = Proxy::start(config);
        let mut stream = tokio::net::TcpStream::connect(proxy.address("in")).await.unwrap();
        let asked = stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
        asked.unwrap();
        let answer = read_head(&mut stream).await;
        assert_eq!(answer.is_some(), passes, "{answer:?}");
    }
}

#[tokio::test]
async fn a_pooled_connection_that_has_ended_is_replaced() {
    // Each connection takes one question.
    let once = server(|_, mut stream| async move {
        if read_head(&mut stream).await.is_some() {
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(answer).await.unwrap();
        }
    });
    let proxy = proxy(by_request(), once.await).await;
    for _ in 0..5 {
        let answer = ask(&proxy, "/a", "\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
}
