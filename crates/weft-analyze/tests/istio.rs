//! Holds our analyzers against Istio's own on its test inputs.
//!
//! The cases stand beside the repository (`../shared/istio-cases`), not in it; without them there is nothing to compare.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first surprise")]

use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;
use weft_analyze::{Options, Problem, analyze_clusters, analyzers_by_name};
use weft_api::yaml;

/// Cases that Istio and we judge alike; may only grow.
const AGREED: usize = 105;

/// Settings of the mesh that Istio's cases are run with; the list of cases does not name them.
const MESH_CONFIG: &[(&str, &str)] = &[
    ("injectionImageDistroless", "testdata/common/meshconfig.yaml"),
    (
        "missing Addresses and Protocol in Service Entry with ISTIO_META_DNS_AUTO_ALLOCATE enabled",
        "testdata/serviceentry-missing-addresses-protocol-mesh-cfg.yaml",
    ),
    ("ServiceEntry Addresses Allocated", "testdata/serviceentry-address-allocated-mesh-cfg.yaml"),
    ("Telemetry Lightstep", "testdata/telemetry-lightstep-meshconfig.yaml"),
];
const MESH_NETWORKS: &str = "testdata/common/meshnetworks.yaml";

#[test]
fn analyzers_find_what_istios_find() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/istio-cases");
    let Ok(text) = std::fs::read_to_string(folder.join("analysis.json")) else {
        assert!(!folder.exists(), "{} cannot be read", folder.display());
        return;
    };
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    let differ: Vec<String> = cases.iter().filter_map(|case| difference(&folder, case)).collect();
    let agreed = cases.len() - differ.len();
    let report = format!("{agreed} of {} agree\n{}", cases.len(), differ.join("\n"));
    assert!(agreed >= AGREED.min(cases.len()), "{report}");
    eprintln!("{report}");
}

fn difference(folder: &Path, case: &Value) -> Option<String> {
    let (name, analyzer) = (case["name"].as_str().unwrap(), case["analyzer"].as_str().unwrap());
    let Ok(analyzers) = analyzers_by_name([analyzer]) else {
        return Some(format!("{name}: no analyzer {analyzer}"));
    };
    let config = MESH_CONFIG.iter().find(|(case, _)| *case == name);
    let options = Options {
        analyzers,
        mesh_config: config.map(|(_, file)| documents(&folder.join(file)).remove(0)),
        mesh_networks: Some(documents(&folder.join(MESH_NETWORKS)).remove(0)),
        assume_ingress: true,
        ..Options::at(UNIX_EPOCH + Duration::from_secs(1_790_000_000))
    };
    let clusters = clusters(folder, &case["inputs"]);
    let clusters: Vec<(&str, &[Value])> =
        clusters.iter().map(|(name, objects)| (name.as_str(), objects.as_slice())).collect();
    let problems = analyze_clusters(&clusters, &options);
    let mut ours: Vec<[String; 2]> = problems.iter().filter_map(told).collect();
    ours.sort();
    let theirs: Vec<[String; 2]> = serde_json::from_value(case["expected"].clone()).unwrap();
    let details: Vec<String> = problems.iter().map(ToString::to_string).collect();
    (ours != theirs).then(|| {
        format!(
            "{name} ({analyzer})\n  istio: {theirs:?}\n  ours:  {ours:?}\n    {}",
            details.join("\n    ")
        )
    })
}

/// Code and object of a problem of Istio's; ours come on top.
fn told(problem: &Problem) -> Option<[String; 2]> {
    let object = &problem.object;
    let name = match object.namespace.as_str() {
        "" => format!("{} {}", object.kind, object.name),
        namespace => format!("{} {namespace}/{}", object.kind, object.name),
    };
    problem.code.starts_with("IST").then(|| [problem.code.to_owned(), name])
}

fn clusters(folder: &Path, inputs: &Value) -> Vec<(String, Vec<Value>)> {
    let read = |files: &Value| {
        let files =
            files.as_array().unwrap().iter().map(|file| folder.join(file.as_str().unwrap()));
        files.flat_map(|file: PathBuf| documents(&file)).collect()
    };
    match inputs.as_object() {
        Some(clusters) => {
            clusters.iter().map(|(name, files)| (name.clone(), read(files))).collect()
        }
        None => vec![(String::new(), read(inputs))],
    }
}

fn documents(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap();
    let documents = yaml::read(&text, &file.display().to_string());
    documents.unwrap_or_else(|error| panic!("{error}")).into_iter().map(|d| d.value).collect()
}
