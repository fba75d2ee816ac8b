//! Facts about pods that several controllers need.
//! In: a Pod. Out: whether it is ready, available, finished; a Pod made from a template.

use std::time::Duration;

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::world::{reference, terminating};

/// True when condition Ready is True and the pod is not going away.
pub(crate) fn ready(pod: &Value) -> bool {
    !terminating(pod) && condition(pod, "Ready").is_some_and(|c| c["status"] == "True")
}

/// `Ok(true)` when ready for `min_ready`; `Err(rest)` when ready but not yet for long enough.
pub(crate) fn available(
    pod: &Value,
    min_ready: Duration,
    now: OffsetDateTime,
) -> Result<bool, Duration> {
    if !ready(pod) {
        return Ok(false);
    }
    let since = condition(pod, "Ready").and_then(|c| c["lastTransitionTime"].as_str());
    let since = since.and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
    let age = since.map_or(Duration::MAX, |since| (now - since).try_into().unwrap_or_default());
    if age >= min_ready { Ok(true) } else { Err(min_ready - age) }
}

/// True when the pod has ended or is going away: it no longer counts as one of its owner's.
pub(crate) fn inactive(pod: &Value) -> bool {
    terminating(pod) || finished(pod)
}

/// True when every container has ended for good.
pub(crate) fn finished(pod: &Value) -> bool {
    matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"))
}

pub(crate) fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|c| c["type"] == kind)
}

/// A new Pod of `owner`, by its `spec.template`.
pub(crate) fn from_template(owner: &Value, extra_labels: &[(&str, &str)]) -> Value {
    let template = &owner["spec"]["template"];
    let owner_name = owner["metadata"]["name"].as_str().unwrap_or_default();
    let mut metadata = json!({
        "generateName": format!("{owner_name}-"),
        "namespace": owner["metadata"]["namespace"],
        "labels": template["metadata"]["labels"].as_object().cloned().unwrap_or_default(),
        "annotations": template["metadata"]["annotations"].as_object().cloned().unwrap_or_default(),
        "ownerReferences": [reference(owner)],
    });
    for (key, value) in extra_labels {
        metadata["labels"][*key] = json!(value);
    }
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]})
}

/// Sort key of who is deleted first: what serves least.
pub(crate) fn victim_order(pod: &Value) -> (bool, bool, std::cmp::Reverse<String>) {
    let scheduled = pod["spec"]["nodeName"].is_string();
    let born = pod["metadata"]["creationTimestamp"].as_str().unwrap_or_default().to_owned();
    (scheduled, ready(pod), std::cmp::Reverse(born))
}
