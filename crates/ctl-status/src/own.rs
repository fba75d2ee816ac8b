//! A status that is made of conditions at several places: of the object, and of its parts.
//!
//! In: what is to stand there, and what stands there. Out: the status to write.
//! Holds: what others wrote stays: conditions of other types, parts of other controllers, fields that we do not name.
//! Why one form: the kinds of the Gateway API differ only in where conditions stand and how a part is found again.

use serde_json::{Map, Value, json};

use crate::conditions::{self, Condition, Style};

/// What is to stand in a status.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Wanted {
    /// The form of the conditions.
    pub style: Style,
    /// Of the object.
    pub conditions: Vec<Condition>,
    /// Condition types of ours that go when they are not told anew.
    pub gone: &'static [&'static str],
    /// Further fields.
    pub fields: Map<String, Value>,
    /// The parts that have conditions of their own.
    pub parts: Option<Parts>,
}

/// The parts of an object that have conditions.
#[derive(Debug, Clone, PartialEq)]
pub struct Parts {
    /// Name of the list in the status.
    pub list: &'static str,
    /// Who writes parts of this list, when it is shared with others: their `controllerName`.
    pub controller: Option<&'static str>,
    /// Ours.
    pub parts: Vec<Part>,
}

/// One part.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The fields by which it is found again.
    pub name: Map<String, Value>,
    /// Further fields.
    pub fields: Map<String, Value>,
    /// Its conditions.
    pub conditions: Vec<Condition>,
}

impl Wanted {
    /// The fields of the status that say it.
    pub(crate) fn merge(&self, old: &Value, now: &str) -> Value {
        let Self { style, conditions, gone, fields, parts } = self;
        let mut status = fields.clone();
        let told = conditions::merge(&old["conditions"], conditions, gone, *style, now);
        // Kinds whose parts alone have conditions get no list of their own.
        if told.as_array().is_some_and(|all| !all.is_empty()) || old["conditions"].is_array() {
            status.insert("conditions".to_owned(), told);
        }
        if let Some(parts) = parts {
            status.insert(parts.list.to_owned(), parts.merge(&old[parts.list], *style, now));
        }
        Value::Object(status)
    }
}

impl Parts {
    fn merge(&self, old: &Value, style: Style, now: &str) -> Value {
        let before = old.as_array().map(Vec::as_slice).unwrap_or_default();
        let others = |part: &&Value| {
            self.controller.is_some_and(|ours| part["controllerName"].as_str() != Some(ours))
        };
        let mut merged: Vec<Value> = before.iter().filter(others).cloned().collect();
        merged.extend(self.parts.iter().map(|part| {
            let mine = before.iter().filter(|was| !others(was));
            part.json(mine.into_iter().find(|was| part.is(was)), self.controller, style, now)
        }));
        Value::Array(merged)
    }
}

impl Part {
    fn is(&self, other: &Value) -> bool {
        self.name.iter().all(|(field, value)| other[field] == *value)
    }

    fn json(
        &self,
        was: Option<&Value>,
        controller: Option<&str>,
        style: Style,
        now: &str,
    ) -> Value {
        let Self { name, fields, conditions } = self;
        let mut part = name.clone();
        part.extend(fields.clone());
        if let Some(controller) = controller {
            part.insert("controllerName".to_owned(), json!(controller));
        }
        let before = was.map_or(&Value::Null, |was| &was["conditions"]);
        part.insert(
            "conditions".to_owned(),
            conditions::merge(before, conditions, &[], style, now),
        );
        Value::Object(part)
    }
}

/// True when `old` says all of `new` already; an empty list says as much as none.
pub(crate) fn says(old: &Value, new: &Value) -> bool {
    let fields = new.as_object().into_iter().flatten();
    fields.into_iter().all(|(field, value)| {
        let none = old[field].is_null() && value.as_array().is_some_and(Vec::is_empty);
        none || old[field] == *value
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(kind: &'static str, status: &'static str) -> Condition {
        Condition { kind, status, reason: "Because", message: "so".into(), generation: 2 }
    }

    fn named(name: &str) -> Map<String, Value> {
        Map::from_iter([("parentRef".to_owned(), json!({ "name": name }))])
    }

    fn wanted(status: &'static str) -> Wanted {
        let conditions = vec![condition("Accepted", status)];
        let part = Part { name: named("mine"), fields: Map::new(), conditions };
        let parts =
            Parts { list: "parents", controller: Some("weft/controller"), parts: vec![part] };
        Wanted { parts: Some(parts), ..Wanted::default() }
    }

    #[test]
    fn parts_of_other_controllers_stay_and_ours_keep_their_times() {
        let theirs = json!({ "parentRef": { "name": "mine" }, "controllerName": "other/controller",
            "conditions": [{ "type": "Accepted", "status": "False" }] });
        let first = wanted("True").merge(&json!({ "parents": [theirs] }), "t1");
        assert_eq!(first["parents"][0], theirs);
        assert_eq!(first["parents"][1]["conditions"][0]["lastTransitionTime"], "t1");
        let second = wanted("True").merge(&first, "t2");
        assert!(says(&first, &second), "{second}");
        let third = wanted("False").merge(&second, "t3");
        assert_eq!(third["parents"][1]["conditions"][0]["lastTransitionTime"], "t3");
        assert_eq!(third["parents"].as_array().map(Vec::len), Some(2));
    }

    #[test]
    fn a_condition_that_is_over_goes_and_those_of_others_stay() {
        let old = json!({ "conditions": [{ "type": "InvalidSpec" }, { "type": "Healthy" }] });
        let over = Wanted { gone: &["InvalidSpec"], ..Wanted::default() };
        assert_eq!(over.merge(&old, "now")["conditions"], json!([{ "type": "Healthy" }]));
        assert!(says(&Value::Null, &over.merge(&Value::Null, "now")));
    }
}
