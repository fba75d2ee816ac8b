//! Rules of templates of pods and of how their labels are selected.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use weft_api::argo::canary::PodMetadata;
use weft_api::selector::Selector;
use weft_types::domain;

use crate::check::{Findings, labels, selector};

/// A selector and the template whose pods it selects.
pub(super) fn check(
    selector: Option<&Selector>,
    template: Option<&Value>,
    findings: &mut Findings,
) {
    let empty = selector.is_none_or(Selector::is_empty);
    match selector {
        None => findings.error_in("selector", "is missing", "add labels of the pods"),
        Some(_) if empty => {
            findings.error_in("selector", "names no labels", "add labels of the pods");
        }
        Some(labels) => findings.within("selector", |findings| selector::check(labels, findings)),
    }
    let Some(template) = template else {
        findings.error_in("template", "is missing", "describe the pods");
        return;
    };
    let labels = texts(template.pointer("/metadata/labels"));
    findings.within("template", |findings| {
        if selector.is_some_and(|selector| !selector.is_empty() && !selector.selects(&labels)) {
            findings.within("metadata", |findings| {
                let what = "do not match the selector, so that it would not find its pods";
                findings.error_in("labels", what, "add the labels of the selector");
            });
        }
        findings.within("metadata", |findings| labels::check("labels", &labels, findings));
        spec(template, findings);
    });
}

fn texts(map: Option<&Value>) -> BTreeMap<String, String> {
    let entries = map.and_then(Value::as_object).into_iter().flatten();
    entries.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

fn spec(template: &Value, findings: &mut Findings) {
    findings.within("spec", |findings| {
        let containers = template.pointer("/spec/containers").and_then(Value::as_array);
        let containers = containers.map(Vec::as_slice).unwrap_or_default();
        if containers.is_empty() {
            findings.error_in("containers", "is missing", "name at least one container");
        }
        let mut seen = BTreeSet::new();
        findings.each("containers", containers, |container, findings| {
            self::container(container, &mut seen, findings);
        });
        let policy = template.pointer("/spec/restartPolicy").and_then(Value::as_str);
        if let Some(policy) = policy.filter(|policy| *policy != "Always") {
            let what = format!("{policy:?} does not go with a workload that keeps running");
            findings.error_in("restartPolicy", what, "use Always, or remove it");
        }
    });
}

fn container(container: &Value, seen: &mut BTreeSet<String>, findings: &mut Findings) {
    let text = |field: &str| container.get(field).and_then(Value::as_str).unwrap_or_default();
    let name = text("name");
    let lower = !name.bytes().any(|b| b.is_ascii_uppercase());
    if !domain::is_label(name) || !lower {
        findings.error_in("name", format!("{name:?} is no name of a container"), "use a-z, 0-9, -");
    } else if !seen.insert(name.to_owned()) {
        findings.error_in("name", format!("{name:?} stands here twice"), "name each once");
    }
    if text("image").is_empty() {
        findings.error_in("image", "is missing", "name the image");
    }
}

/// Labels that pods carry for a time.
pub(super) fn metadata(field: &str, metadata: Option<&PodMetadata>, findings: &mut Findings) {
    findings.given(field, metadata, |PodMetadata { labels, annotations }, findings| {
        labels::check("labels", labels, findings);
        labels::keys("annotations", annotations, findings);
    });
}
