//! Collects what analyzers find.

use weft_model::{Field, Problem};

use crate::code::Code;
use crate::view::Object;

/// Problems found so far.
#[derive(Debug, Default)]
pub(crate) struct Report {
    problems: Vec<Problem>,
}

impl Report {
    /// A problem of an object, in a field (a JSON pointer; empty for the whole): what is wrong, and what to do.
    pub(crate) fn add(
        &mut self,
        code: Code,
        object: &Object<'_>,
        field: impl Into<String>,
        what: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.problems.push(Problem {
            severity: code.severity,
            code: code.id,
            object: object.reference(),
            field: Field(field.into()),
            place: None,
            what: what.into(),
            fix: fix.into(),
        });
    }

    /// A problem that another room found in an object.
    pub(crate) fn take_over(&mut self, object: &Object<'_>, problem: Problem) {
        self.problems.push(Problem { object: object.reference(), ..problem });
    }

    /// All problems, by object; what was told twice is told once.
    pub(crate) fn finish(mut self) -> Vec<Problem> {
        self.problems.sort_by(|one, other| {
            let key = |p: &Problem| (p.object.clone(), p.severity, p.code);
            key(one)
                .cmp(&key(other))
                .then_with(|| one.field.cmp(&other.field))
                .then_with(|| one.what.cmp(&other.what))
        });
        self.problems.dedup();
        self.problems
    }
}

/// Joins names for a sentence; a long list is cut.
pub(crate) fn join<T: AsRef<str>>(names: &[T]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<&str> = names.iter().take(SHOWN).map(AsRef::as_ref).collect();
    match names.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// A key as a step of a JSON pointer.
pub(crate) fn step(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
