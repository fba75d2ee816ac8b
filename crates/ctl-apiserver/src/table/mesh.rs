//! The rows of the mesh kinds, with Istio's columns and, with `-o wide`, whether every proxy has them.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::{AGE, Column, NAME, age, list, name};

const PROGRAMMED: Column = ("Programmed", "string", true);

pub(super) const VIRTUAL_SERVICE: &[Column] =
    &[NAME, ("Gateways", "string", false), ("Hosts", "string", false), AGE, PROGRAMMED];

pub(super) fn virtual_service(object: &Value, now: SystemTime) -> Vec<Value> {
    let spec = &object["spec"];
    vec![
        name(object),
        texts(&spec["gateways"]),
        texts(&spec["hosts"]),
        age(object, now),
        programmed(object),
    ]
}

pub(super) const DESTINATION_RULE: &[Column] = &[NAME, ("Host", "string", false), AGE, PROGRAMMED];

pub(super) fn destination_rule(object: &Value, now: SystemTime) -> Vec<Value> {
    vec![name(object), object["spec"]["host"].clone(), age(object, now), programmed(object)]
}

pub(super) const PEER: &[Column] = &[NAME, ("Mode", "string", false), AGE, PROGRAMMED];

pub(super) fn peer(object: &Value, now: SystemTime) -> Vec<Value> {
    vec![name(object), object["spec"]["mtls"]["mode"].clone(), age(object, now), programmed(object)]
}

pub(super) const POLICY: &[Column] = &[NAME, ("Action", "string", false), AGE, PROGRAMMED];

pub(super) fn policy(object: &Value, now: SystemTime) -> Vec<Value> {
    vec![name(object), object["spec"]["action"].clone(), age(object, now), programmed(object)]
}

/// Lists are shown as JSON, as printer columns of custom kinds are.
fn texts(value: &Value) -> Value {
    if value.is_null() { Value::Null } else { json!(value.to_string()) }
}

fn programmed(object: &Value) -> Value {
    let conditions = list(&object["status"]["conditions"]);
    let found = conditions.iter().find(|c| c["type"] == "Programmed");
    found.map_or(Value::Null, |c| c["status"].clone())
}
