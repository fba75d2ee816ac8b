//! The ports of the agent itself: health on 15021 (ready once Envoy is live, its workers run, and it has taken listeners; and what
//! a preStop hook asks), and the same with metrics on 15020: Envoy's, and when the certificate ends.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use weft_identity::IdentityStore;
use weft_rt::Clock;

use super::admin;
use crate::horizon;
use crate::ports::{AGENT, HEALTH};
use crate::settings::Settings;
use crate::withdrawal;

const STATS: &str = "/stats?filter=^(server.state|listener_manager.workers_started|listener_manager.lds.update_success|cluster_manager.cds.update_success)$";
/// A probe waits for Envoy's admin port no longer than this.
const PATIENCE: Duration = Duration::from_millis(800);
/// Metrics may be many.
const METRICS_PATIENCE: Duration = Duration::from_secs(10);

/// Serves for as long as the agent lives.
pub(super) async fn serve(settings: Arc<Settings>, identity: IdentityStore, clock: Clock) {
    tokio::join!(
        serve_port(HEALTH, &settings, &identity, &clock),
        serve_port(AGENT, &settings, &identity, &clock)
    );
}

async fn serve_port(port: u16, settings: &Arc<Settings>, identity: &IdentityStore, clock: &Clock) {
    let listener = match TcpListener::bind(("0.0.0.0", port)).await {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, port, "cannot listen for probes and metrics"),
    };
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            clock.sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (settings, identity) = (Arc::clone(settings), identity.clone());
        let clock = clock.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| answer(request, &settings, &identity, &clock));
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service);
            if let Err(error) = connection.await {
                tracing::debug!(%error, "health probe");
            }
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    settings: &Settings,
    identity: &IdentityStore,
    clock: &Clock,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (code, text) = match request.uri().path() {
        "/healthz/ready" => match ready(clock).await {
            Ok(()) => (200, "ready\n".to_owned()),
            Err(why) => (503, format!("not ready: {why}\n")),
        },
        "/stats/prometheus" | "/metrics" => (200, metrics(identity, clock).await),
        withdrawal::PATH => {
            let query = request.uri().query().unwrap_or_default();
            (200, withdrawal::answer(settings, identity, query, clock).await.to_owned())
        }
        _ => (404, "try /healthz/ready\n".to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = http::StatusCode::from_u16(code).unwrap_or_default();
    Ok(response)
}

/// Envoy's metrics, when it answers, and those of the certificate.
async fn metrics(identity: &IdentityStore, clock: &Clock) -> String {
    let envoys = clock.timeout(METRICS_PATIENCE, admin::metrics()).await;
    let envoys = envoys.map_err(|_elapsed| "no answer".to_owned());
    let mut text = match envoys.and_then(|answer| answer.map_err(|error| error.to_string())) {
        Ok(body) => String::from_utf8_lossy(&body).into_owned(),
        Err(error) => {
            tracing::warn!(error, "Envoy's metrics cannot be read");
            String::new()
        }
    };
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(&horizon::metrics(identity, clock.wall()));
    text
}

async fn ready(clock: &Clock) -> Result<(), String> {
    let stats = clock.timeout(PATIENCE, admin::call("GET", STATS)).await;
    let stats = stats.map_err(|_elapsed| "admin port does not answer".to_owned())?;
    let (_, stats) = stats.map_err(|error| format!("admin port: {error}"))?;
    let value = |name: &str| {
        let line = stats.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.and_then(|number| number.trim().parse::<u64>().ok())
    };
    let taken = |name: &str| value(name).is_some_and(|count| count > 0);
    if value("server.state") != Some(0) {
        return Err("Envoy is not live".into());
    }
    if !taken("listener_manager.workers_started") {
        return Err("workers have not started".into());
    }
    if !taken("cluster_manager.cds.update_success") || !taken("listener_manager.lds.update_success")
    {
        return Err("no configuration from the control plane yet".into());
    }
    Ok(())
}
