//! Tables: the columns that `kubectl get` shows.
//!
//! In: objects. Out: a `meta.k8s.io/v1` Table.
//! Holds: pure; ages are taken from the `now` that is passed in.

mod core;
pub(crate) mod path;
mod pod;
mod workload;

use std::time::SystemTime;

use ctl_source::Object;
use serde_json::{Value, json};

use crate::kind::{self, Kind};
use crate::moment;

/// The version of the Table that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Format(&'static str);

impl Format {
    /// What the `Accept` header asks for, if it is a table and before plain JSON.
    pub(crate) fn of(accept: &str) -> Option<Self> {
        for offer in accept.split(',').map(str::trim) {
            let has = |part: &str| offer.split(';').any(|p| p.trim() == part);
            if has("as=Table") && has("g=meta.k8s.io") {
                return Some(Self(if has("v=v1beta1") { "v1beta1" } else { "v1" }));
            }
            if matches!(offer.split(';').next(), Some("application/json")) {
                return None;
            }
        }
        None
    }
}

/// Does the `Accept` header ask for the metadata of objects alone, before plain JSON?
pub(crate) fn wants_metadata(accept: &str) -> bool {
    let mut offers = accept.split(',').map(str::trim).filter(|offer| !offer.is_empty());
    let first = offers.next().unwrap_or_default();
    let has = |part: &str| first.split(';').any(|p| p.trim() == part);
    has("g=meta.k8s.io") && (has("as=PartialObjectMetadata") || has("as=PartialObjectMetadataList"))
}

/// The metadata of an object alone.
pub(crate) fn metadata_of(object: &Value) -> Value {
    json!({ "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
        "metadata": object["metadata"] })
}

/// A column: name, JSON type, and whether only `-o wide` shows it.
pub(crate) type Column = (&'static str, &'static str, bool);

const AGE: Column = ("Age", "string", false);
const NAME: Column = ("Name", "string", false);

/// Columns of one kind, and how to fill a row of them.
type Shape = (&'static [Column], fn(&Value, SystemTime) -> Vec<Value>);

fn shape(kind: &Kind) -> Shape {
    match (kind.group.as_str(), kind.kind.as_str()) {
        ("", "Pod") => (pod::COLUMNS, pod::cells),
        ("", "Service") => (core::SERVICE, core::service),
        ("", "Namespace") => (core::NAMESPACE, core::namespace),
        ("", "Node") => (core::NODE, core::node),
        ("", "Secret") => (core::SECRET, core::secret),
        ("", "ConfigMap") => (core::CONFIG_MAP, core::config_map),
        ("", "Event") => (core::EVENT, core::event),
        ("apps", "Deployment") => (workload::DEPLOYMENT, workload::deployment),
        ("apps", "ReplicaSet") => (workload::REPLICA_SET, workload::replica_set),
        ("batch", "Job") => (workload::JOB, workload::job),
        ("coordination.k8s.io", "Lease") => (core::LEASE, core::lease),
        ("discovery.k8s.io", "EndpointSlice") => (core::SLICE, core::slice),
        ("networking.k8s.io", "Ingress") => (core::INGRESS, core::ingress),
        ("networking.k8s.io", "IngressClass") => (core::INGRESS_CLASS, core::ingress_class),
        ("apiextensions.k8s.io", _) => (core::DEFINITION, core::definition),
        _ => (&[NAME, AGE], |object, now| vec![name(object), age(object, now)]),
    }
}

/// The table of some objects; `include` says how much of each object its row carries.
pub(crate) fn of(
    kind: &Kind,
    version: &str,
    objects: &[Object],
    include: Option<&str>,
    now: SystemTime,
    format: Format,
) -> Value {
    let own = kind.version(version).filter(|_| kind.custom).map(|version| &version.columns);
    let (built_in, fill) = shape(kind);
    let columns: Vec<Value> = match own {
        Some(own) => [column(&NAME)].into_iter().chain(own.iter().map(custom_column)).collect(),
        None => built_in.iter().map(column).collect(),
    };
    let cells = |object: &Value| match own {
        Some(own) => custom_cells(own, object, now),
        None => fill(object, now),
    };
    let row = |object: &Object| json!({ "cells": cells(object), "object": carried(kind, version, object, include) });
    let rows: Vec<Value> = objects.iter().map(row).collect();
    json!({ "kind": "Table", "apiVersion": format!("meta.k8s.io/{}", format.0), "metadata": {},
        "columnDefinitions": columns, "rows": rows })
}

fn column((name, kind, wide): &Column) -> Value {
    let format = if *name == "Name" { "name" } else { "" };
    json!({ "name": name, "type": kind, "format": format, "description": name,
        "priority": i32::from(*wide) })
}

fn custom_column(column: &kind::Column) -> Value {
    let kind::Column { name, kind, format, description, priority, path: _ } = column;
    json!({ "name": name, "type": kind, "format": format, "description": description,
        "priority": priority })
}

fn custom_cells(columns: &[kind::Column], object: &Value, now: SystemTime) -> Vec<Value> {
    let cells = columns.iter().map(|column| {
        let found = column.path.find(object).into_iter().next().unwrap_or(&Value::Null);
        match (column.kind.as_str(), found) {
            ("date", found) => json!(moment::age(found.as_str(), now)),
            ("string", Value::Array(_) | Value::Object(_) | Value::Number(_) | Value::Bool(_)) => {
                json!(found.to_string())
            }
            ("integer" | "number", Value::Number(_))
            | ("boolean", Value::Bool(_))
            | ("string", Value::String(_)) => found.clone(),
            _ => Value::Null,
        }
    });
    [name(object)].into_iter().chain(cells).collect()
}

fn carried(kind: &Kind, version: &str, object: &Object, include: Option<&str>) -> Value {
    match include {
        Some("None") => Value::Null,
        Some("Object") => {
            let mut object = object.as_ref().clone();
            object["apiVersion"] = json!(kind.api_version(version));
            object
        }
        _ => metadata_of(object),
    }
}

fn name(object: &Value) -> Value {
    object["metadata"]["name"].clone()
}

fn age(object: &Value, now: SystemTime) -> Value {
    json!(moment::age(object["metadata"]["creationTimestamp"].as_str(), now))
}

/// A text, or a placeholder when it is missing or empty.
fn or<'a>(value: &'a Value, placeholder: &'a str) -> &'a str {
    value.as_str().filter(|text| !text.is_empty()).unwrap_or(placeholder)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn count(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

/// `a=b,c=d`, or `<none>`.
fn pairs(value: &Value) -> String {
    let pairs = value.as_object().into_iter().flatten();
    let shown: Vec<String> = pairs.map(|(k, v)| format!("{k}={}", or(v, ""))).collect();
    if shown.is_empty() { "<none>".to_owned() } else { shown.join(",") }
}
