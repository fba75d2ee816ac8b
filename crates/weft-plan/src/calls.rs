//! Which calls end otherwise.
//!
//! In: both meshes, calls, the objects that change. Out: each call with another answer, what differs, and the object that is
//! the reason.

use serde::Serialize;
use serde_json::Value;
use weft_explain::{Call, Mesh};
use weft_model::ObjectRef;
use weft_suite::Asked;

use crate::{Changed, described};

/// A part of an answer that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FieldChange {
    /// Its name.
    pub field: String,
    /// As it is.
    pub before: Value,
    /// As it would be.
    pub after: Value,
}

/// A call that ends otherwise.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CallChange {
    /// The call, in one line.
    pub call: String,
    /// What differs; the outcome first.
    pub fields: Vec<FieldChange>,
    /// Objects that change and that decided about it.
    pub because: Vec<String>,
}

/// Parts that say how it came to an answer or what things are called, not what becomes of the call.
const BESIDE: [&str; 7] =
    ["trace", "nearest_miss", "filter_chain", "listener", "route", "route_config", "virtual_host"];

/// Asks both meshes about every call.
pub(crate) fn compare(
    before: &Mesh,
    after: &Mesh,
    calls: &[Call],
    changed: &Changed,
) -> Vec<CallChange> {
    let (mut old, mut new) = (Asked::of(before), Asked::of(after));
    let mut found = Vec::new();
    for call in calls {
        let (had, gets) = (told(&mut old, call), told(&mut new, call));
        let fields = differences(&had, &gets);
        if fields.is_empty() {
            continue;
        }
        let because = because_of(&had, &gets, changed);
        found.push(CallChange { call: described(call), fields, because });
    }
    found
}

/// A call that cannot be asked about has an answer too.
fn told(asked: &mut Asked<'_>, call: &Call) -> Value {
    let answer = asked.told(call);
    answer.unwrap_or_else(|unclear| serde_json::json!({"outcome": unclear.to_string()}))
}

/// Objects that change and that decided about either answer.
pub(crate) fn because_of(had: &Value, gets: &Value, changed: &Changed) -> Vec<String> {
    let steps = [had, gets].into_iter().filter_map(|answer| answer["trace"].as_array());
    let named: Vec<&str> = steps.flatten().filter_map(|step| step["object"].as_str()).collect();
    let is_meant = |name: &&ObjectRef| named.contains(&name.to_string().as_str());
    changed.keys().filter(is_meant).map(ToString::to_string).collect()
}

/// Parts that differ; the outcome first.
pub(crate) fn differences(had: &Value, gets: &Value) -> Vec<FieldChange> {
    let names = |answer: &Value| -> Vec<String> {
        answer.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
    };
    let mut all = names(had);
    all.extend(names(gets));
    all.sort_by_key(|name| (name != "outcome", name.clone()));
    all.dedup();
    all.retain(|name| !BESIDE.contains(&name.as_str()) && had[name] != gets[name]);
    let change = |name: String| FieldChange {
        before: had[&name].clone(),
        after: gets[&name].clone(),
        field: name,
    };
    all.into_iter().map(change).collect()
}
