//! `weft/echo`: answers every request with what it saw, as JSON; or echoes bytes with `--tcp`.
//! In: a port, a version. Out: a server until SIGTERM.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Context as _;
use http::Request;
use hyper::body::Incoming;
use serde::Serialize;
use tokio::net::TcpListener;

use crate::serve::{self, Answer};

/// Arguments of `weft/echo`.
#[derive(Debug, clap::Parser)]
#[command(name = "echo", about = "Answers with what it saw")]
pub(crate) struct Options {
    /// Port to listen on.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Version that the answers name.
    #[arg(long, default_value = "v1")]
    version: String,
    /// Echo bytes instead of speaking HTTP.
    #[arg(long)]
    tcp: bool,
}

#[derive(Serialize)]
struct Seen<'a> {
    version: &'a str,
    method: &'a str,
    path: &'a str,
    protocol: String,
    headers: BTreeMap<&'a str, String>,
}

/// Serves until told to stop.
///
/// # Errors
/// When the port cannot be bound.
pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    if options.tcp {
        bytes(options.port).await?;
    } else {
        let version = options.version;
        serve::http(options.port, move |request| {
            let answered = seen(&version, &request);
            async move { answered }
        })
        .await?;
    }
    Ok(ExitCode::SUCCESS)
}

fn seen(version: &str, request: &Request<Incoming>) -> Answer {
    let headers = request
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes()).into()))
        .collect();
    let seen = Seen {
        version,
        method: request.method().as_str(),
        path: request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str),
        protocol: format!("{:?}", request.version()),
        headers,
    };
    match serde_json::to_vec_pretty(&seen) {
        Ok(mut body) => {
            body.push(b'\n');
            serve::answer(200, "application/json", body)
        }
        Err(error) => serve::answer(500, "text/plain", error.to_string()),
    }
}

async fn bytes(port: u16) -> anyhow::Result<()> {
    let listener =
        TcpListener::bind(("0.0.0.0", port)).await.with_context(|| format!("port {port}"))?;
    let mut stop = std::pin::pin!(crate::stop::requested());
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (mut stream, _) = accepted?;
                tokio::spawn(async move {
                    let (mut read, mut write) = stream.split();
                    if let Err(error) = tokio::io::copy(&mut read, &mut write).await {
                        tracing::debug!(%error, "connection ended");
                    }
                });
            }
            stopped = &mut stop => { stopped?; return Ok(()); }
        }
    }
}
