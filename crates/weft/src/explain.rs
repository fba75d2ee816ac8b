//! `weft explain`: what becomes of a call, and why.
//!
//! In: a mesh, one call or a file of calls. Out: an answer each, as text or JSON.
//! Holds: a line of a file that cannot be answered says why in its place; the others are answered.

use std::io::Read as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueEnum;
use serde_json::{Value, json};
use weft_explain::{Answer, Call, Origin, Proxies, Security, Spoken, Unclear};

use crate::failure::{Failure, say};
use crate::offline::{About, unclear};

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    about: About,
    /// The call comes from the application of this pod or workload.
    #[arg(long, value_name = "NAME.NAMESPACE", group = "origin")]
    from: Option<String>,
    /// The call arrives at a port of this gateway: a Gateway, a workload or a pod.
    #[arg(long, value_name = "NAME.NAMESPACE", group = "origin")]
    gateway: Option<String>,
    /// The call arrives at a port of this pod.
    #[arg(long, value_name = "NAME.NAMESPACE", group = "origin")]
    inbound: Option<String>,
    /// Where it goes: HOST:PORT, or a URL such as https://HOST[:PORT]/PATH, which means TLS.
    #[arg(long, value_name = "HOST:PORT|URL", required_unless_present = "calls")]
    to: Option<String>,
    /// Method of the request.
    #[arg(default_value = "GET")]
    method: String,
    /// Path of the request [default: that of the URL, or /].
    path: Option<String>,
    /// A field of the request. May be repeated.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// The client speaks HTTP/2 [default: HTTP/1.1].
    #[arg(long)]
    http2: bool,
    /// The client speaks something else than HTTP.
    #[arg(long, conflicts_with = "http2")]
    tcp: bool,
    /// The client uses no TLS, nor does a proxy beside it. When not said, it uses none, and its proxy does what it does.
    #[arg(long, conflicts_with_all = ["tls", "mtls"])]
    plaintext: bool,
    /// The client uses TLS of its own.
    #[arg(long, conflicts_with = "mtls")]
    tls: bool,
    /// The client has a certificate of the mesh.
    #[arg(long)]
    mtls: bool,
    /// Server name in the client's TLS [default: the host].
    #[arg(long)]
    sni: Option<String>,
    /// Address that the client connects to [default: what the host stands for].
    #[arg(long, value_name = "ADDRESS")]
    ip: Option<IpAddr>,
    /// Address of the client.
    #[arg(long, value_name = "ADDRESS")]
    source_ip: Option<IpAddr>,
    /// Identity of the client: NAMESPACE/ACCOUNT, or a SPIFFE identity.
    #[arg(long)]
    principal: Option<String>,
    /// Show the user's token that this file has, as `authorization: Bearer TOKEN`; it is verified as the proxy does it.
    #[arg(long, value_name = "FILE", conflicts_with = "claims")]
    jwt: Option<PathBuf>,
    /// Suppose a user's token with this claim, such as iss=https://issuer.example or realm[role]=admin. May be repeated, which makes a list.
    #[arg(long, value_name = "NAME=VALUE")]
    claims: Vec<String>,
    /// Suppose this answer of who is asked about the call (action CUSTOM).
    #[arg(long, value_name = "ANSWER", value_parser = ["allow", "deny"])]
    custom: Option<String>,
    /// Answer every line of this file: the same words as JSON, such as {"from": "a.b", "to": "c:80"}; `-` for standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["to", "origin"])]
    calls: Option<PathBuf>,
    /// How to print.
    #[arg(short = 'o', long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// Answers.
pub(crate) async fn run(options: Options) -> Result<ExitCode, Failure> {
    let mesh = options.about.mesh().await?;
    let mut proxies = Proxies::of(&mesh);
    if let Some(file) = &options.calls {
        return many(file, &mut proxies, options.output);
    }
    let mut call = options.call().map_err(unclear)?;
    if let Some(file) = &options.jwt {
        let failed = |error| Failure::new(format!("{}: {error}", file.display()));
        call.add_token(&std::fs::read_to_string(file).map_err(failed)?);
    }
    let answer = proxies.explain(&now(call)).map_err(unclear)?;
    match options.output {
        Output::Text => text(&answer),
        Output::Json => say!("{:#}", json!(answer)),
    }
    Ok(ExitCode::SUCCESS)
}

/// A call is one of now, unless it says when.
fn now(call: Call) -> Call {
    let now = weft_rt::Clock::real().wall().duration_since(std::time::UNIX_EPOCH);
    Call { at: call.at.or(now.ok().map(|since| since.as_secs())), ..call }
}

fn many(file: &Path, proxies: &mut Proxies<'_>, output: Output) -> Result<ExitCode, Failure> {
    let failed = |error: std::io::Error| Failure::new(format!("{}: {error}", file.display()));
    let mut text = String::new();
    if file.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text).map_err(failed)?;
    } else {
        text = std::fs::read_to_string(file).map_err(failed)?;
    }
    let mut good = true;
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let answer = one(line, proxies);
        good &= answer.is_ok();
        match (output, answer) {
            (Output::Json, Ok(answer)) => say!("{}", json!(answer)),
            (Output::Json, Err(why)) => say!("{}", json!({"error": why, "line": number + 1})),
            (Output::Text, Ok(answer)) => {
                say!("{line}");
                self::text(&answer);
                say!();
            }
            (Output::Text, Err(why)) => say!("{}:{}: {why}", file.display(), number + 1),
        }
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn one(line: &str, proxies: &mut Proxies<'_>) -> Result<Answer, String> {
    let written: Value = serde_json::from_str(line).map_err(|error| format!("no JSON: {error}"))?;
    let call = Call::read(&written).map_err(|unclear| unclear.to_string())?;
    proxies.explain(&now(call)).map_err(|unclear| unclear.to_string())
}

impl Options {
    fn call(&self) -> Result<Call, Unclear> {
        let mut call = Call::new(self.origin()?, self.to.as_deref().unwrap_or_default())?;
        call.method.clone_from(&self.method);
        if let Some(path) = &self.path {
            call.ask(path.clone())?;
        }
        self.headers.iter().try_for_each(|line| call.add_field(line))?;
        self.claims.iter().try_for_each(|claim| call.add_claim(claim))?;
        call.spoken = match (self.tcp, self.http2) {
            (true, _) => Spoken::Tcp,
            (false, true) => Spoken::Http2,
            (false, false) => Spoken::Http1,
        };
        call.security = match (self.mtls, self.tls) {
            (true, _) => Security::Mtls,
            (false, true) => Security::Tls,
            (false, false) => call.security,
        };
        call.sni.clone_from(&self.sni);
        call.ip = self.ip;
        call.source_ip = self.source_ip;
        call.principal.clone_from(&self.principal);
        call.go_plain(self.plaintext)?;
        if let Some(answer) = &self.custom {
            call.suppose_custom(answer)?;
        }
        Ok(call)
    }

    fn origin(&self) -> Result<Origin, Unclear> {
        match (&self.from, &self.gateway, &self.inbound) {
            (Some(name), ..) => Origin::from(name),
            (_, Some(name), _) => Origin::gateway(name),
            (_, _, Some(name)) => Origin::inbound(name),
            (None, None, None) => Err(Unclear {
                what: "where does the call begin?".to_owned(),
                fix: "say --from, --gateway or --inbound NAME.NAMESPACE".to_owned(),
            }),
        }
    }
}

/// For people: the outcome, what makes it, and how it came to it.
fn text(answer: &Answer) {
    let value = json!(answer);
    let status = answer.status.map(|status| format!(" ({status})")).unwrap_or_default();
    say!("{}{status}", value["outcome"].as_str().unwrap_or_default());
    for share in &answer.clusters {
        say!("  {:>5}  {}", share.weight, share.name);
    }
    for name in [
        "listener",
        "route_config",
        "virtual_host",
        "route",
        "timeout_ms",
        "retries",
        "redirect",
        "direct_response",
        "rewrite",
        "mirrors",
        "faults",
        "hash",
        "cors",
        "headers",
        "cluster",
    ] {
        let empty = value[name].as_array().is_some_and(Vec::is_empty);
        match &value[name] {
            Value::Null => {}
            _ if empty => {}
            Value::String(text) => say!("  {name}: {text}"),
            other => say!("  {name}: {other}"),
        }
    }
    access(answer);
    say!("  why:");
    let mut proxy = "";
    for step in &answer.trace {
        if step.proxy != proxy {
            proxy = &step.proxy;
            say!("  at the proxy of {proxy}:");
        }
        let place = match (step.object.as_str(), step.line) {
            ("", _) => String::new(),
            (object, None) => format!(" [{object}]"),
            (object, Some(line)) => format!(" [{object}, {}:{line}]", step.file),
        };
        say!("    {}: {}{place}", step.step, step.why);
    }
}

/// Who calls, and what policies say.
fn access(answer: &Answer) {
    if let Some(mtls) = answer.mtls {
        say!("  mtls: {}", if mtls { "yes" } else { "no" });
    }
    if let Some(identity) = &answer.peer_identity {
        say!("  peer_identity: {identity}");
    }
    let rule = |number: Option<usize>| number.map(|n| format!(", rule {n}")).unwrap_or_default();
    if let Some(policy) = &answer.policy {
        say!("  policy: {policy}{}", rule(answer.rule));
    }
    if let Some(miss) = &answer.nearest_miss {
        say!("  nearest miss: {}{}", miss.policy, rule(miss.rule));
        for condition in &miss.conditions {
            say!("    {condition}");
        }
    }
}
