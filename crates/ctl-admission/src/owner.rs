//! Names the workload that a pod belongs to, as Istio's telemetry does.
//! In: a Pod. Out: workload name and kind. Holds: a ReplicaSet's pods count as its Deployment's.

use serde_json::Value;

/// The workload's name, kind and API version.
#[must_use]
pub fn workload(pod: &Value) -> (String, String, String) {
    let metadata = &pod["metadata"];
    let generate_name = metadata["generateName"].as_str().unwrap_or_default();
    let own = metadata["name"].as_str().unwrap_or(generate_name).trim_end_matches('-').to_owned();
    let owners = metadata["ownerReferences"].as_array().map(Vec::as_slice).unwrap_or_default();
    let Some(owner) = owners.iter().find(|owner| owner["controller"] == true) else {
        return (own, "Pod".to_owned(), "v1".to_owned());
    };
    let text = |key: &str| owner[key].as_str().unwrap_or_default().to_owned();
    let (name, kind, version) = (text("name"), text("kind"), text("apiVersion"));
    let hash = metadata["labels"]["pod-template-hash"].as_str().unwrap_or_default();
    match name.strip_suffix(hash).and_then(|name| name.strip_suffix('-')) {
        Some(deployment) if kind == "ReplicaSet" && !hash.is_empty() => {
            (deployment.to_owned(), "Deployment".to_owned(), version)
        }
        _ => (name, kind, version),
    }
}
