//! Whatever schema or value comes, there is an answer: changed at random places, nothing panics.

#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use serde_json::{Value, json};
use weft_schema::Schema;

/// Numbers that only depend on the seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides.max(1)
    }

    fn odd(&mut self) -> Value {
        let odd = [
            json!(null),
            json!(-1),
            json!(1.5),
            json!(u64::MAX),
            json!(""),
            json!("x"),
            json!("1h"),
            json!([]),
            json!({}),
            json!(true),
            json!([null]),
            json!({ "type": "object" }),
            json!({ "a": { "b": [1, "2"] } }),
            json!("object"),
            json!("array"),
            json!("("),
            json!("self.a == oldSelf"),
            json!([{ "rule": "self == self" }]),
            json!("9".repeat(400)),
        ];
        odd[self.roll(odd.len())].clone()
    }

    /// Changes one place at random.
    fn spoil(&mut self, value: &mut Value) {
        match value {
            Value::Object(fields) if !fields.is_empty() && self.roll(8) > 0 => {
                let at = self.roll(fields.len());
                let name = fields.keys().nth(at).unwrap().clone();
                match self.roll(12) {
                    0 => drop(fields.remove(&name)),
                    1 => drop(fields.insert("odd".to_owned(), self.odd())),
                    _ => self.spoil(fields.get_mut(&name).unwrap()),
                }
            }
            Value::Array(items) if !items.is_empty() && self.roll(8) > 0 => {
                let at = self.roll(items.len());
                match self.roll(12) {
                    0 => drop(items.remove(at)),
                    1 => items.push(items[at].clone()),
                    _ => self.spoil(&mut items[at]),
                }
            }
            slot => *slot = self.odd(),
        }
    }
}

fn schema() -> Value {
    json!({ "type": "object", "required": ["spec"], "properties": { "metadata": { "type": "object", "properties": {
            "name": { "type": "string", "maxLength": 10 } } },
        "spec": { "type": "object", "oneOf": [{ "required": ["a"] }, { "required": ["n"] }],
        "x-kubernetes-validations": [{ "rule": "has(self.a) ? self.a.size() < 9 : true", "fieldPath": ".a", "messageExpression": "'x' + self.a" },
            { "rule": "self.l.all(x, x.k != '') || duration('1s') > duration('2s')" }],
        "properties": {
            "a": { "type": "string", "pattern": "^[a-z]+$", "format": "hostname", "default": "b" },
            "n": { "type": "integer", "format": "int32", "minimum": 1, "exclusiveMaximum": true, "maximum": 9, "multipleOf": 2 },
            "f": { "type": "number", "enum": [1.5, 2], "nullable": true },
            "p": { "x-kubernetes-int-or-string": true, "anyOf": [{ "type": "integer" }, { "type": "string" }] },
            "m": { "type": "object", "additionalProperties": { "type": "string", "format": "duration",
                "x-kubernetes-validations": [{ "rule": "duration(self) > duration('1ms')" }] }, "maxProperties": 3 },
            "l": { "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"], "minItems": 1,
                "items": { "type": "object", "required": ["k"], "properties": { "k": { "type": "string" },
                    "v": { "type": "integer", "x-kubernetes-validations": [{ "rule": "self >= oldSelf" }] } } } },
            "e": { "type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true } } } } })
}

fn object() -> Value {
    json!({ "apiVersion": "a/v1", "kind": "A", "metadata": { "name": "a", "labels": {} }, "spec": { "a": "abc", "n": 4, "f": 2,
        "p": "80%", "m": { "x": "1s" }, "l": [{ "k": "a", "v": 1 }, { "k": "b" }], "e": { "apiVersion": "v1", "kind": "B", "any": [1] } } })
}

#[test]
fn spoiled_objects_get_faults_and_stay_the_same_once_pruned_and_filled() {
    let schema = Schema::parse(&schema()).unwrap();
    for seed in 0..3000 {
        let mut dice = Dice(seed);
        let (old, mut new) = (object(), object());
        for _ in 0..=dice.roll(4) {
            dice.spoil(&mut new);
        }
        schema.prune(&mut new);
        schema.apply_defaults(&mut new);
        let settled = new.clone();
        assert!(schema.prune(&mut new).is_empty(), "seed {seed}");
        schema.apply_defaults(&mut new);
        assert_eq!(new, settled, "seed {seed}: pruning and filling twice changes nothing");
        let faults = schema.check(&new);
        assert!(faults.iter().all(|fault| !fault.unknown), "seed {seed}: {faults:?}");
        let changed = schema.check_change(&new, &old);
        let tolerated = schema.check_change(&new, &new);
        assert!(
            tolerated.is_empty(),
            "seed {seed}: what does not change is tolerated: {tolerated:?}"
        );
        assert!(
            faults.iter().chain(&changed).all(|f| !f.what.contains("no thread left")),
            "seed {seed}: it panicked"
        );
    }
}

#[test]
fn spoiled_schemas_are_read_or_refused_with_a_place() {
    for seed in 0..1000 {
        let mut dice = Dice(seed);
        let mut spoiled = schema();
        for _ in 0..=dice.roll(3) {
            dice.spoil(&mut spoiled);
        }
        match Schema::parse(&spoiled) {
            Ok(schema) => {
                assert!(schema.check(&object()).iter().all(|f| !f.what.contains("no thread")))
            }
            Err(faults) => {
                let told =
                    faults.iter().all(|f| !f.what.is_empty() && !f.what.contains("no thread"));
                assert!(told, "seed {seed}: {faults:?}");
            }
        }
    }
}
