//! Limits of rates: who is refused, when, and what a new configuration keeps.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use proxy_config::ProxyConfig;
use proxy_config::http::HttpFilter;
use proxy_config::limit::{Bucket, Limit};
use proxy_config::matcher::Fraction;
use proxy_config::route::HeaderOp;
use support::{Proxy, manager_with, mirror, raw, simple};

const SLOW: Bucket = Bucket { most: 2, fill: 2, every: Duration::from_secs(60) };

fn limit(enforced: Fraction) -> Limit {
    Limit {
        name: "l".into(),
        by_route: true,
        bucket: Some(SLOW),
        kinds: Vec::new(),
        keys: Vec::new(),
        both: true,
        enabled: Fraction::ALWAYS,
        enforced,
        status: 429,
        exhausted: true,
        on_refusal: vec![HeaderOp::Set("x-limited".into(), "yes".into())],
        on_excess: vec![HeaderOp::Set("x-beyond".into(), "yes".into())],
        tells: true,
        tells_when: true,
        most: 20,
    }
}

fn with(config: ProxyConfig, limit: Limit) -> ProxyConfig {
    let limit = Arc::new(limit);
    manager_with(config, |manager| {
        manager.filters = vec![HttpFilter::Limit(Arc::clone(&limit))];
    })
}

async fn ask(proxy: &Proxy, fields: &str) -> String {
    let request = format!("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{fields}\r\n");
    raw(proxy.address("in"), request.as_bytes()).await
}

#[tokio::test]
async fn what_is_beyond_is_refused_until_a_token_comes() {
    let config = with(simple(&[mirror().await]), limit(Fraction::ALWAYS));
    let (mut proxy, time) = Proxy::in_time(config);
    for left in ["1", "0"] {
        let answer = ask(&proxy, "").await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.contains(&format!("x-ratelimit-remaining: {left}\r\n")), "{answer}");
    }
    let answer = ask(&proxy, "").await;
    assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
    for field in
        ["x-limited: yes", "x-ratelimit-limit: 2", "x-ratelimit-reset: 30", "retry-after: 30"]
    {
        assert!(answer.contains(&format!("\r\n{field}\r\n")), "{field} in {answer}");
    }
    assert!(answer.ends_with("\r\n\r\nlocal_rate_limited"), "{answer}");
    let answer = ask(&proxy, "content-type: application/grpc\r\n").await;
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.contains("grpc-status: 8\r\n"),
        "{answer}"
    );
    proxy.publish(|config| *config = with(config.clone(), limit(Fraction::ALWAYS)));
    assert!(ask(&proxy, "").await.starts_with("HTTP/1.1 429 "), "a new plan counts on");
    time.advance(Duration::from_secs(30));
    assert!(ask(&proxy, "").await.starts_with("HTTP/1.1 200 "));
    assert!(ask(&proxy, "").await.starts_with("HTTP/1.1 429 "));
    let wider = Limit { bucket: Some(Bucket { most: 3, ..SLOW }), ..limit(Fraction::ALWAYS) };
    proxy.publish(|config| *config = with(config.clone(), wider));
    assert!(ask(&proxy, "").await.starts_with("HTTP/1.1 200 "), "another limit begins anew");
}

#[tokio::test]
async fn what_is_only_counted_goes_on_and_the_server_is_told() {
    let proxy = Proxy::start(with(simple(&[mirror().await]), limit(Fraction(0))));
    for beyond in [false, false, true] {
        let answer = ask(&proxy, "").await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert_eq!(answer.contains("x-beyond: yes"), beyond, "{answer}");
    }
}
