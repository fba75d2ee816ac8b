//! How the simple values read themselves: text, numbers, truth, durations, lists, maps.
//!
//! In: a JSON value. Out: the value, or an issue. Holds: numbers are in the range of their type.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::describe::Rule;
use crate::{Read, Reader, similar};

/// A length of time as users write it: `10s`, `1m30s`, `250ms`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub Duration);

impl serde::Serialize for Span {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&weft_types::duration::Text(self.0))
    }
}

/// Whether a field is written: it says something, or it must be there.
pub(crate) fn is_written<T: Read + PartialEq>(value: &T, rules: &[Rule]) -> bool {
    *value != T::default() || rules.contains(&Rule::Required) && !value.is_absent()
}

impl Read for Span {
    fn read(value: &Value, reader: &mut Reader) -> Self {
        let Some(text) = value.as_str() else {
            reader.mismatch(value, "a duration such as 10s");
            return Self::default();
        };
        match weft_types::duration::parse(text) {
            Ok(duration) => Self(duration),
            Err(error) => {
                reader.fault(error.to_string(), "write a number and a unit, such as 250ms or 10s");
                Self::default()
            }
        }
    }
}

impl Read for String {
    fn read(value: &Value, reader: &mut Reader) -> Self {
        match value.as_str() {
            Some(text) => text.to_owned(),
            None => {
                let hint = match value {
                    Value::Number(_) | Value::Bool(_) => "a text (put quotes around it)",
                    _ => "a text",
                };
                reader.mismatch(value, hint);
                Self::new()
            }
        }
    }
}

impl Read for bool {
    fn read(value: &Value, reader: &mut Reader) -> Self {
        value.as_bool().unwrap_or_else(|| {
            reader.mismatch(value, "true or false");
            false
        })
    }
}

impl Read for f64 {
    fn read(value: &Value, reader: &mut Reader) -> Self {
        value.as_f64().unwrap_or_else(|| {
            reader.mismatch(value, "a number");
            0.0
        })
    }
}

macro_rules! whole {
    ($($number:ty),*) => {$(
        impl Read for $number {
            fn read(value: &Value, reader: &mut Reader) -> Self {
                if let Some(Ok(number)) = integer(value).map(Self::try_from) {
                    return number;
                }
                let wanted = format!("a whole number from {} to {}", Self::MIN, Self::MAX);
                reader.mismatch(value, &wanted);
                0
            }
        }
    )*};
}
whole!(i32, u32, i64);

/// As API servers do, `80.0` and `8e1` are taken for 80.
#[expect(clippy::cast_possible_truncation, reason = "whole numbers below 2^53 are kept")]
fn integer(value: &Value) -> Option<i64> {
    const LARGEST: f64 = 9_007_199_254_740_992.0;
    let whole = |number: &f64| number.fract() == 0.0 && number.abs() < LARGEST;
    value.as_i64().or_else(|| value.as_f64().filter(whole).map(|number| number as i64))
}

impl<T: Read> Read for Option<T> {
    fn read(value: &Value, reader: &mut Reader) -> Self {
        Some(T::read(value, reader))
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl<T: Read> Read for Box<T> {
    fn read(value: &Value, reader: &mut Reader) -> Self {
        Self::new(T::read(value, reader))
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(value: &Value, reader: &mut Reader) -> Self {
        let Some(items) = value.as_array() else {
            reader.mismatch(value, "a list");
            return Self::new();
        };
        let mut found = Self::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            found.push(reader.within(&index.to_string(), |reader| T::read(item, reader)));
        }
        found
    }
}

impl<T: Read> Read for BTreeMap<String, T> {
    fn read(value: &Value, reader: &mut Reader) -> Self {
        let Some(object) = value.as_object() else {
            reader.mismatch(value, "a map");
            return Self::new();
        };
        let mut found = Self::new();
        for (key, item) in object {
            let value = reader.within(key, |reader| match item {
                Value::Null => T::default(),
                item => T::read(item, reader),
            });
            found.insert(key.clone(), value);
        }
        found
    }
}

impl Read for Map<String, Value> {
    fn read(value: &Value, reader: &mut Reader) -> Self {
        value.as_object().cloned().unwrap_or_else(|| {
            reader.mismatch(value, "a map");
            Self::new()
        })
    }
}

/// A value of any type, kept as it is.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
#[serde(transparent)]
pub struct Any(pub Value);

impl std::ops::Deref for Any {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.0
    }
}

impl Read for Any {
    fn read(value: &Value, _: &mut Reader) -> Self {
        Self(value.clone())
    }
}

impl Read for Value {
    fn read(value: &Value, reader: &mut Reader) -> Self {
        if !value.is_object() {
            reader.mismatch(value, "a map of fields");
        }
        value.clone()
    }
}

pub(crate) fn not_a_word(value: &Value, words: &[&str], reader: &mut Reader) {
    let Some(text) = value.as_str() else {
        reader.mismatch(value, &format!("one of {}", words.join(", ")));
        return;
    };
    let fix = match similar(text, words) {
        Some(word) => format!("did you mean {word}?"),
        None => format!("write one of {}", words.join(", ")),
    };
    reader.fault(format!("{text:?} is not a known value"), fix);
}
