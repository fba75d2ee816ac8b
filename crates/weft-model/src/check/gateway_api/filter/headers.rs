//! Rules of changes to header fields.

use std::collections::BTreeMap;

use weft_api::describe::Form;
use weft_api::gateway_api::HeaderModifier;

use crate::check::Findings;
use crate::check::findings::code;

/// Each field is changed in one way: of several only the first counts.
pub(super) fn check(modifier: &HeaderModifier, findings: &mut Findings) {
    let HeaderModifier { set, add, remove } = modifier;
    let mut seen = BTreeMap::new();
    let mut note = |list: &'static str, name: &str, findings: &mut Findings| {
        if let Some(other) = seen.insert(name.to_ascii_lowercase(), list) {
            let what = format!("{name:?} is changed twice (see {other})");
            findings.add(
                crate::Severity::Warning,
                code::SUSPICIOUS,
                what,
                "change each field once",
            );
        }
    };
    for (list, headers) in [("set", set), ("add", add)] {
        findings.each(list, headers, |header, findings| {
            note(list, &header.name, findings);
            value(&header.value, findings);
        });
    }
    findings.each("remove", remove, |name, findings| {
        note("remove", name, findings);
        if !Form::FieldName.fits(name) {
            let what = format!("{name:?} is no header field");
            let fix = format!("use {}", Form::FieldName.words());
            findings.add(crate::Severity::Warning, code::SUSPICIOUS, what, fix);
        }
    });
    if set.is_empty() && add.is_empty() && remove.is_empty() {
        let fix = "add set, add or remove";
        findings.add(crate::Severity::Warning, code::SUSPICIOUS, "changes nothing", fix);
    }
}

/// A value stands on one line.
fn value(value: &str, findings: &mut Findings) {
    if value.contains(|c: char| c.is_control() && c != '\t') {
        let what = format!("{value:?} has characters that no header field carries");
        findings.error_in("value", what, "write it on one line");
    }
}
