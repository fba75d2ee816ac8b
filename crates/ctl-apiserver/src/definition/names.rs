//! Which names a definition gets, and the conditions that tell of it.

use serde_json::{Value, json};

use super::{CLEANUP, condition, read};
use crate::kind::Kind;

/// Fills in the status: accepted names, conditions, stored versions. `others` are the kinds of the same group that are
/// served, without the one that this definition makes; `now` is the time as text.
pub(crate) fn settle(object: &mut Value, others: &[&Kind], now: &str) {
    let conflicts = conflicts(&object["spec"]["names"], others);
    let free = conflicts.is_empty();
    let names = if free {
        object["spec"]["names"].clone()
    } else {
        object["status"]["acceptedNames"].clone()
    };
    object["status"]["acceptedNames"] =
        if names.is_null() { json!({ "plural": "", "kind": "" }) } else { names };
    let told = match free {
        true => ("True", "NoConflicts", "no conflicts found".to_owned()),
        false => ("False", "NameConflict", conflicts.join("; ")),
    };
    tell(object, "NamesAccepted", told, now);
    let was = super::is_established(object);
    let told = match free || was {
        true => ("True", "InitialNamesAccepted", "the initial names have been accepted".to_owned()),
        false => ("False", "NotAccepted", "not all names are accepted".to_owned()),
    };
    tell(object, "Established", told, now);
    if !object["metadata"]["deletionTimestamp"].is_null() {
        let told =
            ("True", "InstanceDeletionInProgress", "its objects are being deleted".to_owned());
        tell(object, "Terminating", told, now);
    }
    stored_versions(object);
    hold(object);
}

fn conflicts(names: &Value, others: &[&Kind]) -> Vec<String> {
    let mut found = Vec::new();
    for other in others {
        let resources: Vec<&str> = [other.plural.as_str(), other.singular.as_str()]
            .into_iter()
            .chain(other.short.iter().map(String::as_str))
            .collect();
        let own =
            ["plural", "singular"].into_iter().filter_map(|f| names[f].as_str().map(str::to_owned));
        for name in own.chain(read::words(&names["shortNames"])) {
            if resources.contains(&name.as_str()) {
                found.push(format!("{name:?} is already a name of {}", other.plural));
            }
        }
        let kinds = [other.kind.as_str(), other.list_kind.as_str()];
        for field in ["kind", "listKind"] {
            if let Some(name) = names[field].as_str().filter(|name| kinds.contains(name)) {
                found.push(format!("kind {name:?} is already one of {}", other.plural));
            }
        }
    }
    found
}

fn tell(
    object: &mut Value,
    name: &str,
    (status, reason, message): (&str, &str, String),
    now: &str,
) {
    let since = condition(object, name).filter(|c| c["status"] == status);
    let since = since.map_or_else(|| json!(now), |c| c["lastTransitionTime"].clone());
    let told = json!({ "type": name, "status": status, "reason": reason, "message": message,
        "lastTransitionTime": since });
    let list = &mut object["status"]["conditions"];
    if !list.is_array() {
        *list = json!([]);
    }
    let Some(list) = list.as_array_mut() else { return };
    match list.iter_mut().find(|c| c["type"] == name) {
        Some(slot) => *slot = told,
        None => list.push(told),
    }
}

fn stored_versions(object: &mut Value) {
    let versions = object["spec"]["versions"].as_array().into_iter().flatten();
    let storage = versions.filter(|v| v["storage"] == true).find_map(|v| v["name"].as_str());
    let mut stored = read::words(&object["status"]["storedVersions"]);
    if let Some(storage) = storage.filter(|name| !stored.iter().any(|s| s == name)) {
        stored.push(storage.to_owned());
    }
    object["status"]["storedVersions"] = json!(stored);
}

/// A living definition is held, so that its objects go before it.
fn hold(object: &mut Value) {
    let metadata = &mut object["metadata"];
    if !metadata["deletionTimestamp"].is_null() {
        return;
    }
    if !metadata["finalizers"].is_array() {
        metadata["finalizers"] = json!([]);
    }
    if let Some(list) =
        metadata["finalizers"].as_array_mut().filter(|l| !l.iter().any(|f| f == CLEANUP))
    {
        list.push(json!(CLEANUP));
    }
}
