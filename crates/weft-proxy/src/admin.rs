//! Answers of the admin port, in the shape of Envoy's.
//!
//! In: a path. Out: text or JSON. Holds: no key is ever shown.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use http::StatusCode;
use serde_json::{Value, json};

use crate::dump;
use crate::horizon;
use crate::ports::Answer;
use crate::running::Running;

const HELP: &str = "config_dump clusters listeners stats stats/prometheus ready server_info certs \
                    logging drain_listeners(POST) quitquitquit(POST)\n";

/// One answer.
pub(crate) fn answer(running: &Running, path: &str, query: &str, post: bool) -> Answer {
    let json = query.contains("format=json");
    match path {
        "/" | "/help" => Answer::ok(HELP),
        "/ready" => live(running),
        "/config_dump" => Answer::json(&dump::config(running, query.contains("include_eds"))),
        "/clusters" if json => Answer::json(&dump::clusters_json(running)),
        "/clusters" => Answer::ok(dump::clusters_text(running)),
        "/listeners" if json => Answer::json(&dump::listeners_json(running)),
        "/listeners" => Answer::ok(dump::listeners_text(running)),
        "/stats" => Answer::ok(stats(running)),
        "/server_info" => Answer::json(&server_info(running)),
        "/certs" => Answer::json(&dump::certs(running)),
        "/logging" => Answer::ok("active loggers: set RUST_LOG at start\n"),
        "/drain_listeners" if post => {
            running.engine.start_drain();
            Answer::ok("OK\n")
        }
        "/quitquitquit" if post => {
            running.quit.notify_one();
            Answer::ok("OK\n")
        }
        "/drain_listeners" | "/quitquitquit" => {
            Answer::text(StatusCode::METHOD_NOT_ALLOWED, "use POST\n")
        }
        _ => Answer::text(StatusCode::NOT_FOUND, "unknown path; see /help\n"),
    }
}

/// The readiness probe.
pub(crate) fn ready(running: &Running) -> Answer {
    if running.ready() {
        Answer::ok("")
    } else {
        Answer::text(StatusCode::SERVICE_UNAVAILABLE, state(running))
    }
}

fn live(running: &Running) -> Answer {
    let status = if running.ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Answer::text(status, format!("{}\n", state(running)))
}

fn state(running: &Running) -> &'static str {
    if running.engine.draining() {
        "DRAINING"
    } else if running.ready() {
        "LIVE"
    } else {
        "INITIALIZING"
    }
}

/// Prometheus' scrape.
pub(crate) fn prometheus(running: &Running) -> Answer {
    let mut text = telemetry_export::render(&running.registry, env!("CARGO_PKG_VERSION"));
    text.push_str(&horizon::metrics(&running.identity, running.clock.wall()));
    Answer { kind: "text/plain; version=0.0.4", ..Answer::ok(text) }
}

fn stats(running: &Running) -> String {
    let activity = running.engine.activity();
    let plan = running.engine.plan();
    let mut out = String::new();
    let rows: [(&str, u64); 8] = [
        ("http.downstream_cx_active", activity.connections.load(Ordering::Relaxed)),
        ("http.downstream_rq_active", activity.requests.load(Ordering::Relaxed)),
        ("http.downstream_rq_total", activity.begun.load(Ordering::Relaxed)),
        ("cluster_manager.active_clusters", plan.clusters.len() as u64),
        ("listener_manager.total_listeners_active", plan.listeners.len() as u64),
        ("listener_manager.workers_started", 1),
        ("server.live", u64::from(running.ready())),
        ("server.uptime", (running.clock.now() - running.started).as_secs()),
    ];
    for (name, value) in rows {
        // Writing to a String cannot fail.
        writeln!(out, "{name}: {value}").ok();
    }
    for cluster in plan.clusters.values() {
        let name = &cluster.name;
        let load = &cluster.load;
        for (stat, count) in [
            ("upstream_cx_active", &load.connections),
            ("upstream_rq_active", &load.requests),
            ("upstream_rq_pending_active", &load.pending),
        ] {
            writeln!(out, "cluster.{name}.{stat}: {}", count.load(Ordering::Relaxed)).ok();
        }
    }
    out.push_str(&running.registry.watched());
    out.push_str(&running.registry.limited());
    out
}

fn server_info(running: &Running) -> Value {
    json!({
        "version": format!("weft-proxy/{}", env!("CARGO_PKG_VERSION")),
        "state": state(running),
        "uptime_current_epoch": format!("{}s", (running.clock.now() - running.started).as_secs()),
        "node": { "id": running.settings.node_id(), "metadata": running.settings.metadata },
        "command_line_options": { "concurrency": running.settings.concurrency },
    })
}
