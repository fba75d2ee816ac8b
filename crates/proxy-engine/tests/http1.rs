//! HTTP/1 through a real proxy over real sockets.

mod support;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use proxy_config::statuses::Statuses;
use support::{Proxy, mirror, raw, read_head, server, simple};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[tokio::test]
async fn a_request_reaches_the_server_and_the_answer_the_client() {
    let proxy = Proxy::start(simple(&[mirror().await]));
    let answer =
        raw(proxy.address("in"), b"GET /a?b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("server: istio-envoy\r\n"), "{answer}");
    assert!(answer.contains("connection: close\r\n"), "{answer}");
    assert!(answer.contains("GET /a?b HTTP/1.1\r\nhost: x\r\n"), "{answer}");
    assert!(answer.contains("x-envoy-attempt-count: 1\r\n"), "{answer}");
    assert!(answer.contains("x-request-id: "), "{answer}");
    assert_eq!(*proxy.told.lock().unwrap(), [(200, "-")]);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let proxy = Proxy::start(simple(&[mirror().await]));
    let request = b"POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET /2 HTTP/1.1\r\nHost: x\r\n\r\nPOST /3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nxyz\r\n0\r\n\r\n";
    let server = server(|_, mut stream| async move {
        while let Some(head) = read_head(&mut stream).await {
            let path = head.split(' ').nth(1).unwrap().to_owned();
            let mut body = String::new();
            if head.contains("chunked") {
                while !body.ends_with("0\r\n\r\n") {
                    body.push(char::from(stream.read_u8().await.unwrap()));
                }
            } else if path == "/1" {
                let mut bytes = [0; 3];
                stream.read_exact(&mut bytes).await.unwrap();
                body = String::from_utf8_lossy(&bytes).into_owned();
            }
            let text = format!("{path}={}", body.len());
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    })
    .await;
    let mut proxy = proxy;
    proxy.publish(|config| {
        config.clusters.insert("c".into(), Arc::new(support::cluster("c", &[server])));
    });
    let answer = raw(proxy.address("in"), request).await;
    let bodies: Vec<_> = answer.split("\r\n\r\n").skip(1).map(|s| &s[..4]).collect();
    assert_eq!(bodies, ["/1=3", "/2=0", "/3=1"], "{answer}");
}

#[tokio::test]
async fn requests_that_two_readers_could_split_differently_are_refused() {
    let proxy = Proxy::start(simple(&[mirror().await]));
    for (head, status) in [
        ("Content-Length: 3\r\nTransfer-Encoding: chunked", "400"),
        ("Content-Length: 3\r\nContent-Length: 4", "400"),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "501"),
        ("Content-Length: +3", "400"),
        ("Host: y", "400"),
        ("Foo : bar", "400"),
    ] {
        let request = format!("POST / HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\nabc");
        let answer = raw(proxy.address("in"), request.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{head}: {answer}");
    }
    let big = format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "a".repeat(70_000));
    assert!(raw(proxy.address("in"), big.as_bytes()).await.starts_with("HTTP/1.1 431 "));
}

#[tokio::test]
async fn a_stale_pooled_connection_costs_no_request() {
    let served = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&served);
    // Every connection answers one request and then waits for the second, which it drops with the connection.
    let server = server(move |_, mut stream| {
        let count = Arc::clone(&count);
        async move {
            if read_head(&mut stream).await.is_some() {
                count.fetch_add(1, Ordering::SeqCst);
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
                read_head(&mut stream).await;
            }
        }
    })
    .await;
    let proxy = Proxy::start(simple(&[server]));
    let mut client = TcpStream::connect(proxy.address("in")).await.unwrap();
    for _ in 0..20 {
        client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let head = read_head(&mut client).await.unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        client.read_exact(&mut [0; 2]).await.unwrap();
    }
    assert_eq!(served.load(Ordering::SeqCst), 20);
}

#[tokio::test]
async fn a_refused_host_is_avoided_by_a_retry() {
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dead = gone.local_addr().unwrap();
    drop(gone);
    let mut config = simple(&[dead, mirror().await]);
    let mut action = support::forward("c");
    action.retry = Some(support::retry(2));
    config.routes.insert("80".into(), support::routes(vec![support::route("/", action)]));
    let proxy = Proxy::start(config);
    for _ in 0..6 {
        let answer =
            raw(proxy.address("in"), b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                .await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

#[tokio::test]
async fn failures_have_envoy_s_status_body_and_flag() {
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dead = gone.local_addr().unwrap();
    drop(gone);
    let slow = server(|_, mut stream| async move {
        read_head(&mut stream).await;
        std::future::pending::<()>().await;
    })
    .await;
    let mut config = simple(&[]);
    let mut limited = support::forward("slow");
    limited.timeout = Some(Duration::from_millis(50));
    config.routes.insert(
        "80".into(),
        support::routes(vec![
            support::route("/dead", support::forward("dead")),
            support::route("/slow", limited),
            support::route("/none", support::forward("none")),
            support::route("/c", support::forward("c")),
        ]),
    );
    for cluster in [support::cluster("dead", &[dead]), support::cluster("slow", &[slow])] {
        config.clusters.insert(Arc::clone(&cluster.name), Arc::new(cluster));
    }
    let proxy = Proxy::start(config);
    for (path, status, body, flag) in [
        ("/dead", 503, "upstream connect error or disconnect/reset before headers", "UF"),
        ("/slow", 504, "upstream request timeout", "UT"),
        ("/none", 503, "", "NC"),
        ("/c", 503, "no healthy upstream", "UH"),
        ("/other", 404, "", "NR"),
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = raw(proxy.address("in"), request.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {answer}");
        let got = answer.split_once("\r\n\r\n").unwrap().1;
        assert!(got.starts_with(body) && (got.is_empty() == body.is_empty()), "{path}: {answer}");
        assert_eq!(proxy.told.lock().unwrap().pop(), Some((status, flag)), "{path}");
    }
}

#[tokio::test]
async fn a_drain_ends_idle_keep_alive_only_after_the_next_answer() {
    let proxy = Proxy::start(simple(&[mirror().await]));
    let mut client = TcpStream::connect(proxy.address("in")).await.unwrap();
    client.write_all(b"GET /1 HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let head = read_head(&mut client).await.unwrap();
    assert!(!head.contains("connection: close"), "{head}");
    proxy.engine.start_drain();
    let mut rest = vec![0; 4096];
    let _body = client.read(&mut rest).await.unwrap();
    client.write_all(b"GET /2 HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("connection: close\r\n"), "{answer}");
    assert!(answer.contains("GET /2"), "{answer}");
    proxy.engine.drain(Duration::from_secs(5)).await;
    proxy.engine.stop();
}

#[tokio::test]
async fn a_drain_waits_for_a_client_that_has_connected_and_is_slow_to_ask() {
    let (proxy, time) = Proxy::in_time(simple(&[mirror().await]));
    let mut client = TcpStream::connect(proxy.address("in")).await.unwrap();
    let opening = || proxy.engine.activity().opening.load(Ordering::Relaxed);
    support::wait_for(|| (opening() == 1).then_some(()));
    let mut drain = pin!(proxy.engine.drain(Duration::from_secs(60)));
    let mut goes_on_for = |seconds: u32| {
        let mut context = Context::from_waker(Waker::noop());
        (0..seconds * 20).all(|_| {
            time.advance(Duration::from_millis(50));
            drain.as_mut().poll(&mut context).is_pending()
        })
    };
    // Longer than a drain goes on when nobody asks for anything.
    assert!(goes_on_for(3));
    client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("connection: close\r\n"), "{answer}");
    assert!(!goes_on_for(3));
}

#[tokio::test]
async fn an_upgrade_becomes_a_tunnel() {
    let server = server(|_, mut stream| async move {
        let head = read_head(&mut stream).await.unwrap();
        assert!(head.contains("upgrade: websocket\r\n"), "{head}");
        let answer = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello";
        stream.write_all(answer.as_bytes()).await.unwrap();
        let mut got = [0; 4];
        stream.read_exact(&mut got).await.unwrap();
        stream.write_all(&got).await.unwrap();
    })
    .await;
    let proxy = Proxy::start(simple(&[server]));
    let request =
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nping";
    let answer = raw(proxy.address("in"), request).await;
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    assert!(answer.contains("upgrade: websocket\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nhelloping"), "{answer}");
}

#[tokio::test]
async fn a_failing_host_is_ejected() {
    assert_eq!(ejection("503 x", None).await, (2, 18));
    let errors = |failures: &'static [u16]| Some(Statuses::where_(|s| failures.contains(&s)));
    assert_eq!(ejection("404 x", None).await, (10, 10));
    assert_eq!(ejection("404 x", errors(&[404, 429])).await, (2, 18));
    assert_eq!(ejection("503 x", errors(&[404, 429])).await, (10, 10));
}

/// How many of twenty requests came to a server that answers with this status, and to a good one beside it.
async fn ejection(status: &'static str, errors: Option<Statuses>) -> (usize, usize) {
    let hits = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&hits);
    let bad = server(move |_, mut stream| {
        let count = Arc::clone(&count);
        async move {
            while read_head(&mut stream).await.is_some() {
                count.fetch_add(1, Ordering::SeqCst);
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    })
    .await;
    let mut config = simple(&[]);
    let mut cluster = support::cluster("c", &[bad, mirror().await]);
    cluster.outlier = Some(Box::new(proxy_config::cluster::Outlier {
        consecutive_5xx: 2,
        consecutive_gateway: 0,
        split_local_origin: false,
        consecutive_local_origin: 0,
        interval: Duration::from_secs(10),
        base_ejection: Duration::from_secs(60),
        max_ejection: Duration::from_secs(60),
        max_ejection_percent: 100,
        errors,
    }));
    config.clusters.insert("c".into(), Arc::new(cluster));
    let proxy = Proxy::start(config);
    let get = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let mut good = 0;
    for _ in 0..20 {
        good += usize::from(raw(proxy.address("in"), get).await.starts_with("HTTP/1.1 200"));
    }
    (hits.load(Ordering::SeqCst), good)
}

#[tokio::test]
async fn names_keep_the_case_of_whoever_wrote_them_where_that_is_asked_for() {
    let address = server(|_, mut stream| async move {
        let head = read_head(&mut stream).await.unwrap_or_default();
        let answer = format!(
            "HTTP/1.1 200 OK\r\nX-Answer: 1\r\nCONTENT-LENGTH: {}\r\n\r\n{head}",
            head.len()
        );
        stream.write_all(answer.as_bytes()).await.ok();
    })
    .await;
    let ask = b"GET / HTTP/1.1\r\nHOST: x\r\nX-Asked: 1\r\nconnection: close\r\n\r\n";
    for (requests, responses) in [(false, false), (true, false), (false, true), (true, true)] {
        let mut config = support::manager_with(simple(&[address]), |m| m.keep_case = requests);
        let mut cluster = support::cluster("c", &[address]);
        cluster.keep_case = responses;
        config.clusters.insert("c".into(), Arc::new(cluster));
        let proxy = Proxy::start(config);
        let answer = raw(proxy.address("in"), ask).await;
        assert_eq!(answer.contains("HOST: x\r\n"), requests, "{answer}");
        assert_eq!(answer.contains("X-Asked: 1\r\n"), requests, "{answer}");
        assert_eq!(answer.contains("X-Answer: 1\r\n"), responses, "{answer}");
        assert_eq!(answer.contains("CONTENT-LENGTH: "), responses, "{answer}");
        assert!(answer.contains("x-request-id: ") && answer.contains("server: "), "{answer}");
    }
}

#[tokio::test]
async fn a_client_of_http_1_0_gets_an_answer_of_its_version_and_its_end_by_the_connection() {
    let address = server(|_, mut stream| async move {
        read_head(&mut stream).await;
        let answer =
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
        stream.write_all(answer).await.ok();
    })
    .await;
    let proxy = Proxy::start(simple(&[address]));
    let ask = b"GET / HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n";
    let answer = raw(proxy.address("in"), ask).await;
    assert!(answer.starts_with("HTTP/1.0 200 OK\r\n"), "{answer}");
    assert!(answer.contains("connection: close\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nhello"), "{answer}");
}

#[tokio::test]
async fn a_server_of_http_1_0_is_understood() {
    let address = server(|_, mut stream| async move {
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.0 200 OK\r\nX-A: 1\r\n\r\nhello").await.ok();
    })
    .await;
    let proxy = Proxy::start(simple(&[address]));
    for _ in 0..2 {
        let ask = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        let answer = raw(proxy.address("in"), ask).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with("5\r\nhello\r\n0\r\n\r\n"), "{answer}");
    }
}
