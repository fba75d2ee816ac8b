//! `weft image curl`: a small client with the options of curl that mesh tutorials use, for hosts without curl.
//! In: a URL and options. Out: the body on standard output; curl's exit codes for what failed.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;

use crate::client;

/// Arguments of `weft image curl`.
#[derive(Debug, clap::Parser)]
#[command(name = "curl", about = "Fetches a URL over plain HTTP", disable_help_flag = true)]
pub(crate) struct Options {
    /// URL to fetch; `http://` may be left out.
    url: String,
    /// No progress (there is none).
    #[arg(short = 's', long)]
    silent: bool,
    /// Show errors even when silent.
    #[arg(short = 'S', long)]
    show_error: bool,
    /// Write the body to this file.
    #[arg(short = 'o', long)]
    output: Option<std::path::PathBuf>,
    /// Written after the transfer; knows `%{http_code}` and `\n`.
    #[arg(short = 'w', long)]
    write_out: Option<String>,
    /// Extra header, `Name: value`.
    #[arg(short = 'H', long = "header")]
    headers: Vec<String>,
    /// Method.
    #[arg(short = 'X', long = "request")]
    method: Option<Method>,
    /// Body to send; makes the method POST.
    #[arg(short = 'd', long)]
    data: Option<String>,
    /// Print the answer's head too.
    #[arg(short = 'i', long)]
    include: bool,
    /// Speak HTTP/2 at once.
    #[arg(long)]
    http2_prior_knowledge: bool,
    /// Give up after this many seconds.
    #[arg(short = 'm', long, default_value_t = 60.0)]
    max_time: f64,
}

/// curl's exit code for a failed connection.
const COULD_NOT_CONNECT: u8 = 7;
/// curl's exit code for an operation that took too long.
const TIMED_OUT: u8 = 28;
/// curl's exit code for a connection that broke while receiving.
const RECEIVE_FAILED: u8 = 56;

/// Fetches once.
///
/// # Errors
/// When an argument is not understood or the output cannot be written.
pub(crate) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let request = request(&options)?;
    let client = client::new(options.http2_prior_knowledge, 1);
    let limit = Duration::try_from_secs_f64(options.max_time).context("--max-time")?;
    let exchange = async {
        let response = client.request(request).await.map_err(|error| {
            let code = if error.is_connect() { COULD_NOT_CONNECT } else { RECEIVE_FAILED };
            (code, error.to_string())
        })?;
        receive(response).await.map_err(|error| (RECEIVE_FAILED, error.to_string()))
    };
    match tokio::time::timeout(limit, exchange).await {
        Ok(Ok((head, body))) => {
            show(&options, &head, &body)?;
            Ok(ExitCode::SUCCESS)
        }
        Ok(Err((code, why))) => complain(&options, code, &why),
        Err(_) => complain(&options, TIMED_OUT, "operation timed out"),
    }
}

fn request(options: &Options) -> anyhow::Result<Request<Full<Bytes>>> {
    let url = match options.url.split_once("://") {
        Some(("http", _)) => options.url.clone(),
        Some((scheme, _)) => anyhow::bail!("scheme {scheme} is not supported, use http"),
        None => format!("http://{}", options.url),
    };
    let body = Full::new(Bytes::from(options.data.clone().unwrap_or_default()));
    let mut request = Request::new(body);
    *request.uri_mut() = url.parse().with_context(|| format!("URL {url}"))?;
    let implied = if options.data.is_some() { Method::POST } else { Method::GET };
    *request.method_mut() = options.method.clone().unwrap_or(implied);
    request.headers_mut().insert(http::header::ACCEPT, HeaderValue::from_static("*/*"));
    for header in &options.headers {
        let (name, value) =
            header.split_once(':').with_context(|| format!("header {header:?} has no colon"))?;
        request
            .headers_mut()
            .insert(HeaderName::try_from(name.trim())?, HeaderValue::try_from(value.trim())?);
    }
    Ok(request)
}

async fn receive(response: Response<Incoming>) -> anyhow::Result<(http::response::Parts, Bytes)> {
    let (head, body) = response.into_parts();
    Ok((head, body.collect().await?.to_bytes()))
}

fn show(options: &Options, head: &http::response::Parts, body: &Bytes) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if options.include {
        writeln!(out, "{:?} {}", head.version, head.status)?;
        for (name, value) in &head.headers {
            writeln!(out, "{name}: {}", String::from_utf8_lossy(value.as_bytes()))?;
        }
        writeln!(out)?;
    }
    match &options.output {
        Some(path) => std::fs::write(path, body).with_context(|| format!("{}", path.display()))?,
        None => out.write_all(body)?,
    }
    if let Some(format) = &options.write_out {
        let code = head.status.as_str();
        write!(out, "{}", format.replace("%{http_code}", code).replace("\\n", "\n"))?;
    }
    out.flush()?;
    Ok(())
}

fn complain(options: &Options, code: u8, why: &str) -> anyhow::Result<ExitCode> {
    if !options.silent || options.show_error {
        writeln!(std::io::stderr(), "curl: ({code}) {why}")?;
    }
    if let Some(format) = &options.write_out {
        write!(
            std::io::stdout(),
            "{}",
            format.replace("%{http_code}", "000").replace("\\n", "\n")
        )?;
    }
    Ok(ExitCode::from(code))
}
