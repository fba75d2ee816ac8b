//! What is told of a request that rules did not let pass, and to whom.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;

use proxy_config::ProxyConfig;
use proxy_config::http::HttpFilter;
use proxy_config::matcher::StringMatcher;
use proxy_config::rbac::{Action, Permission, Policy, Principal, Rbac, Rules};
use proxy_engine::TellDenials;
use support::{Proxy, manager_with, mirror, raw, simple};

fn rbac(action: Action, name: &str, path: &str) -> HttpFilter {
    let policy = Policy {
        permissions: vec![Permission::Path(StringMatcher::Exact(path.into()))],
        principals: vec![Principal::Any],
    };
    let rules = Some(Rules::new(action, vec![(Arc::from(name), policy)]));
    HttpFilter::Rbac(Arc::new(Rbac { rules, ..Rbac::default() }))
}

/// Denies `/secret`, allows `/open`.
async fn config() -> ProxyConfig {
    manager_with(simple(&[mirror().await]), |manager| {
        manager.filters = vec![
            rbac(Action::Deny, "ns[shop]-policy[secret]-rule[1]", "/secret"),
            rbac(Action::Allow, "ns[shop]-policy[open]-rule[0]", "/open"),
        ];
    })
}

async fn ask(proxy: &Proxy, path: &str, fields: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{fields}\r\n");
    raw(proxy.address("in"), request.as_bytes()).await
}

fn told(proxy: &Proxy) -> Vec<(Option<String>, Option<String>)> {
    proxy.denied.lock().unwrap().clone()
}

const MISSED: &str = "no rule allows it; rule 0 of shop/open comes nearest, but to.operation.paths: /other is not /open";

#[tokio::test]
async fn by_itself_only_the_rule_is_told_and_not_to_the_client() {
    let proxy = Proxy::start(config().await);
    assert!(ask(&proxy, "/open", "").await.starts_with("HTTP/1.1 200 "));
    for path in ["/secret", "/other"] {
        let answer = ask(&proxy, path, "").await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
        assert!(answer.ends_with("\r\n\r\nRBAC: access denied"), "{answer}");
    }
    assert_eq!(told(&proxy), [(Some("shop/secret".to_owned()), None), (None, None)]);
}

#[tokio::test]
async fn a_log_that_wants_it_hears_why_and_the_client_does_not() {
    let tell = TellDenials { log: true, body: false };
    let proxy = Proxy::that_tells(config().await, tell);
    for path in ["/secret", "/other"] {
        let answer = ask(&proxy, path, "").await;
        assert!(answer.ends_with("\r\n\r\nRBAC: access denied"), "{answer}");
    }
    let denied = "rule 1 of shop/secret denies it".to_owned();
    assert_eq!(
        told(&proxy),
        [(Some("shop/secret".to_owned()), Some(denied)), (None, Some(MISSED.to_owned()))]
    );
}

#[tokio::test]
async fn a_client_that_may_hear_it_hears_why() {
    let tell = TellDenials { log: false, body: true };
    let proxy = Proxy::that_tells(config().await, tell);
    let answer = ask(&proxy, "/secret", "").await;
    let why = "RBAC: access denied: rule 1 of shop/secret denies it";
    assert!(answer.ends_with(&format!("\r\n\r\n{why}")), "{answer}");
    let answer = ask(&proxy, "/other", "").await;
    assert!(answer.ends_with(&format!("\r\n\r\nRBAC: access denied: {MISSED}")), "{answer}");
    let answer = ask(&proxy, "/secret", "content-type: application/grpc\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains(&format!("grpc-message: {why}\r\n")), "{answer}");
    assert!(told(&proxy).iter().all(|(_, why)| why.is_none()));
}
