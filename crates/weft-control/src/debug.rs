//! Port 15014: metrics and debug answers of the control plane.
//! In: requests. Out: `/debug/syncz` (the ledger), `/metrics`, `/ready`, `/version`.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::SystemTime;

use axum::routing::get;
use axum::{Json, Router};
use ctl_ca::{Ca, CaService};
use ctl_keys::Found;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use weft_rt::Clock;

use crate::pipeline::Running;

/// Serves until told to stop.
pub(crate) async fn serve(
    listener: TcpListener,
    walk: Running,
    (authority, ca): (Arc<CaService>, Arc<Ca>),
    clock: Clock,
    stop: CancellationToken,
) {
    let (counted, keys) = (walk.push.ledger().clone(), walk.keys.clone());
    let metrics = move || {
        let mut text = metrics(&authority, &ca, counted.report().proxies.len());
        text.push_str(&of_issuers(&keys.found(), clock.wall()));
        text
    };
    let router = Router::new()
        .route("/debug/syncz", get(async move || Json(walk.report())))
        .route("/metrics", get(async move || metrics()))
        .route("/ready", get(async || "ready\n"))
        .route("/version", get(async || concat!(env!("CARGO_PKG_VERSION"), "\n")));
    let served = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
    if let Err(error) = served.await {
        tracing::error!(%error, "port 15014 is not served any more");
    }
}

fn metrics(authority: &CaService, ca: &Ca, proxies: usize) -> String {
    let counters = authority.counters();
    let rows = [
        ("citadel_server_csr_count", counters.requests),
        ("citadel_server_success_cert_issuance_count", counters.issued),
        ("citadel_server_authentication_failure_count", counters.unauthenticated),
        ("citadel_server_csr_parsing_err_count", counters.unreadable),
        ("citadel_server_csr_sign_err_count", counters.unsigned),
    ];
    let mut text = String::new();
    for (name, value) in rows {
        // Writing to a String cannot fail.
        writeln!(text, "# TYPE {name} counter\n{name} {value}").ok();
    }
    writeln!(text, "# TYPE weft_ca_refusals_total counter").ok();
    for (reason, count) in counters.refusals {
        writeln!(text, "weft_ca_refusals_total{{reason=\"{reason}\"}} {count}").ok();
    }
    let (root, chain) = ca.ends();
    let gauges = [
        ("citadel_server_root_cert_expiry_timestamp", root),
        ("citadel_server_cert_chain_expiry_timestamp", chain),
        ("weft_ca_given_authority_refused", u64::from(ca.report().problem.is_some())),
    ];
    for (name, value) in gauges {
        writeln!(text, "# TYPE {name} gauge\n{name} {value}").ok();
    }
    writeln!(text, "# TYPE pilot_xds gauge\npilot_xds {proxies}").ok();
    text
}

/// Places of keys that have figures of their own; the next ones have none, so that rules cannot fill a store of metrics.
const MOST_PLACES: usize = 100;

/// How fetching keys goes, in istiod's names where it has them.
fn of_issuers(found: &Found, now: SystemTime) -> String {
    let mut text = String::new();
    for (name, value) in [
        ("pilot_jwks_resolver_network_fetch_success_total", found.fetched),
        ("pilot_jwks_resolver_network_fetch_fail_total", found.failed),
    ] {
        writeln!(text, "# TYPE {name} counter\n{name} {value}").ok();
    }
    let places = || found.places.iter().take(MOST_PLACES);
    let label = |text: String| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    text.push_str("# TYPE weft_jwks_age_seconds gauge\n");
    for (place, held) in places() {
        let Some(keys) = &held.keys else { continue };
        let age = now.duration_since(keys.confirmed).unwrap_or_default().as_secs();
        writeln!(text, "weft_jwks_age_seconds{{uri=\"{}\"}} {age}", label(place.uri())).ok();
    }
    text.push_str("# TYPE weft_jwks_failing gauge\n");
    for (place, held) in places() {
        let failing = u8::from(held.failure.is_some());
        writeln!(text, "weft_jwks_failing{{uri=\"{}\"}} {failing}", label(place.uri())).ok();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use ctl_keys::{Failure, Held, KeyText, Place};

    use super::*;

    #[test]
    fn metrics_tell_how_old_keys_are_and_bound_their_labels() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
        let confirmed = SystemTime::UNIX_EPOCH + Duration::from_secs(40);
        let keys = Some(KeyText { text: "{}".into(), confirmed });
        let failure = Some(Failure { why: "away".to_owned(), since: confirmed });
        let place = |at: usize| Place::Uri(format!("http://{at:04}/\"x"));
        let mut places: BTreeMap<Place, Held> =
            (1..200).map(|at| (place(at), Held::default())).collect();
        places.insert(place(0), Held { keys, failure });
        let text = of_issuers(&Found { places: places.into(), fetched: 3, failed: 2 }, now);
        for line in [
            "pilot_jwks_resolver_network_fetch_success_total 3",
            "pilot_jwks_resolver_network_fetch_fail_total 2",
            "weft_jwks_age_seconds{uri=\"http://0000/\\\"x\"} 60",
            "weft_jwks_failing{uri=\"http://0000/\\\"x\"} 1",
        ] {
            assert!(text.lines().any(|own| own == line), "{line}\n{text}");
        }
        assert_eq!(text.matches("weft_jwks_failing{").count(), MOST_PLACES);
    }
}
