//! Rules of a VirtualService that no request reaches, and matches that an earlier rule took.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde_json::Value;

use super::match_overlap;
use crate::code;
use crate::report::Report;
use crate::view::{Json, Object};

/// Tells of a VirtualService's rules.
pub(super) fn look(service: &Object<'_>, report: &mut Report) {
    for section in ["http", "tcp", "tls"] {
        duplicates(service, section, report);
    }
    match_overlap::look(service, report);
}

fn duplicates(service: &Object<'_>, section: &'static str, report: &mut Report) {
    let rules = service.spec().list(section);
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut catch_all = None;
    for (at, rule) in rules.iter().enumerate() {
        let matches = rule.list("match");
        if let Some(first) = catch_all {
            let why = format!("rule {} takes every request", name(rules, first));
            unreachable(service, section, at, &why, report);
        } else if matches.is_empty() {
            catch_all = Some(at);
        } else if repeated(service, (section, at), &mut seen, report) == matches.len() {
            unreachable(service, section, at, "earlier rules have all its matches", report);
        }
    }
}

/// Tells of the matches of a rule that were seen before, and counts them.
fn repeated(
    service: &Object<'_>,
    (section, at): (&str, usize),
    seen: &mut HashMap<String, usize>,
    report: &mut Report,
) -> usize {
    let rules = service.spec().list(section);
    let matches = rules.get(at).map_or(&[][..], |rule| rule.list("match"));
    let mut count = 0;
    for (index, request) in matches.iter().enumerate() {
        match seen.entry(without_name(request)) {
            Entry::Vacant(place) => _ = place.insert(at),
            Entry::Occupied(first) => {
                count += 1;
                let (own, first) = (request_name(request, index), name(rules, *first.get()));
                let what = format!("match {own} is the same as one of rule {first}");
                let field = format!("/spec/{section}/{at}/match/{index}");
                report.add(code::IST0131, service, field, what, "remove it");
            }
        }
    }
    count
}

fn unreachable(service: &Object<'_>, section: &str, at: usize, why: &str, report: &mut Report) {
    let name = name(service.spec().list(section), at);
    let what = format!("no request reaches rule {name}: {why}");
    let field = format!("/spec/{section}/{at}");
    report.add_once(code::IST0130, service, field, what, "put it before that rule, or remove it");
}

/// A rule's own name, or its place.
pub(super) fn name(rules: &[Value], at: usize) -> String {
    match rules.get(at).map(|rule| rule.text("name")) {
        Some(name) if !name.is_empty() => format!("`{name}`"),
        _ => format!("#{at}"),
    }
}

/// A match's own name, or its place.
pub(super) fn request_name(request: &Value, at: usize) -> String {
    match request.text("name") {
        "" => format!("#{at}"),
        name => format!("`{name}`"),
    }
}

/// What a match asks for, as text that is equal for equal matches.
pub(super) fn without_name(request: &Value) -> String {
    let mut request = request.clone();
    if let Some(fields) = request.as_object_mut() {
        fields.remove("name");
    }
    request.to_string()
}
