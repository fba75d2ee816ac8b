//! Fields that nobody knows, and values of the wrong type.
//!
//! In: an object of a built-in kind as the user wrote it. Out: the same without unknown fields, and what was found.
//! How: the object is read into Kubernetes' own type and written again; what is lost on the way is unknown.
//! Never: custom kinds; their schema is their definition's ([`crate::conform`]).

use ctl_source::kinds::KindInfo;
use k8s_openapi::api::{
    admissionregistration, apps, batch, coordination, core, discovery, networking,
};
use k8s_openapi::apimachinery::pkg::apis::meta;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::admission::{FieldValidation, Warning};
use crate::core_schema;
use crate::fault::Fault;
use crate::kind::Kind;

mod words;

/// Reads into the type and writes again.
type Round = fn(&Value) -> Result<Value, SchemaFault>;

/// Wrong values that are told of at once; who has more has another kind of problem.
const MOST_FAULTS: usize = 20;

fn round<T: DeserializeOwned + Serialize>(object: &Value) -> Result<Value, SchemaFault> {
    let mistyped = |error: serde_path_to_error::Error<serde_json::Error>| {
        let pointer = place(error.path());
        let value = object.pointer(&pointer).unwrap_or(&Value::Null);
        SchemaFault { what: words::of(error.inner(), value), pointer }
    };
    let known: T = serde_path_to_error::deserialize(object).map_err(mistyped)?;
    let whole = |error: serde_json::Error| SchemaFault {
        pointer: String::new(),
        what: format!("cannot be written: {error}"),
    };
    serde_json::to_value(known).map_err(whole)
}

/// A path of serde's as a JSON pointer, as far as it is known.
fn place(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        let step = match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } => key.replace('~', "~0").replace('/', "~1"),
            Segment::Enum { .. } | Segment::Unknown => break,
        };
        pointer.push('/');
        pointer.push_str(&step);
    }
    pointer
}

fn type_of(group: &str, kind: &str) -> Option<Round> {
    Some(match (group, kind) {
        ("", "Namespace") => round::<core::v1::Namespace>,
        ("", "Node") => round::<core::v1::Node>,
        ("", "Pod") => round::<core::v1::Pod>,
        ("", "Service") => round::<core::v1::Service>,
        ("", "ServiceAccount") => round::<core::v1::ServiceAccount>,
        ("", "Secret") => round::<core::v1::Secret>,
        ("", "ConfigMap") => round::<core::v1::ConfigMap>,
        ("", "Event") => round::<core::v1::Event>,
        ("apps", "Deployment") => round::<apps::v1::Deployment>,
        ("apps", "ReplicaSet") => round::<apps::v1::ReplicaSet>,
        ("batch", "Job") => round::<batch::v1::Job>,
        ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            round::<k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition>
        }
        ("coordination.k8s.io", "Lease") => round::<coordination::v1::Lease>,
        ("discovery.k8s.io", "EndpointSlice") => round::<discovery::v1::EndpointSlice>,
        ("networking.k8s.io", "Ingress") => round::<networking::v1::Ingress>,
        ("networking.k8s.io", "IngressClass") => round::<networking::v1::IngressClass>,
        ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration") => {
            round::<admissionregistration::v1::ValidatingWebhookConfiguration>
        }
        ("admissionregistration.k8s.io", "MutatingWebhookConfiguration") => {
            round::<admissionregistration::v1::MutatingWebhookConfiguration>
        }
        _ => return None,
    })
}

/// Holds the object against its schema, where there is one, and removes what is unknown.
pub(crate) fn check(
    kind: &Kind,
    object: &mut Value,
    level: FieldValidation,
) -> Result<Vec<Warning>, Fault> {
    let Some(round) = type_of(&kind.group, &kind.kind) else { return Ok(Vec::new()) };
    quantities(object);
    let known = round(object).map_err(|fault| {
        let path = dotted(&fault.pointer);
        let path = if path.is_empty() { "the object" } else { &path };
        Fault::bad(format!("{path} {}", fault.what))
    })?;
    let mut unknown = Vec::new();
    prune(object, &known, "", &mut unknown);
    let told = hinted(&kind.group, &kind.kind, &unknown);
    met(kind, kind.storage(), told, level)
}

/// Unknown fields, with the ones that were probably meant.
fn hinted(group: &str, kind: &str, unknown: &[String]) -> Vec<String> {
    if unknown.is_empty() {
        return Vec::new();
    }
    let root = core_schema::root(group, "v1", kind).map(|(_, schema)| schema);
    let hint = |path: &String| root.as_ref().and_then(|root| core_schema::meant(root, path));
    let told = |path: &String| match hint(path) {
        Some(meant) => format!("unknown field \"{path}\": did you mean `{meant}`?"),
        None => format!("unknown field \"{path}\": correct or remove it"),
    };
    unknown.iter().map(told).collect()
}

/// Warns of unknown fields or refuses them, as the request asks.
pub(crate) fn met(
    kind: &Kind,
    version: &str,
    told: Vec<Warning>,
    level: FieldValidation,
) -> Result<Vec<Warning>, Fault> {
    match level {
        FieldValidation::Ignore => Ok(Vec::new()),
        FieldValidation::Warn => Ok(told),
        FieldValidation::Strict if told.is_empty() => Ok(told),
        FieldValidation::Strict => Err(Fault::bad(format!(
            "{} in version \"{version}\" is refused: {}",
            kind.kind,
            told.join("; ")
        ))),
    }
}

/// Removes unknown fields of the metadata of any object; their paths.
pub(crate) fn metadata(object: &mut Value) -> Result<Vec<String>, Fault> {
    let Some(metadata) = object.get_mut("metadata").filter(|m| !m.is_null()) else {
        return Ok(Vec::new());
    };
    let known = round::<meta::v1::ObjectMeta>(metadata).map_err(|fault| {
        Fault::bad(format!("{} {}", dotted(&format!("/metadata{}", fault.pointer)), fault.what))
    })?;
    let mut unknown = Vec::new();
    prune(metadata, &known, "metadata", &mut unknown);
    Ok(unknown)
}

/// What is wrong with the metadata of an object of any kind: unknown fields, wrong types, names that nobody may have.
#[must_use]
pub fn metadata_faults(object: &Value) -> Vec<SchemaFault> {
    let mut metadata = object.get("metadata").cloned().unwrap_or_default();
    let (known, mut faults) = match metadata.is_null() {
        true => (None, Vec::new()),
        false => read_around(round::<meta::v1::ObjectMeta>, &mut metadata),
    };
    faults.iter_mut().for_each(|fault| fault.pointer.insert_str(0, "/metadata"));
    if let Some(known) = known {
        let mut unknown = Vec::new();
        prune(&mut metadata, &known, "metadata", &mut unknown);
        let what = "unknown field: correct or remove it";
        let fault = |path: &String| SchemaFault { pointer: pointer(path), what: what.to_owned() };
        faults.extend(unknown.iter().map(fault));
    }
    for fault in crate::registry::name_faults(object) {
        if faults.iter().all(|told| told.pointer != fault.pointer) {
            faults.push(fault);
        }
    }
    faults
}

/// One thing that is wrong with an object of a built-in kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaFault {
    /// JSON pointer of the field; empty for the object as a whole.
    pub pointer: String,
    /// What is wrong.
    pub what: String,
}

/// Holds an object of a built-in kind against its schema without changing it; other kinds have no faults here.
#[must_use]
pub fn schema_faults(kind: &KindInfo, object: &Value) -> Vec<SchemaFault> {
    let Some(round) = type_of(kind.group, kind.kind) else { return Vec::new() };
    let mut object = object.clone();
    quantities(&mut object);
    let (known, mut faults) = read_around(round, &mut object);
    let Some(known) = known else { return faults };
    let mut unknown = Vec::new();
    prune(&mut object, &known, "", &mut unknown);
    let told = hinted(kind.group, kind.kind, &unknown);
    faults.extend(unknown.iter().zip(told).map(|(path, told)| SchemaFault {
        pointer: pointer(path),
        what: told.replacen(&format!(" \"{path}\""), "", 1),
    }));
    faults
}

/// Reads the object without the values that cannot be read, and tells of each of them.
fn read_around(round: Round, object: &mut Value) -> (Option<Value>, Vec<SchemaFault>) {
    let mut faults: Vec<SchemaFault> = Vec::new();
    while faults.len() < MOST_FAULTS {
        let fault = match round(object) {
            Ok(known) => return (Some(known), faults),
            Err(fault) => fault,
        };
        // What was emptied here and must not be empty was told of already.
        match object.pointer_mut(&fault.pointer).filter(|slot| !slot.is_null()) {
            Some(slot) => *slot = Value::Null,
            None if faults.is_empty() => return (None, vec![fault]),
            None => return (None, faults),
        }
        faults.push(fault);
    }
    (None, faults)
}

/// `spec.containers[0].imagge` as a JSON pointer.
pub(crate) fn pointer(path: &str) -> String {
    let steps = path.replace('[', ".").replace(']', "");
    format!("/{}", steps.replace('~', "~0").replace('/', "~1").replace('.', "/"))
}

/// `/spec/containers/0/image` as `spec.containers[0].image`.
pub(crate) fn dotted(pointer: &str) -> String {
    let mut path = String::new();
    for step in pointer.split('/').skip(1).map(|s| s.replace("~1", "/").replace("~0", "~")) {
        if !step.is_empty() && step.bytes().all(|b| b.is_ascii_digit()) {
            path.push_str(&format!("[{step}]"));
        } else if step.contains(['.', '/', '[']) {
            path.push_str(&format!("['{step}']"));
        } else {
            path.push_str(if path.is_empty() { "" } else { "." });
            path.push_str(&step);
        }
    }
    path
}

/// Quantities may be written as numbers; they are kept as texts.
fn quantities(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(quantities),
        Value::Object(map) => {
            for (name, inner) in map {
                match (name.as_str(), &mut *inner) {
                    (
                        "limits" | "requests" | "capacity" | "allocatable",
                        Value::Object(amounts),
                    ) => {
                        amounts
                            .values_mut()
                            .filter(|a| a.is_number())
                            .for_each(|a| *a = json!(a.to_string()));
                    }
                    _ => quantities(inner),
                }
            }
        }
        _ => {}
    }
}

fn prune(value: &mut Value, known: &Value, path: &str, unknown: &mut Vec<String>) {
    match (value, known) {
        (Value::Object(value), Value::Object(known)) => value.retain(|name, inner| {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            match known.get(name) {
                Some(known) => prune(inner, known, &path, unknown),
                None if inner.is_null() => {}
                None => {
                    unknown.push(path);
                    return false;
                }
            }
            true
        }),
        (Value::Array(value), Value::Array(known)) => {
            for (at, (inner, known)) in value.iter_mut().zip(known).enumerate() {
                prune(inner, known, &format!("{path}[{at}]"), unknown);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::{check, schema_faults};
    use crate::admission::FieldValidation::{Strict, Warn};
    use ctl_source::kinds;
    use serde_json::json;

    #[test]
    fn unknown_fields_are_named_by_path() {
        let pod = kinds::find("", "Pod").unwrap();
        let written = json!({ "metadata": { "name": "a" }, "spec": { "containers": [
            { "name": "a", "imagge": "x", "resources": { "limits": { "cpu": 1 } } }] } });
        let refused = check(&pod.into(), &mut written.clone(), Strict).unwrap_err();
        let told = "unknown field \"spec.containers[0].imagge\": did you mean `image`?";
        assert!(refused.message.contains(told), "{refused}");
        let mut pruned = written;
        assert_eq!(check(&pod.into(), &mut pruned, Warn).unwrap().len(), 1);
        let container = &pruned["spec"]["containers"][0];
        assert_eq!(*container, json!({ "name": "a", "resources": { "limits": { "cpu": "1" } } }));
    }

    #[test]
    fn a_wrong_type_is_named_by_path() {
        let deployment = kinds::find("apps", "Deployment").unwrap();
        let mut written = json!({ "metadata": { "name": "a" }, "spec": { "replicas": "many" } });
        let refused = check(&deployment.into(), &mut written, Warn).unwrap_err();
        let told = r#"spec.replicas must be a whole number, but is the text "many""#;
        assert!(refused.message.starts_with(told), "{refused}");
    }

    #[test]
    fn all_wrong_values_of_an_object_are_told_of_each_at_its_place() {
        let service = kinds::find("", "Service").unwrap();
        let written = json!({ "metadata": { "name": "a" }, "spec": {
            "ports": [{ "port": "eighty" }, { "port": "eighty", "nam": "x" }], "selector": ["a"] } });
        let told: Vec<_> =
            schema_faults(service, &written).into_iter().map(|f| f.pointer).collect();
        assert_eq!(
            told,
            ["/spec/ports/0/port", "/spec/ports/1/port", "/spec/selector", "/spec/ports/1/nam"]
        );
    }
}
