//! Istio's own definitions are understood whole, and its schema's verdicts on its test inputs are ours.
//!
//! The cases stand beside the repository (`../shared/istio-cases`), not in it; without them there is nothing to compare.

#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use weft_schema::Schema;

fn cases(name: &str) -> Option<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/istio-cases");
    let text = std::fs::read_to_string(folder.join(name)).ok();
    assert!(text.is_some() || !folder.exists(), "{name} cannot be read");
    text
}

#[test]
fn istios_schemas_are_structural_and_judge_as_istio_does() {
    let Some(definitions) = cases("crds/istio.yaml") else { return };
    let mut schemas = BTreeMap::new();
    for document in serde_yaml_ng::Deserializer::from_str(&definitions) {
        let definition: Value = serde::Deserialize::deserialize(document).unwrap();
        for version in definition["spec"]["versions"].as_array().into_iter().flatten() {
            let name = (
                definition["spec"]["names"]["kind"].as_str().unwrap().to_owned(),
                version["name"].as_str().unwrap().to_owned(),
            );
            let schema = Schema::parse(&version["schema"]["openAPIV3Schema"]);
            schemas.insert(
                name.clone(),
                schema.unwrap_or_else(|faults| panic!("{name:?}: {faults:#?}")),
            );
        }
    }
    let cases: Vec<Value> = serde_json::from_str(&cases("validation.json").unwrap()).unwrap();
    let mut wrong = Vec::new();
    for case in &cases {
        let object = &case["object"];
        let version =
            object["apiVersion"].as_str().and_then(|v| v.rsplit('/').next()).unwrap_or_default();
        let key = (object["kind"].as_str().unwrap_or_default().to_owned(), version.to_owned());
        let Some(schema) = schemas.get(&key) else { continue };
        let mut object = object.clone();
        schema.apply_defaults(&mut object);
        let faults: Vec<String> = schema
            .check(&object)
            .iter()
            .filter(|f| !f.unknown)
            .map(|f| format!("{} {f}", f.pointer))
            .collect();
        let refused = !faults.is_empty();
        let by_schema =
            case["rejected_by"].as_array().is_some_and(|by| by.iter().any(|by| by == "crd"));
        if refused != by_schema && (by_schema || case["expect"] == "accept") {
            wrong.push(format!(
                "{} by {} why {} ours {faults:?}\n   {}",
                case["id"], case["rejected_by"], case["why"], case["object"]["spec"]
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
