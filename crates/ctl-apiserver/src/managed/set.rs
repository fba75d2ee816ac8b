//! A set of fields, as `fieldsV1` writes it: a tree whose steps are `f:name`, `k:{"key":"value"}` and `v:"value"`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Deeper sets are not read.
const DEEPEST: u8 = 100;

/// Fields below one place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Set {
    /// The place itself belongs to the set.
    pub(super) member: bool,
    pub(super) below: BTreeMap<String, Set>,
}

impl Set {
    pub(super) fn leaf() -> Self {
        Self { member: true, below: BTreeMap::new() }
    }

    /// Reads `fieldsV1`.
    pub(super) fn read(value: &Value) -> Option<Self> {
        let root = Self::read_at(value, 0)?;
        Some(Self { member: false, ..root })
    }

    fn read_at(value: &Value, depth: u8) -> Option<Self> {
        let fields = value.as_object().filter(|_| depth < DEEPEST)?;
        let mut set = Self { member: fields.is_empty(), below: BTreeMap::new() };
        for (step, inner) in fields {
            if step == "." {
                set.member = true;
            } else {
                set.below.insert(step.clone(), Self::read_at(inner, depth + 1)?);
            }
        }
        Some(set)
    }

    pub(super) fn write(&self) -> Value {
        let mut fields = Map::new();
        if self.member && !self.below.is_empty() {
            fields.insert(".".to_owned(), Value::Object(Map::new()));
        }
        fields.extend(self.below.iter().map(|(step, inner)| (step.clone(), inner.write())));
        Value::Object(fields)
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.member && self.below.values().all(Self::is_empty)
    }

    pub(super) fn insert(&mut self, step: String, inner: Set) {
        if !inner.is_empty() {
            self.below.insert(step, inner);
        }
    }

    pub(super) fn union(&self, other: &Self) -> Self {
        let mut union = self.clone();
        union.member |= other.member;
        for (step, inner) in &other.below {
            let slot = union.below.entry(step.clone()).or_default();
            *slot = slot.union(inner);
        }
        union
    }

    pub(super) fn without(&self, other: &Self) -> Self {
        let mut rest = Self { member: self.member && !other.member, below: BTreeMap::new() };
        for (step, inner) in &self.below {
            let left = other.below.get(step).map_or_else(|| inner.clone(), |o| inner.without(o));
            rest.insert(step.clone(), left);
        }
        rest
    }

    /// What both have.
    pub(super) fn within(&self, other: &Self) -> Self {
        let mut both = Self { member: self.member && other.member, below: BTreeMap::new() };
        for (step, inner) in &self.below {
            if let Some(other) = other.below.get(step) {
                both.insert(step.clone(), inner.within(other));
            }
        }
        both
    }

    /// The fields by name, as `.spec.containers[name="a"].image`.
    pub(super) fn named(&self) -> Vec<String> {
        let mut names = Vec::new();
        self.name_into("", &mut names);
        names
    }

    fn name_into(&self, path: &str, names: &mut Vec<String>) {
        if self.member && !path.is_empty() {
            names.push(path.to_owned());
        }
        for (step, inner) in &self.below {
            inner.name_into(&format!("{path}{}", named(step)), names);
        }
    }
}

fn named(step: &str) -> String {
    match step.split_once(':') {
        Some(("f", name)) => format!(".{name}"),
        Some(("k", keys)) => {
            let keys: Value = serde_json::from_str(keys).unwrap_or_default();
            let pairs = keys.as_object().into_iter().flatten();
            let shown: Vec<String> = pairs.map(|(key, value)| format!("{key}={value}")).collect();
            format!("[{}]", shown.join(","))
        }
        Some(("v", value)) => format!("[={value}]"),
        _ => format!("[{step}]"),
    }
}
