//! Collects problems and knows the field that is looked at.
//!
//! In: findings of the rules. Out: [`Problem`]s of one object. Holds: a field is told of once.

use std::collections::HashSet;

use weft_api::Issue;
use weft_model::{Field, ObjectRef, Problem, Severity};

use crate::scalar::{Checked, Fault};

/// Codes of problems, the same as everywhere in Weft.
pub(crate) mod code {
    /// A field that the message does not have.
    pub(crate) const UNKNOWN_FIELD: &str = "WEFT0001";
    /// Read, valid, and without effect yet.
    pub(crate) const NO_EFFECT: &str = "WEFT0002";
    /// A value that is not allowed.
    pub(crate) const INVALID: &str = "IST0106";
    /// A value that is allowed and probably not meant.
    pub(crate) const SUSPICIOUS: &str = "IST0133";
    /// A deprecated field.
    pub(crate) const DEPRECATED: &str = "IST0002";
}

/// Problems found so far.
#[derive(Debug)]
pub(crate) struct Report {
    object: ObjectRef,
    pointer: String,
    problems: Vec<Problem>,
}

impl Report {
    /// Begins at a field of an object, `""` for the object itself.
    pub(crate) fn new(object: ObjectRef, pointer: &str) -> Self {
        Self { object, pointer: pointer.to_owned(), problems: Vec::new() }
    }

    /// The field that is looked at.
    pub(crate) fn pointer(&self) -> &str {
        &self.pointer
    }

    /// Everything, without what was told twice.
    pub(crate) fn into_problems(self) -> Vec<Problem> {
        let mut told = HashSet::with_capacity(self.problems.len());
        let mut kept = self.problems;
        kept.retain(|problem| told.insert(problem.clone()));
        kept
    }

    /// Looks at a field for the time of `check`.
    pub(crate) fn within<T>(&mut self, field: &str, check: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(&field.replace('~', "~0").replace('/', "~1"));
        let found = check(self);
        self.pointer.truncate(length);
        found
    }

    /// Looks at each item of a list.
    pub(crate) fn each<T>(
        &mut self,
        field: &str,
        items: &[T],
        mut check: impl FnMut(&T, &mut Self),
    ) {
        self.within(field, |report| {
            for (index, item) in items.iter().enumerate() {
                report.within(&index.to_string(), |report| check(item, report));
            }
        });
    }

    /// Looks at a field that may be absent.
    pub(crate) fn given<T>(
        &mut self,
        field: &str,
        item: Option<&T>,
        check: impl FnOnce(&T, &mut Self),
    ) {
        if let Some(item) = item {
            self.within(field, |report| check(item, report));
        }
    }

    /// Tells of a field below when its value did not pass.
    pub(crate) fn expect(&mut self, field: &str, checked: Checked) {
        if let Err(Fault { what, fix }) = checked {
            self.within(field, |report| report.error(what, fix));
        }
    }

    /// The value that is looked at is not allowed.
    pub(crate) fn error(&mut self, what: impl Into<String>, fix: impl Into<String>) {
        self.add(Severity::Error, code::INVALID, what, fix);
    }

    /// The value that is looked at is allowed, with a reservation.
    pub(crate) fn warning(
        &mut self,
        code: &'static str,
        what: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.add(Severity::Warning, code, what, fix);
    }

    /// What the reader found; a field that is not known is an error only where Istio refuses it.
    pub(crate) fn unreadable(&mut self, issues: Vec<Issue>, unknown: Severity) {
        let pointer = std::mem::take(&mut self.pointer);
        for issue in issues {
            self.pointer = issue.pointer;
            let (severity, code) = if issue.unknown {
                (unknown, code::UNKNOWN_FIELD)
            } else {
                (Severity::Error, code::INVALID)
            };
            self.add(severity, code, issue.what, issue.fix);
        }
        self.pointer = pointer;
    }

    /// Takes over errors that another room found in a stand-in, whose field `from` is the one looked at.
    pub(crate) fn take_errors(&mut self, found: Vec<Problem>, from: &str) {
        for problem in found.into_iter().filter(Problem::is_error) {
            let below = problem.field.0.strip_prefix(from).unwrap_or_default();
            let field = Field(format!("{}{below}", self.pointer));
            let object = self.object.clone();
            self.problems.push(Problem { object, field, ..problem });
        }
    }

    fn add(
        &mut self,
        severity: Severity,
        code: &'static str,
        what: impl Into<String>,
        fix: impl Into<String>,
    ) {
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
}
