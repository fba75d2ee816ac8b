//! What a webhook configuration must fulfil, and what it leaves out.
//!
//! In: a configuration. Out: the same with defaults; problems by path. Holds: what passes here can be asked without surprise.

use serde_json::{Map, Value, json};
use weft_schema::Condition;

use super::hook::NAMES;
use super::place;

type Problems = Vec<(String, String)>;

/// A field, the words that it takes, and whether it must be there.
const WORDS: [(&str, &[&str]); 4] = [
    ("failurePolicy", &["Fail", "Ignore"]),
    ("matchPolicy", &["Equivalent", "Exact"]),
    ("sideEffects", &["None", "NoneOnDryRun"]),
    ("reinvocationPolicy", &["Never", "IfNeeded"]),
];

/// Fills in what is left out.
pub(crate) fn defaults(kind: &str, object: &mut Map<String, Value>) {
    let put = |place: &mut Value, name: &str, value: Value| {
        if place.is_object() && place[name].is_null() {
            place[name] = value;
        }
    };
    for hook in object.get_mut("webhooks").and_then(Value::as_array_mut).into_iter().flatten() {
        put(hook, "failurePolicy", json!("Fail"));
        put(hook, "matchPolicy", json!("Equivalent"));
        put(hook, "timeoutSeconds", json!(10));
        put(hook, "namespaceSelector", json!({}));
        put(hook, "objectSelector", json!({}));
        if kind == "MutatingWebhookConfiguration" {
            put(hook, "reinvocationPolicy", json!("Never"));
        }
        if let Some(service) = hook.pointer_mut("/clientConfig/service") {
            put(service, "port", json!(443));
        }
        for rule in hook["rules"].as_array_mut().into_iter().flatten() {
            put(rule, "scope", json!("*"));
        }
    }
}

/// Everything that is wrong with it.
pub(crate) fn problems(object: &Value) -> Problems {
    let mut found = Problems::new();
    let hooks = object["webhooks"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (at, hook) in hooks.iter().enumerate() {
        let path = format!("webhooks[{at}]");
        let name = hook["name"].as_str().unwrap_or_default();
        if name.split('.').filter(|part| !part.is_empty()).count() < 3 {
            let why = format!("{name:?} must be a name of three parts, like policy.example.com");
            found.push((format!("{path}.name"), why));
        }
        if hooks[..at].iter().any(|other| other["name"] == hook["name"]) {
            found.push((format!("{path}.name"), format!("{name:?} is used twice")));
        }
        words(hook, &path, &mut found);
        client(&hook["clientConfig"], &format!("{path}.clientConfig"), &mut found);
        rules(hook, &path, &mut found);
        for selector in ["namespaceSelector", "objectSelector"] {
            terms(&hook[selector], &format!("{path}.{selector}"), &mut found);
        }
        conditions(hook, &path, &mut found);
    }
    found
}

fn words(hook: &Value, path: &str, found: &mut Problems) {
    for (field, words) in WORDS {
        let given = hook[field].as_str().unwrap_or_default();
        let may_miss = field == "reinvocationPolicy" && given.is_empty();
        if !words.contains(&given) && !may_miss {
            let why = format!("is {given:?}: write {}", words.join(" or "));
            found.push((format!("{path}.{field}"), why));
        }
    }
    if !hook["timeoutSeconds"].as_u64().is_some_and(|seconds| (1..=30).contains(&seconds)) {
        found.push((format!("{path}.timeoutSeconds"), "must be from 1 to 30".to_owned()));
    }
    let versions = hook["admissionReviewVersions"].as_array();
    if !versions.is_some_and(|versions| versions.iter().any(|version| version == "v1")) {
        let why = "must have v1 in it: this API server asks in no other version".to_owned();
        found.push((format!("{path}.admissionReviewVersions"), why));
    }
}

fn client(client: &Value, path: &str, found: &mut Problems) {
    match (client["url"].as_str(), client["service"].is_object()) {
        (Some(url), false) => {
            found.extend(place::parts(url).err().map(|why| (format!("{path}.url"), why)));
        }
        (None, true) => {
            let missing =
                |field: &&str| client["service"][field].as_str().is_none_or(str::is_empty);
            let each = ["namespace", "name"].into_iter().filter(|field| missing(field));
            found.extend(
                each.map(|field| (format!("{path}.service.{field}"), "is required".to_owned())),
            );
        }
        (Some(_), true) | (None, false) => {
            found.push((path.to_owned(), "must have either a url or a service".to_owned()));
        }
    }
    let bundle = &client["caBundle"];
    // A bundle that is still to come is not wrong yet; until then the webhook cannot be asked.
    let blank = bundle.as_str().is_none_or(|text| matches!(text, "" | "Cg=="));
    if !blank && let Err(why) = place::roots(bundle) {
        found.push((format!("{path}.caBundle"), why));
    }
}

fn rules(hook: &Value, path: &str, found: &mut Problems) {
    const OPERATIONS: [&str; 5] = ["*", "CREATE", "UPDATE", "DELETE", "CONNECT"];
    for (at, rule) in hook["rules"].as_array().into_iter().flatten().enumerate() {
        let path = format!("{path}.rules[{at}]");
        for field in ["operations", "apiGroups", "apiVersions", "resources"] {
            let listed = rule[field].as_array().map(Vec::as_slice).unwrap_or_default();
            if listed.is_empty() {
                found.push((format!("{path}.{field}"), "is required".to_owned()));
            }
            if field != "resources" && listed.len() > 1 && listed.iter().any(|one| one == "*") {
                let why = "must have nothing beside \"*\"".to_owned();
                found.push((format!("{path}.{field}"), why));
            }
        }
        for operation in rule["operations"].as_array().into_iter().flatten() {
            if !OPERATIONS.iter().any(|known| operation == known) {
                let why = format!("{operation} is not one of {}", OPERATIONS.join(", "));
                found.push((format!("{path}.operations"), why));
            }
        }
        if !matches!(rule["scope"].as_str(), Some("*" | "Cluster" | "Namespaced")) {
            found.push((format!("{path}.scope"), "must be *, Cluster or Namespaced".to_owned()));
        }
    }
}

fn terms(selector: &Value, path: &str, found: &mut Problems) {
    for (at, term) in selector["matchExpressions"].as_array().into_iter().flatten().enumerate() {
        let listed = term["values"].as_array().is_some_and(|values| !values.is_empty());
        let why = match term["operator"].as_str().unwrap_or_default() {
            "In" | "NotIn" if listed => continue,
            "In" | "NotIn" => "needs values".to_owned(),
            "Exists" | "DoesNotExist" if !listed => continue,
            "Exists" | "DoesNotExist" => "takes no values".to_owned(),
            other => format!("{other:?} is not In, NotIn, Exists or DoesNotExist"),
        };
        found.push((format!("{path}.matchExpressions[{at}].operator"), why));
    }
}

fn conditions(hook: &Value, path: &str, found: &mut Problems) {
    for (at, condition) in hook["matchConditions"].as_array().into_iter().flatten().enumerate() {
        let text = condition["expression"].as_str().unwrap_or_default();
        if let Err(why) = Condition::parse(text, &NAMES) {
            found.push((format!("{path}.matchConditions[{at}].expression"), why));
        }
    }
}
