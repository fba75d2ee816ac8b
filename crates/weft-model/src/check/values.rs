//! Checks of single values: hosts, labels, ports, durations, patterns.
//!
//! Out: the reason when a value is not allowed.

use std::collections::BTreeMap;
use std::time::Duration;

use weft_api::Span;
use weft_api::reference::{LabelSelector, StringMatch, WorkloadSelector};

use super::Findings;
use super::findings::code;
use crate::Severity;

/// A label of a DNS name.
pub(crate) fn is_label(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.len() <= 63
        && bytes.iter().all(|b| inner(*b))
        && edge(bytes.first())
        && edge(bytes.last())
}

/// A full or short DNS name.
pub(crate) fn fqdn(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("is empty, and must be a host name".into());
    }
    if text.len() > 255 {
        return Err("is longer than 255 characters".into());
    }
    let text = text.strip_suffix('.').unwrap_or(text);
    match text.split('.').find(|label| !is_label(label)) {
        Some(label) => Err(format!("{text:?} is no host name: {label:?} is no label of one")),
        None => Ok(()),
    }
}

/// A DNS name whose first label may be or begin with `*`.
pub(crate) fn wildcard_domain(text: &str) -> Result<(), String> {
    let Some(rest) = text.strip_prefix('*') else { return fqdn(text) };
    match rest.strip_prefix('.') {
        Some(parent) => fqdn(parent),
        None if rest.is_empty() => Ok(()),
        None => fqdn(rest.strip_prefix('-').unwrap_or(rest)),
    }
}

pub(crate) fn is_ip(text: &str) -> bool {
    text.parse::<std::net::IpAddr>().is_ok()
}

/// An address or a range of them.
pub(crate) fn is_ip_block(text: &str) -> bool {
    is_ip(text) || text.parse::<ipnet::IpNet>().is_ok()
}

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

/// What our engine knows and RE2 does not, so that Envoy would refuse it.
fn unknown_to_re2(pattern: &str) -> Option<String> {
    if let Some(twice) = repeated_twice(pattern) {
        return Some(format!("it does not repeat a repetition ({twice})"));
    }
    let mut rest = pattern;
    while let Some(at) = rest.find(['\\', '(']) {
        let (symbol, after) = rest.get(at..).unwrap_or_default().split_at(1);
        rest = after;
        let next = after.chars().next()?;
        if symbol == "\\" {
            if matches!(next, '<' | '>' | 'u' | 'U') || after.starts_with("b{") {
                return Some(format!("it does not know \\{next}"));
            }
            rest = after.get(next.len_utf8()..).unwrap_or_default();
        } else if let Some(flags) = after.strip_prefix('?').filter(|f| !f.starts_with(['P', '<'])) {
            let mut flags = flags.chars().take_while(|c| c.is_ascii_alphabetic() || *c == '-');
            if let Some(flag) = flags.find(|flag| matches!(flag, 'x' | 'u' | 'R')) {
                return Some(format!("it does not know the flag {flag}"));
            }
        }
    }
    None
}

/// A repetition that directly follows another one, such as `a**`; a `?` after one only makes it lazy.
fn repeated_twice(pattern: &str) -> Option<&str> {
    let (mut at, mut before, mut class) = (0, None, false);
    while let Some(rest) = pattern.get(at..).filter(|rest| !rest.is_empty()) {
        let length = match rest.chars().next()? {
            '\\' => 1 + rest.chars().nth(1).map_or(0, char::len_utf8),
            first => first.len_utf8(),
        };
        let operator = if class { 0 } else { operator(rest) };
        match (operator, before) {
            (0, _) => {
                class = match rest.chars().next()? {
                    '[' => true,
                    ']' => false,
                    _ => class,
                };
                before = None;
                at += length;
            }
            (_, Some(start)) => return pattern.get(start..at + operator),
            (operator, None) => {
                before = Some(at);
                at += operator;
                at += usize::from(pattern.get(at..).is_some_and(|rest| rest.starts_with('?')));
            }
        }
    }
    None
}

/// The length of the repetition that begins here; 0 when none does.
fn operator(rest: &str) -> usize {
    let Some(counted) = rest.strip_prefix('{') else {
        return usize::from(rest.starts_with(['*', '+', '?']));
    };
    let Some(end) = counted.find('}') else { return 0 };
    let inner = counted.get(..end).unwrap_or_default();
    let (least, most) = inner.split_once(',').unwrap_or((inner, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if least.is_empty() || !digits(least) || !digits(most) { 0 } else { end + 2 }
}

/// Compiles a pattern as proxies will.
pub(crate) fn regex(pattern: &str, findings: &mut Findings) {
    if let Some(why) = unknown_to_re2(pattern) {
        findings.error(
            format!("{pattern:?} is no RE2 pattern: {why}"),
            "see https://github.com/google/re2/wiki/Syntax",
        );
        return;
    }
    if let Err(error) = regex::Regex::new(pattern) {
        let text = error.to_string();
        let why = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
        findings.error(
            format!("{pattern:?} is no RE2 pattern: {why}"),
            "see https://github.com/google/re2/wiki/Syntax",
        );
    }
}

/// A text that becomes part of a message's head, where a line break or zero byte would end it.
pub(crate) fn one_line(text: &str, findings: &mut Findings) {
    if text.contains(['\n', '\r', '\0']) {
        findings.error("holds a line break or a zero byte", "write it on one line");
    }
}

/// Longest pattern of a string match, so that proxies need not spend long on one.
const LONGEST_PATTERN: usize = 1024;

/// A string match whose set form must not be empty.
pub(crate) fn string_match(matcher: &StringMatch, findings: &mut Findings) {
    let StringMatch { exact, prefix, regex: pattern } = matcher;
    let set = [exact.is_some(), prefix.is_some(), pattern.is_some()];
    if set.iter().filter(|set| **set).count() > 1 {
        findings.error("has more than one form", "keep one of exact, prefix, regex");
    }
    if prefix.as_deref() == Some("") {
        findings.error_in("prefix", "is empty", "write a prefix, or remove the condition");
    }
    if let Some(pattern) = pattern {
        if pattern.is_empty() {
            findings.error_in("regex", "is empty", "write a pattern, or remove the condition");
        } else {
            findings.within("regex", |findings| {
                regex(pattern, findings);
                if pattern.len() > LONGEST_PATTERN {
                    let fix = format!("use at most {LONGEST_PATTERN} characters");
                    findings.error("is too long for a pattern", fix);
                }
            });
        }
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

/// What a label's value, and the last part of its key, may be made of.
fn is_label_text(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let edge = |b: Option<&u8>| b.is_none_or(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.len() <= 63
        && bytes.iter().all(|b| inner(*b))
        && edge(bytes.first())
        && edge(bytes.last())
}

/// The key of a label or an annotation.
fn is_qualified(key: &str) -> bool {
    let (prefix, name) = key.rsplit_once('/').unwrap_or(("", key));
    let prefixed = !key.contains('/') || fqdn(prefix).is_ok();
    !name.is_empty() && is_label_text(name) && prefixed
}

/// The key of a label.
pub(crate) fn label_key(field: &str, key: &str, findings: &mut Findings) {
    if !is_qualified(key) {
        let what = format!("{key:?} is no label key");
        findings.error_in(field, what, "use letters, digits, - _ .");
    }
}

/// Keys of annotations, options and the like.
pub(crate) fn keys(field: &str, map: &BTreeMap<String, String>, findings: &mut Findings) {
    findings.within(field, |findings| {
        for key in map.keys().filter(|key| !is_qualified(key)) {
            let what = format!("{key:?} is no key");
            findings.error(what, "use letters, digits, - _ . and perhaps a domain and / in front");
        }
    });
}

/// Labels as Kubernetes allows them.
pub(crate) fn labels(field: &str, labels: &BTreeMap<String, String>, findings: &mut Findings) {
    findings.within(field, |findings| {
        for (key, value) in labels {
            if !is_qualified(key) {
                findings.error(format!("{key:?} is no label key"), "use letters, digits, - _ .");
            }
            if !is_label_text(value) {
                findings.error_in(
                    key,
                    format!("{value:?} is no label value"),
                    "use at most 63 letters, digits, - _ .",
                );
            }
        }
    });
}

/// Who may see an object.
pub(crate) fn export_to(entries: &[String], namespace: &str, findings: &mut Findings) {
    let full = |entry: &str| if entry == "." { namespace.to_owned() } else { entry.to_owned() };
    let count = |entry: &str| entries.iter().filter(|other| full(other) == full(entry)).count();
    let public = count("*") > 0;
    findings.each("exportTo", entries, |entry, findings| {
        if entry == "~" {
            findings.error("`~` (nobody) is not allowed here", "use `.`, `*` or a namespace");
        } else if !matches!(entry.as_str(), "." | "*") && !is_namespace(entry) {
            findings.error(format!("{entry:?} is no namespace"), "use `.`, `*` or a namespace");
        } else if count(entry) > 1 {
            findings.error(format!("{entry:?} stands here twice"), "keep one of them");
        } else if public && entry != "*" {
            findings.error("`*` and others exclude each other", "keep `*`, or remove it");
        }
    });
}

fn is_namespace(text: &str) -> bool {
    is_label(text) && !text.bytes().any(|b| b.is_ascii_uppercase())
}

/// Percent as Istio counts them: 0, or 0.0001 to 100.
pub(crate) fn percent(value: f64, findings: &mut Findings) {
    if !(value == 0.0 || (0.0001..=100.0).contains(&value)) {
        findings.error(format!("{value} is no share"), "use 0, or 0.0001 to 100");
    }
}

#[cfg(test)]
mod tests {
    use super::unknown_to_re2;

    #[test]
    fn patterns_that_envoy_would_refuse_are_refused_here() {
        for pattern in [
            "a**",
            "a{2}{3}",
            "(a)+*",
            "a*??",
            "(?x) a",
            "(?i-x:a)",
            "a\\<b",
            "\\u0041",
            "\\b{start}a",
            "((?ux)a)",
        ] {
            assert!(unknown_to_re2(pattern).is_some(), "{pattern}");
        }
        for pattern in [
            "a*?b*", "[*+]+", "\\**", "(?i)a", "(?P<x>a)", "(?<x>a)", "(?:x)", "\\(?x", "a\\\\<",
            "\\bx", "(x|u)R",
        ] {
            assert!(unknown_to_re2(pattern).is_none(), "{pattern}");
        }
    }
}
