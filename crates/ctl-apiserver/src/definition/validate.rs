//! What a definition must fulfil, each problem with its path.

use std::collections::HashSet;

use serde_json::Value;
use weft_schema::{Schema, SchemaFault};

use super::read::words;
use crate::strict::dotted;
use crate::table::path::JsonPath;

type Problems = Vec<(String, String)>;

/// Everything that is wrong; `old` is the definition before.
pub(crate) fn problems(object: &Value, old: Option<&Value>) -> Problems {
    let spec = &object["spec"];
    let mut found = Vec::new();
    names(object, &mut found);
    if !matches!(spec["scope"].as_str(), Some("Namespaced" | "Cluster")) {
        found.push(("spec.scope".into(), "must be Namespaced or Cluster".into()));
    }
    if spec["conversion"]["strategy"] != "None" {
        let why = "only None is supported here: the versions of a kind must have the same fields; webhooks are not called";
        found.push(("spec.conversion.strategy".into(), why.into()));
    }
    if spec["preserveUnknownFields"] == true {
        let why = "must be false: set x-kubernetes-preserve-unknown-fields in the schema";
        found.push(("spec.preserveUnknownFields".into(), why.into()));
    }
    versions(spec, &mut found);
    if let Some(old) = old {
        changes(object, old, &mut found);
    }
    found
}

fn names(object: &Value, found: &mut Problems) {
    let spec = &object["spec"];
    let group = spec["group"].as_str().unwrap_or_default();
    if !group.contains('.') || !group.split('.').all(is_label) {
        let why =
            format!("{group:?} is not a group: write a DNS name with a dot, like example.com");
        found.push(("spec.group".into(), why));
    }
    resource_names(&spec["names"], found);
    for field in ["kind", "listKind"] {
        let name = spec["names"][field].as_str().unwrap_or_default();
        if !is_label(&name.to_lowercase()) {
            let why = format!("{name:?} is not a kind: write it like Widget");
            found.push((format!("spec.names.{field}"), why));
        }
    }
    let wanted = format!("{}.{group}", spec["names"]["plural"].as_str().unwrap_or_default());
    if object["metadata"]["name"] != wanted {
        let why = format!("must be spec.names.plural and spec.group: {wanted}");
        found.push(("metadata.name".into(), why));
    }
}

fn is_label(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=63).contains(&text.len())
        && text.chars().all(fits)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn resource_names(names: &Value, found: &mut Problems) {
    let one =
        |field: &str| (field.to_owned(), names[field].as_str().unwrap_or_default().to_owned());
    let short = words(&names["shortNames"]).into_iter().enumerate();
    let all = ["plural", "singular"]
        .into_iter()
        .map(one)
        .chain(short.map(|(at, name)| (format!("shortNames[{at}]"), name)));
    for (field, name) in all.filter(|(_, name)| !is_label(name)) {
        let why = format!("{name:?} is not a name: use a-z, 0-9 and '-'");
        found.push((format!("spec.names.{field}"), why));
    }
}

fn versions(spec: &Value, found: &mut Problems) {
    let versions = spec["versions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let stored = versions.iter().filter(|v| v["storage"] == true).count();
    if stored != 1 {
        let why = format!("{stored} versions have storage: true; exactly one must");
        found.push(("spec.versions".into(), why));
    }
    let mut seen = HashSet::new();
    for (at, version) in versions.iter().enumerate() {
        let path = format!("spec.versions[{at}]");
        let name = version["name"].as_str().unwrap_or_default();
        if name.is_empty()
            || !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        {
            found.push((
                format!("{path}.name"),
                format!("{name:?} is not a version: write it like v1"),
            ));
        } else if !seen.insert(name) {
            found.push((format!("{path}.name"), format!("{name:?} is used twice")));
        }
        if version["storage"] == true && version["served"] != true {
            found.push((
                format!("{path}.served"),
                "must be true: the storage version is served here".into(),
            ));
        }
        schema(
            &version["schema"]["openAPIV3Schema"],
            &format!("{path}.schema.openAPIV3Schema"),
            found,
        );
        columns(version, &path, found);
        scale(&version["subresources"]["scale"], &path, found);
    }
}

fn schema(schema: &Value, path: &str, found: &mut Problems) {
    if schema.is_null() {
        found.push((path.to_owned(), "is required: a kind needs a schema".into()));
        return;
    }
    let faults = Schema::parse(schema).err().unwrap_or_default();
    let told = faults
        .into_iter()
        .map(|SchemaFault { pointer, what }| (join(path, &dotted(&pointer)), what));
    found.extend(told);
}

fn join(path: &str, below: &str) -> String {
    match below {
        "" => path.to_owned(),
        below if below.starts_with('[') => format!("{path}{below}"),
        below => format!("{path}.{below}"),
    }
}

fn columns(version: &Value, path: &str, found: &mut Problems) {
    for (at, column) in
        version["additionalPrinterColumns"].as_array().into_iter().flatten().enumerate()
    {
        let path = format!("{path}.additionalPrinterColumns[{at}]");
        if column["name"].as_str().is_none_or(str::is_empty) {
            found.push((format!("{path}.name"), "is required".into()));
        }
        if !matches!(
            column["type"].as_str(),
            Some("integer" | "number" | "string" | "boolean" | "date")
        ) {
            let why = "must be integer, number, string, boolean or date";
            found.push((format!("{path}.type"), why.into()));
        }
        if let Err(why) = JsonPath::parse(column["jsonPath"].as_str().unwrap_or_default()) {
            found.push((format!("{path}.jsonPath"), why));
        }
    }
}

fn scale(scale: &Value, path: &str, found: &mut Problems) {
    if scale.is_null() {
        return;
    }
    for (field, start, required) in [
        ("specReplicasPath", ".spec.", true),
        ("statusReplicasPath", ".status.", true),
        ("labelSelectorPath", ".", false),
    ] {
        let text = scale[field].as_str().unwrap_or_default();
        let plain = text.starts_with(start) && !text.contains('[');
        if !plain && (required || !text.is_empty()) {
            let why = format!("must be a path below {start} without lists");
            found.push((format!("{path}.subresources.scale.{field}"), why));
        }
    }
}

fn changes(object: &Value, old: &Value, found: &mut Problems) {
    for path in ["/spec/group", "/spec/scope", "/spec/names/plural", "/spec/names/kind"] {
        if object.pointer(path) != old.pointer(path) {
            let why = "cannot be changed; delete the definition and create it anew";
            found.push((dotted(path), why.into()));
        }
    }
    let versions: Vec<&Value> =
        object["spec"]["versions"].as_array().into_iter().flatten().map(|v| &v["name"]).collect();
    for stored in old["status"]["storedVersions"].as_array().into_iter().flatten() {
        if !versions.contains(&stored) {
            let why = format!(
                "version {stored} must stay: objects may be stored in it (status.storedVersions)"
            );
            found.push(("spec.versions".into(), why));
        }
    }
}
