//! Reads of JSON that never fail.

use serde_json::{Map, Value};

static NOTHING: Value = Value::Null;

/// Reads below a value; `path` is field names with dots between.
pub(crate) trait Json {
    /// The value at a path; `null` when there is none.
    fn at(&self, path: &str) -> &Value;
    /// The text at a path.
    fn text(&self, path: &str) -> &str;
    /// The list at a path.
    fn list(&self, path: &str) -> &[Value];
    /// The fields of the map at a path.
    fn entries(&self, path: &str) -> impl Iterator<Item = (&str, &Value)>;
    /// The whole number at a path.
    fn number(&self, path: &str) -> Option<i64>;
    /// The texts of the list at a path.
    fn texts(&self, path: &str) -> impl Iterator<Item = &str> + Clone;

    /// Whether something is written at a path.
    fn has(&self, path: &str) -> bool {
        !self.at(path).is_null()
    }

    /// Whether `true` is written at a path.
    fn is_true(&self, path: &str) -> bool {
        self.at(path) == &Value::Bool(true)
    }
}

impl Json for Value {
    fn at(&self, path: &str) -> &Value {
        path.split('.')
            .filter(|step| !step.is_empty())
            .try_fold(self, |value, step| value.as_object()?.get(step))
            .unwrap_or(&NOTHING)
    }

    fn text(&self, path: &str) -> &str {
        self.at(path).as_str().unwrap_or_default()
    }

    fn list(&self, path: &str) -> &[Value] {
        self.at(path).as_array().map_or(&[], Vec::as_slice)
    }

    fn entries(&self, path: &str) -> impl Iterator<Item = (&str, &Value)> {
        self.at(path).as_object().into_iter().flat_map(Map::iter).map(|(key, v)| (key.as_str(), v))
    }

    fn number(&self, path: &str) -> Option<i64> {
        self.at(path).as_i64()
    }

    fn texts(&self, path: &str) -> impl Iterator<Item = &str> + Clone {
        self.list(path).iter().filter_map(Value::as_str)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_absent_or_of_another_type_reads_as_empty() {
        let value = json!({"a": {"b": "x", "n": 7, "l": ["p", 1, "q"]}});
        assert_eq!(value.text("a.b"), "x");
        assert_eq!((value.text("a.n"), value.text("z.b")), ("", ""));
        assert_eq!(value.number("a.n"), Some(7));
        assert_eq!(value.texts("a.l").collect::<Vec<_>>(), ["p", "q"]);
        assert_eq!(value.entries("a.b").count(), 0);
        assert!(!value.has("a.c") && value.has("a.b"));
    }
}
