//! A mesh that many calls are asked about.
//! In: calls. Out: answers, as the JSON that `weft explain -o json` prints. Holds: a proxy is translated and compiled once.
//! Why JSON: whatever an answer learns to tell can be expected, without a word about it here.

use serde_json::Value;
use weft_explain::{Answer, Call, Mesh, Proxies, Unclear};

/// A mesh, and its proxies that were asked already.
#[derive(Debug)]
pub struct Asked<'a>(Proxies<'a>);

impl<'a> Asked<'a> {
    /// Nobody was asked yet.
    #[must_use]
    pub const fn of(mesh: &'a Mesh) -> Self {
        Self(Proxies::of(mesh))
    }

    /// What becomes of a call.
    ///
    /// # Errors
    /// When the mesh has no such workload.
    pub fn answer(&mut self, call: &Call) -> Result<Answer, Unclear> {
        self.0.explain(call)
    }

    /// The same, as JSON.
    ///
    /// # Errors
    /// When the mesh has no such workload.
    pub fn told(&mut self, call: &Call) -> Result<Value, Unclear> {
        let answer = self.answer(call)?;
        serde_json::to_value(answer).map_err(|error| Unclear {
            what: format!("the answer is no JSON: {error}"),
            fix: "report this".to_owned(),
        })
    }
}
