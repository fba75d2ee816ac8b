//! Checks of patterns and of how texts are compared.

use weft_api::reference::StringMatch;
use weft_types::re2;

use super::Findings;

/// Longest pattern of a route, in bytes, so that proxies need not spend long on one.
const LONGEST: usize = 1024;
const SYNTAX: &str = "see https://github.com/google/re2/wiki/Syntax";

/// An RE2 pattern.
pub(crate) fn regex(pattern: &str, findings: &mut Findings) {
    if let Err(why) = re2::check(pattern) {
        findings.error(format!("{pattern:?} is no RE2 pattern: {why}"), SYNTAX);
    }
}

/// An RE2 pattern that every request is held against.
pub(crate) fn of_route(pattern: &str, findings: &mut Findings) {
    if pattern.len() > LONGEST {
        let fix = format!("use at most {LONGEST} characters");
        findings.error("is too long for a pattern", fix);
    } else {
        regex(pattern, findings);
    }
}

/// A comparison whose set form must not be empty.
pub(crate) fn string_match(matcher: &StringMatch, findings: &mut Findings) {
    let StringMatch { exact, prefix, regex } = matcher;
    let set = [exact.is_some(), prefix.is_some(), regex.is_some()];
    if set.iter().filter(|set| **set).count() > 1 {
        findings.error("has more than one form", "keep one of exact, prefix, regex");
    }
    if prefix.as_deref() == Some("") {
        findings.error_in("prefix", "is empty", "write a prefix, or remove the condition");
    }
    findings.given("regex", regex.as_ref(), |pattern, findings| {
        if pattern.is_empty() {
            findings.error("is empty", "write a pattern, or remove the condition");
        } else {
            of_route(pattern, findings);
        }
    });
}
