//! One webhook of a configuration: which writes it is asked about.
//!
//! In: a write. Out: whether to ask, and in which version. Holds: what was stored has passed [`super::check`].

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use weft_schema::Condition;

use super::{Asked, Objects};

/// What conditions may name.
pub(super) const NAMES: [&str; 3] = ["object", "oldObject", "request"];

/// One webhook.
#[derive(Debug, Clone)]
pub(super) struct Hook {
    configuration: Arc<Value>,
    at: usize,
}

impl Hook {
    pub(super) fn new(configuration: Arc<Value>, at: usize) -> Self {
        Self { configuration, at }
    }

    fn field(&self, name: &str) -> &Value {
        &self.configuration["webhooks"][self.at][name]
    }

    pub(super) fn name(&self) -> &str {
        self.field("name").as_str().unwrap_or_default()
    }

    /// Kind and name of the object that has it.
    pub(super) fn configuration(&self) -> String {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let object = &self.configuration;
        format!("{} {}", text(&object["kind"]), text(&object["metadata"]["name"]))
    }

    pub(super) fn client(&self) -> &Value {
        self.field("clientConfig")
    }

    pub(super) fn patience(&self) -> Duration {
        Duration::from_secs(self.field("timeoutSeconds").as_u64().unwrap_or(10).clamp(1, 30))
    }

    /// A write goes on without it when it cannot be asked.
    pub(super) fn may_fail(&self) -> bool {
        self.field("failurePolicy") == "Ignore"
    }

    /// It can be asked about what is only tried.
    pub(super) fn is_harmless(&self) -> bool {
        matches!(self.field("sideEffects").as_str(), Some("None" | "NoneOnDryRun"))
    }

    pub(super) fn looks_again(&self) -> bool {
        self.field("reinvocationPolicy") == "IfNeeded"
    }

    /// The version in which its rules want to see this write; none when they do not.
    pub(super) fn version<'a>(&self, asked: &Asked<'a>) -> Option<&'a str> {
        let rules = self.field("rules").as_array().map(Vec::as_slice).unwrap_or_default();
        let about: Vec<&Value> = rules.iter().filter(|rule| is_about(rule, asked)).collect();
        let has = |version: &str| about.iter().any(|rule| names(&rule["apiVersions"], version));
        if has(asked.version) {
            return Some(asked.version);
        }
        let served = asked.kind.versions.iter().map(|version| version.name.as_str());
        let equivalent = self.field("matchPolicy") != "Exact" && asked.subresource != "scale";
        served.filter(|_| equivalent).find(|version| has(version))
    }

    /// Its selectors take the object and the namespace.
    pub(super) fn selects(&self, asked: &Asked<'_>, objects: Objects<'_>) -> bool {
        let labels = |object: &Value| object["metadata"]["labels"].clone();
        let object = self.field("objectSelector");
        let own = [objects.new, objects.old].into_iter().filter(|object| !object.is_null());
        let taken = own.into_iter().any(|of| selected(object, &labels(of)));
        let namespaces = self.field("namespaceSelector");
        let kind = asked.kind;
        let in_place = match (kind.namespaced, kind.group.is_empty() && kind.kind == "Namespace") {
            (true, _) => selected(namespaces, asked.namespace_labels),
            (false, true) => {
                let of = if objects.new.is_null() { objects.old } else { objects.new };
                selected(namespaces, &labels(of))
            }
            (false, false) => true,
        };
        taken && in_place
    }

    /// Whether all of its conditions hold.
    pub(super) fn wants(&self, request: &Value, objects: Objects<'_>) -> Result<bool, String> {
        for condition in self.field("matchConditions").as_array().into_iter().flatten() {
            let name = condition["name"].as_str().unwrap_or_default();
            let text = condition["expression"].as_str().unwrap_or_default();
            let values =
                [("object", objects.new), ("oldObject", objects.old), ("request", request)];
            let held = Condition::parse(text, &NAMES).and_then(|c| c.holds(&values));
            if !held.map_err(|why| format!("its condition {name}: {why}"))? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Does a rule name operation, group, scope and resource?
fn is_about(rule: &Value, asked: &Asked<'_>) -> bool {
    let scope = rule["scope"].as_str().unwrap_or("*");
    let in_scope = match scope {
        "Namespaced" => asked.kind.namespaced,
        "Cluster" => !asked.kind.namespaced,
        _ => true,
    };
    let resource = |pattern: &Value| {
        let (plural, below) = match pattern.as_str().unwrap_or_default().split_once('/') {
            Some((plural, below)) => (plural, below),
            None => (pattern.as_str().unwrap_or_default(), ""),
        };
        let any_below = below == "*" || below == asked.subresource;
        (plural == "*" || plural == asked.kind.plural) && any_below
    };
    in_scope
        && names(&rule["operations"], asked.operation)
        && names(&rule["apiGroups"], &asked.kind.group)
        && rule["resources"].as_array().is_some_and(|all| all.iter().any(resource))
}

/// Does a list name this word, or everything?
fn names(list: &Value, word: &str) -> bool {
    list.as_array().is_some_and(|all| all.iter().any(|one| one == "*" || one == word))
}

/// Does a label selector take these labels?
fn selected(selector: &Value, labels: &Value) -> bool {
    let value = |key: &str| labels.get(key).and_then(Value::as_str);
    let same = |(key, wanted): (&String, &Value)| value(key).is_some_and(|own| wanted == own);
    let holds = |term: &Value| {
        let own = value(term["key"].as_str().unwrap_or_default());
        let listed = || own.is_some_and(|own| names_exactly(&term["values"], own));
        match term["operator"].as_str() {
            Some("In") => listed(),
            Some("NotIn") => !listed(),
            Some("Exists") => own.is_some(),
            Some("DoesNotExist") => own.is_none(),
            _ => false,
        }
    };
    selector["matchLabels"].as_object().into_iter().flatten().all(same)
        && selector["matchExpressions"].as_array().into_iter().flatten().all(holds)
}

fn names_exactly(list: &Value, word: &str) -> bool {
    list.as_array().is_some_and(|all| all.iter().any(|one| one == word))
}
