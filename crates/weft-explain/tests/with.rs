//! A mesh with a change is the mesh of the changed objects: for every object of configuration in the files of `calls/`.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use ctl_snapshot::MeshSettings;
use serde_json::Value;
use weft_explain::{Call, Mesh, Origin, Proxy, Resources};
use weft_model::ObjectRef;
use weft_model::api::yaml;

fn files() -> Vec<Value> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/calls");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|file| {
            let text = std::fs::read_to_string(file).unwrap();
            yaml::read(&text, "file").unwrap().remove(0).value
        })
        .collect()
}

fn built(objects: Vec<Value>) -> Mesh {
    Mesh::new(objects, BTreeMap::new(), MeshSettings::default()).0
}

/// What every proxy gets; `None` for one that is not there.
fn resources(mesh: &Mesh, origins: &BTreeSet<Origin>) -> Vec<Option<Resources>> {
    let one = |origin| Proxy::find(mesh, origin).ok().map(|proxy| proxy.resources().clone());
    origins.iter().map(one).collect()
}

#[test]
fn an_object_that_is_left_out_or_put_back_leaves_no_trace() {
    let mut tried = 0;
    for file in files() {
        let objects = file["objects"].as_array().unwrap().clone();
        let calls = file["calls"].as_array().unwrap().iter();
        let origins = calls.map(|case| Call::read(&case["call"]).unwrap().origin).collect();
        let whole = built(objects.clone());
        let istio = |object: &&Value| object["apiVersion"].as_str().unwrap().contains("istio.io/");
        for object in objects.iter().filter(istio) {
            let name = ObjectRef::of(object);
            let rest = objects.iter().filter(|other| ObjectRef::of(other) != name).cloned();
            let (without, _) = whole.with(&BTreeMap::from([(name.clone(), None)]));
            let expected = resources(&built(rest.collect()), &origins);
            assert!(resources(&without, &origins) == expected, "without {name}");
            let (again, _) = without.with(&BTreeMap::from([(name.clone(), Some(object.clone()))]));
            assert!(resources(&again, &origins) == resources(&whole, &origins), "with {name}");
            tried += 1;
        }
    }
    assert!(tried > 50, "{tried}");
}
