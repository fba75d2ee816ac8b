//! Kubernetes conditions as JSON: made, compared, merged with what others wrote.

use serde_json::{Value, json};

/// One condition without its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// What it is about.
    pub kind: &'static str,
    /// `True` or `False`.
    pub status: &'static str,
    /// Why, in one word.
    pub reason: &'static str,
    /// Why, in a sentence, and what to do.
    pub message: String,
    /// Of the object that it is about.
    pub generation: i64,
}

/// Which fields a condition has beside type, status, reason and message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Style {
    /// `observedGeneration` and `lastTransitionTime`.
    #[default]
    Standard,
    /// `lastUpdateTime` and `lastTransitionTime`, as older controllers write them.
    Updated,
}

impl Condition {
    /// As JSON; `was` is the condition of this type that stood there before.
    fn json(&self, style: Style, was: Option<&Value>, now: &str) -> Value {
        let Self { kind, status, reason, message, generation } = self;
        let time = |same: bool, field: &str| {
            let was = was.filter(|_| same).and_then(|was| was[field].as_str());
            json!(was.unwrap_or(now))
        };
        let same_status = was.is_some_and(|was| was["status"] == *status);
        let mut condition =
            json!({ "type": kind, "status": status, "reason": reason, "message": message });
        condition["lastTransitionTime"] = time(same_status, "lastTransitionTime");
        match style {
            Style::Standard => condition["observedGeneration"] = json!(generation),
            Style::Updated => {
                let same = was.is_some_and(|was| {
                    same_status && was["reason"] == *reason && was["message"] == **message
                });
                condition["lastUpdateTime"] = time(same, "lastUpdateTime");
            }
        }
        condition
    }
}

/// The list that says `conditions`: each stays in its place, what did not change keeps its time, what is of others or not
/// told anew stays, and types that are `gone` go.
pub(crate) fn merge(
    old: &Value,
    conditions: &[Condition],
    gone: &[&str],
    style: Style,
    now: &str,
) -> Value {
    let before = old.as_array().map(Vec::as_slice).unwrap_or_default();
    let is = |was: &Value, condition: &&Condition| was["type"] == condition.kind;
    let there = before.iter().filter_map(|was| {
        match conditions.iter().find(|condition| is(was, condition)) {
            Some(condition) => Some(condition.json(style, Some(was), now)),
            None if was["type"].as_str().is_some_and(|kind| gone.contains(&kind)) => None,
            None => Some(was.clone()),
        }
    });
    let new = conditions.iter().filter(|condition| !before.iter().any(|was| is(was, condition)));
    there.chain(new.map(|condition| condition.json(style, None, now))).collect()
}

/// True when the object says that it is programmed at `generation`.
pub(crate) fn programmed(status: &Value, generation: i64) -> bool {
    let conditions = status["conditions"].as_array();
    conditions.into_iter().flatten().any(|c| {
        c["type"] == "Programmed" && c["status"] == "True" && c["observedGeneration"] == generation
    })
}

/// All messages of conditions of this generation.
pub(crate) fn messages(status: &Value, generation: i64) -> impl Iterator<Item = &str> {
    let conditions = status["conditions"].as_array().into_iter().flatten();
    conditions
        .filter(move |c| c["observedGeneration"] == generation)
        .filter_map(|c| c["message"].as_str())
}
