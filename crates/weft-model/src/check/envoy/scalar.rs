//! Values that are no messages, as JSON has them.

use serde_json::Value;

use crate::check::Findings;

/// A type of a single value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalar {
    Bool,
    Text,
    Bytes,
    Float,
    I32,
    U32,
    I64,
    U64,
    Duration,
}

impl Scalar {
    /// By its letter in the table.
    pub(super) fn of_letter(letter: &str) -> Option<Self> {
        Some(match letter {
            "b" => Self::Bool,
            "s" => Self::Text,
            "y" => Self::Bytes,
            "d" => Self::Float,
            "i" => Self::I32,
            "u" => Self::U32,
            "I" => Self::I64,
            "U" => Self::U64,
            _ => return None,
        })
    }

    fn words(self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Text => "a text",
            Self::Bytes => "a text in base64",
            Self::Float => "a number",
            Self::I32 => "a whole number from -2147483648 to 2147483647",
            Self::U32 => "a whole number from 0 to 4294967295",
            Self::I64 => "a whole number",
            Self::U64 => "a whole number of 0 or more",
            Self::Duration => "a duration such as 0.5s",
        }
    }
}

/// Messages that JSON writes as single values.
pub(super) fn of_message(name: &str) -> Option<Scalar> {
    Some(match name.strip_prefix("google.protobuf.")? {
        "BoolValue" => Scalar::Bool,
        "StringValue" | "Timestamp" | "FieldMask" => Scalar::Text,
        "BytesValue" => Scalar::Bytes,
        "DoubleValue" | "FloatValue" => Scalar::Float,
        "Int32Value" => Scalar::I32,
        "UInt32Value" => Scalar::U32,
        "Int64Value" => Scalar::I64,
        "UInt64Value" => Scalar::U64,
        "Duration" => Scalar::Duration,
        _ => return None,
    })
}

pub(super) fn check(scalar: &Scalar, value: &Value, findings: &mut Findings) {
    let fits = match scalar {
        Scalar::Bool => value.is_boolean(),
        Scalar::Text => value.is_string(),
        Scalar::Bytes => value.as_str().is_some_and(is_base64),
        Scalar::Float => value.is_number() || value.as_str().is_some_and(is_float),
        Scalar::I32 => whole(value).is_some_and(|number| i32::try_from(number).is_ok()),
        Scalar::U32 => whole(value).is_some_and(|number| u32::try_from(number).is_ok()),
        Scalar::I64 => whole(value).is_some_and(|number| i64::try_from(number).is_ok()),
        Scalar::U64 => whole(value).is_some_and(|number| u64::try_from(number).is_ok()),
        Scalar::Duration => value.as_str().is_some_and(is_duration),
    };
    if !fits {
        findings.error(
            format!("{value} is not {}", scalar.words()),
            format!("write {}", scalar.words()),
        );
    }
}

/// Whole numbers may be written as texts, and with a fraction of zero.
#[expect(clippy::cast_possible_truncation, reason = "whole numbers below 2^64 fit")]
fn whole(value: &Value) -> Option<i128> {
    const LARGEST: f64 = 18_446_744_073_709_551_616.0;
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.as_i128().or_else(|| {
            let float = number.as_f64()?;
            (float.fract() == 0.0 && float.abs() < LARGEST).then_some(float as i128)
        }),
        _ => None,
    }
}

fn is_float(text: &str) -> bool {
    matches!(text, "NaN" | "Infinity" | "-Infinity") || text.parse::<f64>().is_ok()
}

fn is_duration(text: &str) -> bool {
    weft_types::duration::parse(text.strip_prefix('-').unwrap_or(text)).is_ok()
}

fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    body.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/-_".contains(&b)) && body.len() % 4 != 1
}
