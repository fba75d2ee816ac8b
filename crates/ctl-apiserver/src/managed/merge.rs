//! Merging what is applied into what is there, and removing what is applied no more.

use serde_json::{Map, Value};

use super::set::Set;
use super::shape::{Shape, element, elements};

/// `live` with everything that `config` says.
pub(super) fn merge(live: &Value, config: &Value, shape: &Shape<'_>) -> Value {
    match (live, config) {
        (Value::Object(live), Value::Object(config)) if !shape.is_whole() => {
            let mut merged = live.clone();
            for (name, wanted) in config {
                let value = match live.get(name) {
                    Some(now) => merge(now, wanted, &shape.field(name)),
                    None => wanted.clone(),
                };
                merged.insert(name.clone(), value);
            }
            Value::Object(merged)
        }
        (Value::Array(live), Value::Array(config)) => {
            let list = shape.list();
            match (elements(&list, live), elements(&list, config)) {
                (Some(before), Some(wanted)) => {
                    Value::Array(lists((&before, live), (&wanted, config), shape))
                }
                _ => Value::Array(config.clone()),
            }
        }
        _ => config.clone(),
    }
}

/// What both have stands in the order of the config, at the places that it had; what is new comes last.
fn lists(
    (before, live): (&[String], &[Value]),
    (wanted, config): (&[String], &[Value]),
    shape: &Shape<'_>,
) -> Vec<Value> {
    let place = |step: &String| before.iter().position(|known| known == step);
    let inner = shape.items();
    let mut both = wanted.iter().zip(config).filter_map(|(step, item)| Some((place(step)?, item)));
    let mut merged: Vec<Value> = Vec::new();
    for (step, item) in before.iter().zip(live) {
        match both.next_if_wanted(wanted, step) {
            Some((at, wanted)) => merged.push(merge(&live[at], wanted, &inner)),
            None => merged.push(item.clone()),
        }
    }
    let new = wanted.iter().zip(config).filter(|(step, _)| place(step).is_none());
    merged.extend(new.map(|(_, item)| item.clone()));
    merged
}

/// The next common element, when the place belongs to one.
trait NextIfWanted<'a>: Iterator<Item = (usize, &'a Value)> {
    fn next_if_wanted(&mut self, wanted: &[String], step: &String) -> Option<(usize, &'a Value)> {
        if wanted.contains(step) { self.next() } else { None }
    }
}

impl<'a, T: Iterator<Item = (usize, &'a Value)>> NextIfWanted<'a> for T {}

/// Removes the fields of `gone` that `kept` does not have.
pub(super) fn remove(value: &mut Value, gone: &Set, kept: &Set, shape: &Shape<'_>) {
    match value {
        Value::Object(fields) => remove_fields(fields, gone, kept, shape),
        Value::Array(items) => {
            let (list, inner) = (shape.list(), shape.items());
            items.retain_mut(|item| {
                let Some(step) = element(&list, item) else { return true };
                stays(item, &step, gone, kept, &inner)
            });
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn remove_fields(fields: &mut Map<String, Value>, gone: &Set, kept: &Set, shape: &Shape<'_>) {
    fields.retain(|name, inner| stays(inner, &format!("f:{name}"), gone, kept, &shape.field(name)));
}

/// Removes below, and tells whether the place itself stays.
fn stays(value: &mut Value, step: &str, gone: &Set, kept: &Set, shape: &Shape<'_>) -> bool {
    let Some(gone) = gone.below.get(step) else { return true };
    let nobody = Set::default();
    let kept = kept.below.get(step).unwrap_or(&nobody);
    if gone.member && kept.is_empty() {
        return false;
    }
    let was_empty = is_empty(value);
    remove(value, gone, kept, shape);
    // A place that held nothing else goes with what it held.
    !(is_empty(value) && !was_empty && kept.is_empty())
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
