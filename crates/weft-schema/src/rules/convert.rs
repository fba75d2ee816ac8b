//! JSON values as rules see them.
//!
//! Holds: fields are seen under their escaped names, keys of free maps as they are; formats become times and durations.

use std::collections::HashMap;

use cel::Value as Cel;
use serde_json::Value;

use crate::format::nanoseconds;
use crate::node::{Kind, Node, Step};

/// The value at a place of the schema.
pub(super) fn value(node: Option<&Node>, json: &Value) -> Cel {
    match json {
        Value::Null => Cel::Null,
        Value::Bool(value) => Cel::Bool(*value),
        Value::Number(number) => number_of(node, number),
        Value::String(text) => text_of(node, text),
        Value::Array(items) => {
            let next = node.and_then(|node| node.items.as_deref());
            Cel::from(items.iter().map(|item| value(next, item)).collect::<Vec<_>>())
        }
        Value::Object(fields) => Cel::from(
            fields
                .iter()
                .filter_map(|(name, inner)| entry(node, name, inner))
                .collect::<HashMap<String, Cel>>(),
        ),
    }
}

fn entry(node: Option<&Node>, name: &str, inner: &Value) -> Option<(String, Cel)> {
    let Some(node) = node else { return Some((name.to_owned(), value(None, inner))) };
    if node.resource && name == "metadata" {
        return Some((name.to_owned(), metadata(inner)));
    }
    match node.field(name) {
        // Rules see no difference between empty and missing.
        Step::Node(_) if inner.is_null() => None,
        Step::Node(next) if node.fields.contains_key(name) => {
            Some((escaped(name), value(Some(next), inner)))
        }
        Step::Node(next) => Some((name.to_owned(), value(Some(next), inner))),
        Step::Free => Some((escaped(name), value(None, inner))),
        Step::Unknown => None,
    }
}

/// Of the server's own part rules see the names alone.
fn metadata(metadata: &Value) -> Cel {
    let seen = ["name", "generateName"]
        .into_iter()
        .filter_map(|name| metadata.get(name).map(|inner| (name.to_owned(), value(None, inner))));
    Cel::from(seen.collect::<HashMap<String, Cel>>())
}

fn number_of(node: Option<&Node>, number: &serde_json::Number) -> Cel {
    let float = || Cel::Float(number.as_f64().unwrap_or(f64::NAN));
    if node.is_some_and(|node| node.kind == Kind::Number) {
        return float();
    }
    let whole = node.is_some_and(|node| matches!(node.kind, Kind::Integer | Kind::IntOrText));
    match (number.as_i64(), number.as_f64()) {
        (Some(whole), _) => Cel::Int(whole),
        #[expect(clippy::cast_possible_truncation, reason = "the guard asks for the range")]
        (None, Some(large)) if whole && large.abs() < 9.0e18 => Cel::Int(large as i64),
        _ => float(),
    }
}

fn text_of(node: Option<&Node>, text: &str) -> Cel {
    let format = node.filter(|n| n.kind == Kind::Text).and_then(|n| n.limits.format.as_deref());
    let read = match format {
        Some("duration") => {
            nanoseconds(text).map(|n| Cel::Duration(chrono::Duration::nanoseconds(n)))
        }
        Some("date-time" | "datetime") => {
            chrono::DateTime::parse_from_rfc3339(text).ok().map(Cel::Timestamp)
        }
        _ => None,
    };
    read.unwrap_or_else(|| Cel::from(text))
}

const KEYWORDS: [&str; 18] = [
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
];
const MARKS: [(&str, &str); 4] =
    [("__", "__underscores__"), (".", "__dot__"), ("-", "__dash__"), ("/", "__slash__")];

/// A field's name as rules write it.
fn escaped(name: &str) -> String {
    if KEYWORDS.contains(&name) {
        return format!("__{name}__");
    }
    MARKS.iter().fold(name.to_owned(), |name, (mark, word)| name.replace(mark, word))
}

/// The name of a field that a rule wrote.
pub(super) fn unescaped(name: &str) -> String {
    let keyword = name.strip_prefix("__").and_then(|name| name.strip_suffix("__"));
    if let Some(keyword) = keyword.filter(|k| KEYWORDS.contains(k)) {
        return keyword.to_owned();
    }
    MARKS.iter().rev().fold(name.to_owned(), |name, (mark, word)| name.replace(word, mark))
}
