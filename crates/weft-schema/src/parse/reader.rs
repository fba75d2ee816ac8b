//! Where we are in a schema, and what was wrong so far.

use serde_json::{Map, Value};

use crate::SchemaFault;
use crate::name::{in_words, step};

/// Faults told of at once.
const MOST_FAULTS: usize = 50;

/// Collects faults with their places.
#[derive(Debug, Default)]
pub(super) struct Reader {
    pointer: String,
    depth: usize,
    faults: Vec<SchemaFault>,
}

impl Reader {
    pub(super) fn finish<T>(self, value: T) -> Result<T, Vec<SchemaFault>> {
        if self.faults.is_empty() { Ok(value) } else { Err(self.faults) }
    }

    pub(super) fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }

    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    pub(super) fn fault(&mut self, what: impl Into<String>) {
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(SchemaFault { pointer: self.pointer.clone(), what: what.into() });
        }
    }

    pub(super) fn within<T>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        self.at(&[name], read)
    }

    pub(super) fn at<T>(&mut self, steps: &[&str], read: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.pointer.len();
        steps.iter().for_each(|name| self.pointer.push_str(&step(name)));
        self.depth += 1;
        let found = read(self);
        self.depth -= 1;
        self.pointer.truncate(length);
        found
    }

    pub(super) fn object<'a>(&mut self, value: &'a Value) -> Option<&'a Map<String, Value>> {
        let found = value.as_object();
        if found.is_none() {
            self.fault(format!("is {}, not a schema (a map of keywords)", in_words(value)));
        }
        found
    }

    pub(super) fn flag(&mut self, words: &Map<String, Value>, name: &str) -> bool {
        match words.get(name) {
            None | Some(Value::Null) => false,
            Some(Value::Bool(on)) => *on,
            Some(other) => {
                self.within(name, |r| {
                    r.fault(format!("is {}, not true or false", in_words(other)))
                });
                false
            }
        }
    }

    /// Reads every entry of a map of schemas.
    pub(super) fn each(
        &mut self,
        words: &Map<String, Value>,
        name: &str,
        mut read: impl FnMut(&str, &Value, &mut Self),
    ) {
        match words.get(name) {
            None | Some(Value::Null) => {}
            Some(Value::Object(entries)) => self.within(name, |reader| {
                for (key, value) in entries {
                    reader.within(key, |reader| read(key, value, reader));
                }
            }),
            Some(other) => {
                self.within(name, |r| r.fault(format!("is {}, not a map", in_words(other))))
            }
        }
    }

    /// Reads every element of a list.
    pub(super) fn items(
        &mut self,
        words: &Map<String, Value>,
        name: &str,
        mut read: impl FnMut(&Value, &mut Self),
    ) {
        match words.get(name) {
            None | Some(Value::Null) => {}
            Some(Value::Array(items)) => self.within(name, |reader| {
                for (at, item) in items.iter().enumerate() {
                    reader.within(&at.to_string(), |reader| read(item, reader));
                }
            }),
            Some(other) => {
                self.within(name, |r| r.fault(format!("is {}, not a list", in_words(other))))
            }
        }
    }

    /// A list of names.
    pub(super) fn names(&mut self, words: &Map<String, Value>, name: &str) -> Vec<String> {
        let mut names = Vec::new();
        self.items(words, name, |item, reader| match item.as_str() {
            Some(text) => names.push(text.to_owned()),
            None => reader.fault(format!("is {}, not a field's name", in_words(item))),
        });
        names
    }
}
