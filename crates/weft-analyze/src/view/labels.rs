//! Labels of an object, or a selector of equal labels.

use std::fmt;

use serde_json::{Map, Value};

use super::Json;

/// A map of texts; of nothing when it is absent.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Labels<'a>(Option<&'a Map<String, Value>>);

impl<'a> Labels<'a> {
    /// Those at a path.
    pub(crate) fn at(value: &'a Value, path: &str) -> Self {
        Self(value.at(path).as_object())
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&'a str> {
        self.0.and_then(|map| map.get(key)).and_then(Value::as_str)
    }

    /// Whether a key has a value.
    pub(crate) fn is(&self, key: &str, value: &str) -> bool {
        self.get(key) == Some(value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let entries = self.0.into_iter().flat_map(Map::iter);
        entries.filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none_or(Map::is_empty)
    }

    /// Whether every label of this selector is on `labels`.
    pub(crate) fn selects(&self, labels: Labels<'_>) -> bool {
        self.iter().all(|(key, value)| labels.is(key, value))
    }
}

impl fmt::Display for Labels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut pairs: Vec<_> = self.iter().collect();
        pairs.sort_unstable();
        for (index, (key, value)) in pairs.iter().enumerate() {
            write!(f, "{}{key}={value}", if index == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_selector_selects_what_has_all_its_labels() {
        let value = json!({"few": {"b": "2", "a": "1"}, "many": {"a": "1", "b": "2", "c": "3"}});
        let (few, many) = (Labels::at(&value, "few"), Labels::at(&value, "many"));
        assert!(few.selects(many) && !many.selects(few) && Labels::default().selects(few));
        assert_eq!(few.to_string(), "a=1,b=2");
    }
}
