//! Holds us to Istio's own definitions: what they refuse, we refuse.
//!
//! In: objects that Istio takes, each with one value changed. The definitions stand beside the repository
//! (`../shared/istio-cases/crds`), not in it; without them there is nothing to compare.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that fails panics")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use weft_model::api::yaml;
use weft_model::{Problem, validate_object};
use weft_schema::Schema;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/istio-cases")
}

/// Schemas by kind and version.
fn schemas(text: &str) -> BTreeMap<(String, String), Schema> {
    let mut found = BTreeMap::new();
    for document in yaml::read(text, "istio.yaml").unwrap() {
        let crd = document.value;
        let text = |pointer: &str| crd.pointer(pointer).and_then(Value::as_str).unwrap().to_owned();
        for version in crd["spec"]["versions"].as_array().unwrap() {
            let name = format!("{}/{}", text("/spec/group"), version["name"].as_str().unwrap());
            let schema = Schema::parse(&version["schema"]["openAPIV3Schema"]);
            let schema = schema.unwrap_or_else(|faults| panic!("{name}: {faults:#?}"));
            found.insert((text("/spec/names/kind"), name), schema);
        }
    }
    found
}

/// The object with one value changed, for each value below `spec` and each change.
fn mutants(object: &Value) -> Vec<Value> {
    let mut pointers = Vec::new();
    walk(&object["spec"], "/spec", &mut pointers);
    let mut found = Vec::new();
    for pointer in &pointers {
        let (outer, key) = pointer.rsplit_once('/').unwrap();
        for other in [
            json!(-7),
            json!(0),
            json!(1.5),
            json!(70_000),
            json!(5_000_000_000_i64),
            json!(true),
            json!("Not/Ok_"),
            json!(""),
            json!("x".repeat(400)),
            json!({}),
            json!([]),
            json!([{}]),
            json!([null]),
        ] {
            let mut mutant = object.clone();
            *mutant.pointer_mut(pointer).unwrap() = other;
            found.push(mutant);
        }
        let mut missing = object.clone();
        if let Some(fields) = missing.pointer_mut(outer).and_then(Value::as_object_mut) {
            fields.remove(&key.replace("~1", "/").replace("~0", "~"));
            found.push(missing);
        }
        let mut twice = object.clone();
        if let Some(list) = twice.pointer_mut(pointer).and_then(Value::as_array_mut) {
            list.extend(list.clone());
            found.push(twice);
        }
    }
    found
}

fn walk(value: &Value, pointer: &str, found: &mut Vec<String>) {
    found.push(pointer.to_owned());
    for (name, inner) in value.as_object().into_iter().flatten() {
        let name = name.replace('~', "~0").replace('/', "~1");
        walk(inner, &format!("{pointer}/{name}"), found);
    }
    for (index, inner) in value.as_array().into_iter().flatten().enumerate() {
        walk(inner, &format!("{pointer}/{index}"), found);
    }
}

/// Most differences that are shown.
const SHOWN: usize = 60;

#[test]
fn what_istios_definitions_refuse_is_refused() {
    let Ok(text) = std::fs::read_to_string(folder().join("crds/istio.yaml")) else { return };
    let schemas = schemas(&text);
    let cases = std::fs::read_to_string(folder().join("validation.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&cases).unwrap();
    let (mut count, mut differ) = (0, BTreeMap::new());
    for case in cases.iter().filter(|case| case["expect"] == "accept") {
        let object = &case["object"];
        let text = |field: &str| object[field].as_str().unwrap().to_owned();
        let Some(schema) = schemas.get(&(text("kind"), text("apiVersion"))) else { continue };
        if object.to_string().len() > 20_000 {
            continue;
        }
        for mutant in mutants(object) {
            count += 1;
            if validate_object(&mutant).1.iter().any(Problem::is_error) {
                continue;
            }
            if let Some(fault) = schema.check(&mutant).first() {
                let place: Vec<&str> =
                    fault.pointer.split('/').filter(|s| s.parse::<usize>().is_err()).collect();
                let place = format!("{} {} {}", text("kind"), place.join("/"), fault.what);
                differ.entry(place).or_insert_with(|| mutant["spec"].to_string());
            }
        }
    }
    let shown: Vec<String> =
        differ.iter().take(SHOWN).map(|(place, spec)| format!("{place}\n    {spec}")).collect();
    assert!(differ.is_empty(), "{} of {count}:\n{}", differ.len(), shown.join("\n"));
    assert!(count > 10_000, "only {count} objects were tried");
}
