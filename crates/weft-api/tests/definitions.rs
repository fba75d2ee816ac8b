//! The definitions that our types give, held against the rules of structural schemas and against Istio's test objects.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that fails panics")]

use std::path::Path;

use serde_json::Value;
use weft_schema::Schema;

#[expect(clippy::panic, reason = "a helper of tests")]
fn schema(crd: &Value, version: usize) -> Schema {
    let schema = &crd["spec"]["versions"][version]["schema"]["openAPIV3Schema"];
    Schema::parse(schema)
        .unwrap_or_else(|faults| panic!("{}: {faults:#?}", crd["metadata"]["name"]))
}

#[test]
fn every_schema_is_structural() {
    for crd in weft_api::crds() {
        for version in 0..crd["spec"]["versions"].as_array().unwrap().len() {
            schema(&crd, version);
        }
    }
}

/// What Istio's whole admission accepts, our definitions accept; so that a Kubernetes with them refuses nothing that it took
/// before.
#[test]
fn definitions_take_what_istio_accepts() {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/istio-cases/validation.json");
    let Ok(text) = std::fs::read_to_string(&file) else {
        assert!(!file.parent().is_some_and(Path::exists), "{} cannot be read", file.display());
        return;
    };
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    let mut differ = Vec::new();
    for kind in weft_api::crd::KINDS {
        let schema = schema(&kind.crd(), 0);
        let mine = cases.iter().filter(|case| {
            let of_group = |version: &str| version.starts_with(&format!("{}/", kind.group));
            case["kind"] == kind.kind && case["object"]["apiVersion"].as_str().is_some_and(of_group)
        });
        for case in mine.filter(|case| case["expect"] == "accept") {
            let faults = schema.check(&case["object"]);
            if !faults.is_empty() {
                differ.push(format!("{} {}: {faults:?}", case["id"], kind.kind));
            }
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}
