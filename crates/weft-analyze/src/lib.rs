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
mod options;
mod place;
mod report;
mod source;
mod suppress;
mod view;
mod workloads;

use std::borrow::Borrow;
use std::time::UNIX_EPOCH;

use serde_json::Value;
pub use weft_model::{Field, ObjectRef, Place, Problem, Severity};

pub use analyzers::{ALL as ANALYZERS, Analyzer, UnknownAnalyzer, analyzer, analyzers_by_name};
pub use code::{ALL as CODES, Code};
pub use options::Options;
pub use place::locate;
pub use suppress::{NotASuppression, Suppression};

use mesh::{Mesh, Source};
use report::Report;

/// Everything that is wrong with the objects of one cluster.
#[must_use]
pub fn analyze<O: Borrow<Value>>(objects: &[O], options: &Options) -> Vec<Problem> {
    analyze_clusters(&[("", objects)], options)
}

/// Everything that is wrong with the objects of several clusters, each by itself and all of them together.
#[must_use]
pub fn analyze_clusters<O: Borrow<Value>>(
    clusters: &[(&str, &[O])],
    options: &Options,
) -> Vec<Problem> {
    let assumed = if options.assume_ingress { source::ingress() } else { Vec::new() };
    let seconds = options.now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let now = i64::try_from(seconds).unwrap_or(i64::MAX);
    let names: Vec<&str> = clusters.iter().map(|(name, _)| *name).collect();
    let all = clusters.iter().map(|(_, objects)| objects.iter().map(Borrow::borrow));
    let sources: Vec<Vec<&Value>> =
        all.map(|objects| source::flat(objects.chain(&assumed))).collect();
    let settings: Vec<(Value, Value)> =
        sources.iter().map(|objects| source::settings(objects, options)).collect();
    let meshes: Vec<Mesh<'_>> = sources
        .iter()
        .zip(&settings)
        .map(|(objects, (config, networks))| Mesh::new(Source { objects, config, networks, now }))
        .collect();
    let mut report = Report::default();
    for analyzer in options.chosen() {
        analyzer.run(&names, &meshes, &mut report);
    }
    options.told(report.finish(), &meshes)
}
