//! `weft describe`: which objects act on a pod or a service, and what is wrong with them.
//!
//! In: a mesh of files, or one that runs. Out: text or JSON.
//! Holds: scope and precedence come from the snapshot that proxies are configured from; faults from the analysis.

use std::process::ExitCode;

use serde_json::json;
use weft_explain::Mesh;
use weft_explain::around::{PodAround, Route, ServiceAround};
use weft_model::{ObjectRef, Problem};

use crate::failure::{Failure, say};
use crate::offline::{About, unclear};
use crate::proxy_status::Output;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Ports, mutual TLS, policies and services of a pod.
    #[command(alias = "po")]
    Pod(Box<Shown>),
    /// DestinationRule, subsets and routes of a service.
    #[command(alias = "svc")]
    Service(Box<OfClients>),
}

#[derive(Debug, clap::Args)]
struct Shown {
    /// NAME or NAME.NAMESPACE; of a workload's pods one is taken.
    #[arg(value_name = "NAME")]
    which: String,
    /// Namespace.
    #[arg(short = 'n', long)]
    namespace: Option<String>,
    /// How to print.
    #[arg(short = 'o', long, value_enum, default_value_t = Output::Table)]
    output: Output,
    #[command(flatten)]
    about: About,
}

#[derive(Debug, clap::Args)]
struct OfClients {
    #[command(flatten)]
    shown: Shown,
    /// Namespace of the clients that call the service [default: its own].
    #[arg(long, value_name = "NAMESPACE")]
    clients: Option<String>,
}

impl Shown {
    fn name(&self) -> (&str, &str) {
        match (&self.namespace, self.which.rsplit_once('.')) {
            (Some(namespace), _) => (self.which.as_str(), namespace.as_str()),
            (None, Some(both)) => both,
            (None, None) => (self.which.as_str(), "default"),
        }
    }
}

/// Prints.
pub(crate) async fn run(options: Options) -> Result<ExitCode, Failure> {
    match options.what {
        What::Pod(shown) => {
            let mesh = shown.about.mesh().await?;
            let (name, namespace) = shown.name();
            let pod = PodAround::of(&mesh, name, namespace).map_err(unclear)?;
            let problems = problems(&mesh, &pod.objects());
            if shown.output == Output::Json {
                say!("{:#}", json!({"pod": pod, "problems": texts(&problems)}));
            } else {
                self::pod(&pod);
                tell(&problems);
            }
        }
        What::Service(options) => {
            let OfClients { shown, clients } = *options;
            let mesh = shown.about.mesh().await?;
            let (name, namespace) = shown.name();
            let clients = clients.as_deref();
            let found = ServiceAround::of(&mesh, name, namespace, clients).map_err(unclear)?;
            let problems = problems(&mesh, &found.objects());
            if shown.output == Output::Json {
                say!("{:#}", json!({"service": found, "problems": texts(&problems)}));
            } else {
                service(&found);
                tell(&problems);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What the analysis has against objects.
fn problems(mesh: &Mesh, objects: &[ObjectRef]) -> Vec<Problem> {
    let options = weft_analyze::Options::at(weft_rt::Clock::real().wall());
    let mut found = weft_analyze::analyze(mesh.objects(), &options);
    found
        .retain(|problem| objects.contains(&problem.object) && !is_supposed(mesh, &problem.object));
    found
}

/// Whether an object is a pod that was filled in, or has not begun to live.
fn is_supposed(mesh: &Mesh, object: &ObjectRef) -> bool {
    let mut own = mesh.objects().iter().filter(|one| ObjectRef::of(one) == *object);
    object.kind == "Pod" && own.all(|pod| !pod["metadata"]["uid"].is_string())
}

fn texts(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

fn tell(problems: &[Problem]) {
    if problems.is_empty() {
        return;
    }
    say!("Problems:");
    problems.iter().for_each(|problem| say!("  {problem}"));
}

fn pod(pod: &PodAround) {
    say!(
        "Pod: {}{}",
        pod.pod,
        if pod.meshed { "" } else { " (without a proxy: nothing acts on it)" }
    );
    say!("  Identity: {}", pod.identity);
    if let Some(sidecar) = &pod.sidecar {
        say!("  Sidecar: {sidecar}");
    }
    for port in &pod.ports {
        let why =
            port.because_of.as_deref().map(|object| format!(" (PeerAuthentication {object})"));
        say!(
            "  Port {} ({}): mutual TLS {}{}",
            port.port,
            port.host,
            port.mtls,
            why.unwrap_or_default()
        );
    }
    for one in &pod.policies {
        let rules = if one.rules == 1 { "rule" } else { "rules" };
        let tried = if one.dry_run { ", dry run" } else { "" };
        say!(
            "  AuthorizationPolicy: {} ({}, {} {rules}{tried})",
            one.policy,
            one.action,
            one.rules
        );
    }
    for one in &pod.request_authentications {
        say!("  RequestAuthentication: {one}");
    }
    pod.services.iter().for_each(service);
}

fn service(service: &ServiceAround) {
    let ports: Vec<String> = service.ports.iter().map(ToString::to_string).collect();
    say!("Service: {} ({}, ports {})", service.service, service.host, ports.join(", "));
    say!("  Pods: {}", list(&service.pods));
    if let Some(rules) = &service.rules {
        let policy = if rules.policy { "" } else { ", without a policy for the whole host" };
        say!("  DestinationRule: {}{policy}", rules.objects.join(", "));
        for subset in &rules.subsets {
            let labels: Vec<String> =
                subset.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
            say!("    Subset {} ({}): {}", subset.name, labels.join(","), list(&subset.pods));
        }
    }
    service.routes.iter().for_each(route);
}

fn route(route: &Route) {
    say!("  VirtualService: {} (at {})", route.object, route.gateways.join(", "));
    if route.takes {
        say!("    says where calls to this service go");
    }
    for sent in &route.sends {
        say!("    sends calls to {} here: {sent}", route.hosts.join(", "));
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
