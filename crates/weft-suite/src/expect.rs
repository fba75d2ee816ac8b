//! One expectation of a case.
//! In: its word, and what it asks for. Out: whether an answer has it. Holds: a place, so that a difference names its line.

use serde_json::Value;
use weft_explain::Call;
use weft_model::Place;

use crate::judge::{self, Difference};
use crate::words::Wanted;

/// An expectation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Expectation {
    /// The word that says it.
    pub(crate) word: String,
    /// What is asked for.
    pub(crate) wanted: Wanted,
    /// Where it is written.
    pub(crate) place: Place,
}

impl Expectation {
    /// What of it an answer does not have.
    pub(crate) fn differences(&self, call: &Call, answer: &Value) -> Vec<Difference> {
        judge::differences(&self.word, &self.wanted, call, answer)
            .into_iter()
            .map(|(field, expected, got)| Difference {
                place: self.place.clone(),
                field,
                expected,
                got,
                trace: judge::reasons(&self.wanted, answer),
            })
            .collect()
    }
}
