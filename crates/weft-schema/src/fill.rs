//! Pruning and defaulting.
//!
//! Holds: what the schema leaves alone is left alone; both are idempotent.

use serde_json::Value;

use crate::name::step;
use crate::node::{Node, Step};

/// Removes unknown fields; their pointers.
pub(crate) fn prune(node: &Node, value: &mut Value) -> Vec<String> {
    let mut pruned = Vec::new();
    prune_at(node, value, "", &mut pruned);
    pruned
}

fn prune_at(node: &Node, value: &mut Value, pointer: &str, pruned: &mut Vec<String>) {
    match value {
        Value::Object(fields) => fields.retain(|name, inner| {
            let below = || format!("{pointer}{}", step(name));
            match node.field(name) {
                Step::Node(_) if node.resource && is_own(name) => true,
                Step::Node(next) => {
                    prune_at(next, inner, &below(), pruned);
                    true
                }
                Step::Free => true,
                Step::Unknown => {
                    pruned.push(below());
                    false
                }
            }
        }),
        Value::Array(items) => {
            let Some(next) = &node.items else { return };
            for (at, item) in items.iter_mut().enumerate() {
                prune_at(next, item, &format!("{pointer}/{at}"), pruned);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The parts of a whole object that are the server's.
pub(crate) fn is_own(name: &str) -> bool {
    matches!(name, "apiVersion" | "kind" | "metadata")
}

/// Sets what is missing and has a default.
pub(crate) fn apply_defaults(node: &Node, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, next) in &node.fields {
                let missing = fields.get(name).is_none_or(|v| v.is_null() && next.drops_null());
                match &next.default {
                    Some(default) if missing => {
                        fields.insert(name.clone(), default.clone());
                    }
                    Some(_) | None => {}
                }
            }
            fields.retain(|name, inner| {
                let Step::Node(next) = node.field(name) else { return true };
                if inner.is_null() && next.drops_null() {
                    return false;
                }
                apply_defaults(next, inner);
                true
            });
        }
        Value::Array(items) => {
            let Some(next) = &node.items else { return };
            items.iter_mut().for_each(|item| apply_defaults(next, item));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use crate::Schema;
    use serde_json::json;

    #[test]
    fn unknown_fields_go_and_defaults_come() {
        let schema = Schema::parse(&json!({ "type": "object", "properties": { "spec": { "type": "object",
            "default": {}, "properties": {
                "size": { "type": "integer", "default": 3 },
                "free": { "type": "object", "x-kubernetes-preserve-unknown-fields": true,
                    "properties": { "in": { "type": "object", "properties": { "a": { "type": "string" } } } } },
                "note": { "type": "string", "nullable": true, "default": "x" },
                "list": { "type": "array", "items": { "type": "object", "properties": {
                    "on": { "type": "boolean", "default": true } } } },
                "map": { "type": "object", "additionalProperties": { "type": "object", "properties": {
                    "b": { "type": "string", "default": "b" } } } } } } } }))
        .unwrap();
        let mut object = json!({ "apiVersion": "a/v1", "kind": "A", "metadata": { "labels": {} }, "other": 1,
            "spec": { "size": null, "free": { "kept": 1, "in": { "a": "1", "gone": 2 } }, "note": null,
                "list": [{ "x/y": 1 }], "map": { "k": {} } } });
        let mut pruned = schema.prune(&mut object);
        pruned.sort();
        assert_eq!(pruned, ["/other", "/spec/free/in/gone", "/spec/list/0/x~1y"]);
        schema.apply_defaults(&mut object);
        assert_eq!(
            object["spec"],
            json!({ "size": 3, "free": { "kept": 1, "in": { "a": "1" } }, "note": null,
                "list": [{ "on": true }], "map": { "k": { "b": "b" } } })
        );
        let mut empty = json!({});
        schema.apply_defaults(&mut empty);
        assert_eq!(empty, json!({ "spec": { "size": 3, "note": "x" } }));
    }
}
