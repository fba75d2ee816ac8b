//! Holds a value against a schema.
//!
//! In: a place of the schema, a value, the value before. Out: faults by JSON pointer.
//! Holds: all faults are told, up to a bound; rules are run only on values whose shape is right.

mod limits;

use serde_json::{Map, Value};

use crate::fill::is_own;
use crate::name::{in_words, listed, step};
use crate::node::{Kind, ListKind, Node, Step};
use crate::{Fault, Reason, rules};
use weft_types::similar;

/// Faults told of at once.
const MOST_FAULTS: usize = 100;

/// Checks a value, and its change when `old` is given.
pub(crate) fn value(root: &Node, value: &Value, old: Option<&Value>) -> Vec<Fault> {
    let mut found = Found::default();
    found.node(root, value, "");
    let mut faults = found.faults;
    // Rules count on the types, also where an old fault is tolerated.
    let shaped = faults.iter().all(|fault| fault.reason != Reason::Type);
    if let Some(old) = old {
        faults.retain(|fault| fault.unknown || !unchanged(&fault.pointer, value, old));
    }
    if root.ruled && shaped && faults.iter().all(|fault| fault.unknown) {
        faults.extend(rules::run(root, value, old));
    }
    faults
}

/// Only what the schema does not have.
pub(crate) fn unknown(root: &Node, value: &Value) -> Vec<Fault> {
    let mut found = Found::default();
    found.node(root, value, "");
    found.faults.retain(|fault| fault.unknown);
    found.faults
}

/// The place is there in both, with the same value; of a missing field the parent counts.
pub(crate) fn unchanged(pointer: &str, value: &Value, old: &Value) -> bool {
    let parent = || pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
    let at = if value.pointer(pointer).is_some() { pointer } else { parent() };
    value.pointer(at).is_some_and(|now| old.pointer(at) == Some(now))
}

/// Collects faults.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) faults: Vec<Fault>,
}

impl Found {
    pub(crate) fn add(&mut self, pointer: &str, reason: Reason, what: String, fix: &str) {
        if self.faults.len() < MOST_FAULTS {
            let (pointer, fix) = (pointer.to_owned(), fix.to_owned());
            self.faults.push(Fault { pointer, unknown: false, reason, what, fix });
        }
    }

    fn node(&mut self, node: &Node, value: &Value, pointer: &str) {
        if value.is_null() && (node.nullable || node.kind == Kind::Any) {
            return;
        }
        if !node.kind.takes(value) {
            let wanted = node.kind.in_words();
            let what = format!("is {}, not {wanted}", in_words(value));
            return self.add(pointer, Reason::Type, what, &format!("write {wanted}"));
        }
        limits::check(self, &node.limits, value, pointer);
        match value {
            Value::Object(fields) => self.fields(node, fields, pointer),
            Value::Array(items) => self.items(node, items, pointer),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn fields(&mut self, node: &Node, fields: &Map<String, Value>, pointer: &str) {
        if node.resource && !pointer.is_empty() {
            self.embedded(fields, pointer);
        }
        for (name, inner) in fields {
            let below = || format!("{pointer}{}", step(name));
            match node.field(name) {
                Step::Node(next) if inner.is_null() && next.drops_null() => {}
                Step::Node(next) if node.resource && name == "metadata" => {
                    self.metadata(next, inner, &below());
                }
                Step::Node(next) => self.node(next, inner, &below()),
                Step::Free => {}
                Step::Unknown => self.unknown(node, name, below()),
            }
        }
    }

    /// An object inside of another one must say what it is.
    fn embedded(&mut self, fields: &Map<String, Value>, pointer: &str) {
        for name in ["apiVersion", "kind"] {
            if fields.get(name).and_then(Value::as_str).is_none_or(str::is_empty) {
                let what = "is missing: this is a whole object of its own".to_owned();
                self.add(&format!("{pointer}/{name}"), Reason::Required, what, "set it");
            }
        }
        if fields.get("metadata").is_some_and(|metadata| !metadata.is_object()) {
            let what = "is not a map of fields".to_owned();
            self.add(&format!("{pointer}/metadata"), Reason::Type, what, "write a map of fields");
        }
    }

    /// Of the server's own part only what the schema names is held against it.
    fn metadata(&mut self, node: &Node, value: &Value, pointer: &str) {
        for (name, next) in &node.fields {
            if let Some(inner) = value.get(name) {
                self.node(next, inner, &format!("{pointer}{}", step(name)));
            }
        }
    }

    fn unknown(&mut self, node: &Node, name: &str, pointer: String) {
        if self.faults.len() >= MOST_FAULTS {
            return;
        }
        let own = ["apiVersion", "kind", "metadata"].into_iter().filter(|_| node.resource);
        let known: Vec<&str> = node.fields.keys().map(String::as_str).chain(own).collect();
        let fix = match similar(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => "remove it; nothing can be set here".to_owned(),
            None => {
                let shown = known.iter().copied().filter(|name| !(node.resource && is_own(name)));
                format!("remove it; known fields are {}", listed(shown, 12))
            }
        };
        let (what, reason) = ("unknown field".to_owned(), Reason::Forbidden);
        self.faults.push(Fault { pointer, unknown: true, reason, what, fix });
    }

    fn items(&mut self, node: &Node, items: &[Value], pointer: &str) {
        if let Some(next) = &node.items {
            for (at, item) in items.iter().enumerate() {
                self.node(next, item, &format!("{pointer}/{at}"));
            }
        }
        match &node.list {
            ListKind::Atomic => {}
            ListKind::Set => self.repeated(items, pointer, |item| Some(item.to_string())),
            ListKind::Map(keys) => {
                self.repeated(items, pointer, |item| identity(item, keys));
            }
        }
    }

    fn repeated(&mut self, items: &[Value], pointer: &str, key: impl Fn(&Value) -> Option<String>) {
        let mut seen = std::collections::HashMap::new();
        for (at, item) in items.iter().enumerate() {
            let Some(key) = key(item) else { continue };
            if let Some(first) = seen.get(&key) {
                let what = format!("is there twice: element {first} is the same ({key})");
                self.add(&format!("{pointer}/{at}"), Reason::Duplicate, what, "remove one of them");
            } else {
                seen.insert(key, at);
            }
        }
    }
}

/// The keys of an element with their values, as text.
fn identity(item: &Value, keys: &[String]) -> Option<String> {
    let item = item.as_object()?;
    let one = |key: &String| format!("{key}={}", item.get(key).unwrap_or(&Value::Null));
    Some(keys.iter().map(one).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests;
