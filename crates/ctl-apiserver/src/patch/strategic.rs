//! Strategic merge: like a merge patch, but lists whose elements have a key are merged by that key.
//!
//! In: an object and a patch with Kubernetes' directives (`$patch`, `$retainKeys`, `$deleteFromPrimitiveList/…`,
//! `$setElementOrder/…`). Out: the merged object.
//! Holds: a directive that is not known is refused.
//! Why a table of names and not of paths: in the core kinds a list's name determines its key, save for `ports`.

use serde_json::{Map, Value};

/// The key of a list's elements, by the list's name; `ports` has two, the first that the elements carry counts.
fn keys(list: &str) -> &'static [&'static str] {
    match list {
        "containers"
        | "initContainers"
        | "ephemeralContainers"
        | "env"
        | "volumes"
        | "imagePullSecrets"
        | "secrets"
        | "resourceClaims"
        | "schedulingGates"
        | "webhooks"
        | "matchConditions" => &["name"],
        "volumeMounts" => &["mountPath"],
        "volumeDevices" => &["devicePath"],
        "ports" => &["containerPort", "port"],
        "ownerReferences" => &["uid"],
        "conditions" | "addresses" => &["type"],
        "hostAliases" | "podIPs" | "hostIPs" => &["ip"],
        "topologySpreadConstraints" => &["topologyKey"],
        _ => &[],
    }
}

/// Lists of plain values that are joined rather than replaced.
fn is_set(list: &str) -> bool {
    list == "finalizers"
}

pub(super) fn merge(target: &mut Value, patch: &Value) -> Result<(), String> {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return Ok(());
    };
    match patch.get("$patch").and_then(Value::as_str) {
        Some("replace") => {
            let kept = patch.iter().filter(|(key, _)| !key.starts_with('$'));
            *target = Value::Object(kept.map(|(k, v)| (k.clone(), v.clone())).collect());
            return Ok(());
        }
        Some("delete") => {
            *target = Value::Object(Map::new());
            return Ok(());
        }
        Some("merge") | None => {}
        Some(other) => return Err(format!("unknown directive $patch: {other}")),
    }
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    if let Value::Object(target) = target {
        retain(target, patch);
        for (name, value) in patch {
            field(target, name, value)?;
        }
        order(target, patch);
    }
    Ok(())
}

fn retain(target: &mut Map<String, Value>, patch: &Map<String, Value>) {
    if let Some(keep) = patch.get("$retainKeys").and_then(Value::as_array) {
        target.retain(|name, _| keep.iter().any(|k| k.as_str() == Some(name)));
    }
}

fn field(target: &mut Map<String, Value>, name: &str, value: &Value) -> Result<(), String> {
    if let Some(list) = name.strip_prefix("$deleteFromPrimitiveList/") {
        let gone = value.as_array().map(Vec::as_slice).unwrap_or_default();
        if let Some(items) = target.get_mut(list).and_then(Value::as_array_mut) {
            items.retain(|item| !gone.contains(item));
        }
        return Ok(());
    }
    if name == "$patch" || name == "$retainKeys" || name.starts_with("$setElementOrder/") {
        return Ok(());
    }
    if name.starts_with('$') {
        return Err(format!("unknown directive {name}"));
    }
    match value {
        Value::Null => {
            target.remove(name);
        }
        Value::Object(_) => merge(target.entry(name).or_insert(Value::Null), value)?,
        Value::Array(items) => {
            let slot = target.entry(name).or_insert_with(|| Value::Array(Vec::new()));
            *slot = list(name, slot.as_array().cloned().unwrap_or_default(), items)?;
        }
        plain => {
            target.insert(name.to_owned(), plain.clone());
        }
    }
    Ok(())
}

fn list(name: &str, mut current: Vec<Value>, patch: &[Value]) -> Result<Value, String> {
    if is_set(name) {
        for item in patch {
            if !current.contains(item) {
                current.push(item.clone());
            }
        }
        return Ok(Value::Array(current));
    }
    let directive = |item: &Value| item.get("$patch").and_then(Value::as_str).map(str::to_owned);
    let replaces = |item: &Value| {
        directive(item).as_deref() == Some("replace")
            && item.as_object().is_some_and(|o| o.len() == 1)
    };
    let known =
        keys(name).iter().find(|k| patch.iter().chain(&current).any(|i| i.get(**k).is_some()));
    let Some(key) = known.filter(|_| !patch.iter().any(replaces)) else {
        return Ok(Value::Array(patch.iter().filter(|i| !replaces(i)).cloned().collect()));
    };
    for item in patch {
        let id = item.get(*key).ok_or_else(|| format!("an element of {name} has no {key}"))?;
        let at = current.iter().position(|c| c.get(*key) == Some(id));
        match (directive(item).as_deref(), at) {
            (Some("delete"), Some(at)) => drop(current.remove(at)),
            (Some("delete"), None) => {}
            (_, Some(at)) => merge(&mut current[at], item)?,
            (_, None) => {
                let mut fresh = Value::Null;
                merge(&mut fresh, item)?;
                current.push(fresh);
            }
        }
    }
    Ok(Value::Array(current))
}

/// Puts the elements of keyed lists into the order that the patch asks for; the others keep their place behind.
fn order(target: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (name, wanted) in patch {
        let (Some(list), Some(wanted)) =
            (name.strip_prefix("$setElementOrder/"), wanted.as_array())
        else {
            continue;
        };
        let Some(items) = target.get_mut(list).and_then(Value::as_array_mut) else { continue };
        let rank = |item: &Value| {
            let same = |w: &Value| {
                keys(list).iter().any(|k| w.get(*k).is_some() && w.get(*k) == item.get(*k))
                    || w == item
            };
            wanted.iter().position(same).unwrap_or(usize::MAX)
        };
        items.sort_by_key(rank);
    }
}

#[cfg(test)]
mod tests {
    use super::merge;
    use serde_json::{Value, json};

    #[track_caller]
    fn check(mut target: Value, patch: &Value, expected: &Value) {
        merge(&mut target, patch).unwrap();
        assert_eq!(target, *expected);
    }

    #[test]
    fn containers_merge_by_name_and_can_be_deleted() {
        check(
            json!({ "containers": [
                { "name": "a", "image": "1", "env": [{ "name": "X", "value": "1" }] }, { "name": "b" }] }),
            &json!({ "containers": [
                { "name": "a", "image": "2", "env": [{ "name": "Y", "value": "2" }] },
                { "name": "b", "$patch": "delete" }, { "name": "c" }],
                "$setElementOrder/containers": [{ "name": "c" }, { "name": "a" }] }),
            &json!({ "containers": [{ "name": "c" }, { "name": "a", "image": "2",
                "env": [{ "name": "X", "value": "1" }, { "name": "Y", "value": "2" }] }] }),
        );
    }

    #[test]
    fn ports_merge_by_whichever_key_they_have() {
        check(
            json!({ "ports": [{ "port": 80, "name": "http" }] }),
            &json!({ "ports": [{ "port": 80, "targetPort": 8080 }, { "port": 443 }] }),
            &json!({ "ports": [{ "port": 80, "name": "http", "targetPort": 8080 }, { "port": 443 }] }),
        );
        check(
            json!({ "ports": [{ "containerPort": 80 }] }),
            &json!({ "ports": [{ "containerPort": 81 }] }),
            &json!({ "ports": [{ "containerPort": 80 }, { "containerPort": 81 }] }),
        );
    }

    #[test]
    fn plain_lists_are_replaced_and_nulls_remove() {
        check(
            json!({ "args": ["a", "b"], "x": 1, "m": { "k": 1, "l": 2 } }),
            &json!({ "args": ["c"], "x": null, "m": { "$retainKeys": ["k"], "k": 3 } }),
            &json!({ "args": ["c"], "m": { "k": 3 } }),
        );
        check(
            json!({ "metadata": { "finalizers": ["a", "b"] } }),
            &json!({ "metadata": { "$deleteFromPrimitiveList/finalizers": ["a"], "finalizers": ["c"] } }),
            &json!({ "metadata": { "finalizers": ["b", "c"] } }),
        );
        assert!(merge(&mut json!({}), &json!({ "$strange": 1 })).is_err());
    }
}
