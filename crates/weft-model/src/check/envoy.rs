//! Holds what EnvoyFilters write against the messages of Envoy's API.
//!
//! In: the name of a message, and JSON. Out: an error for what cannot be decoded, a warning for what Envoy does not know.
//! Holds: fields may be named as in the .proto files or as in JSON; a newer Envoy may know more than our table, so that
//! unknown fields, and types of unknown packages, are no errors.
//! Never: ranges of values; a proxy tells of those.

mod scalar;
mod table;

use serde_json::{Map, Value};
use weft_api::similar;

use super::Findings;
use super::findings::code;
use crate::Severity;
use table::{Field, Kind, Shape};

/// Messages whose content is free.
const FREE: &[&str] = &[
    "google.protobuf.Struct",
    "google.protobuf.Value",
    "google.protobuf.ListValue",
    "google.protobuf.Empty",
    "udpa.type.v1.TypedStruct",
    "xds.type.v3.TypedStruct",
];
const ANY: &str = "google.protobuf.Any";

/// Checks a value that stands for a message.
pub(crate) fn message(name: &str, value: &Value, findings: &mut Findings) {
    if FREE.contains(&name) {
        return;
    }
    if let Some(kind) = scalar::of_message(name) {
        scalar::check(&kind, value, findings);
        return;
    }
    let Some(object) = value.as_object() else {
        let fix = format!("write the fields of {name}");
        findings.error("is no map of fields", fix);
        return;
    };
    match name {
        ANY => any(object, findings),
        _ => fields(name, object, findings),
    }
}

fn fields(name: &str, object: &Map<String, Value>, findings: &mut Findings) {
    let Some(known) = table::message(name) else { return };
    for (key, inner) in object.iter().filter(|(key, _)| *key != "@type") {
        findings.within(key, |findings| match known.field(key) {
            Some(field) => self::field(&field, inner, findings),
            None => {
                let names: Vec<&str> = known.names().collect();
                let fix = match similar(key, &names) {
                    Some(name) => format!("did you mean `{name}`?"),
                    None => "look it up in Envoy's API".to_owned(),
                };
                let what = format!("{name} has no such field");
                findings.add(Severity::Warning, code::SUSPICIOUS, what, fix);
            }
        });
    }
    untyped(&known, object, findings);
}

/// Envoy looks extensions up by the type of their settings.
fn untyped(known: &table::Message, object: &Map<String, Value>, findings: &mut Findings) {
    let given = |names: [&str; 2]| names.iter().any(|name| object.contains_key(*name));
    let typed = known.field("typed_config").is_some();
    let discovered = given(["config_discovery", "configDiscovery"]);
    if typed && !discovered && !given(["typed_config", "typedConfig"]) {
        let what = "is missing, and Envoy finds no extension by its name alone";
        let fix = "add it with its @type, unless this is merged into one that has it";
        findings.warning_in("typed_config", code::SUSPICIOUS, what, fix);
    }
}

fn field(field: &Field<'_>, value: &Value, findings: &mut Findings) {
    match (field.shape, value) {
        (_, Value::Null) => {}
        (Shape::One, value) => one(&field.kind, value, findings),
        (Shape::Many, Value::Array(items)) => {
            findings.within_each(items, |item, findings| one(&field.kind, item, findings));
        }
        (Shape::Map, Value::Object(entries)) => {
            for (key, item) in entries {
                findings.within(key, |findings| one(&field.kind, item, findings));
            }
        }
        (Shape::Many, _) => findings.error("is no list", "write a list"),
        (Shape::Map, _) => findings.error("is no map", "write a map"),
    }
}

fn one(kind: &Kind<'_>, value: &Value, findings: &mut Findings) {
    match kind {
        Kind::Message(name) => message(name, value, findings),
        Kind::Scalar(scalar) => scalar::check(scalar, value, findings),
        Kind::Enum(name) => word(name, value, findings),
    }
}

fn word(name: &str, value: &Value, findings: &mut Findings) {
    let words = table::words(name);
    let known = match value {
        Value::String(text) => words.is_empty() || words.contains(&text.as_str()),
        other => other.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
    };
    if !known {
        let what = format!("{value} is no value of {name}");
        let suggested = value.as_str().and_then(|text| similar(text, &words));
        let fix = match suggested {
            Some(word) => format!("did you mean {word}?"),
            None => format!("use one of {}", words.join(", ")),
        };
        findings.error(what, fix);
    }
}

/// A message that says itself which one it is.
fn any(object: &Map<String, Value>, findings: &mut Findings) {
    let Some(url) = object.get("@type").and_then(Value::as_str) else {
        let fix = "write \"@type\": type.googleapis.com/ and the name of a message";
        findings.error_in("@type", "is missing", fix);
        return;
    };
    let name = url.rsplit('/').next().unwrap_or_default();
    if is_second(name) {
        let what = format!("{url} is of the second version of Envoy's API");
        findings.error_in("@type", what, "use the message of v3");
    } else if table::message(name).is_some() {
        fields(name, object, findings);
    } else if FREE.contains(&name) || scalar::of_message(name).is_some() {
        // Its content stands in `value`.
    } else if let Some(package) = package(name).filter(|package| table::has_package(package)) {
        let names = table::messages_of(package);
        let fix = match similar(name, &names) {
            Some(name) => format!("did you mean {name}?"),
            None => format!("{package} has {}", names.join(", ")),
        };
        findings.error_in("@type", format!("{name} is no message"), fix);
    } else {
        let what = format!("{name} is not known to this version of Weft");
        let fix = "check its name in Envoy's API";
        findings.warning_in("@type", code::SUSPICIOUS, what, fix);
    }
}

/// The part of a name before its message.
fn package(name: &str) -> Option<&str> {
    let upper = name.split('.').position(|part| part.starts_with(|c: char| c.is_ascii_uppercase()));
    let before = name.split('.').take(upper?).map(|part| part.len() + 1).sum::<usize>();
    name.get(..before.checked_sub(1)?)
}

/// Messages of Envoy's second API are gone from every proxy.
fn is_second(name: &str) -> bool {
    let old = |part: &str| matches!(part, "v2" | "v2alpha" | "v1alpha");
    name.starts_with("envoy.") && name.split('.').any(old)
}

#[cfg(test)]
mod tests;
