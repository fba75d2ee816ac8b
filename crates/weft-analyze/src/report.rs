//! Collects what analyzers find.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use weft_model::{Field, ObjectRef, Problem};

use crate::code::Code;
use crate::view::Object;

/// Problems of one code that are told of one object; more would only hide the others.
const MOST_ALIKE: usize = 100;

/// Problems found so far.
#[derive(Debug, Default)]
pub(crate) struct Report {
    problems: Vec<Problem>,
    alike: HashMap<(&'static str, ObjectRef), usize>,
    said: HashSet<(&'static str, ObjectRef, String)>,
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
        let reference = object.reference();
        let alike = self.alike.entry((code.id, reference.clone())).or_default();
        *alike += 1;
        let (field, what) = match (*alike).cmp(&MOST_ALIKE) {
            Ordering::Less => (field.into(), what.into()),
            Ordering::Equal => (String::new(), "there is more of this kind in this object".into()),
            Ordering::Greater => return,
        };
        self.problems.push(Problem {
            severity: code.severity,
            code: code.id,
            object: reference,
            field: Field(field),
            place: None,
            what,
            fix: fix.into(),
        });
    }

    /// Like [`Report::add`], but what reads alike is told once of an object, at its first place.
    pub(crate) fn add_once(
        &mut self,
        code: Code,
        object: &Object<'_>,
        field: impl Into<String>,
        what: String,
        fix: impl Into<String>,
    ) {
        if self.said.insert((code.id, object.reference(), what.clone())) {
            self.add(code, object, field, what, fix);
        }
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
