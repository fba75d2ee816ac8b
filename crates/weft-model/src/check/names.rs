//! Checks what every object has: names, labels and annotations that Kubernetes takes, and nothing beside `spec` that Weft
//! does not know.

use std::collections::BTreeMap;

use serde_json::Value;
use weft_api::meta::Metadata;
use weft_api::similar;
use weft_types::domain;

use super::findings::code;
use super::{Findings, labels};
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
    findings.within("metadata", |findings| {
        let meta = object.get("metadata").unwrap_or(&Value::Null);
        name(meta, findings);
        let Metadata { labels, annotations, .. } = Metadata::of(object);
        labels::check("labels", &labels, findings);
        sized(&annotations, findings);
    });
}

/// Longest name of an object.
const LONGEST: usize = 253;

fn name(meta: &Value, findings: &mut Findings) {
    let text = |field: &str| meta.get(field).and_then(Value::as_str).unwrap_or_default();
    let (name, namespace) = (text("name"), text("namespace"));
    let fix = "use lower-case letters, digits, dashes and dots";
    let long = name.len() > LONGEST;
    if name.is_empty() {
        if meta.get("generateName").is_none() {
            findings.error_in("name", "is missing", "give the object a name");
        }
    } else if long || !labels::is_subdomain(name) {
        findings.error_in("name", format!("{name:?} is no name of an object"), fix);
    }
    let plain = domain::is_label(namespace) && labels::is_subdomain(namespace);
    if !namespace.is_empty() && !plain {
        let fix = "use at most 63 lower-case letters, digits and dashes";
        findings.error_in("namespace", format!("{namespace:?} is no namespace"), fix);
    }
}

/// Most bytes of all annotations together.
const MOST_BYTES: usize = 256 * 1024;

fn sized(annotations: &BTreeMap<String, String>, findings: &mut Findings) {
    // The case of a key's letters does not count.
    let plain = annotations.keys().map(|key| (key.to_ascii_lowercase(), String::new())).collect();
    labels::keys("annotations", &plain, findings);
    let size: usize = annotations.iter().map(|(key, value)| key.len() + value.len()).sum();
    if size > MOST_BYTES {
        let what = format!("has {size} bytes, and {MOST_BYTES} are allowed");
        findings.error_in("annotations", what, "remove some");
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
