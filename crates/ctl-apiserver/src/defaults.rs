//! What an object gets when the user left it out.
//!
//! In: an object as written. Out: the same with the defaults that users of Kubernetes count on.
//! Holds: a field that is set is never changed; applying twice changes nothing.

mod pod;
mod service;

pub(crate) use service::cluster_ip;

use crate::kind::Kind;
use serde_json::{Map, Value, json};

/// Fills in the defaults of built-in kinds.
pub(crate) fn apply(kind: &Kind, object: &mut Value) {
    let Some(object) = object.as_object_mut() else { return };
    match (kind.group.as_str(), kind.kind.as_str()) {
        ("", "Pod") => {
            let spec = child(object, "spec");
            pod::spec(spec);
            pod::account(spec);
        }
        ("", "Service") => service::spec(child(object, "spec")),
        ("", "Secret") => secret(object),
        ("", "Event") => put(object, "type", json!("Normal")),
        ("", "Namespace") => namespace(object),
        ("apps", "Deployment") => deployment(child(object, "spec")),
        ("apps", "ReplicaSet") => replica_set(object),
        ("batch", "Job") => job(object),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            let mut whole = Value::Object(std::mem::take(object));
            crate::definition::defaults(&mut whole);
            if let Value::Object(filled) = whole {
                *object = filled;
            }
        }
        ("discovery.k8s.io", "EndpointSlice") => endpoints(object),
        (crate::webhook::GROUP, name) => crate::webhook::defaults(name, object),
        _ => {}
    }
}

/// Sets a field that is missing or null.
pub(crate) fn put(object: &mut Map<String, Value>, name: &str, value: Value) {
    let slot = object.entry(name).or_insert(Value::Null);
    if slot.is_null() {
        *slot = value;
    }
}

/// The object in a field, made when it is missing.
pub(crate) fn child<'a>(
    object: &'a mut Map<String, Value>,
    name: &str,
) -> &'a mut Map<String, Value> {
    let slot = object.entry(name).or_insert(Value::Null);
    if !slot.is_object() {
        *slot = Value::Object(Map::new());
    }
    #[expect(clippy::expect_used, reason = "the line before made it an object")]
    slot.as_object_mut().expect("is an object")
}

/// The objects in a list field.
pub(crate) fn each<'a>(
    object: &'a mut Map<String, Value>,
    name: &str,
) -> impl Iterator<Item = &'a mut Map<String, Value>> {
    let items = object.get_mut(name).and_then(Value::as_array_mut);
    items.into_iter().flatten().filter_map(Value::as_object_mut)
}

fn namespace(object: &mut Map<String, Value>) {
    let metadata = child(object, "metadata");
    let name = metadata.get("name").cloned().unwrap_or_default();
    if !name.is_null() {
        child(metadata, "labels").insert("kubernetes.io/metadata.name".into(), name);
    }
    put(child(object, "spec"), "finalizers", json!(["kubernetes"]));
    put(child(object, "status"), "phase", json!("Active"));
}

fn secret(object: &mut Map<String, Value>) {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    put(object, "type", json!("Opaque"));
    let Some(Value::Object(texts)) = object.remove("stringData") else { return };
    let data = child(object, "data");
    for (name, text) in texts {
        data.insert(name, json!(STANDARD.encode(text.as_str().unwrap_or_default())));
    }
}

fn deployment(spec: &mut Map<String, Value>) {
    put(spec, "replicas", json!(1));
    put(spec, "progressDeadlineSeconds", json!(600));
    put(spec, "revisionHistoryLimit", json!(10));
    let strategy = child(spec, "strategy");
    put(strategy, "type", json!("RollingUpdate"));
    if strategy["type"] == "RollingUpdate" {
        let rolling = child(strategy, "rollingUpdate");
        put(rolling, "maxSurge", json!("25%"));
        put(rolling, "maxUnavailable", json!("25%"));
    }
    template(spec);
}

fn replica_set(object: &mut Map<String, Value>) {
    let spec = child(object, "spec");
    put(spec, "replicas", json!(1));
    template(spec);
}

fn job(object: &mut Map<String, Value>) {
    let uid = object.get("metadata").map(|m| m["uid"].clone()).unwrap_or_default();
    let name = object.get("metadata").map(|m| m["name"].clone()).unwrap_or_default();
    let spec = child(object, "spec");
    for (field, value) in [
        ("backoffLimit", json!(6)),
        ("completionMode", json!("NonIndexed")),
        ("suspend", json!(false)),
        ("completions", json!(1)),
        ("parallelism", json!(1)),
    ] {
        put(spec, field, value);
    }
    if !uid.is_null() && spec.get("selector").is_none_or(Value::is_null) {
        let labels = json!({ "batch.kubernetes.io/controller-uid": uid, "controller-uid": uid,
            "batch.kubernetes.io/job-name": name, "job-name": name });
        put(
            spec,
            "selector",
            json!({ "matchLabels": { "batch.kubernetes.io/controller-uid": uid } }),
        );
        let metadata = child(child(spec, "template"), "metadata");
        let own = child(metadata, "labels");
        for (label, value) in labels.as_object().into_iter().flatten() {
            put(own, label, value.clone());
        }
    }
    template(spec);
}

fn template(spec: &mut Map<String, Value>) {
    let template = child(spec, "template");
    child(template, "metadata");
    pod::spec(child(template, "spec"));
}

fn endpoints(object: &mut Map<String, Value>) {
    for port in each(object, "ports") {
        put(port, "protocol", json!("TCP"));
        put(port, "name", json!(""));
    }
}
