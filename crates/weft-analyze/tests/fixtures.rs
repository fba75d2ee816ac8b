//! One file for each code: objects, and what is told of them. The first document of a file has
//! `expect` (the messages of the file's code, in order), and may have `mesh` and `networks` (settings of the mesh).
//! A document `cluster: NAME` begins the objects of another cluster.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first surprise")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;
use weft_analyze::{ANALYZERS, CODES, Options, analyze_clusters};
use weft_api::yaml;

/// 2026-09-21; certificates in fixtures are made for it.
const NOW: Duration = Duration::from_secs(1_790_000_000);

#[test]
fn each_code_is_told_where_it_should_be_and_only_there() {
    let wrong: Vec<String> = files().iter().filter_map(|file| difference(file)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_code_has_a_fixture_and_a_word_in_the_docs() {
    let shown: BTreeSet<String> = files().iter().map(|file| stem(file)).collect();
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/codes.md");
    let docs = std::fs::read_to_string(docs).unwrap();
    for code in CODES {
        assert!(shown.contains(code.id), "no fixture for {} ({})", code.id, code.name);
        assert!(
            docs.contains(&format!("`{}`", code.id)),
            "docs/codes.md does not tell of {}",
            code.id
        );
    }
}

#[test]
fn every_code_is_found_by_some_analyzer() {
    let found: BTreeSet<&str> =
        ANALYZERS.iter().flat_map(|analyzer| analyzer.codes).map(|code| code.id).collect();
    for code in CODES {
        assert!(found.contains(code.id), "no analyzer finds {}", code.id);
    }
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

fn stem(file: &Path) -> String {
    file.file_stem().unwrap().to_string_lossy().into_owned()
}

fn difference(file: &Path) -> Option<String> {
    let text = std::fs::read_to_string(file).unwrap();
    let name = file.display().to_string();
    let documents = yaml::read(&text, &name).unwrap_or_else(|error| panic!("{error}"));
    let mut documents = documents.into_iter().map(|document| document.value);
    let head = documents.next().unwrap();
    let clusters = clusters(documents);
    let clusters: Vec<(&str, &[Value])> =
        clusters.iter().map(|(name, objects)| (name.as_str(), objects.as_slice())).collect();
    let options = Options {
        analyzers: ANALYZERS.iter().collect(),
        mesh_config: head.get("mesh").cloned(),
        mesh_networks: head.get("networks").cloned(),
        ..Options::at(UNIX_EPOCH + NOW)
    };
    let code = stem(file);
    let problems = analyze_clusters(&clusters, &options);
    let told = problems.iter().filter(|problem| problem.code == code).map(ToString::to_string);
    let told: Vec<String> = told.collect();
    let expected: Vec<&str> =
        head["expect"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    (told != expected).then(|| format!("{name} tells\n  - {}", told.join("\n  - ")))
}

fn clusters(documents: impl Iterator<Item = Value>) -> Vec<(String, Vec<Value>)> {
    let mut clusters = vec![(String::new(), Vec::new())];
    for document in documents {
        match document.get("cluster").and_then(Value::as_str) {
            Some(name) => clusters.push((name.to_owned(), Vec::new())),
            None => clusters.last_mut().unwrap().1.push(document),
        }
    }
    clusters
}
