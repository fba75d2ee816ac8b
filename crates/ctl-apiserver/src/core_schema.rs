//! The schemas of the built-in kinds, from Kubernetes' own types.

use std::sync::LazyLock;

use k8s_openapi::api::{
    admissionregistration, apps, authentication, authorization, batch, coordination, core,
    discovery, events, networking,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions;
use k8s_openapi::apimachinery::pkg::apis::meta;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value};

/// Every schema by its name; made when first asked for.
static ALL: LazyLock<Map<String, Value>> = LazyLock::new(|| {
    let mut generator = SchemaSettings::openapi3().into_generator();
    add(&mut generator);
    generator.take_definitions(true)
});

fn add(generator: &mut SchemaGenerator) {
    generator.subschema_for::<core::v1::Namespace>();
    generator.subschema_for::<core::v1::Node>();
    generator.subschema_for::<core::v1::Pod>();
    generator.subschema_for::<core::v1::Service>();
    generator.subschema_for::<core::v1::ServiceAccount>();
    generator.subschema_for::<core::v1::Secret>();
    generator.subschema_for::<core::v1::ConfigMap>();
    generator.subschema_for::<core::v1::Event>();
    generator.subschema_for::<apps::v1::Deployment>();
    generator.subschema_for::<apps::v1::ReplicaSet>();
    generator.subschema_for::<batch::v1::Job>();
    generator.subschema_for::<coordination::v1::Lease>();
    generator.subschema_for::<discovery::v1::EndpointSlice>();
    generator.subschema_for::<events::v1::Event>();
    generator.subschema_for::<networking::v1::Ingress>();
    generator.subschema_for::<networking::v1::IngressClass>();
    generator.subschema_for::<apiextensions::v1::CustomResourceDefinition>();
    generator.subschema_for::<admissionregistration::v1::ValidatingWebhookConfiguration>();
    generator.subschema_for::<admissionregistration::v1::MutatingWebhookConfiguration>();
    generator.subschema_for::<authentication::v1::TokenReview>();
    generator.subschema_for::<authentication::v1::SelfSubjectReview>();
    generator.subschema_for::<authorization::v1::SelfSubjectAccessReview>();
    generator.subschema_for::<authorization::v1::SelfSubjectRulesReview>();
    generator.subschema_for::<meta::v1::ObjectMeta>();
    generator.subschema_for::<meta::v1::ListMeta>();
}

/// The name and the schema of a built-in kind.
pub(crate) fn root(group: &str, version: &str, kind: &str) -> Option<(String, Value)> {
    let folder = match group {
        "" => "io.k8s.api.core".to_owned(),
        "apiextensions.k8s.io" => {
            "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions".to_owned()
        }
        group => format!("io.k8s.api.{}", group.split('.').next().unwrap_or_default()),
    };
    let name = format!("{folder}.{version}.{kind}");
    ALL.get(&name).map(|schema| (name, schema.clone()))
}

/// The field that was probably meant by the last step of `path`, as `spec.containers[0].imagge`.
pub(crate) fn meant(root: &Value, path: &str) -> Option<String> {
    let (parent, name) = path.rsplit_once('.').unwrap_or(("", path));
    let mut steps = parent.split('.').filter(|step| !step.is_empty());
    let place = steps.try_fold(root, |place, step| {
        let field = step.split('[').next().unwrap_or_default();
        let found = resolved(place)?.get("properties")?.get(field)?;
        let listed = resolved(found)?.get("items").filter(|_| step.contains('['));
        Some(listed.unwrap_or(found))
    });
    let fields = resolved(place?)?.get("properties")?.as_object()?;
    weft_schema::similar(name, fields.keys().map(String::as_str)).map(str::to_owned)
}

/// What a schema refers to, or itself.
fn resolved(schema: &Value) -> Option<&Value> {
    let inner = schema.get("allOf").and_then(|all| all.get(0)).unwrap_or(schema);
    match inner.get("$ref").and_then(Value::as_str) {
        Some(text) => ALL.get(text.strip_prefix("#/components/schemas/")?),
        None => Some(inner),
    }
}

/// Adds what the schemas refer to, and what that refers to.
pub(crate) fn complete(schemas: &mut Map<String, Value>) {
    let mut open: Vec<String> = schemas.values().flat_map(references).collect();
    while let Some(name) = open.pop() {
        if schemas.contains_key(&name) {
            continue;
        }
        if let Some(found) = ALL.get(&name) {
            open.extend(references(found));
            schemas.insert(name, found.clone());
        }
    }
}

fn references(schema: &Value) -> Vec<String> {
    match schema {
        Value::Object(fields) => {
            let own = fields.get("$ref").and_then(Value::as_str);
            let own = own.and_then(|text| text.strip_prefix("#/components/schemas/"));
            let below = fields.values().flat_map(references);
            own.map(str::to_owned).into_iter().chain(below).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}
