//! Kubernetes conditions as JSON: made, compared, merged with what others wrote.

use serde_json::{Value, json};

/// The condition types that are ours.
const OURS: [&str; 3] = ["Accepted", "Programmed", "Effective"];

/// One condition without its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) kind: &'static str,
    pub(crate) status: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    pub(crate) generation: i64,
}

/// The status that says `conditions`, keeping the times of what did not change and all that is not ours.
pub(crate) fn merge(old: &Value, conditions: &[Condition], generation: i64, now: &str) -> Value {
    let before = old["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let foreign = |c: &&Value| !c["type"].as_str().is_some_and(|kind| OURS.contains(&kind));
    let mut merged: Vec<Value> = before.iter().filter(foreign).cloned().collect();
    for condition in conditions {
        let was = before.iter().find(|c| c["type"] == condition.kind);
        let same = was.filter(|was| was["status"] == condition.status);
        let since = same.and_then(|was| was["lastTransitionTime"].as_str()).unwrap_or(now);
        merged.push(json!({
            "type": condition.kind,
            "status": condition.status,
            "reason": condition.reason,
            "message": condition.message,
            "observedGeneration": condition.generation,
            "lastTransitionTime": since,
        }));
    }
    json!({ "conditions": merged, "observedGeneration": generation })
}

/// True when `old` says all of `new` already.
pub(crate) fn says(old: &Value, new: &Value) -> bool {
    old["conditions"] == new["conditions"] && old["observedGeneration"] == new["observedGeneration"]
}

/// True when the object says that it is programmed at `generation`.
pub(crate) fn programmed(status: &Value, generation: i64) -> bool {
    let conditions = status["conditions"].as_array();
    conditions.into_iter().flatten().any(|c| {
        c["type"] == "Programmed" && c["status"] == "True" && c["observedGeneration"] == generation
    })
}
