//! Servers that go away while the news of it is still on its way.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proxy_config::ProxyConfig;
use proxy_config::cluster::Discovery;
use proxy_config::listener::{Direction, Listener};
use support::{Proxy, cluster, config, forward, listener, manager, mirror, raw, route, routes};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/// A server that serves until its task is aborted, and closes its socket then.
async fn application(answer: &'static str) -> (SocketAddr, JoinHandle<()>) {
    counting(answer, Arc::default()).await
}

async fn counting(answer: &'static str, asked: Arc<AtomicUsize>) -> (SocketAddr, JoinHandle<()>) {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let task = tokio::spawn(async move {
        while let Ok((mut stream, _)) = socket.accept().await {
            support::read_head(&mut stream).await;
            asked.fetch_add(1, Ordering::Relaxed);
            let sent = tokio::io::AsyncWriteExt::write_all(&mut stream, answer.as_bytes()).await;
            sent.unwrap();
        }
    });
    (address, task)
}

fn beside(application: SocketAddr) -> Proxy {
    let inbound = Listener { direction: Direction::Inbound, ..listener("in", manager(Vec::new())) };
    let all = routes(vec![route("/", forward("c"))]);
    Proxy::start(config(vec![inbound], all, vec![cluster("c", &[application])]))
}

/// A client's proxy, and whether the control plane told it that the server has one too.
fn client_of(server: SocketAddr, proxied: bool) -> ProxyConfig {
    let mut config = support::simple(&[server]);
    let mut only = cluster("c", &[server]);
    if let Discovery::Static(endpoints) = &mut only.discovery {
        let label = ("tlsMode".into(), "istio".into());
        let about = &mut Arc::make_mut(endpoints).endpoints[0].about;
        Arc::make_mut(about).transport_labels = Vec::from_iter(proxied.then_some(label));
    }
    config.clusters.insert("c".into(), Arc::new(only));
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_an_ending_application_did_not_see_waits_for_the_news_and_goes_elsewhere() {
    let (old, task) =
        application("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nold").await;
    let server = beside(old);
    let mut client = Proxy::start(client_of(server.address("in"), true));
    let address = client.address("in");
    assert!(raw(address, REQUEST).await.ends_with("old"));
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    let waiting = tokio::spawn(raw(address, REQUEST));
    support::wait_for(|| server.told.lock().unwrap().contains(&(503, "UF")).then_some(()));
    let elsewhere = mirror().await;
    client.publish(|config| {
        config.clusters.insert("c".into(), Arc::new(cluster("c", &[elsewhere])));
    });
    let answer = waiting.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn an_application_that_never_listened_is_not_waited_for_long_and_cannot_ask_for_it() {
    let (never, task) = application("").await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    let client = Proxy::start(client_of(beside(never).address("in"), true));
    assert!(raw(client.address("in"), REQUEST).await.starts_with("HTTP/1.1 503 "));
    let says = "HTTP/1.1 503 No\r\nx-weft-not-processed: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let asked = Arc::new(AtomicUsize::new(0));
    let (lying, _task) = counting(says, Arc::clone(&asked)).await;
    let server = beside(lying);
    let client = Proxy::start(client_of(server.address("in"), true));
    let answer = raw(client.address("in"), REQUEST).await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && !answer.contains("not-processed"), "{answer}");
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_server_without_a_proxy_of_the_mesh_is_not_believed() {
    let says = "HTTP/1.1 503 No\r\nx-weft-not-processed: served-before\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let asked = Arc::new(AtomicUsize::new(0));
    let (lying, _task) = counting(says, Arc::clone(&asked)).await;
    let client = Proxy::start(client_of(lying, false));
    let answer = raw(client.address("in"), REQUEST).await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && !answer.contains("not-processed"), "{answer}");
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}
