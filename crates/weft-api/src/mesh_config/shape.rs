//! The form of a configuration type, as a value: what reading leniently, listing every field, and printing docs need.
//!
//! In: the same lines that define the types. Out: [`Shape`], which cannot differ from them.
//! Holds: a shape is a constant; no type contains itself.
//! Why beside [`Read`]: protobuf's JSON knows other spellings (snake_case, numbers of enums), which only a form can tell.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{Describe, Read, Reader, Span};

/// What a value looks like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// Anything.
    Any,
    /// True or false.
    Truth,
    /// A text.
    Text,
    /// A whole number.
    Whole,
    /// A number with a fraction.
    Number,
    /// A length of time.
    Time,
    /// One of some words.
    Words(&'static [Word]),
    /// A list of one form.
    List(&'static Shape),
    /// A map with keys of the user's choice.
    Map(&'static Shape),
    /// A map with these fields.
    Record(&'static [Field]),
}

/// A word of an enum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    /// As users write it.
    pub name: &'static str,
    /// As protobuf counts it.
    pub number: i32,
    /// What it means.
    pub doc: &'static str,
}

/// A field of a record.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Field {
    /// As users write it.
    pub name: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// What its value looks like.
    pub shape: &'static Shape,
}

/// A type whose form is known.
pub trait Shaped {
    /// The form.
    const SHAPE: &'static Shape;
}

macro_rules! leaves {
    ($($type:ty = $shape:ident),* $(,)?) => {
        $(impl Shaped for $type { const SHAPE: &'static Shape = &Shape::$shape; })*
    };
}
leaves! {
    bool = Truth, String = Text, i32 = Whole, i64 = Whole, u32 = Whole, f64 = Number,
    Span = Time, Time = Time, Value = Any, crate::Any = Any,
}

impl<T: Shaped> Shaped for Option<T> {
    const SHAPE: &'static Shape = T::SHAPE;
}

impl<T: Shaped> Shaped for Vec<T> {
    const SHAPE: &'static Shape = &Shape::List(T::SHAPE);
}

impl<T: Shaped> Shaped for BTreeMap<String, T> {
    const SHAPE: &'static Shape = &Shape::Map(T::SHAPE);
}

/// A length of time that may be below zero, since rules differ in whether they allow that.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time {
    /// In nanoseconds.
    pub nanos: i64,
}

impl Time {
    /// The length; zero for what is below it.
    #[must_use]
    pub fn duration(self) -> std::time::Duration {
        std::time::Duration::from_nanos(u64::try_from(self.nanos).unwrap_or(0))
    }
}

impl Read for Time {
    fn read(value: &Value, reader: &mut Reader) -> Self {
        let Some(text) = value.as_str() else {
            reader.mismatch(value, "a duration such as 10s");
            return Self::default();
        };
        let (sign, length) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
        let nanos = weft_types::duration::parse(length).map(|length| length.as_nanos());
        match nanos.map(i64::try_from) {
            Ok(Ok(nanos)) => Self { nanos: sign * nanos },
            Ok(Err(_)) => {
                reader.fault(format!("{text:?} is too long"), "write less than 290 years");
                Self::default()
            }
            Err(error) => {
                reader.fault(error.to_string(), "write a number and a unit, such as 250ms or 10s");
                Self::default()
            }
        }
    }
}

impl serde::Serialize for Time {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let sign = if self.nanos < 0 { "-" } else { "" };
        let length = std::time::Duration::from_nanos(self.nanos.unsigned_abs());
        serializer.collect_str(&format_args!("{sign}{}", weft_types::duration::Text(length)))
    }
}

impl Describe for Time {
    fn describe() -> Value {
        json!({"type": "string"})
    }
}

/// A message without fields: that it is there says it all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Empty;

impl serde::Serialize for Empty {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde::ser::SerializeMap::end(serializer.serialize_map(Some(0))?)
    }
}

impl Describe for Empty {
    fn describe() -> Value {
        json!({"type": "object"})
    }
}

impl Read for Empty {
    fn read(value: &Value, reader: &mut Reader) -> Self {
        reader.object(value, &[]);
        Self
    }
}

impl Shaped for Empty {
    const SHAPE: &'static Shape = &Shape::Record(&[]);
}

/// A `record!` whose form is known.
macro_rules! mesh_record {
    ($(#[doc = $about:literal])* $name:ident {
        $($(#[doc = $doc:literal])+ $json:literal $field:ident: $type:ty),* $(,)?
    }) => {
        $crate::read::record! {
            $(#[doc = $about])*
            $name { $($(#[doc = $doc])+ $json $field: $type),* }
        }
        impl $crate::mesh_config::Shaped for $name {
            const SHAPE: &'static $crate::mesh_config::Shape =
                &$crate::mesh_config::Shape::Record(&[$($crate::mesh_config::Field {
                    name: $json,
                    doc: concat!($($doc, "\n"),+),
                    shape: <$type as $crate::mesh_config::Shaped>::SHAPE,
                }),*]);
        }
    };
}
pub(crate) use mesh_record;

/// `words!` whose numbers and meanings are known.
macro_rules! mesh_words {
    ($(#[doc = $about:literal])* $name:ident {
        $($(#[doc = $doc:literal])+ $variant:ident = $word:literal $number:literal),* $(,)?
    }) => {
        $crate::read::words! {
            $(#[doc = $about])* $name { $($(#[doc = $doc])+ $variant = $word),* }
        }
        impl $crate::mesh_config::Shaped for $name {
            const SHAPE: &'static $crate::mesh_config::Shape =
                &$crate::mesh_config::Shape::Words(&[$($crate::mesh_config::Word {
                    name: $word,
                    number: $number,
                    doc: concat!($($doc, "\n"),+),
                }),*]);
        }
    };
}
pub(crate) use mesh_words;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_keeps_its_sign() {
        let mut reader = Reader::default();
        assert_eq!(Time::read(&json!("-1.5s"), &mut reader).nanos, -1_500_000_000);
        assert_eq!(Time::read(&json!("1m"), &mut reader).nanos, 60_000_000_000);
        assert!(reader.into_issues().is_empty());
        for wrong in [json!("5"), json!(5), json!("--5s"), json!("-"), json!("9999999h")] {
            let mut reader = Reader::default();
            assert_eq!(Time::read(&wrong, &mut reader), Time::default());
            assert_eq!(reader.into_issues().len(), 1, "{wrong}");
        }
    }
}
