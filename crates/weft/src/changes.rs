//! What differs between two answers, for people.
//! In: fields that differ, and the objects that are the reason. Out: lines. Holds: what follows from another outcome is left out;
//! `-o json` has it.

use serde_json::Value;
use weft_plan::FieldChange;

use crate::compared::Places;
use crate::failure::say;

/// Prints them, with the places of objects that are known.
pub(crate) fn print(fields: &[FieldChange], because: &[String], places: &Places) {
    let has = |name: &str| fields.iter().any(|field| field.field == name);
    let told = |name: &str| match (has("outcome"), has("clusters")) {
        (true, _) => matches!(name, "outcome" | "status" | "policy" | "rule" | "redirect"),
        (false, true) => name != "cluster",
        (false, false) => true,
    };
    for field in fields.iter().filter(|field| told(&field.field)) {
        say!("    {}: {} -> {}", field.field, short(&field.before), short(&field.after));
    }
    if !because.is_empty() {
        let placed = |name: &String| match places.get(name) {
            Some(place) => format!("{name} [{place}]"),
            None => name.clone(),
        };
        say!("    because of {}", because.iter().map(placed).collect::<Vec<_>>().join(", "));
    }
}

/// A value in a line.
fn short(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(all) if !all.is_empty() && all.iter().all(|one| one["name"].is_string()) => {
            let one = |one: &Value| format!("{} ({})", short(&one["name"]), one["weight"]);
            all.iter().map(one).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}
