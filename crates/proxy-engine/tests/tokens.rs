//! What users' tokens make of a request: it passes with what is believed, or is told why not.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;

use proxy_config::claim::{ClaimMatch, ClaimValue};
use proxy_config::http::HttpFilter;
use proxy_config::matcher::StringMatcher;
use proxy_config::rbac::{Action, Permission, Policy, Principal, Rbac, Rules};
use proxy_config::route::{HeaderMatch, HeaderValueMatch, Respond, Route, RouteAction};
use proxy_config::tokens::{Need, Place, Provider, Tokens};
use serde_json::{Value, json};
use support::{
    Proxy, cluster, config, forward, listener, manager, manager_with, mirror, raw, route, routes,
    simple,
};
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
        reroutes: true,
    }))
}

/// Lets in whose token is of the group, and `/open`.
fn rules() -> HttpFilter {
    let one = |permissions, principals| Policy { permissions, principals };
    let staff = ClaimValue::Member(StringMatcher::Exact("staff".into()));
    let staff = Principal::Claim(vec!["groups".into()], staff);
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

/// Answers with a status.
fn answers(status: u16) -> Route {
    let action = RouteAction::Respond(Arc::new(Respond { status, body: Arc::default() }));
    Route { action, ..route("/", forward("c")) }
}

/// The same, for requests whose claim has a text.
fn answers_to(status: u16, name: &str, text: &str) -> Route {
    let mut route = answers(status);
    let value = ClaimValue::Text(StringMatcher::Exact(text.into()));
    route.matches.claims = vec![ClaimMatch { path: vec![name.into()], value, invert: false }];
    route
}

#[tokio::test]
async fn a_token_that_is_believed_leads_to_its_route() {
    let mut told = answers(205);
    told.matches.headers = vec![HeaderMatch {
        name: "x-sub".into(),
        value: HeaderValueMatch::Text(StringMatcher::Exact("red".into())),
        invert: false,
        missing_is_empty: false,
    }];
    let all = vec![answers_to(207, "sub", "bob"), answers_to(208, "team", "a"), told, answers(203)];
    let proxied = config(
        vec![listener("in", manager(Vec::new()))],
        routes(all),
        vec![cluster("c", &[mirror().await])],
    );
    let proxied = manager_with(proxied, |manager| manager.filters = vec![tokens()]);
    let (proxy, _time) = Proxy::in_time(proxied);
    let bearer = |claims: Value| format!("Authorization: Bearer {}\r\n", token(&claims));
    let cases = [
        (bearer(json!({ "sub": "bob" })), 207),
        (bearer(json!({ "team": "a" })), 208),
        (bearer(json!({ "team": ["a"] })), 203),
        (bearer(json!({ "sub": "red" })), 205),
        (bearer(json!({})), 203),
        (bearer(json!({ "sub": "bob", "exp": 1 })), 401),
        (String::new(), 203),
        ("x-sub: red\r\n".to_owned(), 203),
    ];
    for (fields, status) in cases {
        let answer = ask(&proxy, "/", &fields).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{fields}: {answer}");
    }
}

#[tokio::test]
async fn an_issuer_that_signs_with_an_unknown_key_is_told_of() {
    let (mut proxy, _time) = proxy().await;
    let rotated = |iss: &str| {
        let token = Issuer::new(2).token(&json!({ "iss": iss, "exp": NOW + 10 }));
        format!("Authorization: Bearer {token}\r\n")
    };
    for iss in ["https://other", "https://issuer", "https://issuer"] {
        let answer = ask(&proxy, "/open", &rotated(iss)).await;
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    }
    assert_eq!(proxy.unknown.try_recv().as_deref(), Ok("https://issuer"));
    assert!(proxy.unknown.try_recv().is_err(), "there was no room for a second");
}
