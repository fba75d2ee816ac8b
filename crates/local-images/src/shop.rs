//! `weft/shop`: one service of the sample shop. It calls others, says its version, and can show a page.
//!
//! In: name, version, port, whom to call. Out: JSON `{service, version, calls}` or the page.
//! Holds: trace headers of the incoming request go out with every call. `/healthz` never calls anyone.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use serde::{Deserialize, Serialize};

use crate::client::{self, Http};
use crate::serve::{self, Answer};

mod page;

/// Arguments of `weft/shop`.
#[derive(Debug, clap::Parser)]
#[command(name = "shop", about = "A service of the sample shop")]
pub(crate) struct Options {
    /// Name that the answers carry.
    #[arg(long)]
    name: String,
    /// Version that the answers carry.
    #[arg(long, default_value = "v1")]
    version: String,
    /// Port to listen on.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// URL to call for each request to `/`; may be repeated.
    #[arg(long)]
    calls: Vec<http::Uri>,
    /// Show a web page at `/` instead of JSON.
    #[arg(long)]
    page: bool,
}

/// What one call answered, or why it did not.
#[derive(Debug, Clone, Serialize)]
struct Call {
    url: String,
    status: Option<u16>,
    service: Option<String>,
    version: Option<String>,
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct Said<'a> {
    service: &'a str,
    version: &'a str,
    path: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    calls: Vec<Call>,
}

#[derive(Debug, Deserialize)]
struct Heard {
    service: Option<String>,
    version: Option<String>,
}

struct Shop {
    options: Options,
    client: Http,
}

/// Headers that carry a trace from the caller to the called.
const TRACE: &[&str] = &[
    "x-request-id",
    "traceparent",
    "tracestate",
    "b3",
    "x-b3-traceid",
    "x-b3-spanid",
    "x-b3-parentspanid",
    "x-b3-sampled",
    "x-b3-flags",
];
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
const BODY_LIMIT: usize = 64 * 1024;

/// Serves until told to stop.
///
/// # Errors
/// When the port cannot be bound.
pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let port = options.port;
    let shop = Arc::new(Shop { options, client: client::new(false, 16) });
    serve::http(port, move |request| {
        let shop = Arc::clone(&shop);
        async move { shop.answer(request).await }
    })
    .await?;
    Ok(ExitCode::SUCCESS)
}

impl Shop {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let (head, body) = request.into_parts();
        if Limited::new(body, BODY_LIMIT).collect().await.is_err() {
            return serve::answer(413, "text/plain", "the body is too large or was cut off\n");
        }
        let path = head.uri.path();
        let calls = if path == "/" { self.call_all(&head.headers).await } else { Vec::new() };
        let mut answer = match path {
            "/healthz" => serve::answer(200, "text/plain", "ok\n"),
            "/" if self.options.page => self.page(&calls),
            _ => self.say(path, calls),
        };
        if let Ok(version) = http::HeaderValue::from_str(&self.options.version) {
            answer.headers_mut().insert("x-service-version", version);
        }
        answer
    }

    fn page(&self, calls: &[Call]) -> Answer {
        let page = page::render(&self.options.name, &self.options.version, calls);
        serve::answer(200, "text/html; charset=utf-8", page)
    }

    fn say(&self, path: &str, calls: Vec<Call>) -> Answer {
        let Options { name, version, .. } = &self.options;
        match serde_json::to_vec(&Said { service: name, version, path, calls }) {
            Ok(mut body) => {
                body.push(b'\n');
                serve::answer(200, "application/json", body)
            }
            Err(error) => serve::answer(500, "text/plain", error.to_string()),
        }
    }

    async fn call_all(&self, headers: &HeaderMap) -> Vec<Call> {
        let calls = self.options.calls.iter().map(|url| self.call(url, headers));
        futures::future::join_all(calls).await
    }

    async fn call(&self, url: &http::Uri, headers: &HeaderMap) -> Call {
        let mut request = Request::new(Full::new(Bytes::new()));
        *request.uri_mut() = url.clone();
        for &name in TRACE {
            if let Some(value) = headers.get(name) {
                request.headers_mut().insert(name, value.clone());
            }
        }
        let url = url.to_string();
        let failed = |error: String| Call {
            url: url.clone(),
            status: None,
            service: None,
            version: None,
            error: Some(error),
        };
        match tokio::time::timeout(CALL_TIMEOUT, self.fetch(request)).await {
            Err(_) => failed(format!("no answer within {} s", CALL_TIMEOUT.as_secs())),
            Ok(Err(error)) => failed(error.to_string()),
            Ok(Ok((status, heard))) => Call {
                url,
                status: Some(status.as_u16()),
                service: heard.service,
                version: heard.version,
                error: None,
            },
        }
    }

    async fn fetch(&self, request: Request<Full<Bytes>>) -> anyhow::Result<(StatusCode, Heard)> {
        let response = self.client.request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), BODY_LIMIT)
            .collect()
            .await
            .map_err(|error| anyhow::anyhow!("{error}"))?
            .to_bytes();
        let unknown = Heard { service: None, version: None };
        Ok((status, serde_json::from_slice(&body).unwrap_or(unknown)))
    }
}
