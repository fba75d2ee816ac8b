//! The end of an Envoy in peace: its clients are sent elsewhere, and what they still do may end.
//!
//! In: the counts of its admin port. Out: the moment at which nothing is served any more, or the time is up.
//! Holds: a connection of bytes and an upgraded one count as long as they are open; a kept connection that asks nothing does not.

use std::time::Duration;

use tokio::process::Child;
use weft_rt::Clock;

use super::admin;
use crate::settings::{Role, Settings};

/// So long it is served in any case: until then others may not know that the pod is to end.
const LEAST: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(500);
/// The admin port answers within this, or it is not asked for an answer.
const PATIENCE: Duration = Duration::from_secs(3);
const ACTIVE: &str = "/stats?filter=^(listener|http)..*downstream_(cx|rq)_active$";

/// Asks Envoy to send its clients elsewhere, and waits for the last of them as long as the pod's settings allow.
pub(super) async fn drain(child: &mut Child, settings: &Settings, clock: &Clock) {
    let path = match settings.role {
        Role::Sidecar => "/drain_listeners?inboundonly&graceful",
        Role::Router => "/drain_listeners?graceful",
    };
    tracing::info!(time = ?settings.drain, "draining");
    match clock.timeout(PATIENCE, admin::call("POST", path)).await {
        Ok(Ok((200, _))) => {}
        other => tracing::warn!(?other, "Envoy does not drain"),
    }
    let over = async {
        clock.sleep(LEAST).await;
        idle(clock).await;
    };
    let end = async {
        // Envoy may also end by itself here; then there is nothing left to wait for.
        tokio::select! {
            _ = child.wait() => {}
            () = over => {}
        }
    };
    clock.timeout(settings.drain, end).await.ok();
}

/// Returns when nothing is served; an admin port that does not answer serves nobody.
async fn idle(clock: &Clock) {
    while let Ok(Ok((200, stats))) = clock.timeout(PATIENCE, admin::call("GET", ACTIVE)).await {
        if !serves(&stats) {
            return;
        }
        clock.sleep(POLL).await;
    }
}

/// Whether a request is in flight, or a connection is open that is none of requests.
fn serves(stats: &str) -> bool {
    let (mut requests, mut connections, mut of_requests) = (0, 0, 0);
    for (name, count) in stats.lines().filter_map(|line| line.rsplit_once(": ")) {
        let count: u64 = count.trim().parse().unwrap_or(0);
        let admin = name.starts_with("http.admin.") || name.starts_with("listener.admin.");
        // Each worker's share of a count stands beside the whole.
        if admin || name.contains(".worker_") {
            continue;
        }
        match (name.starts_with("http."), name.ends_with("_cx_active")) {
            (true, true) => of_requests += count,
            (true, false) => requests += count,
            (false, true) => connections += count,
            (false, false) => {}
        }
    }
    requests > 0 || connections > of_requests
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(http: [u64; 2], listener: u64, expected: bool) {
        let [connections, requests] = http;
        let stats = format!(
            "http.admin.downstream_cx_active: 1\nhttp.admin.downstream_rq_active: 1\n\
             http.inbound_0.0.0.0_8080;.downstream_cx_active: {connections}\n\
             http.inbound_0.0.0.0_8080;.downstream_rq_active: {requests}\n\
             listener.0.0.0.0_15006.downstream_cx_active: {listener}\n\
             listener.0.0.0.0_15006.worker_0.downstream_cx_active: {listener}\n\
             listener.admin.downstream_cx_active: 1\n"
        );
        assert_eq!(serves(&stats), expected, "{stats}");
    }

    #[test]
    fn a_request_and_a_connection_of_bytes_are_waited_for_and_a_kept_connection_is_not() {
        check([0, 0], 0, false);
        check([3, 0], 3, false);
        check([3, 1], 3, true);
        check([3, 0], 4, true);
        assert!(!serves("no stats"));
    }
}
