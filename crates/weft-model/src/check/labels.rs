//! Checks of labels and of the keys of annotations.

use std::collections::BTreeMap;

use super::Findings;
use super::findings::code;
use crate::Severity;

/// Longest name of a key, and longest value.
const LONGEST: usize = 63;
/// Longest domain in front of a key.
const LONGEST_PREFIX: usize = 253;

/// What a value, and the last part of a key, may be made of.
fn is_text(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let edge = |b: Option<&u8>| b.is_none_or(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.iter().all(|b| inner(*b)) && edge(bytes.first()) && edge(bytes.last())
}

/// The domain in front of a key: labels of any length, of either case.
fn is_prefix(text: &str) -> bool {
    let part = |part: &str| {
        let plain = part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        plain && !part.is_empty() && !part.starts_with('-') && !part.ends_with('-')
    };
    text.len() <= LONGEST_PREFIX && text.split('.').all(part)
}

fn is_key(key: &str) -> bool {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(a, b)| (Some(a), b));
    let named = !name.is_empty() && name.len() <= LONGEST && is_text(name);
    named && prefix.is_none_or(is_prefix)
}

/// A name of Kubernetes in lower case: parts of letters, digits and dashes between dots.
pub(crate) fn is_subdomain(text: &str) -> bool {
    is_prefix(text) && !text.bytes().any(|b| b.is_ascii_uppercase())
}

/// A key as Kubernetes takes it.
fn is_qualified(key: &str) -> bool {
    let prefix = key.split_once('/').map(|(prefix, _)| prefix);
    is_key(key) && prefix.is_none_or(is_subdomain)
}

/// The key of a label.
pub(crate) fn key(field: &str, key: &str, findings: &mut Findings) {
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

fn wrong_value(value: &str, key: &str, findings: &mut Findings) {
    let fix = "use at most 63 letters, digits, - _ .";
    findings.error_in(key, format!("{value:?} is no label value"), fix);
}

/// Labels as Kubernetes allows them.
pub(crate) fn check(field: &str, labels: &BTreeMap<String, String>, findings: &mut Findings) {
    findings.within(field, |findings| {
        for (key, value) in labels {
            if !is_qualified(key) {
                findings.error(format!("{key:?} is no label key"), "use letters, digits, - _ .");
            }
            if value.len() > LONGEST || !is_text(value) {
                wrong_value(value, key, findings);
            }
        }
    });
}

/// Labels by which Istio's kinds choose pods. Istio takes values that no pod can have.
pub(crate) fn choosing(field: &str, labels: &BTreeMap<String, String>, findings: &mut Findings) {
    findings.within(field, |findings| {
        for (key, value) in labels {
            if !is_key(key) {
                findings.error(format!("{key:?} is no label key"), "use letters, digits, - _ .");
            }
            if !is_text(value) {
                wrong_value(value, key, findings);
            } else if value.len() > LONGEST {
                let what = "is longer than the label of a pod may be, and chooses none";
                findings.within(key, |findings| {
                    findings.add(Severity::Warning, code::SUSPICIOUS, what, "shorten it");
                });
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_kubernetes_and_of_istio_differ_in_the_domain() {
        for key in ["app", "a.b_c-d", "example.com/app", "a-b.c/x", "7/7"] {
            assert!(is_qualified(key) && is_key(key), "{key}");
        }
        assert!(is_key("Example.com/app") && !is_qualified("Example.com/app"));
        let long = "x".repeat(64);
        for key in ["", "/", "a/", "/a", "a/b/c", "-a", "a-", "a b", "a./b", "a_b/c", &long] {
            assert!(!is_key(key), "{key}");
        }
    }
}
