//! Checks what every object has: a name, and nothing beside `spec` that Weft does not know.

use serde_json::Value;
use weft_api::similar;

use super::Findings;
use super::findings::code;
use crate::problem::Severity;

const KNOWN: &[&str] = &["apiVersion", "kind", "metadata", "spec", "status"];

pub(crate) fn check(object: &Value, findings: &mut Findings) {
    let keys = object.as_object().into_iter().flatten().map(|(key, _)| key.as_str());
    for key in keys.filter(|key| !KNOWN.contains(key)) {
        let fix = match similar(key, KNOWN) {
            Some(name) => format!("did you mean `{name}`?"),
            None => "remove it; configuration stands below `spec`".to_owned(),
        };
        findings.within(key, |findings| {
            findings.add(Severity::Error, code::UNKNOWN_FIELD, "unknown field", fix);
        });
    }
    annotations(object, findings);
    let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let generated = object.pointer("/metadata/generateName").is_some();
    if name.is_empty() && !generated {
        findings.within("metadata", |findings| {
            findings.error_in("name", "is missing", "give the object a name");
        });
    }
}

/// Annotations that refuse an object whatever it says, or that only the mesh itself may write.
const RESERVED: &[(&str, &str)] = &[
    ("internal.istio.io/webhook-always-reject", "refuses the object"),
    ("internal.istio.io/parents", "is written by the mesh only"),
    ("internal.istio.io/parent-namespace", "is written by the mesh only"),
];
const DRY_RUN: &str = "istio.io/dry-run";

fn annotations(object: &Value, findings: &mut Findings) {
    let given = |name: &str| {
        let annotations = object.pointer("/metadata/annotations");
        annotations.is_some_and(|annotations| annotations.get(name).is_some())
    };
    let of_access = object.get("kind").is_some_and(|kind| kind == "AuthorizationPolicy");
    let dry_run = (DRY_RUN, "is for AuthorizationPolicy only");
    let banned = RESERVED.iter().chain((!of_access).then_some(&dry_run));
    for (name, what) in banned.filter(|(name, _)| given(name)) {
        findings.within("metadata", |findings| {
            findings.within("annotations", |findings| {
                findings.error_in(name, *what, "remove the annotation");
            });
        });
    }
}
