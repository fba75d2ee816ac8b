//! What circuit breakers, budgets and bounds of connections promise.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use proxy_config::ProxyConfig;
use proxy_config::cluster::{Cluster, Protocol, RetryBudget};
use support::{Proxy, cluster, forward, raw, read_head, retry, server, simple, wait_for};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::{Barrier, Semaphore};
use tokio::task::JoinSet;

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: x:80\r\nConnection: close\r\n\r\n";

fn with(address: SocketAddr, change: impl FnOnce(&mut Cluster)) -> ProxyConfig {
    let mut changed = cluster("c", &[address]);
    change(&mut changed);
    let mut config = simple(&[address]);
    config.clusters.insert("c".into(), Arc::new(changed));
    config
}

/// A server that answers one request per permit, with the number of its connection.
async fn gate() -> (SocketAddr, Arc<Semaphore>) {
    let permits = Arc::new(Semaphore::new(0));
    let shared = Arc::clone(&permits);
    let address = server(move |number, mut stream| {
        let permits = Arc::clone(&shared);
        async move {
            while read_head(&mut stream).await.is_some() {
                permits.acquire().await.unwrap().forget();
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{number}");
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    })
    .await;
    (address, permits)
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_wait_for_a_connection_and_are_refused_beyond_the_limit() {
    let (address, permits) = gate().await;
    let proxy = Proxy::start(with(address, |cluster| {
        (cluster.limits.max_connections, cluster.limits.max_pending) = (1, 1);
    }));
    let front = proxy.address("in");
    let load = || Arc::clone(&proxy.engine.plan().clusters["c"].load);
    let ask = || tokio::spawn(async move { raw(front, GET).await });
    let first = ask();
    wait_for(|| {
        let load = load();
        let sent = load.connections.load(Ordering::Relaxed) == 1;
        (sent && load.pending.load(Ordering::Relaxed) == 0).then_some(())
    });
    let second = ask();
    wait_for(|| (load().pending.load(Ordering::Relaxed) == 1).then_some(()));
    let third = ask().await.unwrap();
    assert!(third.starts_with("HTTP/1.1 503 "), "{third}");
    assert!(third.contains("x-envoy-overloaded: true"), "{third}");
    permits.add_permits(2);
    for answer in [first.await.unwrap(), second.await.unwrap()] {
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with('0'), "{answer}");
    }
    let flags: Vec<_> = proxy.told.lock().unwrap().iter().map(|told| told.1).collect();
    assert!(flags.contains(&"UO"), "{flags:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_had_its_requests_or_its_time_gets_no_more() {
    for (requests, time, expected) in [
        (None, None, ["0", "0"]),
        (Some(1), None, ["0", "1"]),
        (None, Some(Duration::from_nanos(1)), ["0", "1"]),
    ] {
        let (address, permits) = gate().await;
        permits.add_permits(2);
        let proxy = Proxy::start(with(address, |cluster| {
            cluster.max_requests_per_connection = requests;
            cluster.max_connection_duration = time;
        }));
        for number in expected {
            let answer = raw(proxy.address("in"), GET).await;
            assert!(answer.ends_with(number), "{requests:?} {time:?}: {answer}");
        }
    }
}

/// A server that speaks HTTP/2 and answers when so many requests are there, with the number of the connection.
async fn together(requests: usize) -> (SocketAddr, Arc<Mutex<Vec<usize>>>) {
    together_on(u32::MAX, requests).await
}

/// As [`together`], of a server that takes so many streams at once on each connection.
async fn together_on(streams: u32, requests: usize) -> (SocketAddr, Arc<Mutex<Vec<usize>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let barrier = Arc::new(Barrier::new(requests));
    let shared = Arc::clone(&seen);
    let address = server(move |number, stream| {
        let (seen, barrier) = (Arc::clone(&shared), Arc::clone(&barrier));
        async move {
            let mut greeting = h2::server::Builder::new();
            greeting.max_concurrent_streams(streams);
            let mut connection = greeting.handshake::<_, Bytes>(stream).await.unwrap();
            while let Some(Ok((_request, mut answer))) = connection.accept().await {
                seen.lock().unwrap().push(number);
                let barrier = Arc::clone(&barrier);
                tokio::spawn(async move {
                    barrier.wait().await;
                    let mut body = answer.send_response(http::Response::new(()), false).unwrap();
                    body.send_data(Bytes::from_static(b"ok"), true).unwrap();
                });
            }
        }
    })
    .await;
    (address, seen)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http2_connection_carries_no_more_streams_than_allowed() {
    for (most, expected) in [(Some(1), vec![0, 1]), (None, vec![0, 0])] {
        let (address, seen) = together(2).await;
        let proxy = Proxy::start(with(address, |cluster| {
            (cluster.protocol, cluster.max_streams) = (Protocol::Http2, most);
        }));
        let front = proxy.address("in");
        let both = tokio::join!(raw(front, GET), raw(front, GET));
        assert!(both.0.ends_with("ok\r\n0\r\n\r\n") || both.0.ends_with("ok"), "{}", both.0);
        let mut seen = seen.lock().unwrap().clone();
        seen.sort_unstable();
        assert_eq!(seen, expected, "{most:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_beyond_the_streams_of_a_server_get_connections_of_their_own() {
    for streams in [100, 7] {
        let (address, seen) = together_on(streams, 210).await;
        let proxy = Proxy::start(with(address, |cluster| cluster.protocol = Protocol::Http2));
        let front = proxy.address("in");
        let asking: JoinSet<String> = (0..210).map(|_| raw(front, GET)).collect();
        assert!(asking.join_all().await.iter().all(|answer| answer.starts_with("HTTP/1.1 200 ")));
        let seen = seen.lock().unwrap();
        let most = (0..30).map(|one| seen.iter().filter(|number| **number == one).count()).max();
        assert!(most <= Some(streams as usize), "{most:?} of {streams}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http2_connection_is_left_after_its_requests() {
    let (address, seen) = together(1).await;
    let proxy = Proxy::start(with(address, |cluster| {
        (cluster.protocol, cluster.max_requests_per_connection) = (Protocol::Http2, Some(1));
    }));
    for _ in 0..3 {
        let answer = raw(proxy.address("in"), GET).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    assert_eq!(*seen.lock().unwrap(), [0, 1, 2]);
}

/// A server that fails each request, and counts them.
async fn failing(heard: Arc<Mutex<u32>>) -> SocketAddr {
    server(move |_, mut stream| {
        let count = Arc::clone(&heard);
        async move {
            while read_head(&mut stream).await.is_some() {
                *count.lock().unwrap() += 1;
                let answer = b"HTTP/1.1 500 x\r\nContent-Length: 4\r\n\r\noops";
                stream.write_all(answer).await.unwrap();
            }
        }
    })
    .await
}

/// Two retries within a budget.
fn retried(address: SocketAddr, budget: RetryBudget) -> ProxyConfig {
    let mut config = with(address, |cluster| cluster.limits.retry_budget = Some(budget));
    let mut action = forward("c");
    action.retry = Some(retry(2));
    config.routes.insert("80".into(), support::routes(vec![support::route("/", action)]));
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn retries_stop_at_their_budget_with_the_last_answer() {
    for (minimum, tries, flag) in [(0, 1, "UO"), (3, 3, "URX")] {
        let heard = Arc::new(Mutex::new(0));
        let count = Arc::clone(&heard);
        let address = failing(count).await;
        let budget = RetryBudget { per_million: 0, minimum, interval: None };
        let proxy = Proxy::start(retried(address, budget));
        let answer = raw(proxy.address("in"), GET).await;
        assert!(answer.starts_with("HTTP/1.1 500 ") && answer.ends_with("oops"), "{answer}");
        assert_eq!(*heard.lock().unwrap(), tries);
        let told = wait_for(|| proxy.told.lock().unwrap().first().copied());
        assert_eq!(told, (500, flag));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_beyond_the_budget_is_told_as_it_was_with_the_reason_for_no_further_try() {
    for (minimum, tries, flags) in [(0, 1, "UC,UO"), (3, 3, "UC,URX")] {
        let heard = Arc::new(Mutex::new(0));
        let count = Arc::clone(&heard);
        let address = server(move |_, mut stream| {
            let count = Arc::clone(&count);
            async move {
                read_head(&mut stream).await;
                *count.lock().unwrap() += 1;
            }
        })
        .await;
        let budget = RetryBudget { per_million: 0, minimum, interval: None };
        let proxy = Proxy::start(retried(address, budget));
        let answer = raw(proxy.address("in"), GET).await;
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(answer.ends_with("reset reason: connection termination"), "{answer}");
        assert!(!answer.contains("x-envoy-overloaded"), "{answer}");
        assert_eq!(*heard.lock().unwrap(), tries);
        let told = wait_for(|| proxy.told.lock().unwrap().first().copied());
        assert_eq!(told, (503, flags));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_with_an_interval_is_a_share_of_the_requests_that_began_within_it() {
    let heard = Arc::new(Mutex::new(0));
    let address = failing(Arc::clone(&heard)).await;
    let interval = Some(Duration::from_secs(600));
    let budget = RetryBudget { per_million: 500_000, minimum: 0, interval };
    let proxy = Proxy::start(retried(address, budget));
    for (request, tries) in [(1, 1), (2, 3), (3, 3)] {
        *heard.lock().unwrap() = 0;
        raw(proxy.address("in"), GET).await;
        assert_eq!(*heard.lock().unwrap(), tries, "request {request}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_stream_is_tried_as_often_as_the_policy_says() {
    let heard = Arc::new(Mutex::new(0));
    let count = Arc::clone(&heard);
    let address = server(move |_, stream| {
        let count = Arc::clone(&count);
        async move {
            let mut connection = h2::server::handshake(stream).await.unwrap();
            while let Some(Ok((_request, mut answer))) = connection.accept().await {
                *count.lock().unwrap() += 1;
                answer.send_reset(h2::Reason::REFUSED_STREAM);
            }
        }
    })
    .await;
    let mut config = retried(address, RetryBudget { per_million: 0, minimum: 9, interval: None });
    let mut cluster = cluster("c", &[address]);
    cluster.protocol = Protocol::Http2;
    config.clusters.insert("c".into(), Arc::new(cluster));
    let proxy = Proxy::start(config);
    let answer = raw(proxy.address("in"), GET).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert_eq!(*heard.lock().unwrap(), 3);
}
