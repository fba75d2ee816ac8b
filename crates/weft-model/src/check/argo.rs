//! Rules of Argo Rollouts' kinds: what its controller calls an invalid spec, and what would fail in the middle of an update.
//!
//! Why so early: a wrong argument or condition is otherwise found when traffic has moved already.

mod analysis;
mod arguments;
mod blue_green;
mod canary;
mod condition;
mod experiment;
mod metric;
mod pods;
mod provider;
mod rollout;
mod routing;
mod step;
mod time;

use serde_json::Value;

use super::{Answer, idle};

/// Checks an object of a kind of this group; a kind that is not known gives no problems.
pub(super) fn validate(object: &Value, kind: &str) -> Answer {
    match kind {
        "Rollout" => idle(object, rollout::check),
        "AnalysisTemplate" | "ClusterAnalysisTemplate" => idle(object, analysis::template),
        "AnalysisRun" => idle(object, analysis::run),
        "Experiment" => idle(object, experiment::check),
        _ => (None, Vec::new()),
    }
}

#[cfg(test)]
mod tests;
