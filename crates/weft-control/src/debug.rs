//! Port 15014: metrics and debug answers of the control plane.
//! In: requests. Out: `/debug/syncz` (the ledger), `/metrics`, `/ready`, `/version`.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use ctl_ca::{Ca, CaService};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::pipeline::Running;

/// Serves until told to stop.
pub(crate) async fn serve(
    listener: TcpListener,
    walk: Running,
    authority: Arc<CaService>,
    ca: Arc<Ca>,
    stop: CancellationToken,
) {
    let counted = walk.push.ledger().clone();
    let router = Router::new()
        .route("/debug/syncz", get(async move || Json(walk.report())))
        .route(
            "/metrics",
            get(async move || metrics(&authority, &ca, counted.report().proxies.len())),
        )
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
