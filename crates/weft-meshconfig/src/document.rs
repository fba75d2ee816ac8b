//! The ConfigMap `istio`, in which a control plane finds its mesh's settings.
//!
//! In: the ConfigMap, or the IstioOperator that one is made of. Out: settings and problems; or the ConfigMap.
//! Holds: a ConfigMap that is made of a document means the same as the document.

use serde_json::{Value, json};
use weft_api::mesh_config::{MeshConfig, MeshNetworks};
use weft_api::yaml;
use weft_model::{ObjectRef, Problem, Severity};

use crate::report::Report;
use crate::{mesh, networks, normal, operator};

/// Namespace of the ConfigMap.
pub const NAMESPACE: &str = "istio-system";
/// Its name.
pub const NAME: &str = "istio";
/// Key of the further roots that servers of JWT keys may be under.
pub const EXTRA_ROOTS: &str = "jwksResolverExtraRootCA";

/// Whether an object is the ConfigMap with the settings of the mesh.
#[must_use]
pub fn is_mesh_config_map(object: &Value) -> bool {
    let meta = &object["metadata"];
    object["kind"] == "ConfigMap" && meta["name"] == NAME && meta["namespace"] == NAMESPACE
}

/// Whether an object is an IstioOperator, of any version.
#[must_use]
pub fn is_istio_operator(object: &Value) -> bool {
    let group = object["apiVersion"].as_str().and_then(|version| version.split_once('/'));
    object["kind"] == "IstioOperator" && group.is_some_and(|(group, _)| group == operator::GROUP)
}

/// Judges an object that holds the settings of the mesh; `None` for any other object.
#[must_use]
pub fn judge(object: &Value) -> Option<Vec<Problem>> {
    if is_istio_operator(object) {
        return Some(operator::validate_istio_operator(object).2);
    }
    is_mesh_config_map(object).then(|| validate_config_map(object).2)
}

/// Reads and checks the ConfigMap; its settings are valid when no problem is an error.
#[must_use]
pub fn validate_config_map(object: &Value) -> (MeshConfig, MeshNetworks, Vec<Problem>) {
    let mut report = Report::new(ObjectRef::of(object), "/data");
    let data = &object["data"];
    let mesh = report.within("mesh", |report| {
        let written = text(&data["mesh"], report);
        mesh::effective(&mesh::judge(&written, report))
    });
    let networks = report.within("meshNetworks", |report| {
        let written = text(&data["meshNetworks"], report);
        networks::read(&written, report)
    });
    (mesh, networks, report.into_problems())
}

/// The map that a YAML text says; nothing when there is no text, or it cannot be read.
fn text(value: &Value, report: &mut Report) -> Value {
    let nothing = || json!({});
    match value {
        Value::Null => nothing(),
        Value::String(text) => match yaml::read(text, "text").as_deref() {
            Ok([]) => nothing(),
            Ok([document]) => document.value.clone(),
            Ok(_) => {
                report.error("has several documents", "write one");
                nothing()
            }
            Err(error) => {
                let (line, column) = (error.position.line, error.position.column);
                let what = format!("line {line}, column {column}: {}", error.what);
                report.error(what, "write YAML");
                nothing()
            }
        },
        _ => {
            report.error("is no text", "write YAML after `|`");
            nothing()
        }
    }
}

/// The IstioOperator that says the same as a file of a MeshConfig alone: every field of it is one of MeshConfig, or its kind
/// says so.
#[must_use]
pub fn operator_of_mesh_config(document: &Value) -> Option<Value> {
    let fields = document.as_object().filter(|fields| !fields.is_empty())?;
    let mut mesh = fields.clone();
    let named = fields.get("kind").is_some_and(|kind| kind == "MeshConfig");
    if named {
        mesh.retain(|name, _| !matches!(name.as_str(), "apiVersion" | "kind" | "metadata"));
        if let (1, Some(Value::Object(spec))) = (mesh.len(), mesh.get("spec")) {
            mesh = spec.clone();
        }
    } else if !fields.keys().all(|name| is_field(name)) {
        return None;
    }
    Some(json!({
        "apiVersion": format!("{}/v1alpha1", operator::GROUP),
        "kind": "IstioOperator",
        "spec": { "meshConfig": mesh },
    }))
}

fn is_field(name: &str) -> bool {
    use weft_api::mesh_config::{Shape, Shaped};
    let Shape::Record(fields) = MeshConfig::SHAPE else { return false };
    fields.iter().any(|field| field.name == name)
}

/// The ConfigMap that an IstioOperator asks for.
#[must_use]
pub fn config_map_of(operator: &Value) -> Value {
    let mut unheard = Report::new(ObjectRef::default(), "");
    let (read, _) = normal::read(operator, Severity::Error, &mut unheard);
    let mut data = json!({ "mesh": yaml_of(&operator::written(&read)) });
    let values = read.spec.values.as_ref().and_then(|values| values.global.as_ref());
    if let Some(networks) = values.and_then(|global| global.mesh_networks.as_ref()) {
        data["meshNetworks"] = json!(yaml_of(&json!({ "networks": networks })));
    }
    let pilot = read.spec.values.as_ref().and_then(|values| values.pilot.as_ref());
    let extra = pilot.map(|pilot| pilot.jwks_resolver_extra_root_ca.as_str()).unwrap_or_default();
    if !extra.is_empty() {
        data[EXTRA_ROOTS] = json!(extra);
    }
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": NAME, "namespace": NAMESPACE },
        "data": data,
    })
}

/// JSON is YAML too, should the writer ever refuse a value.
fn yaml_of(value: &Value) -> String {
    serde_yaml_ng::to_string(value).unwrap_or_else(|_| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn further_roots_of_servers_of_keys_stand_beside_the_settings() {
        let operator = |values: Value| {
            config_map_of(
                &json!({"apiVersion": "install.istio.io/v1alpha1", "kind": "IstioOperator",
                "spec": {"values": values}}),
            )
        };
        let map = operator(json!({"pilot": {"jwksResolverExtraRootCA": "PEM"}}));
        assert_eq!(map["data"][EXTRA_ROOTS], "PEM");
        assert!(validate_config_map(&map).2.is_empty(), "{:?}", validate_config_map(&map).2);
        assert_eq!(operator(json!({}))["data"].get(EXTRA_ROOTS), None);
    }

    #[test]
    fn a_file_of_mesh_wide_settings_alone_says_what_an_operator_would() {
        let settings = json!({"outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}});
        let operator = operator_of_mesh_config(&settings).unwrap();
        assert!(is_istio_operator(&operator));
        assert_eq!(operator["spec"]["meshConfig"], settings);
        let named = json!({"kind": "MeshConfig", "spec": settings});
        assert_eq!(operator_of_mesh_config(&named), Some(operator));
        assert_eq!(
            operator_of_mesh_config(&json!({"replicaCount": 2, "rootNamespace": "a"})),
            None
        );
        assert_eq!(operator_of_mesh_config(&json!({})), None);
    }
}
