//! Status and generation: what a write of the specification leaves alone, and what it counts.
//!
//! Holds: a status is written only through its sub-resource; the generation grows only when the specification changes.

use crate::kind::Kind;
use serde_json::{Value, json};

pub(super) fn has_generation(kind: &Kind, object: &Value) -> bool {
    if kind.custom {
        return true;
    }
    !matches!(kind.kind.as_str(), "Namespace" | "Node" | "Event")
        && object.get("spec").is_some()
        && !(kind.group.is_empty() && kind.kind == "Service")
}

/// Kinds whose status only the status sub-resource writes.
pub(crate) fn has_status(kind: &Kind) -> bool {
    kind.versions.iter().any(|version| version.has_status)
}

pub(super) fn first_status(kind: &Kind, object: &mut Value) {
    let Some(root) = object.as_object_mut().filter(|_| has_status(kind)) else { return };
    // A node is reported by whoever creates it.
    if kind.kind != "Node" {
        root.remove("status");
    }
    let first = match kind.kind.as_str() {
        "Pod" => json!({ "phase": "Pending", "qosClass": "BestEffort" }),
        "Service" => json!({ "loadBalancer": {} }),
        "Deployment" | "Job" => json!({}),
        "ReplicaSet" => json!({ "replicas": 0 }),
        _ => return,
    };
    root.insert("status".to_owned(), first);
}

pub(super) fn keep_status(kind: &Kind, next: &mut Value, now: &Value) {
    let Some(root) = next.as_object_mut().filter(|_| has_status(kind)) else { return };
    match now.get("status") {
        Some(status) => root.insert("status".to_owned(), status.clone()),
        None => root.remove("status"),
    };
}

pub(super) fn bump(kind: &Kind, next: &mut Value, now: &Value) {
    if has_generation(kind, next) && differs(kind, next, now) {
        let generation = now["metadata"]["generation"].as_i64().unwrap_or(1);
        next["metadata"]["generation"] = json!(generation + 1);
    }
}

/// Does the wish differ? Of a custom kind everything but metadata and a separate status is the wish.
fn differs(kind: &Kind, next: &Value, now: &Value) -> bool {
    if !kind.custom {
        return next["spec"] != now["spec"];
    }
    let wish = |object: &Value| {
        let mut object = object.clone();
        if let Some(fields) = object.as_object_mut() {
            fields.remove("metadata");
            if has_status(kind) {
                fields.remove("status");
            }
        }
        object
    };
    wish(next) != wish(now)
}
