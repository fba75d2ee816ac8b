//! Reads JSON into types and collects every fault with its place.
//!
//! In: a JSON value. Out: a value of a type, and [`Issue`]s by JSON pointer.
//! Holds: reading never stops at a fault; what cannot be read is left at its default.
//! Never: gives a faulty object to anyone; callers look at the issues first.

use serde_json::{Map, Value};

use crate::describe::{Rule, Shape};
use crate::rules;

/// One thing that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// JSON pointer from the object down, e.g. `/spec/http/0/timeout`.
    pub pointer: String,
    /// True when the field is not one that the kind has.
    pub unknown: bool,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub fix: String,
}

/// A type that reads itself.
pub trait Read: Sized + Default {
    /// Reads; on a fault it notes an issue and returns the default.
    fn read(value: &Value, reader: &mut Reader) -> Self;

    /// True for a value that stands for a field that is not there.
    fn is_absent(&self) -> bool {
        false
    }
}

/// Where we are, and what was wrong so far.
#[derive(Debug, Default)]
pub struct Reader {
    pointer: String,
    issues: Vec<Issue>,
}

impl Reader {
    /// Starts at the place that `pointer` names, `""` for the whole object.
    #[must_use]
    pub fn at(pointer: &str) -> Self {
        Self { pointer: pointer.to_owned(), issues: Vec::new() }
    }

    /// Everything that was wrong.
    #[must_use]
    pub fn into_issues(self) -> Vec<Issue> {
        self.issues
    }

    /// Notes a fault of the value that is read now.
    pub fn fault(&mut self, what: impl Into<String>, fix: impl Into<String>) {
        let pointer = self.pointer.clone();
        self.issues.push(Issue { pointer, unknown: false, what: what.into(), fix: fix.into() });
    }

    /// Notes that the value has another type than `wanted`.
    pub fn mismatch(&mut self, value: &Value, wanted: &str) {
        self.fault(format!("is {}, not {wanted}", named(value)), format!("write {wanted}"));
    }

    /// Goes one level down for the time of `read`.
    pub fn within<T>(&mut self, step: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(&step.replace('~', "~0").replace('/', "~1"));
        let found = read(self);
        self.pointer.truncate(length);
        found
    }

    /// The object's fields, after noting those that are not `known`.
    pub fn object<'a>(
        &mut self,
        value: &'a Value,
        known: &[&str],
    ) -> Option<&'a Map<String, Value>> {
        let Some(object) = value.as_object() else {
            self.mismatch(value, "a map of fields");
            return None;
        };
        for key in object.keys().filter(|key| !known.contains(&key.as_str())) {
            self.within(key, |reader| reader.unknown(key, known));
        }
        Some(object)
    }

    /// Notes fields that exclude each other.
    pub fn shaped(&mut self, object: &Map<String, Value>, shapes: &[Shape]) {
        for shape in shapes {
            rules::shape(object, *shape, self);
        }
    }

    /// Reads one field that keeps to rules.
    pub fn ruled<T: Read>(&mut self, object: &Map<String, Value>, name: &str, rules: &[Rule]) -> T {
        let value = object.get(name).filter(|value| !value.is_null());
        if let Some(value) = value {
            let found = self.issues.len();
            let read = self.within(name, |reader| T::read(value, reader));
            if self.issues.len() == found {
                self.within(name, |reader| {
                    rules.iter().for_each(|r| rules::keeps(value, *r, reader))
                });
            }
            return read;
        }
        if rules.contains(&Rule::Required) {
            self.within(name, |reader| reader.fault("is missing", "add this field"));
        }
        T::default()
    }

    /// Reads one field; the default when it is absent or null.
    pub fn field<T: Read>(&mut self, object: &Map<String, Value>, name: &str) -> T {
        match object.get(name) {
            None | Some(Value::Null) => T::default(),
            Some(value) => self.within(name, |reader| T::read(value, reader)),
        }
    }

    fn unknown(&mut self, key: &str, known: &[&str]) {
        let fix = match similar(key, known) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("remove it; known fields are {}", known.join(", ")),
        };
        let pointer = self.pointer.clone();
        self.issues.push(Issue { pointer, unknown: true, what: "unknown field".into(), fix });
    }
}

fn named(value: &Value) -> String {
    match value {
        Value::Null => "empty".into(),
        Value::Bool(_) => "true or false".into(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the text {:?}", clip(text)),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "a map".into(),
    }
}

fn clip(text: &str) -> String {
    if text.chars().count() <= 60 {
        return text.to_owned();
    }
    text.chars().take(57).chain("...".chars()).collect()
}

/// The name that was probably meant; see [`weft_types::similar`].
#[must_use]
pub fn similar<'a>(text: &str, names: &[&'a str]) -> Option<&'a str> {
    weft_types::similar(text, names.iter().copied())
}

/// Defines a struct that reads, writes and describes itself: doc comment, JSON name, field, type, and the rules of the field.
macro_rules! record {
    (
        $(#[doc = $doc:literal])*
        $name:ident {
            $($(#[doc = $field_doc:literal])* $json:literal $field:ident: $type:ty $(= [$($rule:expr),* $(,)?])?),* $(,)?
        } $(where [$($shape:expr),* $(,)?])?
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Default, PartialEq)]
        pub struct $name {
            $(
                $(#[doc = $field_doc])*
                #[doc = concat!("\n`", $json, "`")]
                pub $field: $type,
            )*
        }
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                #[allow(unused_imports, reason = "records without rules do not name any")]
                use $crate::describe::Rule::*;
                #[allow(unused_mut, reason = "a record may have no fields")]
                let mut map = serializer.serialize_map(None)?;
                $(
                    let rules: &[$crate::describe::Rule] = &[$($($rule),*)?];
                    if $crate::leaf::is_written(&self.$field, rules) {
                        serde::ser::SerializeMap::serialize_entry(&mut map, $json, &self.$field)?;
                    }
                )*
                serde::ser::SerializeMap::end(map)
            }
        }
        impl $crate::Read for $name {
            fn read(value: &serde_json::Value, reader: &mut $crate::Reader) -> Self {
                #[allow(unused_imports, reason = "records without rules do not name any")]
                use $crate::describe::{Rule::*, Shape::*};
                let Some(object) = reader.object(value, &[$($json),*]) else {
                    return Self::default();
                };
                reader.shaped(object, &[$($($shape),*)?]);
                Self { $($field: reader.ruled(object, $json, &[$($($rule),*)?])),* }
            }
        }
        impl $crate::Describe for $name {
            fn describe() -> serde_json::Value {
                #[allow(unused_imports, reason = "records without rules do not name any")]
                use $crate::describe::{Property, Rule::*, Shape::*};
                let properties = vec![$(Property {
                    name: $json,
                    doc: &[$($field_doc),*],
                    schema: <$type as $crate::Describe>::describe(),
                    rules: &[$($($rule),*)?],
                }),*];
                $crate::describe::record(&[$($doc),*], properties, &[$($($shape),*)?])
            }
        }
    };
}
pub(crate) use record;

/// Defines an enum of words; the first one is the default.
macro_rules! words {
    (
        $(#[doc = $doc:literal])*
        $name:ident {
            $(#[doc = $first_doc:literal])* $first:ident = $first_word:literal
            $(, $(#[doc = $word_doc:literal])* $variant:ident = $word:literal)* $(,)?
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
        pub enum $name {
            #[default]
            $(#[doc = $first_doc])*
            #[doc = concat!("\n`", $first_word, "`")]
            #[serde(rename = $first_word)]
            $first,
            $(
                $(#[doc = $word_doc])*
                #[doc = concat!("\n`", $word, "`")]
                #[serde(rename = $word)]
                $variant,
            )*
        }
        impl $name {
            /// The word as users write it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { Self::$first => $first_word, $(Self::$variant => $word,)* }
            }
        }
        impl $crate::Read for $name {
            fn read(value: &serde_json::Value, reader: &mut $crate::Reader) -> Self {
                match value.as_str() {
                    Some($first_word) => Self::$first,
                    $(Some($word) => Self::$variant,)*
                    _ => {
                        $crate::leaf::not_a_word(value, &[$first_word $(, $word)*], reader);
                        Self::default()
                    }
                }
            }
        }
        impl $crate::Describe for $name {
            fn describe() -> serde_json::Value {
                serde_json::json!({"type": "string", "enum": [$first_word $(, $word)*]})
            }
        }
    };
}
pub(crate) use words;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_recognised() {
        let names = ["perTryTimeout", "attempts", "retryOn"];
        assert_eq!(similar("pertrytimeout", &names), Some("perTryTimeout"));
        assert_eq!(similar("attemps", &names), Some("attempts"));
        assert_eq!(similar("weight", &names), None);
    }
}
