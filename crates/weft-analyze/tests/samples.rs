//! What is shipped as an example has no problems but those that it is there to show.
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

fn objects(folder: &Path) -> Vec<Value> {
    let files = std::fs::read_dir(folder).into_iter().flatten().map(|file| file.unwrap().path());
    let yaml = files.filter(|file| file.extension().is_some_and(|end| end == "yaml"));
    let documents = yaml.flat_map(|file| {
        let text = std::fs::read_to_string(&file).unwrap();
        let name = file.display().to_string();
        yaml::read(&text, &name).unwrap_or_else(|error| panic!("{error}"))
    });
    documents.map(|document| document.value).collect()
}
