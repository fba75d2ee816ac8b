//! What routes promise: copies, consistent hosts, endpoint names, gRPC's timeouts, the client's address.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proxy_config::ProxyConfig;
use proxy_config::cluster::{Balancer, Discovery};
use proxy_config::matcher::Fraction;
use proxy_config::route::{HashBy, HashPolicy, HostRewrite, Mirror};
use support::{Proxy, cluster, forward, manager_with, mirror, raw, read_head, server, simple};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const GET: &str = "GET / HTTP/1.1\r\nHost: x:80\r\nConnection: close\r\n\r\n";

fn one_route(mut config: ProxyConfig, action: proxy_config::route::Forward) -> ProxyConfig {
    config.routes.insert("80".into(), support::routes(vec![support::route("/", action)]));
    config
}

/// A server that keeps the heads and bodies that it gets, and answers slowly or not at all.
async fn recorder(answers: bool) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&heard);
    let address = server(move |_, mut stream| {
        let keep = Arc::clone(&keep);
        async move {
            while let Some(head) = read_head(&mut stream).await {
                let length = head.lines().find_map(|l| l.strip_prefix("content-length: "));
                let mut body = vec![0; length.map_or(0, |l| l.parse().unwrap())];
                stream.read_exact(&mut body).await.unwrap();
                keep.lock().unwrap().push(head + &String::from_utf8_lossy(&body));
                if answers {
                    let answer = b"HTTP/1.1 500 x\r\nContent-Length: 4\r\n\r\noops";
                    stream.write_all(answer).await.unwrap();
                }
            }
        }
    })
    .await;
    (address, heard)
}

#[tokio::test]
async fn a_copy_is_sent_to_the_mirror_and_its_answer_ignored() {
    for (answers, suffix) in [(true, false), (true, true), (false, false)] {
        let (shadow, heard) = recorder(answers).await;
        let mut action = forward("c");
        let copy = Mirror { cluster: "m".into(), fraction: Fraction::ALWAYS, suffix };
        let never = Mirror { cluster: "m".into(), fraction: Fraction(0), suffix };
        let nobody = Mirror { cluster: "none".into(), fraction: Fraction::ALWAYS, suffix };
        action.mirrors = vec![copy, never, nobody];
        let mut config = one_route(simple(&[mirror().await]), action);
        config.clusters.insert("m".into(), Arc::new(cluster("m", &[shadow])));
        let proxy = Proxy::start(config);
        for i in 0..3 {
            let body = format!("body{i}");
            let request = format!(
                "POST /{i} HTTP/1.1\r\nHost: x:80\r\nConnection: close\r\nContent-Length: 5\r\n\r\n{body}"
            );
            let answer = raw(proxy.address("in"), request.as_bytes()).await;
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
            assert!(answer.ends_with(&body), "{answer}");
        }
        let host = if suffix { "x-shadow:80" } else { "x:80" };
        let all = async {
            while heard.lock().unwrap().len() < 3 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), all).await.expect("three copies");
        let mut copies = heard.lock().unwrap().clone();
        copies.sort();
        for (i, copy) in copies.iter().enumerate() {
            assert!(copy.starts_with(&format!("POST /{i} HTTP/1.1\r\nhost: {host}\r\n")), "{copy}");
            assert!(copy.ends_with(&format!("\r\n\r\nbody{i}")), "{copy}");
        }
        // The mirror's 500 is nobody's answer, and nobody is told of it.
        assert_eq!(*proxy.told.lock().unwrap(), [(200, "-"); 3]);
    }
}

#[tokio::test]
async fn a_mirror_that_is_down_harms_nobody() {
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dead = gone.local_addr().unwrap();
    drop(gone);
    let mut action = forward("c");
    action.mirrors = vec![Mirror { cluster: "m".into(), fraction: Fraction::ALWAYS, suffix: true }];
    let mut config = one_route(simple(&[mirror().await]), action);
    config.clusters.insert("m".into(), Arc::new(cluster("m", &[dead])));
    let proxy = Proxy::start(config);
    let answer = raw(proxy.address("in"), GET.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

/// Four servers that answer with their number.
async fn numbered() -> Vec<SocketAddr> {
    let mut all = Vec::new();
    for number in 0..4 {
        let one = server(move |_, mut stream| async move {
            while read_head(&mut stream).await.is_some() {
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{number}");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        all.push(one.await);
    }
    all
}

fn hashed(hosts: &[SocketAddr], balancer: Balancer, by: HashBy) -> Proxy {
    let mut action = forward("c");
    action.hash = vec![HashPolicy { by, terminal: false }];
    let mut config = one_route(simple(&[]), action);
    let mut target = cluster("c", hosts);
    target.balancer = balancer;
    config.clusters.insert("c".into(), Arc::new(target));
    Proxy::start(config)
}

async fn ask(proxy: &Proxy, path: &str, fields: &str) -> (char, String) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{fields}\r\n");
    let answer = raw(proxy.address("in"), request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    (answer.chars().last().unwrap(), answer)
}

#[tokio::test]
async fn the_same_key_reaches_the_same_host() {
    let hosts = numbered().await;
    let ring = Balancer::RingHash { minimum: 1024, maximum: 8192 };
    for balancer in [ring, Balancer::Maglev { size: 65_537 }] {
        let by_header = hashed(&hosts, balancer, HashBy::Header("x-user".into()));
        let by_query = hashed(&hosts, balancer, HashBy::Query("user".into()));
        let mut seen = BTreeSet::new();
        for user in 0..16 {
            let mut answers = BTreeSet::new();
            for _ in 0..4 {
                let field = format!("X-User: user{user}\r\n");
                answers.insert(ask(&by_header, "/", &field).await.0);
                let path = format!("/?a=b&user=user{user}");
                answers.insert(ask(&by_query, &path, "").await.0);
            }
            assert_eq!(answers.len(), 1, "user{user}: {answers:?}");
            seen.extend(answers);
        }
        assert!(seen.len() > 2, "{seen:?}");
        let by_address = hashed(&hosts, balancer, HashBy::SourceIp);
        let mut answers = BTreeSet::new();
        for _ in 0..8 {
            answers.insert(ask(&by_address, "/", "").await.0);
        }
        assert_eq!(answers.len(), 1);
    }
}

#[tokio::test]
async fn a_cookie_is_handed_out_and_leads_back() {
    let hosts = numbered().await;
    let ring = Balancer::RingHash { minimum: 1024, maximum: 8192 };
    let ttl = Some(Duration::from_secs(60));
    let proxy = hashed(
        &hosts,
        ring,
        HashBy::Cookie { name: "u".into(), ttl, path: "/".into(), attributes: Vec::new() },
    );
    for _ in 0..6 {
        let (first, answer) = ask(&proxy, "/", "").await;
        let cookie = answer.lines().find_map(|l| l.strip_prefix("set-cookie: ")).unwrap();
        assert!(cookie.ends_with("; Max-Age=60; Path=/; HttpOnly"), "{cookie}");
        let pair = cookie.split(';').next().unwrap();
        for _ in 0..3 {
            let (again, answer) = ask(&proxy, "/", &format!("Cookie: {pair}\r\n")).await;
            assert_eq!(again, first);
            assert!(!answer.contains("set-cookie"), "{answer}");
        }
    }
}

#[tokio::test]
async fn the_host_becomes_the_endpoint_s_name() {
    let mut action = forward("c");
    action.host_rewrite = Some(HostRewrite::Auto);
    let mut config = one_route(simple(&[]), action);
    let mut target = cluster("c", &[mirror().await]);
    if let Discovery::Static(list) = &mut target.discovery {
        let about = &mut Arc::make_mut(list).endpoints[0].about;
        Arc::make_mut(about).hostname = "real.example".into();
    }
    config.clusters.insert("c".into(), Arc::new(target));
    let proxy = Proxy::start(config);
    let answer = raw(proxy.address("in"), GET.as_bytes()).await;
    assert!(answer.contains("host: real.example\r\n"), "{answer}");
}

#[tokio::test]
async fn a_grpc_client_s_timeout_is_kept_up_to_the_largest() {
    let mute = server(|_, mut stream| async move {
        read_head(&mut stream).await;
        std::future::pending::<()>().await;
    })
    .await;
    // Its own deadline is told as such; ours, when it asks for more, as a server that is not there.
    for (most, asked, status) in
        [(5_000, "50m", "4"), (0, "50m", "4"), (50, "5S", "14"), (50, "soon", "14")]
    {
        let mut action = forward("c");
        action.max_grpc_timeout = Some(Duration::from_millis(most));
        let proxy = Proxy::start(one_route(simple(&[mute]), action));
        let request = format!(
            "POST /s/m HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\
             Content-Type: application/grpc\r\nGrpc-Timeout: {asked}\r\n\r\n"
        );
        let answer = raw(proxy.address("in"), request.as_bytes()).await;
        assert!(answer.contains(&format!("grpc-status: {status}\r\n")), "{asked}: {answer}");
        assert_eq!(support::wait_for(|| proxy.told.lock().unwrap().pop()), (200, "UT"));
    }
}

#[tokio::test]
async fn the_client_s_address_is_believed_as_far_as_proxies_are_trusted() {
    use proxy_config::http::HttpFilter;
    use proxy_config::matcher::AddressRange;
    use proxy_config::rbac::{Action, Permission, Policy, Principal, Rbac, Rules};
    let only = |range: &str| {
        let policy = Policy {
            permissions: vec![Permission::Any],
            principals: vec![Principal::RemoteIp(AddressRange(range.parse().unwrap()))],
        };
        let rules = Rules::new(Action::Allow, vec![("p".into(), policy)]);
        vec![HttpFilter::Rbac(Arc::new(Rbac { rules: Some(rules), ..Rbac::default() }))]
    };
    let request = |chain: &str| {
        format!(
            "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Forwarded-For: {chain}\r\n\r\n"
        )
    };
    for (edge, hops, chain, status) in [
        (true, 0, "9.9.9.9", "403"),
        (true, 1, "9.9.9.9", "200"),
        (true, 1, "9.9.9.9, 8.8.8.8", "403"),
        (true, 2, "9.9.9.9, 8.8.8.8", "200"),
        (true, 2, "9.9.9.9", "403"),
        (false, 0, "8.8.8.8, 9.9.9.9", "200"),
        (false, 1, "9.9.9.9, 8.8.8.8", "200"),
        (false, 0, "9.9.9.9, nonsense", "403"),
    ] {
        let config = manager_with(simple(&[mirror().await]), |m| {
            m.filters = only("9.9.9.9/32");
            m.use_remote_address = edge;
            m.trusted_hops = hops;
        });
        let proxy = Proxy::start(config);
        let answer = raw(proxy.address("in"), request(chain).as_bytes()).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{edge} {hops} {chain}: {answer}"
        );
    }
}

#[tokio::test]
async fn names_of_hosts_are_looked_up() {
    use proxy_config::cluster::{DnsEndpoints, DnsHost, Family};
    let port = mirror().await.port();
    let named = |name: &str, logical: bool| {
        let mut target = cluster(name, &[]);
        let template = cluster("t", &[SocketAddr::new([0, 0, 0, 0].into(), port)]);
        let Discovery::Static(list) = &template.discovery else { unreachable!() };
        let hosts = vec![DnsHost { name: name.into(), endpoint: list.endpoints[0].clone() }];
        let refresh = Duration::from_secs(60);
        let dns = DnsEndpoints { hosts, refresh, logical, family: Family::V4 };
        target.discovery = Discovery::Dns(Arc::new(dns));
        target
    };
    for logical in [false, true] {
        let mut action = forward("localhost");
        action.host_rewrite = Some(HostRewrite::Auto);
        let mut config = one_route(simple(&[]), action);
        config.clusters.insert("localhost".into(), Arc::new(named("localhost", logical)));
        let proxy = Proxy::start(config);
        let answer = async {
            loop {
                let answer = raw(proxy.address("in"), GET.as_bytes()).await;
                if answer.starts_with("HTTP/1.1 200 ") {
                    break answer;
                }
                assert!(answer.contains("no healthy upstream"), "{answer}");
            }
        };
        let answer = tokio::time::timeout(Duration::from_secs(10), answer).await.unwrap();
        assert!(answer.contains("host: localhost\r\n"), "{answer}");
    }
}

/// Everything goes to the host that is called; `most` hosts are known at once.
fn of_called_hosts(most: u32) -> ProxyConfig {
    use proxy_config::cluster::{CalledHosts, Family};
    let mut target = cluster("called", &[]);
    target.discovery = Discovery::Called(Arc::new(CalledHosts {
        cache: "c".into(),
        family: Family::V4,
        refresh: Duration::from_secs(60),
        kept: Duration::from_secs(300),
        most,
        limit: Duration::from_secs(5),
    }));
    let mut config = one_route(simple(&[]), forward("called"));
    config.clusters.insert("called".into(), Arc::new(target));
    config
}

#[tokio::test]
async fn the_host_that_a_request_is_for_is_looked_up_when_it_is_called() {
    let port = mirror().await.port();
    let proxy = Proxy::start(of_called_hosts(1));
    let asked = |host: String| {
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let address = proxy.address("in");
        async move { raw(address, request.as_bytes()).await }
    };
    for host in [format!("localhost:{port}"), format!("127.0.0.1:{port}")] {
        let answer = asked(host.clone()).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.contains(&format!("host: {host}\r\n")), "{answer}");
    }
    // The one host that may be known is known already.
    let answer = asked("other.invalid".to_owned()).await;
    assert!(
        answer.starts_with("HTTP/1.1 503 ") && answer.ends_with("DNS cache overflow"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_called_host_that_nobody_knows_is_told_of() {
    let proxy = Proxy::start(of_called_hosts(1024));
    let request = "GET / HTTP/1.1\r\nHost: nobody.invalid\r\nConnection: close\r\n\r\n";
    for _ in 0..2 {
        let answer = raw(proxy.address("in"), request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(answer.ends_with("DNS resolution failure"), "{answer}");
    }
}
