//! What this server serves, in the old form and in the aggregated one.

use http::Method;
use serde_json::{Value, json};

use super::answer::{self, Answer};
use super::route::Ask;
use crate::definition;
use crate::kind::{Kind, Version};
use crate::registry::Kinds;

const VERBS: [&str; 8] =
    ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const STATUS_VERBS: [&str; 3] = ["get", "patch", "update"];

/// Answers discovery paths; `None` for all others.
pub(crate) fn answer(ask: &Ask, parts: &[&str]) -> Option<Answer> {
    if ask.method != Method::GET {
        return None;
    }
    let aggregated = ask.accept.contains("as=APIGroupDiscoveryList");
    let kinds = &*ask.shared.registry.kinds();
    match parts {
        ["version"] => Some(answer::json(&version())),
        ["api"] if aggregated => Some(aggregate(kinds, &[String::new()])),
        ["apis"] if aggregated => Some(aggregate(kinds, &groups(kinds))),
        ["api"] => Some(answer::json(&json!({ "kind": "APIVersions", "versions": ["v1"],
            "serverAddressByClientCIDRs": [] }))),
        ["apis"] => {
            let groups: Vec<Value> = groups(kinds).iter().map(|name| group(kinds, name)).collect();
            Some(answer::json(
                &json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups }),
            ))
        }
        ["apis", name] if groups(kinds).iter().any(|known| known == name) => {
            let mut group = group(kinds, name);
            group["kind"] = json!("APIGroup");
            group["apiVersion"] = json!("v1");
            Some(answer::json(&group))
        }
        ["api", "v1"] => Some(answer::json(&resources(kinds, "", "v1"))),
        ["apis", name, version] if versions(kinds, name).iter().any(|known| known == version) => {
            Some(answer::json(&resources(kinds, name, version)))
        }
        _ => None,
    }
}

fn version() -> Value {
    json!({ "major": "1", "minor": "37", "gitVersion": format!("v1.37.0+weft-{}", env!("CARGO_PKG_VERSION")),
        "gitCommit": "", "gitTreeState": "clean", "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "", "compiler": "rustc", "platform": "linux/amd64" })
}

/// Every group but core, in the order of the kinds, and those of the reviews.
pub(crate) fn groups(kinds: &Kinds) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for kind in kinds.iter().filter(|k| !k.group.is_empty()) {
        if !found.contains(&kind.group) {
            found.push(kind.group.clone());
        }
    }
    found.extend(["authentication.k8s.io".to_owned(), "authorization.k8s.io".to_owned()]);
    found
}

/// Every version of a group, the preferred first.
pub(crate) fn versions(kinds: &Kinds, group: &str) -> Vec<String> {
    let of_group = kinds.iter().filter(|kind| kind.group == group);
    let mut found: Vec<String> =
        of_group.flat_map(|kind| &kind.versions).map(|version| version.name.clone()).collect();
    if group.starts_with("auth") && group.ends_with(".k8s.io") {
        found.push("v1".to_owned());
    }
    found.sort_by_key(|name| definition::priority(name));
    found.dedup();
    found
}

fn group(kinds: &Kinds, name: &str) -> Value {
    let entry = |version: &String| json!({ "groupVersion": format!("{name}/{version}"), "version": version });
    let versions: Vec<Value> = versions(kinds, name).iter().map(entry).collect();
    json!({ "name": name, "preferredVersion": versions.first(), "versions": versions })
}

/// Group, version and kind of what a sub-resource speaks; empty for the kind itself.
type Spoken = (&'static str, &'static str, &'static str);

/// One line of discovery: the sub-resource's name is empty for the collection itself.
#[derive(Clone)]
struct Entry {
    plural: String,
    singular: String,
    subresource: &'static str,
    kind: (String, String, String),
    namespaced: bool,
    verbs: Vec<&'static str>,
    short: Vec<String>,
    categories: Vec<String>,
}

fn entries(kinds: &Kinds, group: &str, version: &str) -> Vec<Entry> {
    let served = kinds.iter().filter(|kind| kind.group == group);
    let mut found: Vec<Entry> = served
        .filter_map(|kind| Some((kind, kind.version(version)?)))
        .flat_map(|(kind, version)| of_kind(kind, version))
        .collect();
    found.extend(reviews(group).iter().map(|(plural, kind)| Entry {
        plural: (*plural).to_owned(),
        singular: plural.strip_suffix('s').unwrap_or(plural).to_owned(),
        subresource: "",
        kind: (String::new(), "v1".to_owned(), (*kind).to_owned()),
        namespaced: false,
        verbs: vec!["create"],
        short: Vec::new(),
        categories: Vec::new(),
    }));
    found
}

/// URL names and kinds of the questions of a group.
pub(crate) fn reviews(group: &str) -> &'static [(&'static str, &'static str)] {
    match group {
        "authentication.k8s.io" => {
            &[("tokenreviews", "TokenReview"), ("selfsubjectreviews", "SelfSubjectReview")]
        }
        "authorization.k8s.io" => &[
            ("selfsubjectaccessreviews", "SelfSubjectAccessReview"),
            ("selfsubjectrulesreviews", "SelfSubjectRulesReview"),
        ],
        _ => &[],
    }
}

fn of_kind(kind: &Kind, version: &Version) -> Vec<Entry> {
    let main = Entry {
        plural: kind.plural.clone(),
        singular: kind.singular.clone(),
        subresource: "",
        kind: (String::new(), String::new(), kind.kind.clone()),
        namespaced: kind.namespaced,
        verbs: VERBS.to_vec(),
        short: kind.short.clone(),
        categories: kind.categories.clone(),
    };
    let below = |subresource, of: Option<Spoken>, verbs: &[&'static str]| {
        let spoken = of.map(|(g, v, k)| (g.to_owned(), v.to_owned(), k.to_owned()));
        let kind = spoken.unwrap_or_else(|| main.kind.clone());
        let (short, categories) = (Vec::new(), Vec::new());
        Entry { subresource, kind, verbs: verbs.to_vec(), short, categories, ..main.clone() }
    };
    let mut found = Vec::new();
    if version.has_status {
        found.push(below("status", None, &STATUS_VERBS));
    }
    if version.scale.is_some() {
        found.push(below("scale", Some(("autoscaling", "v1", "Scale")), &STATUS_VERBS));
    }
    match (kind.group.as_str(), kind.kind.as_str()) {
        ("", "ServiceAccount") => {
            let spoken = ("authentication.k8s.io", "v1", "TokenRequest");
            found.push(below("token", Some(spoken), &["create"]));
        }
        ("", "Pod") => {
            found.push(below("log", None, &["get"]));
            for (name, spoken) in [
                ("exec", "PodExecOptions"),
                ("attach", "PodAttachOptions"),
                ("portforward", "PodPortForwardOptions"),
            ] {
                found.push(below(name, Some(("", "v1", spoken)), &["create", "get"]));
            }
        }
        _ => {}
    }
    found.insert(0, main);
    found
}

fn resources(kinds: &Kinds, group: &str, version: &str) -> Value {
    let name = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    let resources: Vec<Value> = entries(kinds, group, version).into_iter().map(line).collect();
    json!({ "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": resources })
}

fn line(entry: Entry) -> Value {
    let name = match entry.subresource {
        "" => entry.plural.clone(),
        subresource => format!("{}/{subresource}", entry.plural),
    };
    let singular = if entry.subresource.is_empty() { entry.singular } else { String::new() };
    let (group, version, kind) = entry.kind;
    let mut shown = json!({ "name": name, "singularName": singular, "namespaced": entry.namespaced,
        "kind": kind, "verbs": entry.verbs });
    if !version.is_empty() {
        shown["group"] = json!(group);
        shown["version"] = json!(version);
    }
    if !entry.short.is_empty() {
        shown["shortNames"] = json!(entry.short);
    }
    if !entry.categories.is_empty() {
        shown["categories"] = json!(entry.categories);
    }
    shown
}

fn aggregate(kinds: &Kinds, groups: &[String]) -> Answer {
    let items: Vec<Value> = groups
        .iter()
        .map(|group| {
            let version = |version: &String| {
                json!({ "version": version, "freshness": "Current",
                    "resources": aggregated(kinds, group, version) })
            };
            let versions: Vec<Value> = versions(kinds, group).iter().map(version).collect();
            let metadata = if group.is_empty() { json!({}) } else { json!({ "name": group }) };
            json!({ "metadata": metadata, "versions": versions })
        })
        .collect();
    let list = json!({ "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {}, "items": items });
    let content = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    answer::bytes(http::StatusCode::OK, content, list.to_string())
}

fn aggregated(kinds: &Kinds, group: &str, version: &str) -> Vec<Value> {
    let mut found: Vec<Value> = Vec::new();
    for entry in entries(kinds, group, version) {
        let (of_group, of_version, kind) = match &entry.kind {
            (none, of_version, kind) if none.is_empty() && of_version.is_empty() => {
                (group, version, kind)
            }
            (of_group, of_version, kind) => (of_group.as_str(), of_version.as_str(), kind),
        };
        let kind = json!({ "group": of_group, "version": of_version, "kind": kind });
        if entry.subresource.is_empty() {
            let scope = if entry.namespaced { "Namespaced" } else { "Cluster" };
            found.push(json!({ "resource": entry.plural, "responseKind": kind, "scope": scope,
                "singularResource": entry.singular, "verbs": entry.verbs, "shortNames": entry.short,
                "categories": entry.categories, "subresources": [] }));
        } else if let Some(list) = found.last_mut().and_then(|f| f["subresources"].as_array_mut()) {
            list.push(json!({ "subresource": entry.subresource, "responseKind": kind, "verbs": entry.verbs }));
        }
    }
    found
}
