//! Every kind that has a type is judged by it.

use std::path::Path;

use serde_json::json;
use weft_api::crd::{CORE, KINDS};
use weft_model::{Problem, validate_object};

#[test]
fn every_kind_is_checked_in_every_version() {
    for kind in KINDS.iter().chain(CORE) {
        for version in kind.versions {
            let object = json!({"apiVersion": format!("{}/{version}", kind.group), "kind": kind.kind,
                "metadata": {"name": "a"}, "spec": {"noSuchField": 1}});
            let (_, problems) = validate_object(&object);
            let told = problems.iter().any(|problem| {
                problem.is_error() && problem.field.to_string() == "spec.noSuchField"
            });
            assert!(told, "{}/{version} {} is not looked at", kind.group, kind.kind);
        }
    }
}

#[test]
fn an_empty_object_of_any_kind_is_judged_and_stops_nobody() {
    for kind in KINDS.iter().chain(CORE) {
        for spec in [json!(null), json!({}), json!([]), json!("text"), json!(7)] {
            let object = json!({"apiVersion": format!("{}/{}", kind.group, kind.versions[0]),
                "kind": kind.kind, "metadata": {"name": "a"}, "spec": spec});
            let (_, problems) = validate_object(&object);
            let refused = problems.iter().any(Problem::is_error);
            assert!(refused || spec.is_null() || spec.is_object(), "{} takes {spec}", kind.kind);
        }
    }
}

/// The configuration of the seed works as it stands.
#[test]
fn what_the_seed_writes_is_taken() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/seed-yaml");
    let Ok(files) = std::fs::read_dir(&folder) else { return };
    let mut refused = Vec::new();
    for file in files {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let documents = weft_api::yaml::read(&text, &path.display().to_string()).unwrap();
        for document in &documents {
            let (_, problems) = validate_object(&document.value);
            let errors = problems.into_iter().filter(Problem::is_error);
            refused.extend(errors.map(|problem| problem.located(document).to_string()));
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}
