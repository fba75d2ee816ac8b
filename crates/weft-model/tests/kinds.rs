//! Every kind that has a type is judged by it.

use serde_json::json;
use weft_api::crd::{CORE, KINDS};
use weft_model::validate_object;

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
            let refused = problems.iter().any(weft_model::Problem::is_error);
            assert!(refused || spec.is_null() || spec.is_object(), "{} takes {spec}", kind.kind);
        }
    }
}
