//! What the backends of a route come to.
//!
//! In: a route as it was written. Out: every backend that cannot be used, and why.

use serde_json::Value;
use weft_model::ObjectRef;
use weft_model::api::gateway_api::{BackendObject, Target};
use weft_model::api::{Read, Reader};

use crate::mesh::{From, Mesh, To};
use crate::words::Words;

/// Backends of one route that are looked at; the kind allows no more.
const MOST: usize = 1024;

/// Every backend that the rules name, those of mirrors too.
pub(crate) fn of(route: &Value) -> Vec<BackendObject> {
    let list = |value: &'static str, of: &Value| of[value].as_array().cloned().unwrap_or_default();
    let mirrors = |of: &Value| -> Vec<Value> {
        let filters = list("filters", of).into_iter();
        let backend = |filter: Value| filter["requestMirror"]["backendRef"].clone();
        filters.map(backend).filter(Value::is_object).collect()
    };
    let mut found = Vec::new();
    for rule in list("rules", &route["spec"]) {
        let own = list("backendRefs", &rule);
        found.extend(own.iter().flat_map(mirrors));
        found.extend(own);
        found.extend(mirrors(&rule));
    }
    found.truncate(MOST);
    found.iter().map(|backend| BackendObject::read(backend, &mut Reader::at(""))).collect()
}

/// What is wrong with backends of the route.
pub(crate) fn faults(route: &ObjectRef, backends: &[BackendObject], mesh: &Mesh<'_>) -> Vec<Words> {
    backends.iter().filter_map(|backend| fault(route, backend.target(), mesh)).collect()
}

pub(crate) fn fault(route: &ObjectRef, target: Target<'_>, mesh: &Mesh<'_>) -> Option<Words> {
    let Target { group, kind, namespace, name, port, weight: _ } = target;
    let namespace = namespace.unwrap_or(&route.namespace);
    let to = To { group, kind, namespace, name };
    let full = format!("{kind} {namespace}/{name}");
    match (group, kind) {
        ("", "Service") | ("networking.istio.io", "ServiceEntry") => {}
        // A host name of the mesh is no object.
        ("networking.istio.io", "Hostname") => return None,
        _ => {
            let what = format!("{full} of {group:?} is no backend for this version; use a Service");
            return Some(Words::no("InvalidKind", what));
        }
    }
    let from = From { group: &route.group, kind: &route.kind, namespace: &route.namespace };
    if !mesh.may_point(from, to) {
        let what = format!("no ReferenceGrant of {namespace} allows {full}");
        return Some(Words::no("RefNotPermitted", what));
    }
    let policy = (kind == "Service").then(|| mesh.backend_tls(namespace, name)).flatten();
    if let Some(policy) = policy {
        let what = format!(
            "BackendTLSPolicy {policy} asks for TLS to {full}, which is not served: it is not called in plain text"
        );
        return Some(Words::no("UnsupportedProtocol", what));
    }
    let missing = |what: String| Some(Words::no("BackendNotFound", what));
    let Some(object) = mesh.get(to) else { return missing(format!("there is no {full}")) };
    let has = |port: u32| {
        let ports = if group.is_empty() { "port" } else { "number" };
        let all = object["spec"]["ports"].as_array();
        all.into_iter().flatten().any(|known| known[ports] == port)
    };
    port.filter(|port| !has(*port)).and_then(|port| missing(format!("{full} has no port {port}")))
}
