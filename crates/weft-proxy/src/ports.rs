//! The proxy's own HTTP ports: admin, health, metrics.
//!
//! In: requests from this pod, the node and Prometheus. Out: answers of `admin` and `dump`.
//! Holds: they run beside the workers, on the main runtime; admin listens on loopback only.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use weft_rt::Tasks;

use crate::admin;
use crate::running::Running;
use crate::withdrawal;

/// Admin.
pub(crate) const ADMIN: u16 = 15000;
/// Metrics and health, where Istio's agent has them.
pub(crate) const AGENT: u16 = 15020;
/// Health for probes.
pub(crate) const HEALTH: u16 = 15021;
/// Metrics, where Istio's Envoy has them.
pub(crate) const METRICS: u16 = 15090;

/// What a port is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Surface {
    Admin,
    Open,
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) kind: &'static str,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn text(status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self { status, kind: "text/plain; charset=UTF-8", body: body.into() }
    }

    pub(crate) fn ok(body: impl Into<Bytes>) -> Self {
        Self::text(StatusCode::OK, body)
    }

    pub(crate) fn json(value: &serde_json::Value) -> Self {
        let body = serde_json::to_vec_pretty(value).unwrap_or_default();
        Self { status: StatusCode::OK, kind: "application/json", body: body.into() }
    }
}

/// Opens all ports and serves them in `tasks`.
pub(crate) async fn open(running: &Arc<Running>, tasks: &mut Tasks) -> io::Result<()> {
    let loopback = std::net::Ipv4Addr::LOCALHOST;
    let any = std::net::Ipv4Addr::UNSPECIFIED;
    for (ip, port, surface) in [
        (loopback, ADMIN, Surface::Admin),
        (any, AGENT, Surface::Open),
        (any, HEALTH, Surface::Open),
        (any, METRICS, Surface::Open),
    ] {
        let address = SocketAddr::from((ip, port));
        let listener = TcpListener::bind(address)
            .await
            .map_err(|e| io::Error::new(e.kind(), format!("cannot listen on {address}: {e}")))?;
        tasks.spawn("port", serve(listener, surface, Arc::clone(running)));
    }
    Ok(())
}

async fn serve(listener: TcpListener, surface: Surface, running: Arc<Running>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(connection(stream, surface, Arc::clone(&running)))),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept on an own port");
                    running.clock.sleep(std::time::Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn connection(stream: TcpStream, surface: Surface, running: Arc<Running>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let running = Arc::clone(&running);
        async move { Ok::<_, Infallible>(respond(&running, surface, &request).await) }
    });
    let http = hyper::server::conn::http1::Builder::new();
    if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "a connection to an own port ended");
    }
}

async fn respond(
    running: &Running,
    surface: Surface,
    request: &Request<Incoming>,
) -> Response<Full<Bytes>> {
    let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
    let post = request.method() == Method::POST;
    let answer = match (surface, path) {
        (_, "/healthz/ready") => admin::ready(running),
        (_, "/stats/prometheus" | "/metrics") => admin::prometheus(running),
        (Surface::Open, withdrawal::PATH) => {
            let Running { settings, identity, clock, .. } = running;
            Answer::ok(withdrawal::answer(settings, identity, query, clock).await)
        }
        (Surface::Admin, _) => admin::answer(running, path, query, post),
        (Surface::Open, _) => Answer::text(StatusCode::NOT_FOUND, "not found\n"),
    };
    let mut response = Response::new(Full::new(answer.body));
    *response.status_mut() = answer.status;
    let kind = http::HeaderValue::from_static(answer.kind);
    response.headers_mut().insert(http::header::CONTENT_TYPE, kind);
    response
}
