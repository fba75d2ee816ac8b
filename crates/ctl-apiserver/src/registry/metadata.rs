//! Names and the fields of `metadata` that belong to the server.

use crate::kind::Kind;
use serde_json::{Map, Value, json};

use crate::fault::Fault;

/// What only the server writes; a client's copy is dropped on creation.
const SERVER_OWNED: [&str; 8] = [
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "managedFields",
    "selfLink",
    "resourceVersion",
];
/// What stays as it was stored, whatever an update says.
const STABLE: [&str; 6] = [
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "generateName",
];

pub(super) fn of(object: &mut Value) -> Result<&mut Map<String, Value>, Fault> {
    let root = object.as_object_mut().ok_or_else(|| Fault::bad("the body is not a JSON object"))?;
    let metadata = root.entry("metadata").or_insert_with(|| json!({}));
    metadata.as_object_mut().ok_or_else(|| Fault::bad("metadata must be an object"))
}

/// Drops fields of the metadata that say nothing.
pub(super) fn tidy(object: &mut Value) {
    let empty = |value: &Value| match value {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    };
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|_, value| !empty(value));
    }
}

/// Takes the owners of fields out of an object.
pub(super) fn take_owners(object: &mut Value) -> Option<Value> {
    object.get_mut("metadata")?.as_object_mut()?.remove("managedFields")
}

/// Writes the owners of fields, when there are any.
pub(super) fn put_owners(object: &mut Value, owners: Value) {
    let Some(metadata) = object["metadata"].as_object_mut() else { return };
    if owners.as_array().is_none_or(Vec::is_empty) {
        metadata.remove("managedFields");
    } else {
        metadata.insert("managedFields".to_owned(), owners);
    }
}

/// Holds `apiVersion` and `kind` against the collection, and writes the storage version.
pub(super) fn stamp_kind(kind: &Kind, object: &mut Value) -> Result<(), Fault> {
    let given = |field: &str| object.get(field).and_then(Value::as_str).unwrap_or_default();
    let (version, name) = (given("apiVersion"), given("kind"));
    if !version.is_empty() && !kind.versions.iter().any(|v| kind.api_version(&v.name) == version) {
        return Err(Fault::bad(format!(
            "apiVersion {version:?} is not served for {}",
            kind.plural
        )));
    }
    if !name.is_empty() && name != kind.kind {
        return Err(Fault::bad(format!("kind {name:?} does not belong to {}", kind.plural)));
    }
    object["apiVersion"] = json!(kind.api_version(kind.storage()));
    object["kind"] = json!(kind.kind);
    Ok(())
}

/// Settles name and namespace of a new object; `random` makes the tail of a generated name.
pub(super) fn settle_name(
    kind: &Kind,
    namespace: &str,
    object: &mut Value,
    random: &dyn Fn() -> String,
) -> Result<String, Fault> {
    let metadata = of(object)?;
    if metadata.get("resourceVersion").and_then(Value::as_str).is_some_and(|v| !v.is_empty()) {
        return Err(Fault::bad("resourceVersion must not be set on an object to be created"));
    }
    metadata.retain(|field, _| !SERVER_OWNED.contains(&field.as_str()));
    settle_namespace(kind, namespace, metadata)?;
    let prefix =
        metadata.get("generateName").and_then(Value::as_str).unwrap_or_default().to_owned();
    let name = metadata.get("name").and_then(Value::as_str).filter(|n| !n.is_empty());
    let name = match (name, prefix.is_empty()) {
        (Some(name), _) => name.to_owned(),
        (None, false) => prefix + &random(),
        (None, true) => {
            let why = "is required: give the object a name".to_owned();
            return Err(Fault::invalid(kind, "", &[("metadata.name".to_owned(), why)]));
        }
    };
    if let Some(why) = wrong_name(&kind.kind, &name) {
        return Err(Fault::invalid(kind, &name, &[("metadata.name".to_owned(), why)]));
    }
    metadata.insert("name".to_owned(), json!(name));
    Ok(name)
}

fn settle_namespace(
    kind: &Kind,
    namespace: &str,
    metadata: &mut Map<String, Value>,
) -> Result<(), Fault> {
    if !kind.namespaced {
        metadata.remove("namespace");
        return Ok(());
    }
    let given = metadata.get("namespace").and_then(Value::as_str).unwrap_or_default();
    if !given.is_empty() && given != namespace {
        return Err(Fault::bad(format!(
            "the object says namespace {given:?}, the request says {namespace:?}"
        )));
    }
    metadata.insert("namespace".to_owned(), json!(namespace));
    Ok(())
}

pub(super) fn wrong_name(kind: &str, name: &str) -> Option<String> {
    let label_only = matches!(kind, "Namespace" | "Service");
    let limit = if label_only { 63 } else { 253 };
    let label = |part: &str| {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        !part.is_empty() && part.chars().all(fits) && !part.starts_with('-') && !part.ends_with('-')
    };
    let good = if label_only { label(name) } else { name.split('.').all(label) };
    (!good || name.len() > limit).then(|| {
        let dots = if label_only { "" } else { " and '.'" };
        format!("{name:?} is not a name: use up to {limit} of a-z, 0-9, '-'{dots}, with a letter or digit at both ends")
    })
}

/// Carries over what an update cannot change, and refuses what contradicts the stored object.
pub(super) fn keep_stable(kind: &Kind, next: &mut Value, now: &Value) -> Result<(), Fault> {
    let name = now["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let namespace = now["metadata"]["namespace"].clone();
    let metadata = of(next)?;
    if metadata.get("name").is_some_and(|n| n.as_str() != Some(name.as_str())) {
        return Err(Fault::bad(format!("the object's name does not fit the request's {name:?}")));
    }
    if metadata.get("uid").is_some_and(|uid| !uid.is_null() && *uid != now["metadata"]["uid"]) {
        return Err(Fault::conflict(kind, &name));
    }
    if metadata.get("namespace").is_some_and(|n| !n.is_null() && *n != namespace) {
        return Err(Fault::bad("an object cannot move to another namespace"));
    }
    metadata.insert("name".to_owned(), json!(name));
    metadata.remove("managedFields");
    metadata.remove("selfLink");
    let stored = now["metadata"].as_object();
    for field in STABLE.iter().chain(["namespace"].iter()) {
        match stored.and_then(|m| m.get(*field)) {
            Some(value) => metadata.insert((*field).to_owned(), value.clone()),
            None => metadata.remove(*field),
        };
    }
    Ok(())
}

/// An object that is being deleted can only lose what holds it.
pub(super) fn no_new_finalizers(kind: &Kind, next: &Value, now: &Value) -> Result<(), Fault> {
    if now["metadata"]["deletionTimestamp"].is_null() {
        return Ok(());
    }
    let held = now["metadata"]["finalizers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let asked = next["metadata"]["finalizers"].as_array().into_iter().flatten();
    match asked.into_iter().find(|finalizer| !held.contains(finalizer)) {
        None => Ok(()),
        Some(new) => {
            let name = now["metadata"]["name"].as_str().unwrap_or_default();
            let why = format!("{new} cannot be added: the object is being deleted");
            Err(Fault::invalid(kind, name, &[("metadata.finalizers".to_owned(), why)]))
        }
    }
}
