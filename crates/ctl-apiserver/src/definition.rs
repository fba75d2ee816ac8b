//! CustomResourceDefinitions: what they must fulfil, what the server adds, and the kind that they make.
//!
//! In: a definition as written, and the kinds that are there. Out: problems by path; the definition with defaults and
//! conditions; a [`Kind`].
//! Holds: only a definition that is whole and whose names are free is served; conversion between versions swaps only
//! `apiVersion`, so anything else is refused.

mod names;
mod read;
mod validate;

use std::sync::Arc;

use ctl_source::kinds;
use serde_json::{Value, json};

use crate::kind::Kind;
use crate::strict::{SchemaFault, pointer};

pub(crate) use names::settle;
pub(crate) use read::{kind, priority};
pub(crate) use validate::problems;

/// Holds a definition until its objects are gone.
pub(crate) const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

/// What a definition leaves out and can be derived.
pub(crate) fn defaults(object: &mut Value) {
    let spec = &mut object["spec"];
    let kind = spec["names"]["kind"].as_str().unwrap_or_default().to_owned();
    if spec["names"].is_object() {
        set(&mut spec["names"]["singular"], json!(kind.to_lowercase()));
        set(&mut spec["names"]["listKind"], json!(format!("{kind}List")));
    }
    if spec.is_object() {
        set(&mut spec["conversion"]["strategy"], json!("None"));
    }
}

/// The kind that a definition makes, as whoever judges files sees it: nobody else has taken its names.
///
/// # Errors
/// Everything that is wrong with the definition, each with its place.
pub fn defined(definition: &Value) -> Result<Kind, Vec<SchemaFault>> {
    let mut whole = definition.clone();
    defaults(&mut whole);
    let told = |(path, what): (String, String)| SchemaFault { pointer: pointer(&path), what };
    let faults: Vec<SchemaFault> = problems(&whole, None).into_iter().map(told).collect();
    if !faults.is_empty() {
        return Err(faults);
    }
    whole["status"]["acceptedNames"] = whole["spec"]["names"].clone();
    Ok(kind(&Arc::new(whole)))
}

fn set(slot: &mut Value, value: Value) {
    if slot.is_null() || slot.as_str() == Some("") {
        *slot = value;
    }
}

/// Is it served? Only then does it make a kind.
pub(crate) fn is_established(object: &Value) -> bool {
    condition(object, "Established").is_some_and(|c| c["status"] == "True")
}

fn condition<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|c| c["type"] == name)
}

/// Definitions of the custom kinds of the static table, without a schema: each object is taken as it is.
#[must_use]
pub fn table_definitions() -> Vec<Value> {
    kinds::ALL.iter().filter(|row| row.custom).map(of_row).collect()
}

fn of_row(row: &kinds::KindInfo) -> Value {
    let version = |(at, name): (usize, &&str)| {
        json!({ "name": name, "served": true, "storage": at == 0,
            "schema": { "openAPIV3Schema": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } },
            "additionalPrinterColumns": columns(row.kind),
            "subresources": { "status": {} } })
    };
    json!({ "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("{}.{}", row.plural, row.group) },
        "spec": { "group": row.group, "scope": if row.namespaced { "Namespaced" } else { "Cluster" },
            "names": { "kind": row.kind, "listKind": format!("{}List", row.kind), "plural": row.plural,
                "singular": row.singular, "shortNames": row.short, "categories": ["istio-io"] },
            "versions": row.versions.iter().enumerate().map(version).collect::<Vec<_>>() } })
}

/// Istio's columns, and whether every proxy has the object.
fn columns(kind: &str) -> Vec<Value> {
    let own: &[(&str, &str)] = match kind {
        "VirtualService" => &[("Gateways", ".spec.gateways"), ("Hosts", ".spec.hosts")],
        "DestinationRule" => &[("Host", ".spec.host")],
        "PeerAuthentication" => &[("Mode", ".spec.mtls.mode")],
        "AuthorizationPolicy" => &[("Action", ".spec.action")],
        _ => &[],
    };
    let text =
        |(name, path): &(&str, &str)| json!({ "name": name, "type": "string", "jsonPath": path });
    let age = json!({ "name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp" });
    let programmed = json!({ "name": "Programmed", "type": "string", "priority": 1,
        "jsonPath": ".status.conditions[?(@.type==\"Programmed\")].status" });
    own.iter().map(text).chain([age, programmed]).collect()
}

/// The name of the definition of a kind.
pub(crate) fn name_of(kind: &Kind) -> String {
    format!("{}.{}", kind.plural, kind.group)
}
