//! `weft gateway`: which gateways there are, what they open and what is bound to them, in both APIs.
//!
//! In: a mesh of files, or one that runs. Out: tables, JSON or YAML.
//! Holds: what serves and in which order comes from the rooms that configure proxies; faults from the analysis.

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde_json::{Value, json};
use weft_certificate::Certificate;
use weft_explain::Mesh;
use weft_explain::around::{BoundRoute, GatewayAround, Rejected};
use weft_model::api::secret::Credential;
use weft_model::{ObjectRef, Problem};

use crate::cert::now;
use crate::failure::{Failure, say};
use crate::offline::{About, unclear};

mod print;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the gateways: hosts, ports, TLS, certificates with the days that they last, the pods that serve them.
    List(Box<List>),
    /// Say all of one gateway: servers, routes in the order of precedence, certificates, conditions, conflicts, pods.
    Describe(Box<Describe>),
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For people.
    Table,
    /// JSON for programs.
    Json,
    /// YAML.
    Yaml,
}

#[derive(Debug, clap::Args)]
struct List {
    /// Only this namespace.
    #[arg(short = 'n', long, conflicts_with = "all_namespaces")]
    namespace: Option<String>,
    /// All namespaces; this is what happens without -n too.
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// How to print.
    #[arg(short = 'o', long, value_enum, default_value_t = Output::Table)]
    output: Output,
    #[command(flatten)]
    about: About,
}

#[derive(Debug, clap::Args)]
struct Describe {
    /// NAME or NAME.NAMESPACE.
    #[arg(value_name = "NAME")]
    gateway: String,
    /// Namespace.
    #[arg(short = 'n', long)]
    namespace: Option<String>,
    /// How to print.
    #[arg(short = 'o', long, value_enum, default_value_t = Output::Table)]
    output: Output,
    #[command(flatten)]
    about: About,
}

/// A gateway with what this command adds.
#[derive(Debug, serde::Serialize)]
struct Told {
    #[serde(flatten)]
    around: GatewayAround,
    /// Days that each certificate lasts; none where it is missing or cannot be read.
    days_left: BTreeMap<String, Option<i64>>,
    /// `serves`, or what keeps it from that.
    state: String,
    problems: Vec<String>,
}

/// All of one gateway.
#[derive(Debug, serde::Serialize)]
struct Whole {
    #[serde(flatten)]
    told: Told,
    routes: Vec<BoundRoute>,
    rejected: Vec<Rejected>,
}

/// Runs one of the commands.
pub(crate) async fn run(options: Options) -> Result<ExitCode, Failure> {
    match options.command {
        Command::List(list) => {
            let mesh = list.about.mesh().await?;
            let all = GatewayAround::all(&mesh).into_iter().filter(|one| {
                let space = one.gateway.split_once('/').map_or("", |(space, _)| space);
                list.namespace.as_deref().is_none_or(|wanted| wanted == space)
            });
            let problems = problems(&mesh, list.about.is_written());
            let told: Vec<Told> = all.map(|one| tell(&mesh, one, &problems, &[])).collect();
            machine(list.output, &json!(told))?.unwrap_or_else(|| print::list(&told));
        }
        Command::Describe(one) => {
            let mesh = one.about.mesh().await?;
            let (name, space) = match (&one.namespace, one.gateway.rsplit_once('.')) {
                (Some(space), _) => (one.gateway.as_str(), space.as_str()),
                (None, Some(both)) => both,
                (None, None) => (one.gateway.as_str(), "default"),
            };
            let problems = problems(&mesh, one.about.is_written());
            let found = GatewayAround::named(&mesh, name, space).map_err(unclear)?;
            let whole = found.into_iter().map(|around| whole(&mesh, around, &problems));
            let whole: Vec<Whole> = whole.collect::<Result<_, _>>()?;
            machine(one.output, &json!(whole))?
                .unwrap_or_else(|| whole.iter().for_each(print::whole));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints for programs; answers nothing when it is for people.
fn machine(output: Output, value: &Value) -> Result<Option<()>, Failure> {
    match output {
        Output::Table => return Ok(None),
        Output::Json => say!("{value:#}"),
        Output::Yaml => {
            let text = serde_yaml_ng::to_string(value).map_err(anyhow::Error::from)?;
            say!("{}", text.trim_end());
        }
    }
    Ok(Some(()))
}

fn whole(mesh: &Mesh, around: GatewayAround, problems: &[Problem]) -> Result<Whole, Failure> {
    let routes = around.routes(mesh).map_err(unclear)?;
    let rejected = around.rejected(mesh);
    let objects = routes.iter().map(|route| route.object.as_str());
    let objects: Vec<&str> =
        objects.chain(rejected.iter().map(|one| one.object.as_str())).collect();
    Ok(Whole { told: tell(mesh, around, problems, &objects), routes, rejected })
}

/// What the analysis has against the mesh. Files need not have the gateway that every mesh has.
fn problems(mesh: &Mesh, assume_ingress: bool) -> Vec<Problem> {
    let now = weft_rt::Clock::real().wall();
    let options = weft_analyze::Options { assume_ingress, ..weft_analyze::Options::at(now) };
    weft_analyze::analyze(mesh.objects(), &options)
}

fn tell(mesh: &Mesh, around: GatewayAround, problems: &[Problem], others: &[&str]) -> Told {
    let own = around.objects();
    let is_own = |problem: &&Problem| {
        own.contains(&problem.object) || others.contains(&problem.object.to_string().as_str())
    };
    let found: Vec<&Problem> = problems.iter().filter(is_own).collect();
    let secrets = around.servers.iter().flat_map(|server| &server.certificates);
    let days_left = secrets.map(|secret| (secret.clone(), days(mesh, secret))).collect();
    Told {
        days_left,
        state: state(&around, &found),
        problems: found.into_iter().map(ToString::to_string).collect(),
        around,
    }
}

fn state(around: &GatewayAround, problems: &[&Problem]) -> String {
    let errors = problems.iter().filter(|problem| problem.is_error()).count();
    let faults: usize = around.servers.iter().map(|server| server.faults.len()).sum();
    match errors.max(faults) {
        0 if around.pods.is_empty() => "no pods".to_owned(),
        0 if around.pods.iter().all(|pod| pod.ready == Some(false)) => "pods not ready".to_owned(),
        0 => "serves".to_owned(),
        1 => "1 error".to_owned(),
        many => format!("{many} errors"),
    }
}

/// Days that the certificate of a Secret lasts.
fn days(mesh: &Mesh, secret: &str) -> Option<i64> {
    const DAY: i64 = 24 * 60 * 60;
    let (namespace, name) = secret.split_once('/')?;
    let wanted = ObjectRef {
        group: String::new(),
        kind: "Secret".to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    };
    let found = mesh.objects().iter().find(|object| ObjectRef::of(object) == wanted)?;
    let all = Certificate::all(&Credential::of(found).certificate).ok()?;
    let end = all.iter().map(|one| one.not_after).min()?;
    Some((end - now()).div_euclid(DAY))
}
