//! What is shipped as an example has no problems but those that it is there to show; odd meshes that are right have none.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first surprise")]

use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;
use weft_analyze::{Options, analyze};
use weft_api::yaml;

/// Problems that samples are meant to have: code and object.
const MEANT: &[(&str, &str)] = &[("IST0102", "Namespace legacy")];

#[test]
fn samples_give_no_false_alarm() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples");
    for sample in std::fs::read_dir(samples).unwrap() {
        let folder = sample.unwrap().path();
        let objects = objects(&folder);
        let now = UNIX_EPOCH + Duration::from_secs(1_790_000_000);
        let options = Options { assume_ingress: true, ..Options::at(now) };
        let problems = analyze(&objects, &options);
        let told = |problem: &&weft_analyze::Problem| {
            let object = problem.object.to_string();
            !MEANT.contains(&(problem.code, object.as_str()))
        };
        let unmeant: Vec<String> = problems.iter().filter(told).map(ToString::to_string).collect();
        assert!(unmeant.is_empty(), "{}:\n{}", folder.display(), unmeant.join("\n"));
    }
}

#[test]
fn odd_meshes_that_are_right_give_no_alarm() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/right");
    let mut wrong = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap().path();
        let now = UNIX_EPOCH + Duration::from_secs(1_790_000_000);
        let options = Options { assume_ingress: true, ..Options::at(now) };
        for problem in analyze(&documents(&file), &options) {
            // Kinds that this version does not act on yet are told of one by one.
            if problem.code != "WEFT0002" {
                wrong.push(format!("{}: {problem}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn objects(folder: &Path) -> Vec<Value> {
    let files = std::fs::read_dir(folder).into_iter().flatten().map(|file| file.unwrap().path());
    let yaml = files.filter(|file| file.extension().is_some_and(|end| end == "yaml"));
    yaml.flat_map(|file| documents(&file)).collect()
}

fn documents(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap();
    let documents = yaml::read(&text, &file.display().to_string());
    let documents = documents.unwrap_or_else(|error| panic!("{error}"));
    documents.into_iter().map(|document| document.value).collect()
}
