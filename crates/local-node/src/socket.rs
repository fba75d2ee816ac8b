//! The node's own HTTP server on a unix socket: `log`, `exec`, `attach`, `portforward`.
//!
//! In: requests that the API server passes on, with kubectl's query parameters. Out: bytes, or upgraded connections.
//! Holds: only the owner of the state folder can connect; who may ask was decided by the API server.
//! Never: SPDY. kubectl speaks WebSocket since 1.31; an older one gets an answer that says so.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

use crate::node::Shared;
use crate::pod::context::PodCtx;

pub(crate) mod log;
pub(crate) mod query;
pub(crate) mod remote;

use query::Query;

/// What every answer carries.
pub(crate) type Body = BoxBody<Bytes, io::Error>;
const MOST_CONNECTIONS: usize = 1024;
/// Answers the highest `resourceVersion` of Services and EndpointSlices that the kernel and DNS follow.
pub const SERVICES_IN_FORCE: &str = "/weft/services-in-force";

/// Binds `<state>/node.sock` and starts to serve.
pub(crate) fn serve(node: Arc<Shared>, tasks: &mut JoinSet<()>) -> io::Result<()> {
    let path = node.config.state.join("node.sock");
    if let Err(error) = std::fs::remove_file(&path)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let failed = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", path.display()));
    let listener = UnixListener::bind(&path).map_err(failed)?;
    tasks.spawn(accept(node, listener));
    Ok(())
}

async fn accept(node: Arc<Shared>, listener: UnixListener) {
    let mut open = JoinSet::new();
    loop {
        while open.len() >= MOST_CONNECTIONS {
            open.join_next().await;
        }
        while open.try_join_next().is_some() {}
        if let Ok((stream, _)) = listener.accept().await {
            open.spawn(connection(Arc::clone(&node), stream));
        }
    }
}

async fn connection(node: Arc<Shared>, stream: UnixStream) {
    let service = service_fn(move |request| {
        let node = Arc::clone(&node);
        async move { Ok::<_, Infallible>(answer(&node, request).await) }
    });
    let server = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    if let Err(error) = server.await {
        tracing::debug!(%error, "a connection to the node's socket failed");
    }
}

async fn answer(node: &Arc<Shared>, request: Request<Incoming>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    if path == SERVICES_IN_FORCE {
        return plain(node.services.in_force().to_string());
    }
    let ["api", "v1", "namespaces", namespace, "pods", name, what] = parts.as_slice() else {
        return refuse(StatusCode::NOT_FOUND, &format!("the node has no {path}"));
    };
    let Some(pod) = node.registry.find(namespace, name) else {
        return refuse(
            StatusCode::NOT_FOUND,
            &format!("pod {namespace}/{name} is not on this node"),
        );
    };
    let query = Query::parse(request.uri().query().unwrap_or_default());
    match *what {
        "log" => log::answer(pod, &query),
        "exec" | "attach" => remote::answer(pod, &query, request, *what == "attach"),
        "portforward" => refuse(
            StatusCode::NOT_IMPLEMENTED,
            "port-forward is not supported by the local node yet; use `weft exec` in the pod, or the ingress",
        ),
        other => refuse(StatusCode::NOT_FOUND, &format!("pods have no {other} here")),
    }
}

/// The container that the query names, or the pod's default one.
pub(crate) fn container_of(pod: &PodCtx, query: &Query) -> Result<String, String> {
    let spec = pod.pod();
    let known = pod.board.all();
    let annotations = spec.metadata.annotations.as_ref();
    let default = annotations.and_then(|a| a.get("kubectl.kubernetes.io/default-container"));
    let first = spec.spec.as_ref().and_then(|s| s.containers.first()).map(|c| &c.name);
    let name = query.get("container").or(default.map(String::as_str)).or(first.map(String::as_str));
    match name {
        Some(name) if known.contains_key(name) => Ok(name.to_owned()),
        Some(name) => {
            let names: Vec<_> = known.keys().map(String::as_str).collect();
            Err(format!("pod {} has no container {name}; it has {}", pod.name, names.join(", ")))
        }
        None => Err(format!("pod {} has no container", pod.name)),
    }
}

fn plain(text: String) -> Response<Body> {
    Response::new(full(text))
}

/// An error as `kubectl` prints it.
pub(crate) fn refuse(status: StatusCode, message: &str) -> Response<Body> {
    let reason = match status {
        StatusCode::NOT_FOUND => "NotFound",
        StatusCode::BAD_REQUEST => "BadRequest",
        _ => "InternalError",
    };
    let body = serde_json::json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": status.as_u16(),
    });
    let mut response = Response::new(full(body.to_string()));
    *response.status_mut() = status;
    let json = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(http::header::CONTENT_TYPE, json);
    response
}

pub(crate) fn full(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).map_err(|never| match never {}).boxed()
}

pub(crate) fn streamed(chunks: tokio::sync::mpsc::Receiver<Bytes>) -> Body {
    let chunks = tokio_stream(chunks).map(|chunk| Ok(Frame::data(chunk)));
    BodyExt::boxed(StreamBody::new(chunks))
}

fn tokio_stream(
    chunks: tokio::sync::mpsc::Receiver<Bytes>,
) -> impl futures::Stream<Item = Bytes> + Send + Sync {
    futures::stream::unfold(chunks, |mut chunks| async move {
        chunks.recv().await.map(|chunk| (chunk, chunks))
    })
}
