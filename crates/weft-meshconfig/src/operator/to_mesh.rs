//! What a profile and chart values say about the mesh's settings, as a `MeshConfig` that written ones go over.

use serde_json::{Map, Value, json};
use weft_api::install::values::Values;

/// The settings.
pub(super) fn of(profile: &str, values: &Values) -> Value {
    let mut mesh = Map::new();
    if profile == "demo" {
        mesh.insert("accessLogFile".to_owned(), json!("/dev/stdout"));
    }
    let mut proxy = Map::new();
    if let Some(global) = &values.global {
        if !global.istio_namespace.is_empty() {
            mesh.insert("rootNamespace".to_owned(), json!(global.istio_namespace));
        }
        if !global.mesh_id.is_empty() {
            proxy.insert("meshId".to_owned(), json!(global.mesh_id));
        }
        let hold = global.proxy.as_ref();
        if let Some(hold) = hold.and_then(|proxy| proxy.hold_application_until_proxy_starts) {
            proxy.insert("holdApplicationUntilProxyStarts".to_owned(), json!(hold));
        }
    }
    if !proxy.is_empty() {
        mesh.insert("defaultConfig".to_owned(), Value::Object(proxy));
    }
    Value::Object(mesh)
}
