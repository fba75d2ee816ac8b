//! What the conditions of an object of the mesh say, and what is worth an Event.
//!
//! Holds: an Event says nothing that the conditions do not say, but for remarks, which keep nothing from acting.

use serde_json::Value;

use super::Track;
use crate::audience::Answers;
use crate::conditions::Condition;
use crate::facts::{Finding, Manner, Obstacle, Severity};
use crate::notes::Line;

const NOT_ACTED_ON: &str = "this version of Weft does not act on this kind yet";

/// Status, reason and message.
type Words = (&'static str, &'static str, String);

impl Track {
    pub(super) fn accepted(&self) -> Condition {
        let (errors, warnings): (Vec<_>, Vec<_>) =
            self.facts.findings.iter().partition(|f| f.severity == Severity::Error);
        let join = |findings: Vec<&Finding>| {
            findings.into_iter().map(|f| f.message.as_str()).collect::<Vec<_>>().join("; ")
        };
        let words = match (errors.is_empty(), warnings.is_empty()) {
            (false, _) => ("False", "Invalid", join(errors)),
            (true, false) => ("True", "AcceptedWithWarnings", join(warnings)),
            (true, true) => ("True", "Accepted", "valid".to_owned()),
        };
        self.condition("Accepted", words)
    }

    /// Nothing until the mesh was analyzed with this content in it.
    pub(super) fn effective(&self) -> Option<Condition> {
        let obstacles = self.facts.obstacles.as_ref()?;
        let words = match obstacles.iter().find(|o| o.whole).or(obstacles.first()) {
            _ if self.is_invalid() => ("False", "Invalid", "see Accepted".to_owned()),
            _ if !self.facts.acted_on => ("False", "NotSupported", NOT_ACTED_ON.to_owned()),
            None => ("True", "Effective", "nothing is known that keeps it from acting".to_owned()),
            Some(first) if first.whole => ("False", first.reason, join(obstacles)),
            Some(_) => ("True", "Partly", format!("all but: {}", join(obstacles))),
        };
        Some(self.condition("Effective", words))
    }

    pub(super) fn programmed(
        &mut self,
        answers: &Answers<'_>,
        refused: Option<&String>,
    ) -> Condition {
        let words = self.programmed_words(answers, refused);
        self.condition("Programmed", words)
    }

    fn condition(&self, kind: &'static str, (status, reason, message): Words) -> Condition {
        Condition { kind, status, reason, message, generation: self.facts.generation }
    }

    fn programmed_words(&mut self, answers: &Answers<'_>, refused: Option<&String>) -> Words {
        if self.is_invalid() {
            self.programmed = None;
            return ("False", "Invalid", "not in force as written; see Accepted".into());
        }
        if !self.facts.acted_on {
            return ("False", "NotSupported", NOT_ACTED_ON.into());
        }
        if let Some(why) = refused {
            self.programmed = None;
            return ("False", "Refused", why.clone());
        }
        if let Some(message) = &self.programmed {
            return ("True", "Programmed", message.clone());
        }
        let progress = answers.progress(&self.facts.audience, self.since);
        if progress.acknowledged < progress.proxies {
            return ("False", "Pending", progress.to_string());
        }
        self.programmed = Some(progress.to_string());
        ("True", "Programmed", progress.to_string())
    }

    /// Everything about the object that is worth an Event as long as it holds.
    pub(super) fn notes(&self, programmed: &Condition) -> Vec<Line> {
        let facts = &self.facts;
        let errors = facts.findings.iter().filter(|f| f.severity == Severity::Error);
        let refused: Vec<Line> =
            errors.map(|f| Line::warning("Rejected", f.message.clone())).collect();
        if !refused.is_empty() {
            return refused;
        }
        let mut lines: Vec<Line> =
            facts.remarks.iter().map(|r| Line::warning(r.reason, r.message.clone())).collect();
        if !facts.acted_on {
            lines.push(Line::warning("NoEffect", NOT_ACTED_ON.to_owned()));
        }
        let obstacles = facts.obstacles.iter().flatten();
        lines.extend(obstacles.map(|o| Line::warning(event_reason(o.reason), o.message.clone())));
        if facts.acted_on && facts.manner == Manner::Mesh {
            lines.extend(match (programmed.status, programmed.reason) {
                ("True", _) => Some(Line::normal("Programmed", programmed.message.clone())),
                (_, "Refused") => Some(Line::warning("Refused", programmed.message.clone())),
                _ => None,
            });
        }
        lines
    }
}

/// Reasons of Events are what happened; that a sentence follows goes without saying.
fn event_reason(reason: &'static str) -> &'static str {
    if reason == "NoEffectBecause" { "NoEffect" } else { reason }
}

fn join(obstacles: &[Obstacle]) -> String {
    obstacles.iter().map(|o| o.message.as_str()).collect::<Vec<_>>().join("; ")
}

/// The message under which an object said that it is programmed.
pub(super) fn programmed(status: &Value) -> String {
    let conditions = status["conditions"].as_array();
    let ours = conditions.into_iter().flatten().find(|c| c["type"] == "Programmed");
    ours.and_then(|c| c["message"].as_str()).unwrap_or_default().to_owned()
}
