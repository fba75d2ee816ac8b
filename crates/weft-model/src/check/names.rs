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
    let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let generated = object.pointer("/metadata/generateName").is_some();
    if name.is_empty() && !generated {
        findings.within("metadata", |findings| {
            findings.error_in("name", "is missing", "give the object a name");
        });
    }
}
