//! Bad, slow and broken ends, over real sockets.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::io::ErrorKind;
use std::time::Duration;

use support::{Proxy, manager_with, mirror, raw, read_head, server, simple};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[tokio::test]
async fn framing_that_can_be_read_in_two_ways_is_refused_and_reaches_nobody() {
    let proxy = Proxy::start(simple(&[mirror().await]));
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
    for (head, status) in [
        ("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "400"),
        ("Content-Length: 3\r\nContent-Length: 3\r\n", "400"),
        ("Content-Length: 3, 3\r\n", "400"),
        ("Content-Length: 0x3\r\n", "400"),
        ("Transfer-Encoding: chunked, identity\r\n", "501"),
        ("Transfer-Encoding: xchunked\r\n", "501"),
        ("Transfer-Encoding\r\n : chunked\r\n", "400"),
        ("X-A: 1\r\n folded: 2\r\n", "400"),
        ("X-A: 1\r\n\tfolded\r\n", "400"),
        ("X-A: a\rb\r\n", "400"),
        ("X-A: a\0b\r\n", "400"),
        ("X A: 1\r\n", "400"),
        (": 1\r\n", "400"),
        ("Host: y\r\n", "400"),
    ] {
        let request = format!("POST / HTTP/1.1\r\nHost: x\r\n{head}\r\nabc{smuggled}");
        let answer = raw(proxy.address("in"), request.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{head:?}: {answer}");
        assert!(!answer.contains("smuggled"), "{head:?}: {answer}");
    }
    for line in ["GET /a\tb HTTP/1.1", "GET / HTTP/3.0", "GET  / HTTP/1.1", "G\0T / HTTP/1.1"] {
        let answer =
            raw(proxy.address("in"), format!("{line}\r\nHost: x\r\n\r\n").as_bytes()).await;
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(matches!(status, "400" | "505"), "{line:?}: {answer}");
    }
    let told = proxy.told.lock().unwrap();
    assert!(told.len() == 18 && told.iter().all(|(_, flag)| *flag == "DPE"), "{told:?}");
}

#[tokio::test]
async fn a_body_that_breaks_its_framing_is_answered_and_nothing_after_it_is_read() {
    let proxy = Proxy::start(simple(&[mirror().await]));
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
    let large = "a".repeat(70_000);
    for (body, status) in [
        ("-3\r\nabc\r\n0\r\n\r\n".to_owned(), 400),
        ("3\nabc\r\n0\r\n\r\n".to_owned(), 400),
        ("3\r\nabc\n0\r\n\r\n".to_owned(), 400),
        ("ffffffffffffffff\r\nabc".to_owned(), 400),
        (format!("3;{large}\r\nabc\r\n0\r\n\r\n"), 400),
        ("3\r\nabc\r\n0\r\nX T: 1\r\n\r\n".to_owned(), 400),
        (format!("3\r\nabc\r\n0\r\nX: {large}\r\n\r\n"), 431),
    ] {
        let head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
        let answer = raw(proxy.address("in"), format!("{head}{body}{smuggled}").as_bytes()).await;
        let cut = &body[..body.len().min(40)];
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{cut:?}: {answer}");
        assert!(!answer.contains("smuggled"), "{cut:?}: {answer}");
        assert_eq!(proxy.told.lock().unwrap().pop(), Some((status, "DPE")), "{cut:?}");
    }
}

#[tokio::test]
async fn a_head_larger_than_the_listener_allows_gets_431() {
    let config = manager_with(simple(&[mirror().await]), |m| m.max_request_headers_kb = 2);
    let proxy = Proxy::start(config);
    let ask = |size: usize| {
        let field = "a".repeat(size);
        format!("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: {field}\r\n\r\n")
    };
    let answer = raw(proxy.address("in"), ask(1000).as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let answer = raw(proxy.address("in"), ask(3000).as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let many = "X: 1\r\n".repeat(150);
    let request = format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n");
    assert!(raw(proxy.address("in"), request.as_bytes()).await.starts_with("HTTP/1.1 431 "));
}

#[tokio::test]
async fn line_breaks_in_rewritten_values_cannot_start_a_new_field() {
    let proxy = Proxy::start(simple(&[mirror().await]));
    let request = "GET /a%0d%0aX-Evil:1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let answer = raw(proxy.address("in"), request.as_bytes()).await;
    assert!(answer.contains("GET /a%0d%0aX-Evil:1 HTTP/1.1\r\n"), "{answer}");
}

#[tokio::test]
async fn old_clients_are_told_to_upgrade_unless_they_are_allowed() {
    let request = b"GET / HTTP/1.0\r\nHost: x\r\n\r\n";
    let proxy = Proxy::start(simple(&[mirror().await]));
    let answer = raw(proxy.address("in"), request).await;
    assert!(answer.starts_with("HTTP/1.0 200 "), "{answer}");
    let config = manager_with(simple(&[mirror().await]), |m| m.accept_http_10 = false);
    let proxy = Proxy::start(config);
    let answer = raw(proxy.address("in"), request).await;
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
}

/// A server that sends this once a head has come, and then closes, or says no more.
async fn once(answer: &'static str, stays: bool) -> std::net::SocketAddr {
    server(move |_, mut stream| async move {
        read_head(&mut stream).await;
        stream.write_all(answer.as_bytes()).await.unwrap();
        if stays {
            std::future::pending::<()>().await;
        }
    })
    .await
}

#[tokio::test]
async fn an_answer_that_the_server_breaks_off_is_cut_and_not_ended() {
    for start in [
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ] {
        // Also for a client that takes the end of the connection for the end of the body.
        for version in ["1.1", "1.0"] {
            let proxy = Proxy::start(simple(&[once(start, false).await]));
            let mut client = TcpStream::connect(proxy.address("in")).await.unwrap();
            let request = format!("GET / HTTP/{version}\r\nHost: x\r\n\r\n");
            client.write_all(request.as_bytes()).await.unwrap();
            let mut got = Vec::new();
            let read = tokio::time::timeout(Duration::from_secs(10), client.read_to_end(&mut got));
            let error = read.await.unwrap().expect_err("the connection is cut");
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{version} {start:?}");
            let told = support::wait_for(|| proxy.told.lock().unwrap().first().copied());
            assert_eq!(told, (200, "UC"));
        }
    }
}

#[tokio::test]
async fn a_server_that_goes_before_its_head_gives_503_without_a_service_time() {
    let proxy = Proxy::start(simple(&[once("", false).await]));
    let request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let answer = raw(proxy.address("in"), request).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("connection termination"), "{answer}");
    assert!(!answer.contains("x-envoy-upstream-service-time"), "{answer}");
    let answer = raw(Proxy::start(simple(&[mirror().await])).address("in"), request).await;
    assert!(answer.contains("x-envoy-upstream-service-time: "), "{answer}");
}

#[tokio::test]
async fn answers_without_bodies_have_none_and_the_connection_goes_on() {
    let app = server(|_, mut stream| async move {
        while let Some(head) = read_head(&mut stream).await {
            let answer = match head.split(' ').nth(1).unwrap() {
                "/204" => "HTTP/1.1 204 No Content\r\n\r\n",
                "/304" => "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: \"a\"\r\n\r\n",
                "/head" => "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
                _ => "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlast",
            };
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    })
    .await;
    let proxy = Proxy::start(simple(&[app]));
    let mut client = TcpStream::connect(proxy.address("in")).await.unwrap();
    for (method, path, length) in
        [("GET", "/204", None), ("GET", "/304", Some("5")), ("HEAD", "/head", Some("5"))]
    {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        client.write_all(request.as_bytes()).await.unwrap();
        let head = read_head(&mut client).await.unwrap();
        let said = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        assert_eq!(said, length, "{head}");
        assert!(!head.contains("transfer-encoding"), "{head}");
    }
    client.write_all(b"GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut rest = String::new();
    client.read_to_string(&mut rest).await.unwrap();
    assert!(rest.starts_with("HTTP/1.1 200 ") && rest.ends_with("\r\n\r\nlast"), "{rest}");
}

#[tokio::test]
async fn a_client_that_waits_for_100_gets_it_from_us_or_from_the_server() {
    let app = server(|_, mut stream| async move {
        let head = read_head(&mut stream).await.unwrap();
        if head.contains("expect: 100-continue\r\n") {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.unwrap();
        }
        let mut body = [0; 3];
        stream.read_exact(&mut body).await.unwrap();
        let text = format!("{}{head}", String::from_utf8_lossy(&body));
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len());
        stream.write_all(answer.as_bytes()).await.unwrap();
    })
    .await;
    for passed_on in [false, true] {
        let config = manager_with(simple(&[app]), |m| m.proxy_100_continue = passed_on);
        let proxy = Proxy::start(config);
        let mut client = TcpStream::connect(proxy.address("in")).await.unwrap();
        let request = "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nConnection: close\r\n";
        client.write_all(request.as_bytes()).await.unwrap();
        client.write_all(b"Content-Length: 3\r\n\r\n").await.unwrap();
        let head = read_head(&mut client).await.unwrap();
        assert!(head.starts_with("HTTP/1.1 100 "), "{head}");
        client.write_all(b"abc").await.unwrap();
        let mut rest = String::new();
        client.read_to_string(&mut rest).await.unwrap();
        assert!(rest.starts_with("HTTP/1.1 200 ") && rest.contains("\r\n\r\nabcPOST"), "{rest}");
        assert_eq!(rest.contains("expect: 100-continue"), passed_on, "{rest}");
    }
}

#[tokio::test]
async fn silence_and_late_requests_are_answered_in_envoy_s_words() {
    let mute = server(|_, mut stream| async move {
        read_head(&mut stream).await;
        std::future::pending::<()>().await;
    })
    .await;
    let quick = Some(Duration::from_millis(60));
    let silent = || manager_with(simple(&[mute]), |m| m.stream_idle_timeout = quick);
    let late = manager_with(simple(&[mute]), |m| m.request_timeout = quick);
    let get = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let post = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf";
    for (config, request, status, body, flag) in [
        (silent(), get, "504", "stream timeout", "SI"),
        (silent(), post, "408", "stream timeout", "SI"),
        (late, post, "408", "request timeout", "-"),
    ] {
        let proxy = Proxy::start(config);
        let answer = raw(proxy.address("in"), request.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(answer.ends_with(&format!("\r\n\r\n{body}")), "{answer}");
        let told = support::wait_for(|| proxy.told.lock().unwrap().pop());
        assert_eq!(told, (status.parse().unwrap(), flag));
    }
    let stalled = once("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", true).await;
    let proxy = Proxy::start(manager_with(simple(&[stalled]), |m| m.stream_idle_timeout = quick));
    let mut client = TcpStream::connect(proxy.address("in")).await.unwrap();
    client.write_all(get.as_bytes()).await.unwrap();
    let mut got = Vec::new();
    client.read_to_end(&mut got).await.expect_err("the connection is cut");
    assert!(got.ends_with(b"\r\n\r\nhalf"), "{got:?}");
    assert_eq!(support::wait_for(|| proxy.told.lock().unwrap().pop()), (200, "SI"));
}

#[tokio::test]
async fn a_slow_client_that_keeps_moving_is_not_silent() {
    let quick = Some(Duration::from_millis(300));
    let config = manager_with(simple(&[mirror().await]), |m| m.stream_idle_timeout = quick);
    let proxy = Proxy::start(config);
    let mut client = TcpStream::connect(proxy.address("in")).await.unwrap();
    let head = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 8\r\n\r\n";
    client.write_all(head).await.unwrap();
    let mut beat = tokio::time::interval(Duration::from_millis(100));
    for byte in b"slowbody" {
        beat.tick().await;
        client.write_all(&[*byte]).await.unwrap();
    }
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("slowbody"), "{answer}");
}

#[tokio::test]
async fn a_reset_of_either_end_of_a_tcp_connection_reaches_the_other() {
    let app = server(|_, mut stream| async move {
        let mut got = [0; 5];
        stream.read_exact(&mut got).await.unwrap();
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    })
    .await;
    let proxy = Proxy::start(support::config(
        vec![support::listener("t", support::tcp("c"))],
        support::routes(Vec::new()),
        vec![support::cluster("c", &[app])],
    ));
    let mut client = TcpStream::connect(proxy.address("t")).await.unwrap();
    client.write_all(b"hello").await.unwrap();
    let error = client.read_to_end(&mut Vec::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_listener_for_one_version_of_http_takes_no_other() {
    use proxy_config::http::Codec;
    let proxy = Proxy::start(manager_with(simple(&[mirror().await]), |m| m.codec = Codec::Http1));
    let answer = raw(proxy.address("in"), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
    let proxy = Proxy::start(manager_with(simple(&[mirror().await]), |m| m.codec = Codec::Http2));
    let mut client = TcpStream::connect(proxy.address("in")).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    // The connection may be closed or reset; it is not answered in HTTP/1.
    client.read_to_end(&mut answer).await.ok();
    assert!(!answer.starts_with(b"HTTP/1.1"), "{answer:?}");
}

#[tokio::test]
async fn connections_of_a_removed_listener_end_when_their_time_is_over() {
    let silent = server(|_, stream| async move {
        let _held = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let drain = Duration::from_millis(200);
    let mut proxy = Proxy::with_listener_drain(simple(&[silent]), drain);
    let mut client = TcpStream::connect(proxy.address("in")).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut byte = [0];
    let early = tokio::time::timeout(drain, client.read(&mut byte)).await;
    assert!(early.is_err(), "the request waits for its answer");
    proxy.publish(|config| config.listeners.clear());
    let ended = tokio::time::timeout(Duration::from_secs(5), client.read(&mut byte)).await;
    assert!(matches!(ended, Ok(Ok(0) | Err(_))), "{ended:?}");
}

#[tokio::test]
async fn a_server_that_reads_late_gets_the_whole_of_a_large_body() {
    const SIZE: usize = 24 * 1024 * 1024;
    let app = server(|_, mut stream| async move {
        read_head(&mut stream).await;
        // Until then every buffer on the way is full.
        let mut beat = tokio::time::interval(Duration::from_millis(150));
        beat.tick().await;
        beat.tick().await;
        let (mut left, mut piece) = (SIZE, vec![0; 256 * 1024]);
        while left > 0 {
            let most = left.min(piece.len());
            left -= stream.read(&mut piece[..most]).await.unwrap();
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    })
    .await;
    let proxy = Proxy::start(simple(&[app]));
    let mut client = TcpStream::connect(proxy.address("in")).await.unwrap();
    let head = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {SIZE}\r\n\r\n");
    client.write_all(head.as_bytes()).await.unwrap();
    let body = vec![1; SIZE];
    let sent = tokio::time::timeout(Duration::from_secs(30), client.write_all(&body));
    sent.await.expect("the body is taken").unwrap();
    let answer = tokio::time::timeout(Duration::from_secs(10), read_head(&mut client)).await;
    assert!(answer.unwrap().unwrap().starts_with("HTTP/1.1 200 "));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_rested_serves_again_until_it_was_unused_for_too_long() {
    let idle = Some(Duration::from_secs(10));
    let config = manager_with(simple(&[mirror().await]), |m| m.idle_timeout = idle);
    let (proxy, time) = Proxy::in_time(config);
    let mut client = TcpStream::connect(proxy.address("in")).await.unwrap();
    for _ in 0..3 {
        client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let head = read_head(&mut client).await.unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        client.read_exact(&mut vec![0; length.parse().unwrap()]).await.unwrap();
        // Whoever is answered after us shows that the proxy has come to rest with us, before and after the time moves.
        let other = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".as_bytes();
        raw(proxy.address("in"), other).await;
        time.advance(Duration::from_secs(2));
        raw(proxy.address("in"), other).await;
    }
    let end = tokio::spawn(async move { client.read(&mut [0]).await });
    support::wait_for(|| {
        time.advance(Duration::from_secs(1));
        end.is_finished().then_some(())
    });
    assert_eq!(end.await.unwrap().unwrap(), 0);
}

/// The head of an h2 frame.
fn frame(length: u32, kind: u8, flags: u8, stream: u32) -> Vec<u8> {
    [&length.to_be_bytes()[1..], &[kind, flags], &stream.to_be_bytes()].concat()
}

#[tokio::test]
async fn an_http2_client_that_breaks_the_protocol_hears_why_although_it_still_talks() {
    const SETTINGS: u8 = 4;
    const GOAWAY: u8 = 7;
    const FRAME_SIZE_ERROR: u32 = 6;
    let proxy = Proxy::start(simple(&[mirror().await]));
    let mut client = TcpStream::connect(proxy.address("in")).await.unwrap();
    let too_large = frame(1_000_000, 0, 0, 1);
    let said = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(0, SETTINGS, 0, 0), too_large];
    client.write_all(&said.concat()).await.unwrap();
    client.write_all(&[0; 1_000_000]).await.unwrap();
    let mut heard = Vec::new();
    client.read_to_end(&mut heard).await.expect("an end, not a reset");
    // It had not yet heard: what it was writing meanwhile must not fail.
    client.write_all(&vec![0; 8_000_000]).await.expect("somebody still reads");
    let mut rest = &heard[..];
    let mut goodbyes = Vec::new();
    while let [a, b, c, kind, _, _, _, _, _, after @ ..] = rest {
        let (payload, next) = after.split_at(u32::from_be_bytes([0, *a, *b, *c]) as usize);
        if *kind == GOAWAY {
            goodbyes.push(u32::from_be_bytes(payload[4..8].try_into().unwrap()));
        }
        rest = next;
    }
    assert_eq!(goodbyes, [FRAME_SIZE_ERROR]);
}
