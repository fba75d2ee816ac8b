//! Holds a value that was read against the rules of its field.
//!
//! In: JSON of the right type. Out: issues. Never: CEL; those rules are code in `weft-model`.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::Reader;
use crate::describe::{Form, Rule, Shape};

pub(crate) fn keeps(value: &Value, rule: Rule, reader: &mut Reader) {
    match rule {
        Rule::Min(least) if value.as_f64().is_some_and(|n| n < whole(least)) => {
            reader.fault(format!("{value} is too small"), format!("use {least} or more"));
        }
        Rule::Max(most) if value.as_f64().is_some_and(|n| n > whole(most)) => {
            reader.fault(format!("{value} is too large"), format!("use {most} or less"));
        }
        Rule::MinLength(least) => at_least(value, least, reader),
        Rule::MaxLength(most) => at_most(value, most, reader),
        Rule::MinItems(least) if value.as_array().is_some_and(|list| list.len() < least) => {
            reader.fault("has too few entries", format!("use {least} or more"));
        }
        Rule::MaxItems(most) => few("entries", value.as_array().map(Vec::len), most, reader),
        Rule::MaxEntries(most) => few("entries", value.as_object().map(Map::len), most, reader),
        Rule::Keyed(names) => differ(value, |item| key(item, names), reader),
        Rule::Distinct => differ(value, Value::to_string, reader),
        Rule::ItemForm(form) => each(value, reader, |item, r| of_form(item, form, r)),
        Rule::Form(form) => of_form(value, form, reader),
        Rule::ItemMinLength(least) => each(value, reader, |item, r| at_least(item, least, r)),
        Rule::ItemMaxLength(most) => each(value, reader, |item, r| at_most(item, most, r)),
        Rule::Required | Rule::Min(_) | Rule::Max(_) | Rule::MinItems(_) => {}
        Rule::ZeroAllowed | Rule::Default(_) | Rule::Cel(..) => {}
    }
}

fn of_form(value: &Value, form: Form, reader: &mut Reader) {
    if !value.as_str().is_none_or(|text| form.fits(text)) {
        reader.fault(format!("{value} is not allowed here"), format!("use {}", form.words()));
    }
}

#[expect(clippy::cast_precision_loss, reason = "limits are far below 2^53")]
fn whole(number: i64) -> f64 {
    number as f64
}

fn each(value: &Value, reader: &mut Reader, check: impl Fn(&Value, &mut Reader)) {
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        reader.within(&index.to_string(), |reader| check(item, reader));
    }
}

/// What an entry of a list is told apart by.
fn key(item: &Value, names: &[&str]) -> String {
    let text = |name: &&str| item.get(*name).map_or_else(String::new, Value::to_string);
    names.iter().map(text).collect::<Vec<_>>().join(" ")
}

fn differ(list: &Value, key: impl Fn(&Value) -> String, reader: &mut Reader) {
    let mut seen = BTreeSet::new();
    for (index, item) in list.as_array().into_iter().flatten().enumerate() {
        let key = key(item);
        if seen.contains(&key) {
            let what = format!("{key} stands here twice");
            reader.within(&index.to_string(), |reader| reader.fault(what, "keep one of them"));
        }
        seen.insert(key);
    }
}

fn length(value: &Value) -> Option<usize> {
    value.as_str().map(|text| text.chars().count())
}

fn at_least(value: &Value, least: usize, reader: &mut Reader) {
    match length(value) {
        Some(0) if least > 0 => reader.fault("is empty", "write a value, or remove the field"),
        Some(length) if length < least => {
            reader.fault("is too short", format!("use {least} characters or more"));
        }
        _ => {}
    }
}

fn at_most(value: &Value, most: usize, reader: &mut Reader) {
    if let Some(length) = length(value).filter(|length| *length > most) {
        let what = format!("has {length} characters, which is too long");
        reader.fault(what, format!("use {most} or fewer"));
    }
}

fn few(of: &str, count: Option<usize>, most: usize, reader: &mut Reader) {
    if let Some(count) = count.filter(|count| *count > most) {
        reader
            .fault(format!("has {count} {of}, which is too many"), format!("use {most} or fewer"));
    }
}

/// Of fields that exclude each other one may be there.
pub(crate) fn shape(object: &Map<String, Value>, shape: Shape, reader: &mut Reader) {
    let Shape::OneOf(names) = shape else { return };
    let set = |name: &&&str| object.get(**name).is_some_and(|value| !value.is_null());
    let given: Vec<&str> = names.iter().filter(set).copied().collect();
    if given.len() > 1 {
        let (all, names) = (given.join(" and "), names.join(", "));
        reader.fault(format!("{all} exclude each other"), format!("keep one of {names}"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn faults(value: &Value, rule: Rule) -> Vec<String> {
        let mut reader = Reader::at("");
        keeps(value, rule, &mut reader);
        reader.into_issues().into_iter().map(|issue| issue.pointer).collect()
    }

    #[test]
    fn entries_of_a_list_differ_where_they_must() {
        let list = json!([{"name": "a", "x": 1}, {"name": "b"}, {"name": "a"}]);
        assert_eq!(faults(&list, Rule::Keyed(&["name"])), ["/2"]);
        assert!(faults(&list, Rule::Keyed(&["name", "x"])).is_empty());
        assert!(faults(&list, Rule::Distinct).is_empty());
        assert_eq!(faults(&json!([1, 2, 1, 1]), Rule::Distinct), ["/2", "/3"]);
    }

    #[test]
    fn each_entry_of_a_list_has_the_form() {
        assert_eq!(faults(&json!(["a", "B"]), Rule::ItemForm(Form::Label)), ["/1"]);
    }
}
