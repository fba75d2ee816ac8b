//! Every file of `calls/` is a mesh with calls and what an answer must hold; what a file does not name is not compared.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use ctl_snapshot::{MeshSettings, UnknownDestinations};
use serde_json::{Value, json};
use weft_explain::{Call, Mesh, Origin, Proxies, Proxy};
use weft_model::api::yaml;

#[path = "../../ctl-translate/tests/mesh/envoy.rs"]
mod envoy;

fn mesh(file: &Value) -> Mesh {
    let settings = MeshSettings {
        unknown: match file["registryOnly"].as_bool() {
            Some(true) => UnknownDestinations::Refused,
            _ => UnknownDestinations::Allowed,
        },
        ..MeshSettings::default()
    };
    let objects = file["objects"].as_array().unwrap().clone();
    let (mesh, problems) = Mesh::new(objects, BTreeMap::new(), settings);
    let errors: Vec<String> =
        problems.iter().filter(|problem| problem.is_error()).map(ToString::to_string).collect();
    assert_eq!(errors, Vec::<String>::new());
    mesh
}

/// What of `expected` the answer does not hold.
fn missing(expected: &Value, answer: &Value, path: &str) -> Vec<String> {
    match expected {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| missing(value, &answer[name], &format!("{path}.{name}")))
            .collect(),
        value if value == answer => Vec::new(),
        value => vec![format!("{path}: expected {value}, found {answer}")],
    }
}

fn check(file: &Value) -> Vec<String> {
    let mesh = mesh(file);
    let mut proxies = Proxies::of(&mesh);
    let mut wrong = Vec::new();
    for case in file["calls"].as_array().unwrap() {
        let call = Call::read(&case["call"]).unwrap();
        assert_eq!(proxies.find(&call.origin).unwrap().refused(), Vec::<String>::new());
        let answer = json!(proxies.explain(&call).unwrap());
        let found = missing(&case["answer"], &answer, "");
        wrong.extend(found.iter().map(|what| format!("{}\n  {what}", case["call"])));
        let trace = answer["trace"].as_array().unwrap();
        assert!(!trace.is_empty());
        let decided = case["decided_by"].as_str();
        let named = |wanted: &str| trace.iter().any(|step| step["object"] == wanted);
        if decided.is_some_and(|wanted| !named(wanted)) {
            wrong.push(format!("{}: no step by {decided:?}", case["call"]));
        }
        let told = case["tells"].as_str();
        if told.is_some_and(|wanted| !trace.iter().any(|step| step["why"] == wanted)) {
            wrong.push(format!("{}: nothing tells {told:?}", case["call"]));
        }
    }
    wrong
}

/// Every file, by name.
fn files() -> Vec<(String, Value)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/calls");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |file: &PathBuf| {
        let text = std::fs::read_to_string(file).unwrap();
        let documents = yaml::read(&text, "file").unwrap();
        (file.file_name().unwrap().to_string_lossy().into_owned(), documents[0].value.clone())
    };
    files.iter().map(read).collect()
}

#[test]
fn calls_get_the_answers_that_their_files_name() {
    let mut wrong = Vec::new();
    for (name, file) in files() {
        wrong.extend(check(&file).iter().map(|what| format!("{name}: {what}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_real_envoy_takes_what_every_proxy_of_the_files_gets() {
    let mut refused = Vec::new();
    for (name, file) in files() {
        let mesh = mesh(&file);
        let calls = file["calls"].as_array().unwrap().iter();
        let origins: BTreeSet<Origin> =
            calls.map(|case| Call::read(&case["call"]).unwrap().origin).collect();
        for origin in origins {
            let proxy = Proxy::find(&mesh, &origin).unwrap();
            let objection = envoy::objection(proxy.resources());
            refused.extend(objection.map(|why| format!("{name}, {origin:?}: {why}")));
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}
