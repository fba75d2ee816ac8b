//! What the controllers keep of an object.
//!
//! In: an object as it is stored. Out: of a pod what some controller reads, of all others everything, since they are written back.
//! Holds: a controller that reads more of pods names it here.
//! Why: a cluster has more pods than all else together, and a pod is the largest object of all.

use std::sync::Arc;

use ctl_source::Object;
use serde_json::{Map, Value, json};

const METADATA: &[&str] = &[
    "namespace",
    "name",
    "uid",
    "resourceVersion",
    "labels",
    "ownerReferences",
    "creationTimestamp",
    "deletionTimestamp",
];
const SPEC: &[&str] = &["nodeName", "hostname", "subdomain"];
const STATUS: &[&str] = &["phase", "podIP"];
/// The only condition that anybody asks for.
const READY: &str = "Ready";

/// What is kept.
pub(crate) fn of(kind: &str, object: Object) -> Object {
    if kind == "Pod" { Arc::new(pod(&object)) } else { object }
}

fn pod(pod: &Value) -> Value {
    let mut spec = picked(&pod["spec"], SPEC);
    let ports: Vec<Value> = list(&pod["spec"], "containers").filter_map(named_ports).collect();
    if !ports.is_empty() {
        spec.insert("containers".to_owned(), ports.into());
    }
    let mut status = picked(&pod["status"], STATUS);
    let ready = list(&pod["status"], "conditions").find(|condition| condition["type"] == READY);
    status.extend(ready.map(|ready| ("conditions".to_owned(), json!([ready]))));
    json!({ "metadata": picked(&pod["metadata"], METADATA), "spec": spec, "status": status })
}

/// A container's ports that Services may name; nothing where it has none.
fn named_ports(container: &Value) -> Option<Value> {
    let named = list(container, "ports").filter(|port| port["name"].is_string());
    let named: Vec<Value> =
        named.map(|port| picked(port, &["name", "containerPort"]).into()).collect();
    (!named.is_empty()).then(|| json!({ "ports": named }))
}

fn picked(from: &Value, fields: &[&str]) -> Map<String, Value> {
    let found = fields.iter().filter_map(|field| Some(((*field).to_owned(), from.get(field)?)));
    found.map(|(field, value)| (field, value.clone())).collect()
}

fn list<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value[field].as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_pod_stays_what_controllers_read() {
        let ready = json!({ "type": "Ready", "status": "True" });
        let full = json!({ "kind": "Pod",
            "metadata": { "name": "a", "labels": { "app": "a" }, "managedFields": [{ "manager": "kubectl" }] },
            "spec": { "nodeName": "n", "volumes": [{ "name": "v" }], "containers": [{ "name": "c", "ports": [
                { "name": "http", "containerPort": 80, "protocol": "TCP" }, { "containerPort": 81 }] }] },
            "status": { "podIP": "10.0.0.1", "conditions": [{ "type": "Initialized", "status": "True" }, ready] } });
        let kept = json!({ "metadata": { "name": "a", "labels": { "app": "a" } },
            "spec": { "nodeName": "n", "containers": [{ "ports": [{ "name": "http", "containerPort": 80 }] }] },
            "status": { "podIP": "10.0.0.1", "conditions": [ready] } });
        assert_eq!(*of("Pod", Arc::new(full.clone())), kept);
        assert_eq!(*of("Service", Arc::new(full.clone())), full);
    }
}
