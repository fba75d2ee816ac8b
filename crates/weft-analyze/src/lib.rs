//! Analysis of a whole mesh: what is valid by itself and still does not do what was meant.
//!
//! In: objects of every kind as JSON, Istio's, Kubernetes' and the Gateway API's. Out: [`Problem`]s, each with its place,
//! the reason and what to do.
//! Holds: codes are Istio's where it has one; an object that cannot be read hides nothing of another.
//! Never: I/O, clocks (`now` is given), or a type that refuses an object.
//! Why one file per analyzer: each can be run, read and deleted alone.

mod analyzers;
mod code;
mod credential;
mod hosted;
mod hosts;
mod index;
mod mesh;
mod place;
mod report;
mod source;
mod suppress;
mod view;
mod workloads;

use std::collections::{BTreeSet, HashMap};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
pub use weft_model::{Field, ObjectRef, Place, Problem, Severity};

pub use analyzers::{ALL as ANALYZERS, Analyzer, UnknownAnalyzer, analyzer, analyzers_by_name};
pub use code::{ALL as CODES, Code};
pub use place::locate;
pub use suppress::{NotASuppression, Suppression};

use mesh::{Mesh, Source};
use report::Report;
use view::Object;

/// How to analyze.
#[derive(Debug, Clone)]
pub struct Options {
    /// The time at which certificates are looked at.
    pub now: SystemTime,
    /// What is known and accepted.
    pub suppressions: Vec<Suppression>,
    /// Tell only of objects in these namespaces, and of those without one; all when empty.
    pub namespaces: BTreeSet<String>,
    /// Run only these; the default ones when empty.
    pub analyzers: Vec<&'static Analyzer>,
    /// MeshConfig; when absent, that of the ConfigMap `istio` among the objects.
    pub mesh_config: Option<Value>,
    /// MeshNetworks; when absent, that of the ConfigMap `istio` among the objects.
    pub mesh_networks: Option<Value>,
    /// Whether the standard ingress gateway is taken to be installed although it is not among the objects: so for files
    /// that are not a whole cluster.
    pub assume_ingress: bool,
}

impl Options {
    /// The usual: all default analyzers, everything told.
    #[must_use]
    pub fn at(now: SystemTime) -> Self {
        Self {
            now,
            suppressions: Vec::new(),
            namespaces: BTreeSet::new(),
            analyzers: Vec::new(),
            mesh_config: None,
            mesh_networks: None,
            assume_ingress: false,
        }
    }

    fn chosen(&self) -> Vec<&'static Analyzer> {
        if self.analyzers.is_empty() {
            ANALYZERS.iter().filter(|analyzer| analyzer.is_default).collect()
        } else {
            self.analyzers.clone()
        }
    }
}

/// Everything that is wrong with the objects of one cluster.
#[must_use]
pub fn analyze(objects: &[Value], options: &Options) -> Vec<Problem> {
    analyze_clusters(&[("", objects)], options)
}

/// Everything that is wrong with the objects of several clusters, each by itself and all of them together.
#[must_use]
pub fn analyze_clusters(clusters: &[(&str, &[Value])], options: &Options) -> Vec<Problem> {
    let assumed = if options.assume_ingress { source::ingress() } else { Vec::new() };
    let seconds = options.now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let now = i64::try_from(seconds).unwrap_or(i64::MAX);
    let mut report = Report::default();
    let mut annotated = HashMap::new();
    let mut meshes: Vec<Vec<&Value>> = Vec::new();
    for (_, objects) in clusters {
        meshes.push(source::flat(objects.iter().chain(&assumed)));
    }
    let settings: Vec<(Value, Value)> =
        meshes.iter().map(|objects| source::settings(objects, options)).collect();
    let meshes: Vec<Mesh<'_>> = meshes
        .iter()
        .zip(&settings)
        .map(|(objects, (config, networks))| Mesh::new(Source { objects, config, networks, now }))
        .collect();
    for analyzer in options.chosen() {
        analyzer.run(clusters, &meshes, &mut report);
    }
    for object in meshes.iter().flat_map(Mesh::everything) {
        annotated.insert(object.reference(), *object);
    }
    let mut problems = report.finish();
    problems.retain(|problem| is_told(problem, &annotated, options));
    problems
}

fn is_told(problem: &Problem, objects: &HashMap<ObjectRef, Object<'_>>, options: &Options) -> bool {
    let namespace = &problem.object.namespace;
    let wanted = options.namespaces.is_empty()
        || namespace.is_empty()
        || options.namespaces.contains(namespace);
    let accepted = options.suppressions.iter().any(|suppression| suppression.covers(problem));
    let object = objects.get(&problem.object);
    wanted && !accepted && !object.is_some_and(|o| suppress::is_annotated(o, problem.code))
}
