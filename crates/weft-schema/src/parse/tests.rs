use crate::Schema;
use serde_json::{Value, json};

#[track_caller]
fn refused(schema: Value, pointer: &str, what: &str) {
    let faults = Schema::parse(&schema).unwrap_err();
    assert!(
        faults.iter().any(|f| f.pointer == pointer && f.what.contains(what)),
        "{pointer} {what}: {faults:#?}"
    );
}

fn spec(schema: Value) -> Value {
    json!({ "type": "object", "properties": { "spec": schema } })
}

#[test]
fn a_schema_that_is_not_structural_is_refused_with_the_place() {
    refused(json!({ "properties": {} }), "/type", "is required");
    refused(
        spec(json!({ "properties": { "a": {} } })),
        "/properties/spec/properties/a/type",
        "is required",
    );
    refused(
        spec(json!({ "type": "object", "allOf": [{ "properties": { "a": { "minimum": 1 } } }] })),
        "/properties/spec/allOf/0/properties/a",
        "must also be named in properties outside",
    );
    refused(
        spec(json!({ "type": "string", "anyOf": [{ "description": "x" }] })),
        "/properties/spec/anyOf/0/description",
        "must stand outside",
    );
    refused(
        json!({ "type": "object", "properties": { "metadata": { "type": "object", "properties": {
            "labels": { "type": "object" } } } } }),
        "/properties/metadata/properties/labels",
        "only metadata.name",
    );
    refused(spec(json!({ "type": "array" })), "/properties/spec/items", "is required");
    refused(spec(json!({ "type": "objet" })), "/properties/spec/type", "is not a type");
    refused(spec(json!({ "type": "string", "$ref": "x" })), "/properties/spec/$ref", "not part of");
    refused(
        spec(json!({ "type": "string", "pattern": "(" })),
        "/properties/spec/pattern",
        "regular",
    );
    refused(
        spec(json!({ "type": "array", "items": { "type": "string" }, "uniqueItems": true })),
        "/properties/spec",
        "list-type: set",
    );
    refused(
        spec(
            json!({ "type": "object", "properties": { "a": { "type": "string" } }, "additionalProperties": { "type": "string" } }),
        ),
        "/properties/spec",
        "exclude each other",
    );
}

#[test]
fn a_default_must_fit_its_own_schema() {
    refused(
        spec(json!({ "type": "integer", "default": "x" })),
        "/properties/spec/default",
        "not a whole number",
    );
    refused(
        spec(
            json!({ "type": "object", "default": { "b": 1 }, "properties": { "a": { "type": "string" } } }),
        ),
        "/properties/spec/default",
        "unknown field",
    );
}

#[test]
fn the_keys_of_a_list_map_must_always_be_there() {
    let list = |key: &str, required: Value| {
        spec(
            json!({ "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key],
            "items": { "type": "object", "required": required, "properties": { "name": { "type": "string" } } } }),
        )
    };
    Schema::parse(&list("name", json!(["name"]))).unwrap();
    refused(
        list("name", json!([])),
        "/properties/spec/items",
        "must be required or have a default",
    );
    refused(list("nam", json!([])), "/properties/spec", "must be a plain field");
}

#[test]
fn int_or_string_may_choose_between_its_types() {
    Schema::parse(&spec(json!({ "x-kubernetes-int-or-string": true,
        "anyOf": [{ "type": "integer" }, { "type": "string" }] })))
    .unwrap();
    Schema::parse(&spec(json!({ "x-kubernetes-int-or-string": true, "pattern": "^[0-9]+$",
        "allOf": [{ "anyOf": [{ "type": "integer" }, { "type": "string" }] }] })))
    .unwrap();
}

#[test]
fn a_schema_without_end_is_refused() {
    let mut deep = json!({ "type": "string" });
    for _ in 0..200 {
        deep = json!({ "type": "object", "properties": { "a": deep } });
    }
    assert!(Schema::parse(&deep).unwrap_err()[0].what.contains("deeper"));
}
