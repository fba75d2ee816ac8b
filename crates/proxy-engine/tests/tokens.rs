//! What users' tokens make of a request: it passes with what is believed, or is told why not.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;

use proxy_config::http::HttpFilter;
use proxy_config::matcher::StringMatcher;
use proxy_config::rbac::{Action, Permission, Policy, Principal, Rbac, Rules};
use proxy_config::tokens::{Need, Place, Provider, Tokens};
use serde_json::{Value, json};
use support::{Proxy, manager_with, mirror, raw, simple};
use testkit::issuer::Issuer;
use weft_token::KeySet;

/// Where the test's clock stands, in seconds since 1970.
const NOW: u64 = 1_800_000_000;

fn tokens() -> HttpFilter {
    let provider = Provider {
        issuer: "https://issuer".into(),
        audiences: Vec::new(),
        keys: Some(KeySet::read(&Issuer::new(1).keys()).unwrap()),
        places: vec![
            Place::Header { name: "authorization".into(), prefix: "Bearer ".into() },
            Place::Param("access_token".into()),
        ],
        forward: false,
        payload_field: None,
        claim_fields: vec![("x-sub".into(), vec!["sub".into()])],
        spaced: BTreeSet::new(),
    };
    HttpFilter::Tokens(Arc::new(Tokens {
        providers: vec![provider],
        needs: Need::Any(vec![Need::Provider(0), Need::Missing]),
        passes_preflight: true,
    }))
}

/// Lets in whose token is of the group, and `/open`.
fn rules() -> HttpFilter {
    let one = |permissions, principals| Policy { permissions, principals };
    let staff = Principal::Claim(vec!["groups".into()], StringMatcher::Exact("staff".into()));
    let open = Permission::Path(StringMatcher::Exact("/open".into()));
    let policies = vec![
        (Arc::from("claims"), one(vec![Permission::Any], vec![staff])),
        (Arc::from("open"), one(vec![open], vec![Principal::Any])),
    ];
    let rules = Rules::new(Action::Allow, policies);
    HttpFilter::Rbac(Arc::new(Rbac { rules: Some(rules), ..Rbac::default() }))
}

fn token(changes: &Value) -> String {
    let mut claims =
        json!({ "iss": "https://issuer", "sub": "ann", "exp": NOW + 10, "groups": ["staff"] });
    claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    Issuer::new(1).token(&claims)
}

async fn ask(proxy: &Proxy, path: &str, fields: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{fields}\r\n");
    raw(proxy.address("in"), request.as_bytes()).await
}

async fn proxy() -> (Proxy, weft_rt::FakeTime) {
    let config = manager_with(simple(&[mirror().await]), |m| m.filters = vec![tokens(), rules()]);
    Proxy::in_time(config)
}

#[tokio::test]
async fn rules_see_the_claims_and_the_application_what_it_is_told() {
    let (proxy, _time) = proxy().await;
    let bearer = format!("Authorization: Bearer {}\r\nX-Sub: root\r\n", token(&json!({})));
    let answer = ask(&proxy, "/", &bearer).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains("x-sub: ann\r\n") && !answer.contains("root"), "{answer}");
    assert!(!answer.contains("Bearer"), "{answer}");
    let query = format!("/?a=1&access_token={}&b=2", token(&json!({})));
    let answer = ask(&proxy, &query, "").await;
    assert!(answer.contains("GET /?a=1&b=2 HTTP/1.1"), "{answer}");
    let guest = format!("Authorization: Bearer {}\r\n", token(&json!({ "groups": ["guests"] })));
    assert!(ask(&proxy, "/", &guest).await.starts_with("HTTP/1.1 403 "));
    assert!(ask(&proxy, "/", "").await.starts_with("HTTP/1.1 403 "));
    let open = ask(&proxy, "/open", "x-sub: root\r\n").await;
    assert!(open.starts_with("HTTP/1.1 200 ") && !open.contains("root"), "{open}");
}

#[tokio::test]
async fn a_token_that_is_not_believed_is_refused_with_a_challenge() {
    let (proxy, time) = proxy().await;
    let bearer = format!("Authorization: Bearer {}\r\n", token(&json!({})));
    assert!(ask(&proxy, "/open", &bearer).await.starts_with("HTTP/1.1 200 "));
    let other = "Authorization: Bearer x\r\n";
    let refused = ask(&proxy, "/open", other).await;
    assert!(refused.starts_with("HTTP/1.1 401 "), "{refused}");
    let challenge = "www-authenticate: Bearer realm=\"http://x/open\", error=\"invalid_token\"\r\n";
    assert!(refused.contains(challenge), "{refused}");
    let grpc = ask(&proxy, "/open", &format!("{other}content-type: application/grpc\r\n")).await;
    assert!(grpc.contains("grpc-status: 16\r\n"), "{grpc}");
    time.advance(std::time::Duration::from_secs(10 + 60 + 1));
    let late = ask(&proxy, "/open", &bearer).await;
    assert!(late.starts_with("HTTP/1.1 401 ") && late.ends_with("Jwt is expired"), "{late}");
    let told: Vec<u16> = proxy.told.lock().unwrap().iter().map(|(status, _)| *status).collect();
    assert_eq!(told, [200, 401, 200, 401]);
}
