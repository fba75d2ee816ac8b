//! Writes objects as `kubectl apply` does, so that both can be used on the same objects.
//!
//! In: objects from files. Out: created or patched objects. Holds: what others set stays; what the file no longer
//! says is removed; the order is that in which things need each other. An IstioOperator is written as the ConfigMap that a
//! control plane reads its settings from.

use ctl_source::{ObjectKey, ResourceType, Source, SourceError};
use serde_json::{Map, Value, json};

use crate::failure::Failure;
use crate::files::Written;

const LAST: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Kinds in the order of writing; all others come between the last two.
const ORDER: &[&str] =
    &["Namespace", "CustomResourceDefinition", "ServiceAccount", "Secret", "ConfigMap", "Service"];
const WORKLOADS: &[&str] = &["Deployment", "ReplicaSet", "Job", "Pod"];

/// Writes all; stops at the first that is refused.
pub(crate) async fn all(source: &dyn Source, mut objects: Vec<Written>) -> Result<(), Failure> {
    objects.sort_by_key(|written| rank(written.object["kind"].as_str().unwrap_or_default()));
    for written in objects {
        let (name, place) = (describe(&written.object), written.place("").to_string());
        one(source, written)
            .await
            .map_err(|error| Failure::new(format!("{place}: {name}: {error}")))?;
    }
    Ok(())
}

/// The ConfigMap with the mesh's settings that counts when all of these are written.
pub(crate) fn settings(objects: &[Written]) -> Option<Value> {
    objects.iter().rev().map(|written| &written.object).find_map(|object| {
        stored(object)
            .or_else(|| weft_meshconfig::is_mesh_config_map(object).then(|| object.clone()))
    })
}

/// The object that stands for what is written.
fn stored(object: &Value) -> Option<Value> {
    weft_meshconfig::is_istio_operator(object).then(|| weft_meshconfig::config_map_of(object))
}

fn rank(kind: &str) -> usize {
    let kind = if kind == "IstioOperator" { "ConfigMap" } else { kind };
    let late = || if WORKLOADS.contains(&kind) { ORDER.len() + 1 } else { ORDER.len() };
    ORDER.iter().position(|known| *known == kind).unwrap_or_else(late)
}

fn describe(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    format!("{} {}", text(&object["kind"]), text(&object["metadata"]["name"]))
}

/// Deletes an object; one that is gone already is fine.
pub(crate) async fn delete(source: &dyn Source, written: &Written) -> Result<(), Failure> {
    let written = as_stored(written.clone());
    let Some(resource) = written.resource() else { return Ok(()) };
    match source.delete(&key(&resource, &written.in_namespace()), None).await {
        Ok(()) | Err(SourceError::NotFound(_)) => Ok(()),
        Err(error) => Err(Failure::new(format!("{}: {error}", describe(&written.object)))),
    }
}

/// What is written as the object that stands for it.
fn as_stored(mut written: Written) -> Written {
    if let Some(stored) = stored(&written.object) {
        written.object = stored;
    }
    written
}

fn key(resource: &ResourceType, object: &Value) -> ObjectKey {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    ObjectKey {
        namespace: text(&object["metadata"]["namespace"]).filter(|_| resource.namespaced),
        name: text(&object["metadata"]["name"]).unwrap_or_default(),
        resource: resource.clone(),
    }
}

async fn one(source: &dyn Source, written: Written) -> Result<(), SourceError> {
    let written = as_stored(written);
    let Some(mut resource) = written.resource() else {
        let [version, kind] = ["apiVersion", "kind"].map(|key| written.object[key].clone());
        return Err(SourceError::Invalid(format!("kind {kind} of {version} is not known here")));
    };
    let mut object = written.in_namespace();
    let version = object["apiVersion"].as_str().unwrap_or_default();
    resource.version = version.split_once('/').map_or(version, |(_, version)| version).to_owned();
    let said = noted(&object);
    let key = key(&resource, &object);
    object["metadata"]["annotations"][LAST] = json!(said);
    match source.create(&resource, object.clone()).await {
        Err(SourceError::AlreadyExists(_)) => {}
        created => return created.map(drop),
    }
    let Some(live) = source.get(&key).await? else {
        return Err(SourceError::Conflict("it was deleted meanwhile; try again".to_owned()));
    };
    let before = live["metadata"]["annotations"][LAST].as_str();
    let before = before.and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null);
    source.merge_patch(&key, None, patch(&before, object)).await.map(drop)
}

/// What was applied as kubectl would note it, so that it sees no difference when it applies the same.
fn noted(object: &Value) -> String {
    let mut noted = object.clone();
    if !noted["metadata"]["annotations"].is_object() {
        noted["metadata"]["annotations"] = json!({});
    }
    format!("{noted}\n")
}

/// What makes the live object as the file says: all it says, and `null` for what it said before and no longer says.
fn patch(before: &Value, now: Value) -> Value {
    match (before, now) {
        (Value::Object(before), Value::Object(now)) => {
            let gone = before.keys().filter(|key| !now.contains_key(*key));
            let mut merged: Map<String, Value> =
                gone.map(|key| (key.clone(), Value::Null)).collect();
            for (key, value) in now {
                let inner = patch(before.get(&key).unwrap_or(&Value::Null), value);
                merged.insert(key, inner);
            }
            Value::Object(merged)
        }
        (_, now) => now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_no_longer_says_is_removed() {
        let before = json!({"spec": {"a": 1, "b": {"c": 1}}});
        let now = json!({"spec": {"b": {"d": 2}}});
        assert_eq!(patch(&before, now), json!({"spec": {"a": null, "b": {"c": null, "d": 2}}}));
    }

    #[test]
    fn an_istio_operator_is_written_as_the_config_map_of_the_settings() {
        let operator = json!({"apiVersion": "install.istio.io/v1alpha1", "kind": "IstioOperator",
            "spec": {"meshConfig": {"accessLogFile": "/dev/stdout"}}});
        let map = stored(&operator).unwrap();
        assert_eq!(
            (&map["kind"], &map["metadata"]["name"]),
            (&json!("ConfigMap"), &json!("istio"))
        );
        assert_eq!(map["data"]["mesh"], "accessLogFile: /dev/stdout\n");
        assert_eq!(rank("IstioOperator"), rank("ConfigMap"));
        assert_eq!(stored(&json!({"kind": "Service"})), None);
    }

    #[test]
    fn namespaces_come_first_and_workloads_last() {
        assert!(rank("Namespace") < rank("Service"));
        assert!(rank("Service") < rank("VirtualService"));
        assert!(rank("VirtualService") < rank("Deployment"));
    }
}
