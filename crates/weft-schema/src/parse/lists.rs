//! `x-kubernetes-list-type`, `-list-map-keys` and `-map-type`.

use serde_json::{Map, Value};

use super::reader::Reader;
use crate::node::{Kind, ListKind, Node};

pub(super) fn kind(words: &Map<String, Value>, node: &Node, reader: &mut Reader) -> ListKind {
    map_type(words, node, reader);
    let keys = reader.names(words, "x-kubernetes-list-map-keys");
    let word = words.get("x-kubernetes-list-type").and_then(Value::as_str);
    if word.is_some() && node.kind != Kind::Array {
        reader.fault("x-kubernetes-list-type needs type array");
    }
    if word != Some("map") && !keys.is_empty() {
        reader.fault("x-kubernetes-list-map-keys needs x-kubernetes-list-type: map");
    }
    match word {
        None | Some("atomic") => ListKind::Atomic,
        Some("set") => {
            set(node, reader);
            ListKind::Set
        }
        Some("map") => {
            named(node, &keys, reader);
            ListKind::Map(keys)
        }
        Some(other) => {
            reader.fault(format!(
                "x-kubernetes-list-type {other:?} is not known: write atomic, set or map"
            ));
            ListKind::Atomic
        }
    }
}

fn map_type(words: &Map<String, Value>, node: &Node, reader: &mut Reader) {
    match words.get("x-kubernetes-map-type").and_then(Value::as_str) {
        None => {}
        Some("atomic" | "granular") if node.kind == Kind::Object => {}
        Some("atomic" | "granular") => reader.fault("x-kubernetes-map-type needs type object"),
        Some(other) => reader.fault(format!(
            "x-kubernetes-map-type {other:?} is not known: write granular or atomic"
        )),
    }
}

fn set(node: &Node, reader: &mut Reader) {
    let nested = node.items.as_ref().is_some_and(|items| items.nullable);
    if nested {
        reader.fault("the elements of a set cannot be nullable");
    }
}

fn named(node: &Node, keys: &[String], reader: &mut Reader) {
    if keys.is_empty() {
        reader.fault("x-kubernetes-list-type: map needs x-kubernetes-list-map-keys");
    }
    let Some(items) = node.items.as_ref() else { return };
    if items.kind != Kind::Object {
        reader.within("items", |reader| {
            reader.fault("x-kubernetes-list-type: map needs elements of type object");
        });
        return;
    }
    for key in keys {
        let found = items.fields.get(key);
        let plain =
            found.is_some_and(|f| !matches!(f.kind, Kind::Object | Kind::Array | Kind::Any));
        if !plain {
            reader
                .fault(format!("the key {key:?} must be a plain field of the elements: name one"));
            continue;
        }
        let always = items.limits.required.contains(key)
            || found.is_some_and(|field| field.default.is_some());
        if !always {
            reader.within("items", |reader| {
                reader.fault(format!("the key {key:?} must be required or have a default"));
            });
        }
    }
}
