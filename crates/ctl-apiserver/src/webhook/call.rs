//! One question to one webhook, over HTTPS.
//!
//! In: a place and a request. Out: the JSON of the answer, or why there is none.
//! Holds: connecting, asking and reading together take no longer than the webhook's timeout; an answer over [`MOST_BYTES`]
//! is none.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use weft_rt::Clock;

use super::place::Place;

const MOST_BYTES: usize = 8 << 20;

/// A question, ready to be sent.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) uid: String,
    place: Result<Place, String>,
    body: Bytes,
    patience: Duration,
}

impl Call {
    pub(super) fn new(place: Result<Place, String>, request: Value, patience: Duration) -> Self {
        let uid = request["uid"].as_str().unwrap_or_default().to_owned();
        let review = json!({ "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
            "request": request });
        Self { uid, place, body: review.to_string().into(), patience }
    }

    /// Asks.
    pub(super) async fn ask(&self, clock: &Clock) -> Result<Value, String> {
        let place = self.place.as_ref().map_err(Clone::clone)?;
        let asked =
            clock.timeout(self.patience, Box::pin(exchange(place, self.body.clone()))).await;
        let answer = asked
            .map_err(|_elapsed| format!("no answer within {} s", self.patience.as_secs()))??;
        serde_json::from_slice(&answer).map_err(|error| format!("its answer is not JSON: {error}"))
    }
}

async fn exchange(place: &Place, body: Bytes) -> Result<Bytes, String> {
    let stream = connect(place).await?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    let request = http::Request::post(&place.path)
        .header(header::HOST, &place.server_name)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/json")
        .body(Full::new(body))
        .map_err(|error| error.to_string())?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let code = response.status();
        let body = Limited::new(response.into_body(), MOST_BYTES).collect().await;
        let body = body.map_err(|error| format!("its answer cannot be read: {error}"))?.to_bytes();
        match code.as_u16() {
            200 => Ok(body),
            _ => Err(format!("it answers {code}: {}", beginning(&body))),
        }
    };
    // The connection is driven for as long as the answer is read, and ends with it.
    let mut answer = std::pin::pin!(answer);
    tokio::select! {
        biased;
        answer = answer.as_mut() => answer,
        ended = connection => match ended {
            Ok(()) => answer.await,
            Err(error) => Err(error.to_string()),
        },
    }
}

fn beginning(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}

async fn connect(place: &Place) -> Result<TlsStream<TcpStream>, String> {
    let mut last = "it has no address".to_owned();
    for address in &place.addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return secure(place, stream).await,
            Err(error) => last = format!("{address}: {error}"),
        }
    }
    Err(last)
}

async fn secure(place: &Place, stream: TcpStream) -> Result<TlsStream<TcpStream>, String> {
    stream.set_nodelay(true).ok();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(place.roots.clone())
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let name = ServerName::try_from(place.server_name.clone())
        .map_err(|error| format!("{:?}: {error}", place.server_name))?;
    let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    connected.map_err(|error| format!("TLS with {}: {error}", place.server_name))
}
