//! Proxies of a mesh, one of each sort.
//!
//! In: both meshes. Out: groups of proxies that are alike. Holds: pods of one namespace with the same labels and the same
//! start get the same resources but for what their own address says, so one of them speaks for all.

use std::collections::BTreeMap;

use serde_json::Value;
use weft_explain::{Mesh, Origin};

/// Proxies that are alike.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    /// One of them.
    pub(crate) origin: Origin,
    /// How many they are.
    pub(crate) count: usize,
    /// The pod; null for a gateway.
    pub(crate) pod: Value,
}

impl Group {
    pub(crate) fn namespace(&self) -> &str {
        match &self.origin {
            Origin::From(_, namespace)
            | Origin::Gateway(_, namespace)
            | Origin::Inbound(_, namespace) => namespace,
        }
    }
}

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object["metadata"][field].as_str().unwrap_or_default()
}

/// Every sort of proxy in either mesh.
pub(crate) fn groups(before: &Mesh, after: &Mesh) -> Vec<Group> {
    let mut found: BTreeMap<String, Group> = BTreeMap::new();
    for (mesh, counts) in [(after, true), (before, false)] {
        for object in mesh.objects() {
            let Some((key, origin)) = sort_of(mesh, object) else { continue };
            let pod = if object["kind"] == "Pod" { object.clone() } else { Value::Null };
            let group = found.entry(key).or_insert(Group { origin, count: 0, pod });
            group.count += usize::from(counts || group.count == 0);
        }
    }
    found.into_values().collect()
}

fn sort_of(mesh: &Mesh, object: &Value) -> Option<(String, Origin)> {
    let (name, namespace) = (text(object, "name"), text(object, "namespace"));
    let namespace = if namespace.is_empty() { "default" } else { namespace };
    let own = (name.to_owned(), namespace.to_owned());
    if object["kind"] == "Gateway" && object["apiVersion"].as_str()?.contains("istio.io/") {
        return Some((format!("gateway/{namespace}/{name}"), Origin::Gateway(own.0, own.1)));
    }
    (object["kind"] == "Pod" && is_meshed(mesh, object, namespace)).then(|| {
        let metadata = &object["metadata"];
        let started = &metadata["annotations"]["proxy.istio.io/config"];
        let key = format!("pod/{namespace}/{}/{started}", metadata["labels"]);
        (key, Origin::From(own.0, own.1))
    })
}

/// Whether a proxy stands beside the pod's application: what the pod shows comes before what its namespace asks for.
fn is_meshed(mesh: &Mesh, pod: &Value, namespace: &str) -> bool {
    let metadata = &pod["metadata"];
    let shown = metadata["annotations"]["sidecar.istio.io/status"].is_string();
    let wish = metadata["labels"]["sidecar.istio.io/inject"].as_str();
    let of_namespace = || {
        let known = mesh
            .objects()
            .iter()
            .find(|object| object["kind"] == "Namespace" && text(object, "name") == namespace);
        known.is_none_or(|object| {
            let labels = &object["metadata"]["labels"];
            labels["istio-injection"] == "enabled" || labels["istio.io/rev"].is_string()
        })
    };
    shown || wish == Some("true") || (wish != Some("false") && of_namespace())
}
