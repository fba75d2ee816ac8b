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

/// What is applied stands in its own order; what is only there follows the element that it followed before.
fn lists(
    (before, live): (&[String], &[Value]),
    (wanted, config): (&[String], &[Value]),
    shape: &Shape<'_>,
) -> Vec<Value> {
    let inner = shape.items();
    // Behind nothing first, then behind each applied element.
    let mut behind: Vec<Vec<Value>> = vec![Vec::new(); wanted.len() + 1];
    let mut anchor = 0;
    for (step, item) in before.iter().zip(live) {
        match wanted.iter().position(|known| known == step) {
            Some(at) => anchor = at + 1,
            None => behind[anchor].push(item.clone()),
        }
    }
    let mut followers = behind.into_iter();
    let mut merged = followers.next().unwrap_or_default();
    for ((step, wanted), followers) in wanted.iter().zip(config).zip(followers) {
        let now = before.iter().position(|known| known == step).and_then(|at| live.get(at));
        merged.push(now.map_or_else(|| wanted.clone(), |now| merge(now, wanted, &inner)));
        merged.extend(followers);
    }
    merged
}

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
