//! What became of a case.
//! In: a suite, a mesh. Out: a verdict for each case, in the order of the suite. Holds: a call that cannot be asked about
//! fails its case, and says why.

use serde::Serialize;
use weft_explain::Mesh;
use weft_model::Place;

use crate::judge::{Difference, as_text};
use crate::{Asked, Case, Suite};

/// A verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Name of the case.
    pub name: String,
    /// Where the case is written.
    #[serde(serialize_with = "as_text")]
    pub place: Place,
    /// Why there is no answer.
    pub error: Option<String>,
    /// What is not as expected.
    pub differences: Vec<Difference>,
}

impl Verdict {
    /// Whether all is as expected.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.error.is_none() && self.differences.is_empty()
    }
}

/// Asks the mesh about every case.
#[must_use]
pub fn run(suite: &Suite, mesh: &Mesh) -> Vec<Verdict> {
    let mut asked = Asked::of(mesh);
    suite.cases.iter().map(|case| judge(case, &mut asked)).collect()
}

/// Judges one case.
pub(crate) fn judge(case: &Case, asked: &mut Asked<'_>) -> Verdict {
    let (error, differences) = match asked.told(&case.call) {
        Ok(answer) => {
            let all = case.expectations.iter();
            (None, all.flat_map(|one| one.differences(&case.call, &answer)).collect())
        }
        Err(unclear) => (Some(unclear.to_string()), Vec::new()),
    };
    Verdict { name: case.name.clone(), place: case.place.clone(), error, differences }
}
