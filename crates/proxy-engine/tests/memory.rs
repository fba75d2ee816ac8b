//! What a proxy keeps at rest. One test in this binary: it looks at the memory of its process.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use proxy_config::{ProxyConfig, RouteConfig};
use proxy_engine::plan::{Living, Plan, compile};
use support::{Proxy, cluster, forward, read_head, route, server, simple};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use weft_identity::IdentityStore;

const CLIENTS: u32 = 400;
const SERVICES: u32 = 1000;
const HOSTS: u32 = 10;
const ASKS: &[u8] =
    b"GET / HTTP/1.1\r\nHost: idle.example\r\nUser-Agent: idle\r\nAccept: */*\r\n\r\n";

/// Memory of this process that is its own, in bytes.
fn own() -> u32 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u32>().unwrap() * 1024
}

async fn ask_once(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(ASKS).await.unwrap();
    let (mut answer, mut piece) = (Vec::new(), [0; 1024]);
    while !answer.ends_with(b"hi") {
        let read = stream.read(&mut piece).await.unwrap();
        assert_ne!(read, 0, "the connection stays");
        answer.extend_from_slice(&piece[..read]);
    }
    stream
}

/// A client's own end is among it, about 350 bytes.
async fn clients_that_asked_once() -> u32 {
    let backend = server(|_, mut stream| async move {
        while read_head(&mut stream).await.is_some() {
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
            stream.write_all(answer).await.unwrap();
        }
    });
    let proxy = Proxy::start(simple(&[backend.await]));
    let address = proxy.address("in");
    let _first = ask_once(address).await;
    let before = own();
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(ask_once(address).await);
    }
    own().saturating_sub(before) / CLIENTS
}

/// Before the proxy knows which protocol they speak.
async fn clients_that_say_nothing() -> u32 {
    let proxy = Proxy::start(simple(&[]));
    let address = proxy.address("in");
    let opening = || proxy.engine.activity().opening.load(Ordering::Relaxed);
    let mut clients = vec![TcpStream::connect(address).await.unwrap()];
    support::wait_for(|| (opening() == 1).then_some(()));
    let before = own();
    for _ in 0..CLIENTS {
        clients.push(TcpStream::connect(address).await.unwrap());
    }
    support::wait_for(|| (opening() == u64::from(CLIENTS) + 1).then_some(()));
    own().saturating_sub(before) / CLIENTS
}

/// A configuration of a service for each number, every one with a cluster, ten endpoints and a host.
fn crowd() -> ProxyConfig {
    let mut config = simple(&[]);
    let mut hosts = Vec::new();
    for number in 0..SERVICES {
        let name: Arc<str> = format!("outbound|80||s{number}.many.svc.cluster.local").into();
        let at = |host| (Ipv4Addr::from_bits(0x0ac8_0000 + number * HOSTS + host), 8080).into();
        let addresses: Vec<SocketAddr> = (0..HOSTS).map(at).collect();
        config.clusters.insert(Arc::clone(&name), Arc::new(cluster(&name, &addresses)));
        let mut host = support::routes(vec![route("/", forward(&name))]).virtual_hosts[0].clone();
        host.domains = vec![format!("s{number}.many.svc.cluster.local").into()];
        hosts.push(host);
    }
    let routes = RouteConfig { virtual_hosts: hosts, ..RouteConfig::clone(&config.routes["80"]) };
    config.routes = BTreeMap::from([("80".into(), Arc::new(routes))]);
    config
}

fn plan_of(config: &ProxyConfig) -> (Plan, u32) {
    let before = own();
    let mut living = Living::new(IdentityStore::new());
    let (plan, problems) = compile(config, &Plan::default(), &mut living);
    assert!(problems.is_empty(), "{problems:?}");
    (plan, own().saturating_sub(before) / SERVICES)
}

#[tokio::test]
async fn idle_clients_and_services_that_nobody_calls_cost_little() {
    // A page of two megabytes would be all that is seen.
    rustix::thread::disable_transparent_huge_pages(true).unwrap();
    let config = crowd();
    let (plan, service) = plan_of(&config);
    assert_eq!(plan.clusters.len(), 1001);
    assert!(service < 2_000, "a service with ten endpoints takes {service} bytes of a plan");
    drop(plan);
    let silent = clients_that_say_nothing().await;
    assert!(silent < 3_200, "a client that says nothing takes {silent} bytes");
    let client = clients_that_asked_once().await;
    assert!(client < 4_000, "a client that asked once takes {client} bytes");
}
