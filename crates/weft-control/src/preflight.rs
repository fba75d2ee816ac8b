//! What can be said of objects before a mesh runs.
//! In: an object as the user wrote it. Out: what the API server would refuse. Never: I/O.

use ctl_apiserver::{SchemaFault, schema_faults};
use ctl_source::kinds::{self, KindInfo};
use serde_json::Value;

/// The objects that every mesh has; files may point at them.
#[must_use]
pub fn system_objects() -> Vec<Value> {
    ctl_controllers::system::objects()
}

/// Why the API server would refuse the object by its kind: pairs of a JSON pointer and what is wrong.
#[must_use]
pub fn kind_problems(object: &Value) -> Vec<(String, String)> {
    let text = |key: &str| object[key].as_str().unwrap_or_default();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let Some(info) = kinds::find(group, kind) else {
        return vec![unknown_kind(group, kind)];
    };
    if !info.versions.contains(&version) {
        let served: Vec<String> =
            info.versions.iter().map(|version| join(group, version)).collect();
        let what = format!("{kind} is not served as {api_version}; use {}", served.join(" or "));
        return vec![("/apiVersion".to_owned(), what)];
    }
    let fault = |fault: SchemaFault| (fault.pointer, fault.what);
    schema_faults(info, object).into_iter().map(fault).collect()
}

fn join(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

fn unknown_kind(group: &str, kind: &str) -> (String, String) {
    if let Some(info) = kinds::ALL.iter().find(|info| info.kind == kind) {
        let right = join(info.group, info.versions.first().copied().unwrap_or_default());
        return ("/apiVersion".to_owned(), format!("a {kind} has apiVersion {right}"));
    }
    let near = |info: &&KindInfo| info.kind.eq_ignore_ascii_case(kind) || close(info.kind, kind);
    let what = match kinds::ALL.iter().find(near) {
        Some(info) => format!("kind {kind} is not known; did you mean {}?", info.kind),
        None => {
            let all: Vec<&str> = kinds::ALL.iter().map(|info| info.kind).collect();
            let of = if group.is_empty() { String::new() } else { format!(" of {group}") };
            format!("kind {kind}{of} is not known; known kinds are {}", all.join(", "))
        }
    };
    ("/kind".to_owned(), what)
}

/// One letter more, less or other at most twice.
fn close(a: &str, b: &str) -> bool {
    weft_model::api::similar(b, &[a]).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn kinds_and_fields_are_named_by_place() {
        let object = |api: &str, kind: &str| json!({"apiVersion": api, "kind": kind, "metadata": {"name": "a"}});
        assert!(kind_problems(&object("v1", "Service")).is_empty());
        let (pointer, what) = kind_problems(&object("v1", "Deployment")).remove(0);
        assert_eq!(
            (pointer.as_str(), what.as_str()),
            ("/apiVersion", "a Deployment has apiVersion apps/v1")
        );
        let (pointer, what) = kind_problems(&object("v1", "Servise")).remove(0);
        assert_eq!(pointer, "/kind");
        assert!(what.contains("did you mean Service?"), "{what}");
        let mut service = object("v1", "Service");
        service["spec"] = json!({"ports": [{"prot": 1}]});
        let (pointer, _) = kind_problems(&service).remove(0);
        assert!(pointer.starts_with("/spec/ports/0"), "{pointer}");
    }
}
