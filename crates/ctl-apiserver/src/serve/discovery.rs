//! What this server serves, in the old form and in the aggregated one.

use ctl_source::kinds::{self, KindInfo};
use http::Method;
use serde_json::{Value, json};

use super::answer::{self, Answer};
use super::route::Ask;

const VERBS: [&str; 8] =
    ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const STATUS_VERBS: [&str; 3] = ["get", "patch", "update"];

/// Answers discovery paths; `None` for all others.
pub(crate) fn answer(ask: &Ask, parts: &[&str]) -> Option<Answer> {
    if ask.method != Method::GET {
        return None;
    }
    let aggregated = ask.accept.contains("as=APIGroupDiscoveryList");
    match parts {
        ["version"] => Some(answer::json(&version())),
        ["api"] if aggregated => Some(aggregate(&[""])),
        ["apis"] if aggregated => Some(aggregate(&groups())),
        ["api"] => Some(answer::json(&json!({ "kind": "APIVersions", "versions": ["v1"],
            "serverAddressByClientCIDRs": [] }))),
        ["apis"] => {
            let groups: Vec<Value> = groups().into_iter().map(group).collect();
            Some(answer::json(
                &json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups }),
            ))
        }
        ["apis", name] if groups().contains(name) => {
            let mut group = group(name);
            group["kind"] = json!("APIGroup");
            group["apiVersion"] = json!("v1");
            Some(answer::json(&group))
        }
        ["api", "v1"] => Some(answer::json(&resources("", "v1"))),
        ["apis", name, version] if versions(name).contains(version) => {
            Some(answer::json(&resources(name, version)))
        }
        _ => None,
    }
}

fn version() -> Value {
    json!({ "major": "1", "minor": "37", "gitVersion": format!("v1.37.0+weft-{}", env!("CARGO_PKG_VERSION")),
        "gitCommit": "", "gitTreeState": "clean", "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "", "compiler": "rustc", "platform": "linux/amd64" })
}

/// Every group but core, in the order of the table of kinds, and those of the reviews.
pub(crate) fn groups() -> Vec<&'static str> {
    let mut found = Vec::new();
    for kind in kinds::ALL.iter().filter(|k| !k.group.is_empty()) {
        if !found.contains(&kind.group) {
            found.push(kind.group);
        }
    }
    found.extend(["authentication.k8s.io", "authorization.k8s.io"]);
    found
}

/// Every version of a group, the preferred first.
pub(crate) fn versions(group: &str) -> Vec<&'static str> {
    let mut found = Vec::new();
    for version in kinds::ALL.iter().filter(|k| k.group == group).flat_map(|k| k.versions) {
        if !found.contains(version) {
            found.push(*version);
        }
    }
    if group.starts_with("auth") && group.ends_with(".k8s.io") {
        found.push("v1");
    }
    found
}

fn group(name: &str) -> Value {
    let entry =
        |version: &&str| json!({ "groupVersion": format!("{name}/{version}"), "version": version });
    let versions: Vec<Value> = versions(name).iter().map(entry).collect();
    json!({ "name": name, "preferredVersion": versions.first(), "versions": versions })
}

/// One line of discovery: the sub-resource's name is empty for the collection itself.
struct Entry {
    plural: &'static str,
    singular: &'static str,
    subresource: &'static str,
    kind: (&'static str, &'static str, &'static str),
    namespaced: bool,
    verbs: Vec<&'static str>,
    short: &'static [&'static str],
    categories: &'static [&'static str],
}

fn entries(group: &str, version: &str) -> Vec<Entry> {
    let served = |k: &&KindInfo| k.group == group && k.versions.contains(&version);
    let mut found: Vec<Entry> = kinds::ALL.iter().filter(served).flat_map(of_kind).collect();
    let reviews: &[(&str, &str)] = match group {
        "authentication.k8s.io" => {
            &[("tokenreviews", "TokenReview"), ("selfsubjectreviews", "SelfSubjectReview")]
        }
        "authorization.k8s.io" => &[
            ("selfsubjectaccessreviews", "SelfSubjectAccessReview"),
            ("selfsubjectrulesreviews", "SelfSubjectRulesReview"),
        ],
        _ => &[],
    };
    found.extend(reviews.iter().map(|(plural, kind)| Entry {
        plural,
        singular: plural.strip_suffix('s').unwrap_or(plural),
        subresource: "",
        kind: ("", "v1", kind),
        namespaced: false,
        verbs: vec!["create"],
        short: &[],
        categories: &[],
    }));
    found
}

fn of_kind(kind: &'static KindInfo) -> Vec<Entry> {
    let entry = |subresource,
                 of: (&'static str, &'static str, &'static str),
                 verbs: &[&'static str]| Entry {
        plural: kind.plural,
        singular: kind.singular,
        subresource,
        kind: of,
        namespaced: kind.namespaced,
        verbs: verbs.to_vec(),
        short: if subresource.is_empty() { kind.short } else { &[] },
        categories: if subresource.is_empty() { categories(kind) } else { &[] },
    };
    let own = ("", "", kind.kind);
    let mut found = vec![entry("", own, &VERBS)];
    if crate::registry::has_status(kind) {
        found.push(entry("status", own, &STATUS_VERBS));
    }
    match kind.kind {
        "Deployment" | "ReplicaSet" => {
            found.push(entry("scale", ("autoscaling", "v1", "Scale"), &STATUS_VERBS));
        }
        "ServiceAccount" => {
            found.push(entry(
                "token",
                ("authentication.k8s.io", "v1", "TokenRequest"),
                &["create"],
            ));
        }
        "Pod" => {
            found.push(entry("log", own, &["get"]));
            found.push(entry("exec", ("", "v1", "PodExecOptions"), &["create", "get"]));
            found.push(entry("attach", ("", "v1", "PodAttachOptions"), &["create", "get"]));
            found.push(entry(
                "portforward",
                ("", "v1", "PodPortForwardOptions"),
                &["create", "get"],
            ));
        }
        _ => {}
    }
    found
}

fn categories(kind: &KindInfo) -> &'static [&'static str] {
    match kind.kind {
        "Pod" | "Service" | "Deployment" | "ReplicaSet" | "Job" => &["all"],
        _ if kind.custom && kind.group.ends_with("istio.io") => &["istio-io"],
        _ => &[],
    }
}

fn resources(group: &str, version: &str) -> Value {
    let one = |entry: Entry| {
        let name = match entry.subresource {
            "" => entry.plural.to_owned(),
            subresource => format!("{}/{subresource}", entry.plural),
        };
        let singular = if entry.subresource.is_empty() { entry.singular } else { "" };
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
    };
    let name = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    let resources: Vec<Value> = entries(group, version).into_iter().map(one).collect();
    json!({ "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": resources })
}

fn aggregate(groups: &[&str]) -> Answer {
    let items: Vec<Value> = groups
        .iter()
        .map(|group| {
            let known = if group.is_empty() { vec!["v1"] } else { versions(group) };
            let versions: Vec<Value> = known
                .iter()
                .map(|version| {
                    json!({ "version": version, "freshness": "Current",
                    "resources": aggregated(group, version) })
                })
                .collect();
            let metadata = if group.is_empty() { json!({}) } else { json!({ "name": group }) };
            json!({ "metadata": metadata, "versions": versions })
        })
        .collect();
    let list = json!({ "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {}, "items": items });
    let content = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    answer::bytes(http::StatusCode::OK, content, list.to_string())
}

fn aggregated(group: &str, version: &str) -> Vec<Value> {
    let mut found: Vec<Value> = Vec::new();
    for entry in entries(group, version) {
        let (of_group, of_version, kind) = match entry.kind {
            ("", "", kind) => (group, version, kind),
            of => of,
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
