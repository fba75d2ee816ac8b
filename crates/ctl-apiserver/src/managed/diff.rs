//! The fields of a value, and the fields in which two values differ.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::set::Set;
use super::shape::{Shape, elements};

/// Between two values.
#[derive(Debug, Default)]
pub(super) struct Diff {
    /// New or changed.
    pub(super) set: Set,
    /// Gone.
    pub(super) removed: Set,
}

/// Every field of a value.
pub(super) fn paths(value: &Value, shape: &Shape<'_>) -> Set {
    let mut set = below(value, shape);
    set.member = false;
    set
}

fn below(value: &Value, shape: &Shape<'_>) -> Set {
    match value {
        Value::Object(fields) if !fields.is_empty() && !shape.is_whole() => {
            let mut set = Set::default();
            for (name, inner) in fields {
                set.insert(format!("f:{name}"), below(inner, &shape.field(name)));
            }
            set
        }
        Value::Array(items) if !items.is_empty() => match elements(&shape.list(), items) {
            Some(steps) => {
                let mut set = Set::default();
                for (step, item) in steps.into_iter().zip(items) {
                    set.insert(step, element(item, &shape.items()));
                }
                set
            }
            None => Set::leaf(),
        },
        _ => Set::leaf(),
    }
}

/// An element of a list belongs to whoever brought it, and so do its fields.
fn element(item: &Value, shape: &Shape<'_>) -> Set {
    Set { member: true, ..below(item, shape) }
}

/// The difference.
pub(super) fn of(old: &Value, new: &Value, shape: &Shape<'_>) -> Diff {
    match (old, new) {
        (old, new) if old == new => Diff::default(),
        (Value::Object(old), Value::Object(new)) if !shape.is_whole() => fields(old, new, shape),
        (Value::Array(old), Value::Array(new)) => {
            let list = shape.list();
            match (elements(&list, old), elements(&list, new)) {
                (Some(before), Some(after)) => {
                    let old: BTreeMap<_, _> = before.into_iter().zip(old).collect();
                    let new: BTreeMap<_, _> = after.into_iter().zip(new).collect();
                    items(&old, &new, shape)
                }
                _ => whole(),
            }
        }
        (Value::Object(_) | Value::Array(_), _) | (_, Value::Object(_) | Value::Array(_)) => {
            Diff { set: below(new, shape), removed: below(old, shape) }
        }
        _ => whole(),
    }
}

fn whole() -> Diff {
    Diff { set: Set::leaf(), removed: Set::default() }
}

fn fields(old: &Map<String, Value>, new: &Map<String, Value>, shape: &Shape<'_>) -> Diff {
    let mut diff = Diff::default();
    for (name, value) in new {
        let (step, shape) = (format!("f:{name}"), shape.field(name));
        match old.get(name) {
            Some(before) => diff.join(step, of(before, value, &shape)),
            None => diff.set.insert(step, below(value, &shape)),
        }
    }
    for (name, value) in old.iter().filter(|(name, _)| !new.contains_key(*name)) {
        diff.removed.insert(format!("f:{name}"), all_below(below(value, &shape.field(name))));
    }
    diff
}

fn items(
    old: &BTreeMap<String, &Value>,
    new: &BTreeMap<String, &Value>,
    shape: &Shape<'_>,
) -> Diff {
    let mut diff = Diff::default();
    let inner = shape.items();
    for (step, value) in new {
        match old.get(step) {
            Some(before) => diff.join(step.clone(), of(before, value, &inner)),
            None => diff.set.insert(step.clone(), element(value, &inner)),
        }
    }
    for (step, value) in old.iter().filter(|(step, _)| !new.contains_key(*step)) {
        diff.removed.insert(step.clone(), all_below(element(value, &inner)));
    }
    diff
}

/// With a place that is gone all that is below it is gone, and so is the place itself.
fn all_below(mut set: Set) -> Set {
    set.member = true;
    set
}

impl Diff {
    fn join(&mut self, step: String, inner: Diff) {
        self.set.insert(step.clone(), inner.set);
        self.removed.insert(step, inner.removed);
    }
}
