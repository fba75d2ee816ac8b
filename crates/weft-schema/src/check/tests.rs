use crate::Schema;
use serde_json::{Value, json};

/// Checks a value against the schema of a part; faults as `pointer what: fix`.
fn told(schema: &Value, value: &Value) -> Vec<String> {
    let schema = Schema::parse_part(schema).unwrap();
    schema.check(value).into_iter().map(|f| format!("{} {f}", f.pointer)).collect()
}

#[track_caller]
fn check(schema: Value, value: Value, expected: &[&str]) {
    assert_eq!(told(&schema, &value), expected);
}

#[test]
fn every_fault_is_told_by_its_place() {
    check(
        json!({ "type": "object", "required": ["name"], "properties": {
            "name": { "type": "string" }, "timeout": { "type": "string", "format": "duration" },
            "ports": { "type": "array", "maxItems": 2, "items": { "type": "integer", "minimum": 1, "maximum": 65535 } },
            "mode": { "type": "string", "enum": ["STRICT", "PERMISSIVE"] } } }),
        json!({ "timout": "1s", "ports": [0, "x", 70000], "mode": "STRCT" }),
        &[
            "/name is missing: set it",
            "/mode is the text \"STRCT\", which is not possible here: did you mean `STRICT`? Possible are `STRICT`, `PERMISSIVE`",
            "/ports has 3 elements, too many: write at most 2",
            "/ports/0 is 0, too small: write at least 1",
            "/ports/1 is the text \"x\", not a whole number: write a whole number",
            "/ports/2 is 70000, too large: write at most 65535",
            "/timout unknown field: did you mean `timeout`?",
        ],
    );
}

#[test]
fn alternatives_say_what_would_help() {
    let one_of = json!({ "type": "object", "properties": { "a": { "type": "string" }, "b": { "type": "string" } },
        "oneOf": [{ "required": ["a"] }, { "required": ["b"] }] });
    check(one_of.clone(), json!({}), &[" fits none of the alternatives: set `a`, or set `b`"]);
    check(
        one_of.clone(),
        json!({ "a": "", "b": "" }),
        &[" sets `a`, `b`, which exclude each other: keep one of them"],
    );
    check(one_of, json!({ "b": "" }), &[]);
    let at_most_one = json!({ "type": "object", "properties": { "a": { "type": "string" }, "b": { "type": "string" } },
        "oneOf": [{ "not": { "anyOf": [{ "required": ["a"] }, { "required": ["b"] }] } }, { "required": ["a"] },
            { "required": ["b"] }] });
    check(at_most_one.clone(), json!({}), &[]);
    check(
        at_most_one,
        json!({ "a": "", "b": "" }),
        &[" sets `a`, `b`, which exclude each other: keep one of them"],
    );
    check(
        json!({ "type": "string", "not": { "enum": ["x"] } }),
        json!("x"),
        &[" is what must not be here: change it so that it does not fit what is excluded"],
    );
}

#[test]
fn null_counts_as_missing_where_it_is_not_allowed() {
    let schema = |nullable: bool| json!({ "type": "object", "properties": { "a": { "type": "string", "nullable": nullable } } });
    check(schema(false), json!({ "a": null }), &[]);
    check(schema(true), json!({ "a": null }), &[]);
    check(
        json!({ "type": "array", "items": { "type": "string" } }),
        json!([null]),
        &[
            "/0 is empty, not a text (in quotes, when it looks like a number): write a text (in quotes, when it looks like a number)",
        ],
    );
}

#[test]
fn an_embedded_object_says_what_it_is() {
    let schema = json!({ "type": "object", "properties": { "o": { "type": "object",
        "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true } } });
    check(
        schema.clone(),
        json!({ "o": { "apiVersion": "v1", "kind": "Pod", "metadata": {}, "any": 1 } }),
        &[],
    );
    check(
        schema,
        json!({ "o": { "kind": "Pod" } }),
        &["/o/apiVersion is missing: this is a whole object of its own: set it"],
    );
}

#[test]
fn int_or_string_takes_both_and_nothing_else() {
    let schema = json!({ "x-kubernetes-int-or-string": true, "anyOf": [{ "type": "integer" }, { "type": "string" }] });
    check(schema.clone(), json!(1), &[]);
    check(schema.clone(), json!("10%"), &[]);
    check(
        schema,
        json!(true),
        &[" is true, not a whole number or a text: write a whole number or a text"],
    );
}

#[test]
fn sets_and_maps_have_no_doubles() {
    check(
        json!({ "type": "array", "x-kubernetes-list-type": "set", "items": { "type": "string" } }),
        json!(["a", "b", "a"]),
        &["/2 is there twice: element 0 is the same (\"a\"): remove one of them"],
    );
    check(
        json!({ "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n"],
            "items": { "type": "object", "required": ["n"], "properties": { "n": { "type": "integer" } } } }),
        json!([{ "n": 1 }, { "n": 1 }]),
        &["/1 is there twice: element 0 is the same (n=1): remove one of them"],
    );
}

#[test]
fn numbers_keep_to_their_format_and_large_ones_stay_exact() {
    check(
        json!({ "type": "integer", "format": "int32" }),
        json!(3_000_000_000_i64),
        &[" is 3000000000, outside of int32: write a number from -2147483648 to 2147483647"],
    );
    check(
        json!({ "type": "integer", "maximum": 9_007_199_254_740_992_i64 }),
        json!(9_007_199_254_740_993_i64),
        &[" is 9007199254740993, too large: write at most 9007199254740992"],
    );
    check(json!({ "type": "integer" }), json!(2.0), &[]);
    check(json!({ "type": "number", "multipleOf": 0.1 }), json!(0.3), &[]);
}

#[test]
fn what_was_wrong_before_and_did_not_change_is_tolerated() {
    let schema = Schema::parse_part(&json!({ "type": "object", "required": ["c"], "properties": {
        "a": { "type": "string", "maxLength": 1 }, "b": { "type": "string", "maxLength": 1 }, "c": { "type": "string" } } }))
    .unwrap();
    let (old, new) = (json!({ "a": "long", "b": "x" }), json!({ "a": "long", "b": "longer" }));
    let told: Vec<_> = schema.check_change(&new, &old).into_iter().map(|f| f.pointer).collect();
    assert_eq!(told, ["/c", "/b"]);
}
