//! Collects problems and knows the field that is looked at.

use std::collections::BTreeMap;

use weft_api::Issue;

use crate::problem::{Field, ObjectRef, Problem, Severity};

/// Codes of problems. They are part of what users script against: never change one.
pub(crate) mod code {
    /// A field that the kind does not have.
    pub(crate) const UNKNOWN_FIELD: &str = "WEFT0001";
    /// Read, valid, and not honoured yet.
    pub(crate) const NOT_HONOURED: &str = "WEFT0002";
    /// Weights of several destinations whose sum is not 100.
    pub(crate) const WEIGHTS: &str = "WEFT0003";
    /// A security policy with an error denies.
    pub(crate) const DENIES: &str = "WEFT0004";
    /// A value that the kind does not allow.
    pub(crate) const INVALID: &str = "IST0106";
    /// A value that is allowed and probably not meant.
    pub(crate) const SUSPICIOUS: &str = "IST0133";
    /// A rule that no request reaches.
    pub(crate) const UNREACHABLE: &str = "IST0130";
    /// A deprecated field.
    pub(crate) const DEPRECATED: &str = "IST0002";
}

/// Most problems of one severity that are told of one object; an object without end must not keep us busy without end.
const MOST: usize = 256;

/// Problems of one object, found so far.
pub(crate) struct Findings {
    object: ObjectRef,
    pointer: String,
    told: BTreeMap<Severity, usize>,
    problems: Vec<Problem>,
}

impl Findings {
    pub(crate) fn new(object: ObjectRef) -> Self {
        Self { object, pointer: String::new(), told: BTreeMap::new(), problems: Vec::new() }
    }

    /// Takes over what the reader found.
    pub(crate) fn unreadable(&mut self, issues: Vec<Issue>) {
        for issue in issues {
            let code = if issue.unknown { code::UNKNOWN_FIELD } else { code::INVALID };
            self.pointer = issue.pointer;
            self.add(Severity::Error, code, issue.what, issue.fix);
        }
        self.pointer.clear();
    }

    /// Looks at a field for the time of `check`.
    pub(crate) fn within(&mut self, field: &str, check: impl FnOnce(&mut Self)) {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(&field.replace('~', "~0").replace('/', "~1"));
        check(self);
        self.pointer.truncate(length);
    }

    /// Looks at a field of the whole object.
    pub(crate) fn at_root(&mut self, check: impl FnOnce(&mut Self)) {
        let pointer = std::mem::take(&mut self.pointer);
        check(self);
        self.pointer = pointer;
    }

    /// Looks at each item of a list.
    pub(crate) fn each<'a, T>(
        &mut self,
        field: &str,
        items: &'a [T],
        mut check: impl FnMut(&'a T, &mut Self),
    ) {
        self.within(field, |findings| findings.within_each(items, |item, f| check(item, f)));
    }

    /// Looks at each item of the list that is looked at.
    pub(crate) fn within_each<'a, T>(
        &mut self,
        items: &'a [T],
        mut check: impl FnMut(&'a T, &mut Self),
    ) {
        for (index, item) in items.iter().enumerate() {
            self.within(&index.to_string(), |findings| check(item, findings));
        }
    }

    /// Looks at a field that may be absent.
    pub(crate) fn given<T>(
        &mut self,
        field: &str,
        item: Option<&T>,
        check: impl FnOnce(&T, &mut Self),
    ) {
        if let Some(item) = item {
            self.within(field, |findings| check(item, findings));
        }
    }

    /// The value that is looked at is not allowed.
    pub(crate) fn error(&mut self, what: impl Into<String>, fix: impl Into<String>) {
        self.add(Severity::Error, code::INVALID, what, fix);
    }

    /// An error of a field below.
    pub(crate) fn error_in(
        &mut self,
        field: &str,
        what: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.within(field, |findings| findings.error(what, fix));
    }

    /// A warning of a field below.
    pub(crate) fn warning_in(
        &mut self,
        field: &str,
        code: &'static str,
        what: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.within(field, |findings| findings.add(Severity::Warning, code, what, fix));
    }

    /// A field below that is valid, and that Weft does not honour yet.
    pub(crate) fn not_honoured(&mut self, field: &str, set: bool) {
        if set {
            self.warning_in(
                field,
                code::NOT_HONOURED,
                "is valid but not honoured yet by this version of Weft; it has no effect",
                "remove it, or do not rely on it",
            );
        }
    }

    /// A field below that is valid, and that has no effect in Istio either.
    pub(crate) fn idle(&mut self, field: &str, set: bool, why: &str) {
        if set {
            let what = format!("has no effect, as in Istio: {why}");
            self.warning_in(field, code::NOT_HONOURED, what, "remove it");
        }
    }

    pub(crate) fn add(
        &mut self,
        severity: Severity,
        code: &'static str,
        what: impl Into<String>,
        fix: impl Into<String>,
    ) {
        let told = self.told.entry(severity).or_default();
        *told += 1;
        if *told > MOST {
            return;
        }
        self.problems.push(Problem {
            severity,
            code,
            object: self.object.clone(),
            field: Field(self.pointer.clone()),
            place: None,
            what: what.into(),
            fix: fix.into(),
        });
    }

    /// All problems; with `unreadable`, a field (or what is around or below it) that could not be read is told of once.
    pub(crate) fn into_problems(self, unreadable: bool) -> Vec<Problem> {
        let mut kept: Vec<Problem> = Vec::with_capacity(self.problems.len());
        for problem in self.problems {
            let told = kept.iter().any(|other| {
                let (inner, outer) = (&problem.field.0, &other.field.0);
                // Without its type nothing can be said of the fields beside it.
                let whole = outer.strip_suffix("/type").filter(|_| unreadable).unwrap_or(outer);
                other.is_error() && (inner == outer || unreadable && related(inner, whole))
            });
            if !(kept.contains(&problem) || unreadable && told) {
                kept.push(problem);
            }
        }
        let more = self.told.into_iter().filter(|(_, told)| *told > MOST);
        kept.extend(more.map(|(severity, told)| Problem {
            severity,
            code: code::INVALID,
            object: self.object.clone(),
            field: Field::default(),
            place: None,
            what: format!("has {told} problems, of which {MOST} are looked at"),
            fix: "correct those that are listed".into(),
        }));
        kept
    }
}

fn related(one: &str, other: &str) -> bool {
    let below = |outer: &str, inner: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    below(one, other) || below(other, one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_without_end_is_refused_in_a_bounded_list() {
        let mut findings = Findings::new(ObjectRef::default());
        for index in 0..100_000 {
            findings.error_in(&index.to_string(), "is wrong", "correct it");
        }
        findings.warning_in("last", code::SUSPICIOUS, "is odd", "look at it");
        let problems = findings.into_problems(true);
        assert_eq!(problems.iter().filter(|problem| problem.is_error()).count(), MOST + 1);
        assert!(problems.iter().any(|problem| problem.what.contains("100000 problems")));
        assert!(problems.iter().any(|problem| !problem.is_error()));
    }
}
