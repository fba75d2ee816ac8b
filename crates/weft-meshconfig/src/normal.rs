//! Reads what protobuf's JSON allows besides the usual spelling: snake_case names, numbers in quotes, numbers of enums.
//!
//! In: JSON and the shape that it is to have. Out: the same in the usual spelling, and a value when it can be read.
//! Holds: what cannot be understood is left as it is, so that the reader tells of it; depth is that of the shape.

use serde_json::{Map, Value};
use weft_api::mesh_config::{Field, Shape, Shaped, Word};
use weft_api::{Read, Reader};
use weft_model::Severity;

use crate::report::Report;

/// Reads a value of a type. The JSON that comes back is in the usual spelling and without what could not be read.
pub(crate) fn read<T: Read + Shaped>(
    value: &Value,
    unknown: Severity,
    report: &mut Report,
) -> (T, Value) {
    let mut plain = normal(value, T::SHAPE, report);
    let base = report.pointer().to_owned();
    let mut reader = Reader::at(&base);
    let found = T::read(&plain, &mut reader);
    let issues = reader.into_issues();
    for issue in &issues {
        take_out(&mut plain, issue.pointer.strip_prefix(&base).unwrap_or_default());
    }
    report.unreadable(issues, unknown);
    (found, plain)
}

fn take_out(value: &mut Value, pointer: &str) {
    let Some((around, last)) = pointer.rsplit_once('/') else {
        *value = Value::Object(Map::new());
        return;
    };
    match value.pointer_mut(around) {
        Some(Value::Object(fields)) => {
            drop(fields.remove(&last.replace("~1", "/").replace("~0", "~")))
        }
        Some(Value::Array(items)) => {
            if let Some(item) = last.parse().ok().and_then(|index: usize| items.get_mut(index)) {
                *item = Value::Null;
            }
        }
        Some(_) | None => {}
    }
}

fn normal(value: &Value, shape: &Shape, report: &mut Report) -> Value {
    match (shape, value) {
        (Shape::Record(fields), Value::Object(given)) => record(given, fields, report),
        (Shape::Map(item), Value::Object(given)) => {
            let each = given.iter().map(|(key, value)| {
                (key.clone(), report.within(key, |report| normal(value, item, report)))
            });
            Value::Object(each.collect())
        }
        (Shape::List(item), Value::Array(given)) => {
            let each = given.iter().enumerate().map(|(index, value)| {
                report.within(&index.to_string(), |report| normal(value, item, report))
            });
            Value::Array(each.collect())
        }
        (Shape::Words(words), Value::Number(number)) => word(words, number.as_i64(), value),
        (Shape::Whole, Value::String(text)) => text.parse().map_or(value.clone(), number),
        (Shape::Whole, Value::Number(given)) => given.as_f64().map_or(value.clone(), |float| {
            if given.is_f64() && float.fract() == 0.0 && float.abs() < 1e15 {
                #[expect(clippy::cast_possible_truncation, reason = "a whole number below 1e15")]
                return number(float as i64);
            }
            value.clone()
        }),
        (Shape::Number, Value::String(text)) => text
            .parse::<f64>()
            .ok()
            .and_then(serde_json::Number::from_f64)
            .map_or(value.clone(), Value::Number),
        _ => value.clone(),
    }
}

fn number(number: i64) -> Value {
    Value::from(number)
}

fn record(given: &Map<String, Value>, fields: &[Field], report: &mut Report) -> Value {
    let mut found = Map::new();
    for (key, value) in given {
        let name = camel(key);
        let known = |name: &str| fields.iter().find(|field| field.name == name);
        // The usual name wins when both are given.
        let (name, field) = match known(key) {
            Some(field) => (key.clone(), Some(field)),
            None if !given.contains_key(&name) => match known(&name) {
                Some(field) => (name, Some(field)),
                None => (key.clone(), None),
            },
            None => (key.clone(), None),
        };
        let value = match field {
            Some(field) => report.within(&name, |report| normal(value, field.shape, report)),
            None => value.clone(),
        };
        if !value.is_null() {
            found.insert(name, value);
        }
    }
    Value::Object(found)
}

/// The name that protobuf's JSON gives to a field.
fn camel(name: &str) -> String {
    let mut up = false;
    let mut found = String::with_capacity(name.len());
    for c in name.chars() {
        if c == '_' {
            up = true;
        } else {
            found.push(if up { c.to_ascii_uppercase() } else { c });
            up = false;
        }
    }
    found
}

/// The word that protobuf counts so; another number stays, and the reader tells of it.
fn word(words: &[Word], number: Option<i64>, value: &Value) -> Value {
    let known = words.iter().find(|word| Some(i64::from(word.number)) == number);
    known.map_or(value.clone(), |word| Value::String(word.name.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use weft_api::mesh_config::MeshConfig;
    use weft_model::ObjectRef;

    use super::*;

    #[track_caller]
    fn check(given: &Value, plain: &Value, problems: usize) {
        let mut report = Report::new(ObjectRef::default(), "");
        let (_, found) = read::<MeshConfig>(given, Severity::Warning, &mut report);
        assert_eq!(&found, plain);
        assert_eq!(report.into_problems().len(), problems);
    }

    #[test]
    fn spellings_of_protobuf_become_the_usual_one() {
        let given = json!({
            "access_log_file": "/dev/stdout",
            "accessLogEncoding": 1,
            "tlsDefaults": {"min_protocol_version": 4},
            "defaultConfig": {
                "concurrency": "3", "proxyAdminPort": 15001.0, "proxy_metadata": {"A_B": "c_d"},
                "tracing": {"sampling": "2.5"},
            },
            "extensionProviders": [{"name": "z", "zipkin": {"enable_64bit_trace_id": true}}],
        });
        let plain = json!({
            "accessLogFile": "/dev/stdout",
            "accessLogEncoding": "JSON",
            "tlsDefaults": {"minProtocolVersion": "TLSV1_3"},
            "defaultConfig": {
                "concurrency": 3, "proxyAdminPort": 15001, "proxyMetadata": {"A_B": "c_d"},
                "tracing": {"sampling": 2.5},
            },
            "extensionProviders": [{"name": "z", "zipkin": {"enable64bitTraceId": true}}],
        });
        check(&given, &plain, 0);
    }

    #[test]
    fn what_cannot_be_read_is_told_and_taken_out() {
        let given = json!({
            "accessLogFil": "x", "trustDomain": 5, "accessLogEncoding": 7, "rootNamespace": null,
            "trustDomainAliases": ["a", 1], "ca/x": 1,
        });
        check(&given, &json!({"trustDomainAliases": ["a", null]}), 5);
        check(&json!(["no"]), &json!({}), 1);
    }
}
