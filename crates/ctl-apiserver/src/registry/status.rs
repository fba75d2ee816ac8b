//! Status and generation: what a write of the specification leaves alone, and what it counts.
//!
//! Holds: a status is written only through its sub-resource; the generation grows only when the specification changes.

use ctl_source::kinds::KindInfo;
use serde_json::{Value, json};

pub(super) fn has_generation(kind: &KindInfo, object: &Value) -> bool {
    !matches!(kind.kind, "Namespace" | "Node" | "Event")
        && object.get("spec").is_some()
        && !(kind.group.is_empty() && kind.kind == "Service")
}

/// Kinds whose status only the status sub-resource writes.
pub(crate) fn has_status(kind: &KindInfo) -> bool {
    kind.custom
        || matches!(
            kind.kind,
            "Namespace"
                | "Node"
                | "Pod"
                | "Service"
                | "Deployment"
                | "ReplicaSet"
                | "Job"
                | "CustomResourceDefinition"
        )
}

pub(super) fn first_status(kind: &KindInfo, object: &mut Value) {
    let Some(root) = object.as_object_mut().filter(|_| has_status(kind)) else { return };
    // A node and a definition are reported by whoever creates them.
    if !matches!(kind.kind, "Node" | "CustomResourceDefinition") {
        root.remove("status");
    }
    let first = match kind.kind {
        "Pod" => json!({ "phase": "Pending", "qosClass": "BestEffort" }),
        "Service" => json!({ "loadBalancer": {} }),
        "Deployment" | "Job" => json!({}),
        "ReplicaSet" => json!({ "replicas": 0 }),
        _ => return,
    };
    root.insert("status".to_owned(), first);
}

pub(super) fn keep_status(kind: &KindInfo, next: &mut Value, now: &Value) {
    let Some(root) = next.as_object_mut().filter(|_| has_status(kind)) else { return };
    match now.get("status") {
        Some(status) => root.insert("status".to_owned(), status.clone()),
        None => root.remove("status"),
    };
}

pub(super) fn bump(kind: &KindInfo, next: &mut Value, now: &Value) {
    if has_generation(kind, next) && next["spec"] != now["spec"] {
        let generation = now["metadata"]["generation"].as_i64().unwrap_or(1);
        next["metadata"]["generation"] = json!(generation + 1);
    }
}
