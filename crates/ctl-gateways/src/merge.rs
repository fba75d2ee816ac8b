//! What changes in an object that others write, too.
//!
//! In: what we wrote last, what we want now, what is there. Out: the merge patch (RFC 7386) between.
//! Holds: a field that we never wrote is left alone; one that we wrote and do not want any more goes.
//! Why what we wrote is kept at the object: it outlives us, and needs no server that keeps account of owners of fields.

use serde_json::{Map, Value, json};

/// Where an object keeps what we wrote last.
pub(crate) const WRITTEN: &str = "weft.dev/written";

/// The object with the note of what we write.
pub(crate) fn noted(wanted: &Value) -> Value {
    let mut noted = wanted.clone();
    noted["metadata"]["annotations"][WRITTEN] = json!(wanted.to_string());
    noted
}

/// The patch that is due; none when all is as wanted.
pub(crate) fn patch(wanted: &Value, there: &Value) -> Option<Value> {
    let written = there["metadata"]["annotations"][WRITTEN].as_str();
    let written: Value =
        written.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let patch = differences(&written, &noted(wanted), there)?;
    // Who wrote meanwhile is looked at again, before this counts.
    let mut patch = patch;
    patch["metadata"]["resourceVersion"] = there["metadata"]["resourceVersion"].clone();
    Some(patch)
}

fn differences(written: &Value, wanted: &Value, there: &Value) -> Option<Value> {
    let (Some(want), Some(have)) = (wanted.as_object(), there.as_object()) else {
        return (!within(wanted, there)).then(|| kept(wanted, there));
    };
    let changed = want.iter().filter_map(|(key, value)| {
        let change = differences(&written[key], value, have.get(key).unwrap_or(&Value::Null));
        Some((key.clone(), change?))
    });
    let dropped = written.as_object().into_iter().flat_map(Map::keys);
    let dropped = dropped.filter(|key| !want.contains_key(*key) && have.contains_key(*key));
    let all: Map<String, Value> =
        changed.chain(dropped.map(|key| (key.clone(), Value::Null))).collect();
    (!all.is_empty()).then_some(Value::Object(all))
}

/// Whether all that is wanted is there; servers fill in the rest.
fn within(wanted: &Value, there: &Value) -> bool {
    match (wanted, there) {
        (Value::Object(wanted), there) => {
            wanted.iter().all(|(key, value)| there.get(key).is_some_and(|own| within(value, own)))
                || (wanted.is_empty() && there.is_null())
        }
        (Value::Array(wanted), Value::Array(there)) => {
            wanted.len() == there.len() && wanted.iter().zip(there).all(|(a, b)| within(a, b))
        }
        _ => wanted == there,
    }
}

/// A list is written as a whole; of what has the same name the fields that the server filled in stay.
fn kept(wanted: &Value, there: &Value) -> Value {
    let (Value::Array(list), Value::Array(old)) = (wanted, there) else { return wanted.clone() };
    let merged = |item: &Value| {
        let same = |other: &&Value| !item["name"].is_null() && other["name"] == item["name"];
        let Some(Value::Object(mut all)) = old.iter().find(same).cloned() else {
            return item.clone();
        };
        all.extend(item.as_object().cloned().unwrap_or_default());
        Value::Object(all)
    };
    list.iter().map(merged).collect()
}
