//! The open-loop load generator of `weft load` and of the image `weft/load`.
//!
//! In: a rate, a duration, a URL. Out: a [`Report`].
//! Holds: request `i` is due at `start + i / rate` whatever the answers do, and its latency counts from when it was
//! due, so a stalled server cannot hide behind requests that were never sent (coordinated omission).
//! Never: retries; a failed request is a finding. Told to stop, it sends no more, waits for what is under way, and reports.
//! Bound: `concurrency` requests at once; the next one waits, and its waiting counts.

use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use futures::future;
use http::{HeaderName, HeaderValue, Method, Request};
use http_body_util::{BodyExt as _, Full};
use tokio::sync::watch;
use weft_rt::Clock;

use crate::client::{self, Http};

mod report;

pub use report::Report;
use report::{Outcome, Tally};

/// What to send, where and how fast.
#[derive(Debug, Clone)]
pub struct Options {
    /// Requests per second.
    pub rate: u32,
    /// For how long; `None` means until stopped.
    pub duration: Option<Duration>,
    /// Requests under way at most.
    pub concurrency: u32,
    /// HTTP/2 with prior knowledge instead of HTTP/1.1.
    pub http2: bool,
    /// Method.
    pub method: Method,
    /// Extra headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Target, `http://…`.
    pub url: http::Uri,
    /// When one request has failed.
    pub timeout: Duration,
}

/// Command-line arguments, shared by `weft load` and the image.
#[derive(Debug, Clone, clap::Args)]
pub struct Flags {
    /// Requests per second.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub rate: u32,
    /// How long, e.g. 30s, 2m.
    #[arg(long, default_value = "10s", value_parser = parse_duration)]
    pub duration: Duration,
    /// Requests under way at most.
    #[arg(short = 'c', long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub concurrency: u32,
    /// Speak HTTP/2 (prior knowledge) instead of HTTP/1.1.
    #[arg(long)]
    pub http2: bool,
    /// Method.
    #[arg(short = 'X', long = "request", default_value = "GET")]
    pub method: Method,
    /// Extra header `Name: value`; may be repeated.
    #[arg(short = 'H', long = "header", value_parser = parse_header)]
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// A request without an answer after this long has failed.
    #[arg(long, default_value = "10s", value_parser = parse_duration)]
    pub timeout: Duration,
    /// `text` or `json`.
    #[arg(short = 'o', long, default_value = "text", value_parser = ["text", "json"])]
    pub output: String,
    /// Where to, e.g. `http://payment-service.payments:8080/`.
    #[arg(value_parser = parse_url)]
    pub url: http::Uri,
}

/// Arguments of the image `weft/load`.
#[derive(Debug, clap::Parser)]
#[command(name = "load", about = "Sends requests at a fixed rate and reports what came back")]
pub(crate) struct Arguments {
    #[command(flatten)]
    flags: Flags,
    /// Go on until stopped, reporting nothing.
    #[arg(long)]
    forever: bool,
}

impl From<&Flags> for Options {
    fn from(flags: &Flags) -> Self {
        Self {
            rate: flags.rate,
            duration: Some(flags.duration),
            concurrency: flags.concurrency,
            http2: flags.http2,
            method: flags.method.clone(),
            headers: flags.headers.clone(),
            url: flags.url.clone(),
            timeout: flags.timeout,
        }
    }
}

/// Parses `30s`, `2m`, `500ms`, `1h`.
///
/// # Errors
/// When there is no number, no unit, or the unit is another one.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let unit = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(unit);
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(format!("{text:?} needs a unit: ms, s, m or h (for example 30s)")),
    };
    let number: f64 = number.parse().map_err(|error| format!("{text:?}: {error}"))?;
    Duration::try_from_secs_f64(number * seconds).map_err(|error| format!("{text:?}: {error}"))
}

fn parse_header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("write it as `Name: value`")?;
    let name = HeaderName::try_from(name.trim()).map_err(|error| error.to_string())?;
    let value = HeaderValue::try_from(value.trim()).map_err(|error| error.to_string())?;
    Ok((name, value))
}

fn parse_url(text: &str) -> Result<http::Uri, String> {
    let url: http::Uri = text.parse().map_err(|error| format!("{error}"))?;
    match url.scheme_str() {
        Some("http") => Ok(url),
        Some(other) => Err(format!("scheme {other} is not supported, use http")),
        None => Err(format!("{text:?} has no scheme: write http://{text}")),
    }
}

/// Runs the image `weft/load`.
///
/// # Errors
/// When signal handlers or the output fail.
pub(crate) async fn run_image(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let mut options = Options::from(&arguments.flags);
    if arguments.forever {
        options.duration = None;
    }
    if options.duration.is_some() {
        return print(options, &arguments.flags.output).await;
    }
    tokio::select! {
        _ = run(options, std::future::pending()) => {}
        stopped = crate::stop::requested() => stopped?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs `weft load`: prints the report, also when SIGINT or SIGTERM ended it early. The exit code does not tell of failed
/// requests.
///
/// # Errors
/// When signal handlers or the output fail.
pub async fn run_command(flags: &Flags) -> anyhow::Result<ExitCode> {
    print(Options::from(flags), &flags.output).await
}

async fn print(options: Options, format: &str) -> anyhow::Result<ExitCode> {
    let mut stopped = Ok(());
    let report = run(options, async { stopped = crate::stop::requested().await }).await;
    stopped.context("cannot listen for signals")?;
    report.print(&mut std::io::stdout(), format).context("cannot print the report")?;
    Ok(ExitCode::SUCCESS)
}

/// Sends until the duration is over or `stop` resolves, and reports what came back.
pub async fn run(options: Options, stop: impl Future<Output = ()>) -> Report {
    let clock = Clock::real();
    let total = options.duration.map(|d| requests(options.rate, d));
    let shared = Arc::new(Shared {
        next: AtomicU64::new(0),
        total,
        stopped: watch::Sender::new(false),
        start: clock.now(),
        client: client::new(options.http2, options.concurrency as usize),
        clock,
        options,
    });
    let workers = (0..shared.options.concurrency).map(|_| tokio::spawn(work(Arc::clone(&shared))));
    let mut all = pin!(future::join_all(workers));
    let ended = tokio::select! {
        ended = &mut all => ended,
        () = stop => {
            shared.stopped.send_replace(true);
            all.await
        }
    };
    let mut tally = Tally::default();
    for worker in ended {
        match worker {
            Ok(part) => tally.merge(part),
            Err(error) => tally.lost(&error.to_string()),
        }
    }
    tally.report(shared.clock.now().saturating_duration_since(shared.start))
}

fn requests(rate: u32, duration: Duration) -> u64 {
    (u128::from(rate) * duration.as_millis() / 1000).try_into().unwrap_or(u64::MAX)
}

struct Shared {
    next: AtomicU64,
    total: Option<u64>,
    stopped: watch::Sender<bool>,
    start: Instant,
    client: Http,
    clock: Clock,
    options: Options,
}

async fn work(shared: Arc<Shared>) -> Tally {
    let mut tally = Tally::default();
    let mut stopped = shared.stopped.subscribe();
    loop {
        let index = shared.next.fetch_add(1, Ordering::Relaxed);
        if shared.total.is_some_and(|total| index >= total) {
            return tally;
        }
        let due = shared.start + due_after(index, shared.options.rate);
        tokio::select! {
            biased;
            _ = stopped.wait_for(|stopped| *stopped) => return tally,
            () = shared.clock.sleep_until(due) => {}
        }
        let outcome = shared.send().await;
        if shared.total.is_some() {
            let latency = shared.clock.now().saturating_duration_since(due);
            tally.record(outcome, latency);
        }
    }
}

fn due_after(index: u64, rate: u32) -> Duration {
    let nanos = u128::from(index) * 1_000_000_000 / u128::from(rate.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

impl Shared {
    async fn send(&self) -> Outcome {
        let mut request = Request::new(Full::new(Bytes::new()));
        *request.method_mut() = self.options.method.clone();
        *request.uri_mut() = self.options.url.clone();
        for (name, value) in &self.options.headers {
            request.headers_mut().insert(name.clone(), value.clone());
        }
        match self.clock.timeout(self.options.timeout, self.exchange(request)).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => Outcome::Broken(error),
            Err(_) => Outcome::Broken("no answer in time".to_owned()),
        }
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Outcome, String> {
        let response = self.client.request(request).await.map_err(|error| chain(&error))?;
        let status = response.status().as_u16();
        let version = response.headers().get("x-service-version");
        let version = version.and_then(|v| v.to_str().ok()).map(str::to_owned);
        let mut body = response.into_body();
        let mut bytes = 0;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| chain(&error))?;
            bytes += frame.data_ref().map_or(0, Bytes::len) as u64;
        }
        Ok(Outcome::Answered { status, version, bytes })
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_due_at_an_even_pace() {
        assert_eq!(due_after(0, 500), Duration::ZERO);
        assert_eq!(due_after(250, 500), Duration::from_millis(500));
        assert_eq!(requests(500, Duration::from_secs(30)), 15_000);
    }

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(parse_duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse_duration("2m"), Ok(Duration::from_secs(120)));
        assert!(parse_duration("30").unwrap_err().contains("unit"));
        assert!(parse_duration("s").is_err());
    }
}
