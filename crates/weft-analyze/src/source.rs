//! Prepares what analysis reads: lists taken apart, settings of the mesh found, the standard gateway.

use serde_json::{Value, json};
use weft_api::yaml;

use crate::Options;
use crate::view::{Json, Object, kind};

/// Nesting of lists that is followed; more is not written by anybody.
pub(crate) const DEEPEST_LIST: usize = 8;

/// Objects, those inside of `List`s too.
pub(crate) fn flat<'a>(objects: impl Iterator<Item = &'a Value>) -> Vec<&'a Value> {
    let mut found = Vec::new();
    for object in objects {
        collect(object, DEEPEST_LIST, &mut found);
    }
    found
}

fn collect<'a>(object: &'a Value, depth: usize, found: &mut Vec<&'a Value>) {
    if Object::read(object).is_some_and(|object| object.is_list()) {
        if let Some(depth) = depth.checked_sub(1) {
            object.list("items").iter().for_each(|item| collect(item, depth, found));
        }
    } else {
        found.push(object);
    }
}

/// MeshConfig and MeshNetworks: as given, else from the ConfigMap `istio` of the root namespace.
pub(crate) fn settings(objects: &[&Value], options: &Options) -> (Value, Value) {
    let map = objects.iter().filter_map(|raw| Object::read(raw)).find(|object| {
        object.kind == kind::CONFIG_MAP && object.name == "istio" && object.raw.has("data.mesh")
    });
    let read = |key: &str| map.and_then(|map| document(map.raw.text(&format!("data.{key}"))));
    let config = options.mesh_config.clone().or_else(|| read("mesh"));
    let networks = options.mesh_networks.clone().or_else(|| read("meshNetworks"));
    (config.unwrap_or_default(), networks.unwrap_or_default())
}

/// The first document of a YAML text; none when it cannot be read.
pub(crate) fn document(text: &str) -> Option<Value> {
    yaml::read(text, "").ok()?.into_iter().next().map(|document| document.value)
}

/// The image of the gateway that is only assumed.
const ASSUMED: &str = "auto-installed";

/// Whether it is the pod of the gateway that is only assumed.
pub(crate) fn is_assumed(object: &Object<'_>) -> bool {
    object.spec().list("containers").iter().any(|container| container.text("image") == ASSUMED)
}

/// The ingress gateway of a standard installation: a pod and its Service.
pub(crate) fn ingress() -> Vec<Value> {
    let port = |name: &str, number: u16| json!({"name": name, "port": number, "protocol": "TCP"});
    let meta = json!({
        "name": "istio-ingressgateway",
        "namespace": "istio-system",
        "labels": {"istio": "ingressgateway"}
    });
    vec![
        json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": meta,
            "spec": {"containers": [{"name": "istio-proxy", "image": ASSUMED}]}
        }),
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": meta,
            "spec": {
                "selector": {"istio": "ingressgateway"},
                "ports": [
                    port("http2", 80), port("https", 443), port("tcp", 31400), port("tls", 15443)
                ]
            }
        }),
    ]
}
