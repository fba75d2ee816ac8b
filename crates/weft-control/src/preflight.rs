//! What can be said of objects before a mesh runs.
//! In: an object as the user wrote it. Out: what the API server would refuse. Never: I/O.

use ctl_apiserver::{SchemaFault, metadata_faults, schema_faults};
use ctl_source::ResourceType;
use ctl_source::kinds::{self, KindInfo};
use serde_json::Value;
use weft_model::api::crd;
use weft_model::{Field, ObjectRef, Problem, Severity};

use crate::catalogue::{self, Catalogue};

/// A kind, or a version of it, that nobody serves.
const UNKNOWN_KIND: &str = "WEFT0006";
/// A value that the schema of a Kubernetes kind does not have.
const SCHEMA: &str = "WEFT0007";

impl Catalogue {
    /// Everything that is wrong with one object by itself: its kind, its schema, its meaning.
    #[must_use]
    pub fn judge(&self, object: &Value) -> Vec<Problem> {
        if weft_meshconfig::is_istio_operator(object) {
            return weft_meshconfig::judge(object).unwrap_or_default();
        }
        let fault = |(pointer, what)| problem(object, Severity::Error, SCHEMA, pointer, what);
        if let Some(found) = self.defined_problems(object) {
            return found.into_iter().map(fault).collect();
        }
        let mut problems: Vec<Problem> = kind_of(object).into_iter().collect();
        if problems.is_empty() {
            let known = weft_model::validate_object(object).1;
            // What the mesh says of a field in its own words is not said again.
            let said = |pointer: &str| known.iter().any(|problem| problem.field.0 == pointer);
            let faults = schema(object).into_iter().filter(|(pointer, _)| !said(pointer));
            problems.extend(faults.map(fault));
            problems.extend(known);
            problems.extend(weft_meshconfig::judge(object).unwrap_or_default());
        }
        problems
    }

    /// Why the API server would refuse the object by its kind: pairs of a JSON pointer and what is wrong.
    #[must_use]
    pub fn kind_problems(&self, object: &Value) -> Vec<(String, String)> {
        let (group, version, kind) = names(object);
        // It is no object of the API; it becomes the ConfigMap with the mesh's settings.
        if weft_meshconfig::is_istio_operator(object) {
            return Vec::new();
        }
        if let Some(found) = self.defined_problems(object) {
            return found;
        }
        let Some(versions) = versions_of(group, kind) else {
            return vec![unknown_kind(group, kind)];
        };
        if !versions.contains(&version) {
            let what = other_version(group, kind, version, versions);
            return vec![("/apiVersion".to_owned(), what)];
        }
        schema(object)
    }

    /// The same of an object of a kind that the files define.
    fn defined_problems(&self, object: &Value) -> Option<Vec<(String, String)>> {
        let (group, version, name) = names(object);
        let kind = self.find(group, name)?;
        if kind.version(version).is_none() {
            let served: Vec<&str> = kind.versions.iter().map(|v| v.name.as_str()).collect();
            let what = other_version(group, name, version, &served);
            return Some(vec![("/apiVersion".to_owned(), what)]);
        }
        let faults = metadata_faults(object).into_iter().chain(kind.faults(object));
        Some(faults.map(|fault| (fault.pointer, fault.what)).collect())
    }
}

fn problem(
    object: &Value,
    severity: Severity,
    code: &'static str,
    pointer: String,
    what: String,
) -> Problem {
    let (object, field) = (ObjectRef::of(object), Field(pointer));
    Problem { severity, code, object, field, place: None, what, fix: String::new() }
}

/// Why the kind is none that the mesh knows. Kinds of groups that nobody here has are the business of others.
fn kind_of(object: &Value) -> Option<Problem> {
    let (group, version, kind) = names(object);
    match crd::find(group, kind).map(|known| known.versions).or(versions_of(group, kind)) {
        Some(versions) if versions.contains(&version) => None,
        Some(versions) => {
            let what = other_version(group, kind, version, versions);
            let pointer = "/apiVersion".to_owned();
            Some(problem(object, Severity::Error, UNKNOWN_KIND, pointer, what))
        }
        None => {
            let (pointer, what) = unknown_kind(group, kind);
            let ours = crd::KINDS.iter().any(|known| known.group == group)
                || kinds::ALL.iter().any(|info| info.group == group)
                || pointer == "/apiVersion"
                || what.contains("did you mean");
            if ours {
                return Some(problem(object, Severity::Error, UNKNOWN_KIND, pointer, what));
            }
            let what = format!("Weft does not know kind {kind} of {group}, and did not look at it");
            Some(problem(object, Severity::Info, UNKNOWN_KIND, pointer, what))
        }
    }
}

/// Group, version and kind.
fn names(object: &Value) -> (&str, &str, &str) {
    let text = |key: &str| object[key].as_str().unwrap_or_default();
    let (group, version) = text("apiVersion").split_once('/').unwrap_or(("", text("apiVersion")));
    (group, version, text("kind"))
}

fn other_version(group: &str, kind: &str, version: &str, versions: &[&str]) -> String {
    let served: Vec<String> = versions.iter().map(|version| join(group, version)).collect();
    format!("{kind} is not served as {}; use {}", join(group, version), served.join(" or "))
}

fn schema(object: &Value) -> Vec<(String, String)> {
    let (group, _, kind) = names(object);
    let mut faults = match kinds::find(group, kind) {
        Some(info) if !info.custom => schema_faults(info, object),
        _ => Vec::new(),
    };
    // What a schema says of the metadata is not said again.
    let known: Vec<String> = faults.iter().map(|fault| fault.pointer.clone()).collect();
    faults.extend(metadata_faults(object).into_iter().filter(|f| !known.contains(&f.pointer)));
    if faults.is_empty() && catalogue::is_definition(object) {
        faults = ctl_apiserver::defined(object).err().unwrap_or_default();
    }
    let fault = |fault: SchemaFault| (fault.pointer, fault.what);
    faults.into_iter().map(fault).collect()
}

/// The collection of a kind that the mesh's API server serves by itself, in its storage version.
#[must_use]
pub fn resource_of(group: &str, kind: &str) -> Option<ResourceType> {
    let Some(known) = crd::defined(group, kind) else {
        return kinds::find(group, kind).map(KindInfo::resource);
    };
    Some(ResourceType {
        group: known.group.into(),
        version: known.versions.first().copied().unwrap_or_default().into(),
        kind: known.kind.into(),
        plural: known.plural.into(),
        namespaced: !known.cluster,
    })
}

/// The versions in which it is served.
fn versions_of(group: &str, kind: &str) -> Option<&'static [&'static str]> {
    let custom = crd::defined(group, kind).map(|known| known.versions);
    custom.or_else(|| kinds::find(group, kind).map(|info| info.versions))
}

/// The objects that every mesh has; files may point at them.
#[must_use]
pub fn system_objects() -> Vec<Value> {
    ctl_controllers::system::objects()
}

fn join(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

fn unknown_kind(group: &str, kind: &str) -> (String, String) {
    let custom = crd::KINDS.iter().map(|known| (known.group, known.kind, known.versions));
    let core = kinds::ALL.iter().map(|info| (info.group, info.kind, info.versions));
    if let Some((group, _, versions)) = core.chain(custom).find(|(_, known, _)| *known == kind) {
        let right = join(group, versions.first().copied().unwrap_or_default());
        return ("/apiVersion".to_owned(), format!("a {kind} has apiVersion {right}"));
    }
    let near = |known: &&str| known.eq_ignore_ascii_case(kind) || close(known, kind);
    let all = kinds::ALL.iter().map(|info| info.kind);
    let what = match all.chain(crd::KINDS.iter().map(|known| known.kind)).find(near) {
        Some(known) => format!("kind {kind} is not known; did you mean {known}?"),
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

    fn judge(object: &Value) -> Vec<Problem> {
        Catalogue::default().judge(object)
    }

    fn kind_problems(object: &Value) -> Vec<(String, String)> {
        Catalogue::default().kind_problems(object)
    }

    #[test]
    fn instances_are_judged_by_the_definition_beside_them() {
        let schema = json!({"type": "object", "properties": {"spec": {"type": "object",
            "properties": {"size": {"type": "integer", "minimum": 1}}}}});
        let mut definition = json!({"apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition", "metadata": {"name": "boxes.a.io"},
            "spec": {"group": "a.io", "scope": "Cluster", "names": {"plural": "boxes", "kind": "Box"},
                "versions": [{"name": "v1", "served": true, "storage": true,
                    "schema": {"openAPIV3Schema": schema}}]}});
        let catalogue = Catalogue::of([&definition]);
        let resource = catalogue.resource("a.io", "Box").unwrap();
        assert_eq!((resource.plural.as_str(), resource.namespaced), ("boxes", false));
        let instance = |version: &str, spec: Value| {
            catalogue.kind_problems(&json!({"apiVersion": format!("a.io/{version}"), "kind": "Box",
                "metadata": {"name": "a"}, "spec": spec}))
        };
        assert!(instance("v1", json!({"size": 2})).is_empty());
        assert_eq!(instance("v1", json!({"size": 0}))[0].0, "/spec/size");
        assert_eq!(instance("v1", json!({"sice": 2}))[0].0, "/spec/sice");
        assert_eq!(instance("v2", json!({}))[0].0, "/apiVersion");
        assert!(kind_problems(&definition).is_empty());
        definition["spec"]["scope"] = json!("World");
        assert_eq!(kind_problems(&definition)[0].0, "/spec/scope");
    }

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
        assert_eq!(judge(&object("networking.istio.io/v1", "Sidcar"))[0].code, "WEFT0006");
        let (_, what) = kind_problems(&object("networking.istio.io/v1", "ServiceEntri")).remove(0);
        assert!(what.contains("did you mean ServiceEntry?"), "{what}");
        assert_eq!(judge(&object("networking.istio.io/v2", "Sidecar"))[0].field.0, "/apiVersion");
        assert_eq!(judge(&object("cert-manager.io/v1", "Issuer"))[0].severity, Severity::Info);
        assert_eq!(judge(&object("istio.io/v1", "ServiceEntry"))[0].severity, Severity::Error);
        let ingress = object("networking.k8s.io/v1", "Ingress");
        assert!(judge(&ingress).iter().all(|problem| problem.code != UNKNOWN_KIND));
        assert!(kind_problems(&ingress).is_empty());
        let mut service = object("v1", "Service");
        service["spec"] = json!({"ports": [{"prot": 1}]});
        let (pointer, _) = kind_problems(&service).remove(0);
        assert!(pointer.starts_with("/spec/ports/0"), "{pointer}");
    }
}
