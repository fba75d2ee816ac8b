//! Listeners whose clients come through a balancer that tells who they are.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;

use support::{Proxy, manager_with, mirror, raw, simple};

const GET: &str = "GET / HTTP/1.1\r\nHost: x:80\r\nConnection: close\r\n\r\n";

async fn behind_a_balancer() -> Proxy {
    let mut config =
        manager_with(simple(&[mirror().await]), |manager| manager.use_remote_address = true);
    for listener in config.listeners.values_mut() {
        Arc::make_mut(listener).introduced = true;
    }
    Proxy::start(config)
}

#[tokio::test]
async fn the_server_learns_the_client_that_the_balancer_names() {
    let proxy = behind_a_balancer().await;
    let address = proxy.address("in");
    let ask =
        |header: Vec<u8>| async move { raw(address, &[&header, GET.as_bytes()].concat()).await };
    let first = ask(b"PROXY TCP4 203.0.113.9 198.51.100.1 4444 80\r\n".to_vec()).await;
    assert!(first.contains("x-forwarded-for: 203.0.113.9"), "{first}");
    let second = [
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".as_slice(),
        &[203, 0, 113, 8, 198, 51, 100, 1, 1, 0, 0, 80],
    ];
    let second = ask(second.concat()).await;
    assert!(second.contains("x-forwarded-for: 203.0.113.8"), "{second}");
    let own = ask(b"PROXY UNKNOWN\r\n".to_vec()).await;
    assert!(own.contains("x-forwarded-for: 127.0.0.1"), "{own}");
}

#[tokio::test]
async fn who_is_not_introduced_is_cut_off() {
    let proxy = behind_a_balancer().await;
    let address = proxy.address("in");
    assert_eq!(raw(address, GET.as_bytes()).await, "");
    assert_eq!(raw(address, b"PROXY TCP4 1.2.3.4 ::1 1 2\r\n").await, "");
}
