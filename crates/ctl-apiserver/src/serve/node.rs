//! Passing `log`, `exec`, `attach` and `portforward` on to the node.
//!
//! In: a request of a pod's sub-resource. Out: the node's answer, byte for byte, upgraded when the client asked for it.
//! Holds: the pod exists; credentials do not travel on.

use http::header::{AUTHORIZATION, CONNECTION, HOST, HeaderValue, UPGRADE};
use http::{Request, Response, StatusCode, Version};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use super::answer::Answer;
use super::route::{Ask, Target};
use crate::fault::Fault;

/// Sends the request to `<state>/node.sock` and the answer back.
pub(crate) async fn pass_on(
    ask: &Ask,
    target: &Target,
    mut request: Request<Incoming>,
) -> Result<Answer, Fault> {
    let name = target.name.as_deref().unwrap_or_default();
    ask.shared.registry.read(&target.kind, target.space(), name)?;
    let failed = |e: &dyn std::fmt::Display| {
        Fault::unavailable(format!("the node does not answer ({e}); is it running?"))
    };
    let stream = UnixStream::connect(&ask.shared.node_socket).await.map_err(|e| failed(&e))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|e| failed(&e))?;
    tokio::spawn(async move {
        // Ends with the exchange; an upgraded stream lives on in `relay`.
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "the connection to the node failed");
        }
    });
    let from_client = hyper::upgrade::on(&mut request);
    let mut answer = sender.send_request(outgoing(request)?).await.map_err(|e| failed(&e))?;
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        let from_node = hyper::upgrade::on(&mut answer);
        let stop = ask.shared.stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = relay(from_client, from_node) => {}
                () = stop.cancelled() => {}
            }
        });
    }
    let (mut parts, body) = answer.into_parts();
    parts.version = Version::HTTP_11;
    Ok(Response::from_parts(parts, body.map_err(std::io::Error::other).boxed_unsync()))
}

/// The same request, for the node.
fn outgoing(request: Request<Incoming>) -> Result<Request<Incoming>, Fault> {
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    parts.uri = path.parse().map_err(|e| Fault::bad(format!("unreadable path: {e}")))?;
    parts.version = Version::HTTP_11;
    parts.headers.remove(AUTHORIZATION);
    parts.headers.insert(HOST, HeaderValue::from_static("node"));
    if !parts.headers.contains_key(UPGRADE) {
        parts.headers.remove(CONNECTION);
    }
    Ok(Request::from_parts(parts, body))
}

async fn relay(client: hyper::upgrade::OnUpgrade, node: hyper::upgrade::OnUpgrade) {
    let (Ok(client), Ok(node)) = tokio::join!(client, node) else { return };
    let (mut client, mut node) = (TokioIo::new(client), TokioIo::new(node));
    // Either end may hang up at any time; that is how a terminal ends.
    tokio::io::copy_bidirectional(&mut client, &mut node).await.ok();
}
