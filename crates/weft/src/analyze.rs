//! `weft analyze`: what is wrong with a whole mesh, of files, of a running mesh, or of both.
//!
//! In: files and folders; objects of a mesh or a cluster. Out: every problem, with its place where it came from a file.
//! Holds: files stand in the place of the running objects with their names, as if they were applied; nothing is changed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use serde_json::Value;
use weft_analyze::{ANALYZERS, Suppression};
use weft_model::{ObjectRef, Problem, Severity};

use crate::failure::{Failure, complain, say};
use crate::files::{self, Written};
use crate::live;
use crate::report::{self, Format};
use crate::state::Place;
use crate::validate;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Files, folders, or `-`; with none, a running mesh is looked at.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The same, as kubectl has it.
    #[arg(short = 'f', long = "filename", value_name = "PATH")]
    files: Vec<PathBuf>,
    /// Tell only of objects in this namespace.
    #[arg(short = 'n', long, conflicts_with = "all_namespaces")]
    namespace: Vec<String>,
    /// Tell of all namespaces; this is what happens without -n too.
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Look at the cluster of the current kubeconfig; files are taken as if they were applied to it.
    #[arg(long)]
    use_kube: bool,
    /// Look at the running mesh too when files are given.
    #[arg(long, conflicts_with = "use_kube")]
    live: bool,
    #[command(flatten)]
    place: Place,
    /// Leave out what is known: CODE=KIND NAME.NAMESPACE, `*` stands for any text. May be repeated.
    #[arg(short = 'S', long, value_name = "CODE=OBJECT")]
    suppress: Vec<Suppression>,
    /// Fail (exit code 1) when there is a problem as bad as this, or worse.
    #[arg(long, value_enum, ignore_case = true, default_value_t = Threshold::Error)]
    failure_threshold: Threshold,
    /// File with the settings of the mesh (MeshConfig), in the place of those among the objects.
    #[arg(long, alias = "meshConfigFile", value_name = "FILE")]
    mesh_config_file: Option<PathBuf>,
    /// Run only this analyzer. May be repeated.
    #[arg(long, value_name = "NAME")]
    analyzer: Vec<String>,
    /// Print the analyzers and their codes, and do nothing else.
    #[arg(short = 'L', long)]
    list_analyzers: bool,
    /// How to print problems.
    #[arg(short = 'o', long, value_enum, default_value_t = Format::Text)]
    output: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Threshold {
    Info,
    Warning,
    Error,
}

impl Threshold {
    fn is_reached(self, severity: Severity) -> bool {
        match self {
            Self::Info => true,
            Self::Warning => severity != Severity::Info,
            Self::Error => severity == Severity::Error,
        }
    }
}

pub(crate) async fn run(mut options: Options) -> Result<ExitCode, Failure> {
    options.paths.append(&mut options.files);
    if options.list_analyzers {
        list_analyzers();
        return Ok(ExitCode::SUCCESS);
    }
    let (written, faults) = files::read_around(&options.paths)?;
    let mut problems: Vec<Problem> = faults.into_iter().map(validate::unreadable).collect();
    let running = running(&options).await?;
    let objects = together(&written, running);
    let found = weft_analyze::analyze(&objects, &settings(&options)?);
    problems.extend(placed(found, &written));
    let looked_at = match objects.len() {
        1 => "1 object".to_owned(),
        count => format!("{count} objects"),
    };
    report::print(&problems, options.output, &looked_at);
    let failed = problems.iter().any(|p| options.failure_threshold.is_reached(p.severity));
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn list_analyzers() {
    for analyzer in ANALYZERS {
        let codes: Vec<&str> = analyzer.codes.iter().map(|code| code.id).collect();
        say!("{:<60} {}", analyzer.name, codes.join(" "));
    }
}

/// What runs, when it is asked for; without files it is always asked for.
async fn running(options: &Options) -> Result<Vec<Value>, Failure> {
    if options.use_kube {
        return live::of_cluster().await;
    }
    if options.live || options.paths.is_empty() {
        return live::of_mesh(&options.place).await;
    }
    Ok(Vec::new())
}

/// Files stand in the place of running objects; settings of an operator in that of a ConfigMap.
fn together(written: &[Written], running: Vec<Value>) -> Vec<Value> {
    let mut objects: BTreeMap<(String, ObjectRef, usize), Value> = BTreeMap::new();
    let maps: Vec<Value> = written
        .iter()
        .map(|one| &one.object)
        .filter(|object| weft_meshconfig::is_istio_operator(object))
        .map(weft_meshconfig::config_map_of)
        .collect();
    let files = written.iter().map(Written::in_namespace);
    for (at, object) in running.into_iter().chain(maps).chain(files).enumerate() {
        let version = object["apiVersion"].as_str().unwrap_or_default();
        let group = version.split_once('/').map_or("", |(group, _)| group).to_owned();
        let name = ObjectRef::of(&object);
        // Objects that get their names later are each their own.
        let nameless = if name.name.is_empty() { at } else { 0 };
        objects.insert((group, name, nameless), object);
    }
    objects.into_values().collect()
}

fn settings(options: &Options) -> Result<weft_analyze::Options, Failure> {
    let analyzers = weft_analyze::analyzers_by_name(options.analyzer.iter().map(String::as_str))
        .map_err(|unknown| {
            Failure::new(unknown.to_string()).hint("weft analyze -L lists all analyzers")
        })?;
    let mesh_config = options.mesh_config_file.as_deref().map(files::document).transpose()?;
    Ok(weft_analyze::Options {
        mesh_config,
        suppressions: options.suppress.clone(),
        namespaces: options.namespace.iter().cloned().collect::<BTreeSet<String>>(),
        analyzers,
        // A mesh that runs shows its gateways itself.
        assume_ingress: !(options.use_kube || options.live || options.paths.is_empty()),
        ..weft_analyze::Options::at(weft_rt::Clock::real().wall())
    })
}

/// Gives problems the places of the files that their objects came from.
fn placed(mut problems: Vec<Problem>, written: &[Written]) -> Vec<Problem> {
    let places: BTreeMap<ObjectRef, &Written> =
        written.iter().map(|one| (ObjectRef::of(&one.in_namespace()), one)).collect();
    for problem in &mut problems {
        // Objects of kinds without a namespace are told of without one.
        let name = &problem.object;
        let bare = || places.iter().find(|(at, _)| at.kind == name.kind && at.name == name.name);
        let found = places.get(name).or_else(|| bare().map(|(_, one)| one));
        problem.place = found.map(|one| one.place(&problem.field.0));
    }
    problems
}

/// Said once when a part of a cluster cannot be looked at.
pub(crate) fn skipped(what: &str, why: &str) {
    complain!("note: {what} cannot be looked at: {why}");
}
