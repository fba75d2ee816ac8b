//! Enumerations, bounds, lengths, patterns, required fields, alternatives.

use serde_json::{Map, Number, Value};

use super::Found;
use crate::name::{clip, in_words, listed, step};
use crate::node::{Limits, Span};
use crate::{Fault, Reason, format};
use weft_types::similar;

pub(super) fn check(found: &mut Found, limits: &Limits, value: &Value, pointer: &str) {
    if let Some(kind) = limits.kind.filter(|kind| !kind.takes(value)) {
        let wanted = kind.in_words();
        let what = format!("is {}, not {wanted}", in_words(value));
        found.add(pointer, Reason::Type, what, &format!("write {wanted}"));
    }
    if let Some(choices) = limits.choices.as_ref().filter(|choices| !choices.contains(value)) {
        let (what, fix) = not_chosen(value, choices);
        found.add(pointer, Reason::NotSupported, what, &fix);
    }
    match value {
        Value::Number(number) => numbers(found, limits, number, pointer),
        Value::String(text) => texts(found, limits, text, pointer),
        Value::Array(items) => {
            count(found, limits.items_count, items.len(), "elements", pointer);
            for (at, item) in items.iter().enumerate() {
                nested(found, limits.items.as_deref(), item, &format!("{pointer}/{at}"));
            }
        }
        Value::Object(fields) => objects(found, limits, fields, pointer),
        Value::Null | Value::Bool(_) => {}
    }
    alternatives(found, limits, value, pointer);
}

fn nested(found: &mut Found, limits: Option<&Limits>, value: &Value, pointer: &str) {
    if let Some(limits) = limits {
        check(found, limits, value, pointer);
    }
}

fn not_chosen(value: &Value, choices: &[Value]) -> (String, String) {
    let words: Vec<String> =
        choices.iter().map(|c| c.as_str().map_or_else(|| c.to_string(), str::to_owned)).collect();
    let names = || words.iter().map(String::as_str);
    let fix = match value.as_str().and_then(|text| similar(text, names())) {
        Some(near) => format!("did you mean `{near}`? Possible are {}", listed(names(), 20)),
        None => format!("write one of {}", listed(names(), 20)),
    };
    (format!("is {}, which is not possible here", in_words(value)), fix)
}

fn numbers(found: &mut Found, limits: &Limits, number: &Number, pointer: &str) {
    if let Some((least, excluded)) = &limits.least
        && (below(number, least) || (*excluded && same(number, least)))
    {
        let fix = if *excluded { "write a number above" } else { "write at least" };
        let (what, fix) = (format!("is {number}, too small"), format!("{fix} {least}"));
        found.add(pointer, Reason::Invalid, what, &fix);
    }
    if let Some((most, excluded)) = &limits.most
        && (below(most, number) || (*excluded && same(number, most)))
    {
        let fix = if *excluded { "write a number below" } else { "write at most" };
        let (what, fix) = (format!("is {number}, too large"), format!("{fix} {most}"));
        found.add(pointer, Reason::Invalid, what, &fix);
    }
    kinds_of_numbers(found, limits, number, pointer);
}

/// Multiples and ranges of formats.
fn kinds_of_numbers(found: &mut Found, limits: &Limits, number: &Number, pointer: &str) {
    if let Some(multiple) = limits.multiple.as_ref().filter(|step| !divides(step, number)) {
        let what = format!("is {number}, not a multiple of {multiple}");
        found.add(pointer, Reason::Invalid, what, &format!("write a multiple of {multiple}"));
    }
    let Some(format) = limits.format.as_deref() else { return };
    let Some((least, most)) = format::range(format) else { return };
    if !(least..=most).contains(&number.as_f64().unwrap_or(f64::NAN)) {
        let what = format!("is {number}, outside of {format}");
        let fix = format!("write a number from {least} to {most}");
        found.add(pointer, Reason::Invalid, what, &fix);
    }
}

/// Compared as whole numbers where both are, so that large ones stay exact.
fn order(left: &Number, right: &Number) -> Option<std::cmp::Ordering> {
    match (left.as_i64(), right.as_i64()) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}

fn below(left: &Number, right: &Number) -> bool {
    order(left, right).is_some_and(std::cmp::Ordering::is_lt)
}

fn same(left: &Number, right: &Number) -> bool {
    order(left, right).is_some_and(std::cmp::Ordering::is_eq)
}

fn divides(step: &Number, number: &Number) -> bool {
    match (step.as_i64(), number.as_i64()) {
        (Some(step), Some(number)) => step == 0 || number % step == 0,
        _ => {
            let times = number.as_f64().unwrap_or(0.0) / step.as_f64().unwrap_or(1.0);
            (times - times.round()).abs() < 1e-9
        }
    }
}

fn texts(found: &mut Found, limits: &Limits, text: &str, pointer: &str) {
    count(found, limits.length, text.chars().count(), "characters", pointer);
    if let Some(pattern) = limits.pattern.as_ref().filter(|pattern| !pattern.is_match(text)) {
        let what = format!("is the text {:?}, which does not fit the pattern", clip(text));
        found.add(
            pointer,
            Reason::Invalid,
            what,
            &format!("write a text that fits {}", pattern.as_str()),
        );
    }
    if let Some(wanted) = limits.format.as_deref().and_then(|name| format::misses(name, text)) {
        let what = format!("is the text {:?}, not {wanted}", clip(text));
        found.add(pointer, Reason::Invalid, what, &format!("write {wanted}"));
    }
}

fn count(found: &mut Found, span: Span, count: usize, noun: &str, pointer: &str) {
    if let Some(least) = span.least.filter(|least| count < *least) {
        let what = format!("has {count} {noun}, too few");
        found.add(pointer, Reason::Invalid, what, &format!("write at least {least}"));
    }
    if let Some(most) = span.most.filter(|most| count > *most) {
        let what = format!("has {count} {noun}, too many");
        found.add(pointer, Reason::Invalid, what, &format!("write at most {most}"));
    }
}

fn objects(found: &mut Found, limits: &Limits, fields: &Map<String, Value>, pointer: &str) {
    for name in limits.required.iter().filter(|name| !fields.contains_key(*name)) {
        let (at, what) = (format!("{pointer}{}", step(name)), "is missing".to_owned());
        found.add(&at, Reason::Required, what, "set it");
    }
    count(found, limits.fields_count, fields.len(), "fields", pointer);
    for (name, limits) in &limits.fields {
        if let Some(inner) = fields.get(name) {
            check(found, limits, inner, &format!("{pointer}{}", step(name)));
        }
    }
}

fn alternatives(found: &mut Found, limits: &Limits, value: &Value, pointer: &str) {
    for all in &limits.all_of {
        check(found, all, value, pointer);
    }
    if !limits.any_of.is_empty() && !limits.any_of.iter().any(|one| fits(one, value)) {
        let what = "fits none of the alternatives".to_owned();
        found.add(pointer, Reason::Invalid, what, &advice(&limits.any_of, value));
    }
    let fitting = limits.one_of.iter().filter(|one| fits(one, value)).count();
    if !limits.one_of.is_empty() && fitting != 1 {
        let (what, fix) = not_one(limits, value, fitting);
        found.add(pointer, Reason::Invalid, what, &fix);
    }
    if limits.not.as_ref().is_some_and(|not| fits(not, value)) {
        let named = limits.not.as_deref().map(required_names).unwrap_or_default();
        let fix = match named.is_empty() {
            true => "change it so that it does not fit what is excluded".to_owned(),
            false => format!("leave out {}", listed(named.into_iter(), 12)),
        };
        found.add(pointer, Reason::Forbidden, "is what must not be here".to_owned(), &fix);
    }
}

fn fits(limits: &Limits, value: &Value) -> bool {
    faults(limits, value).is_empty()
}

fn faults(limits: &Limits, value: &Value) -> Vec<Fault> {
    let mut found = Found::default();
    check(&mut found, limits, value, "");
    found.faults
}

/// What is wrong when not exactly one alternative fits: most often fields that exclude each other.
fn not_one(limits: &Limits, value: &Value, fitting: usize) -> (String, String) {
    let names: Vec<&str> = limits.one_of.iter().flat_map(required_names).collect();
    let mut set: Vec<&str> =
        names.iter().copied().filter(|name| value.get(name).is_some()).collect();
    set.sort_unstable();
    set.dedup();
    if set.len() > 1 {
        let what = format!("sets {}, which exclude each other", listed(set.into_iter(), 12));
        return (what, "keep one of them".to_owned());
    }
    if fitting == 0 {
        return ("fits none of the alternatives".to_owned(), advice(&limits.one_of, value));
    }
    (format!("fits {fitting} alternatives, of which only one may fit"), "decide for one".to_owned())
}

/// The first thing that each alternative misses.
fn advice(alternatives: &[Limits], value: &Value) -> String {
    let one = |limits: &Limits| {
        let fault = faults(limits, value).into_iter().next()?;
        Some(match (fault.reason, fault.pointer.rsplit('/').next()) {
            (Reason::Required, Some(name)) => format!("set `{name}`"),
            _ => fault.fix,
        })
    };
    let mut ways: Vec<String> = alternatives.iter().filter_map(one).collect();
    ways.dedup();
    ways.join(", or ")
}

fn required_names(limits: &Limits) -> Vec<&str> {
    let own = limits.required.iter().map(String::as_str);
    let below = limits.any_of.iter().chain(&limits.all_of).chain(limits.not.as_deref());
    own.chain(below.flat_map(required_names)).collect()
}
