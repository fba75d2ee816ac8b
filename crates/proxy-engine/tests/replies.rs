//! Answers that the proxy makes itself: which fields they carry, as Envoy 1.40 was seen to do.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;

use proxy_config::ProxyConfig;
use proxy_config::http::{Abort, Fault, HttpFilter};
use proxy_config::matcher::Fraction;
use proxy_config::route::{HeaderOp, Redirect, Respond, Route, RouteAction, RouteConfig};
use support::{Proxy, forward, mirror, raw, route, simple};

fn adds(name: &str, value: &str) -> Vec<HeaderOp> {
    vec![HeaderOp::Append(name.into(), value.into())]
}

fn with(prefix: &str, action: RouteAction) -> Route {
    let mut route = route(prefix, forward("none"));
    route.action = action;
    route
}

/// Routes to every kind of answer; each level adds a field to answers.
fn config(server: SocketAddr) -> ProxyConfig {
    let mut config = simple(&[server]);
    let respond = Respond { status: 418, body: Arc::from(*b"tea") };
    let redirect = Redirect { status: 301, host: Some("b".into()), ..Redirect::default() };
    let mut fault = route("/fault", forward("c"));
    let abort = Some((Abort::Http(555), Fraction::ALWAYS));
    fault.filters.fault = Some(Arc::new(Fault { delay: None, abort }));
    let mut routes = vec![
        with("/direct", RouteAction::Respond(Arc::new(respond))),
        with("/redirect", RouteAction::Redirect(Arc::new(redirect))),
        fault,
        route("/none", forward("none")),
        route("/ok", forward("c")),
    ];
    for route in &mut routes {
        route.headers.response = adds("x-route", "r");
    }
    let mut whole: RouteConfig = Arc::unwrap_or_clone(support::routes(routes));
    whole.headers.response = adds("x-config", "c");
    whole.virtual_hosts[0].headers.response = adds("x-host", "h");
    config.routes.insert("80".into(), Arc::new(whole));
    support::manager_with(config, |manager| {
        manager.filters = vec![HttpFilter::Fault(Arc::default())];
    })
}

async fn ask(proxy: &Proxy, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: x:80\r\nConnection: close\r\n\r\n");
    raw(proxy.address("in"), request.as_bytes()).await
}

#[tokio::test]
async fn routes_change_our_own_answers_too() {
    let proxy = Proxy::start(config(mirror().await));
    for (path, status) in [
        ("/direct", "418"),
        ("/redirect", "301"),
        ("/fault", "555"),
        ("/none", "503"),
        ("/ok", "200"),
    ] {
        let answer = ask(&proxy, path).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{path}: {answer}");
        for field in ["x-route: r\r\n", "x-host: h\r\n", "x-config: c\r\n"] {
            assert!(answer.contains(field), "{path} lacks {field}: {answer}");
        }
    }
    let answer = ask(&proxy, "/unknown").await;
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    assert!(!answer.contains("x-config"), "nothing matched: {answer}");
}

#[tokio::test]
async fn only_a_server_takes_time() {
    let proxy = Proxy::start(config(mirror().await));
    for path in ["/direct", "/redirect", "/fault", "/none", "/unknown"] {
        let answer = ask(&proxy, path).await;
        assert!(!answer.contains("x-envoy-upstream-service-time"), "{path}: {answer}");
    }
    let answer = ask(&proxy, "/ok").await;
    assert!(answer.contains("x-envoy-upstream-service-time: "), "{answer}");
}
