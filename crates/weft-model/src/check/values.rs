//! Checks of single values: ports, durations, selectors, URLs, shares.
//!
//! Out: the reason when a value is not allowed.

use std::collections::BTreeMap;
use std::time::Duration;

use weft_api::Span;
use weft_api::reference::{LabelSelector, WorkloadSelector};
use weft_types::domain;

use super::Findings;
use super::findings::code;
use crate::Severity;

pub(crate) fn port(number: u32, findings: &mut Findings) {
    if !(1..=65535).contains(&number) {
        findings.error(format!("{number} is no port"), "use 1 to 65535");
    }
}

/// Durations of the API are at least one millisecond, in whole ones.
pub(crate) fn duration(span: Span, findings: &mut Findings) {
    if span.0 < Duration::from_millis(1) {
        findings.error("is shorter than 1ms", "use 1ms or more");
    } else if !span.0.subsec_nanos().is_multiple_of(1_000_000) {
        findings.error("is finer than a millisecond", "use whole milliseconds");
    }
}

/// A text that becomes part of a message's head, where a line break or zero byte would end it.
pub(crate) fn one_line(text: &str, findings: &mut Findings) {
    if text.contains(['\n', '\r', '\0']) {
        findings.error("holds a line break or a zero byte", "write it on one line");
    }
}

/// A selector of workloads: plain labels, no wildcards.
pub(crate) fn selector(selector: Option<&WorkloadSelector>, findings: &mut Findings) {
    selector_at("selector", selector, findings);
}

/// The same in a field of another name.
pub(crate) fn selector_at(
    field: &str,
    selector: Option<&WorkloadSelector>,
    findings: &mut Findings,
) {
    selects(field, "matchLabels", selector.map(|found| &found.match_labels), findings);
}

/// The older form of a selector.
pub(crate) fn label_selector(field: &str, found: Option<&LabelSelector>, findings: &mut Findings) {
    selects(field, "labels", found.map(|found| &found.labels), findings);
}

/// Longest value of a label.
const LONGEST_LABEL: usize = 63;

type Labels = BTreeMap<String, String>;

fn selects(field: &str, inner: &str, labels: Option<&Labels>, findings: &mut Findings) {
    findings.given(field, labels, |labels, findings| {
        if labels.is_empty() {
            let what = "names no labels, and therefore selects every workload of the namespace";
            findings.add(Severity::Warning, code::SUSPICIOUS, what, "add labels, or remove it");
        }
        findings.within(inner, |findings| {
            for (key, value) in labels {
                if key.is_empty() {
                    findings.error("has a label without a key", "name the label");
                }
                if value.len() > LONGEST_LABEL {
                    let what = format!("{key}={value}: no label is as long");
                    findings.error(what, format!("use at most {LONGEST_LABEL} characters"));
                }
                if key.contains('*') || value.contains('*') {
                    let what = format!("{key}={value}: selectors know no wildcards");
                    findings.error(what, "write the label out");
                }
            }
        });
    });
}

/// A URL with one of some schemes.
pub(crate) fn url(text: &str, schemes: &[&str]) -> Result<(), String> {
    if text.contains(|c: char| c.is_control() || c.is_whitespace() || c == '\\') {
        return Err(format!("{text:?} is no URL: it has characters that must be escaped"));
    }
    let Some((scheme, _)) = text.split_once("://") else {
        return Err(format!("{text:?} has no scheme, such as {}://", schemes.join(":// or ")));
    };
    if !schemes.contains(&scheme) {
        return Err(format!("{text:?} has the scheme {scheme:?}, which is not supported"));
    }
    let plain = text.split_once('?').map_or(text, |(before, _)| before);
    if plain.split('%').skip(1).any(|rest| !rest.bytes().take(2).all(|b| b.is_ascii_hexdigit())) {
        return Err(format!("{text:?} is no URL: after `%` two hexadecimal digits must follow"));
    }
    match url::Url::parse(text) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("{text:?} is no URL: {error}")),
    }
}

/// Who may see an object.
pub(crate) fn export_to(entries: &[String], namespace: &str, findings: &mut Findings) {
    let full = |entry: &str| if entry == "." { namespace.to_owned() } else { entry.to_owned() };
    let count = |entry: &str| entries.iter().filter(|other| full(other) == full(entry)).count();
    let public = count("*") > 0;
    findings.each("exportTo", entries, |entry, findings| {
        if entry == "~" {
            findings.error("`~` (nobody) is not allowed here", "use `.`, `*` or a namespace");
        } else if !matches!(entry.as_str(), "." | "*") && !domain::is_label(entry) {
            findings.error(format!("{entry:?} is no namespace"), "use `.`, `*` or a namespace");
        } else if count(entry) > 1 {
            findings.error(format!("{entry:?} stands here twice"), "keep one of them");
        } else if public && entry != "*" {
            findings.error("`*` and others exclude each other", "keep `*`, or remove it");
        }
    });
}

/// Percent as Istio counts them: 0, or 0.0001 to 100.
pub(crate) fn percent(value: f64, findings: &mut Findings) {
    if !(value == 0.0 || (0.0001..=100.0).contains(&value)) {
        findings.error(format!("{value} is no share"), "use 0, or 0.0001 to 100");
    }
}
