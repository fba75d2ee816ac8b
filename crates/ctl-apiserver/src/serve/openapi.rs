//! As much OpenAPI as clients need to know that the server checks fields itself.
//!
//! In: the table of kinds. Out: documents of version 3, one per group and version, and an empty one of version 2.
//! Why so little: `kubectl apply` looks only whether PATCH takes `fieldValidation`; the schemas are checked here.

use ctl_source::kinds::{self, KindInfo};
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::answer::{self, Answer};
use super::discovery;
use super::route::Ask;
use crate::fault::Fault;

const V2_PROTO: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
/// `swagger: "2.0"`, `info: { title: "Weft", version: "1" }`, no paths, as protobuf.
const EMPTY_V2: &[u8] = b"\x0a\x032.0\x12\x09\x0a\x04Weft\x12\x011B\x00";

/// Answers `/openapi/...`.
pub(crate) fn answer(ask: &Ask, parts: &[&str]) -> Result<Answer, Fault> {
    match parts {
        ["openapi", "v2"] if ask.accept.contains("protobuf") => {
            Ok(answer::bytes(StatusCode::OK, V2_PROTO, EMPTY_V2))
        }
        ["openapi", "v2"] => Ok(answer::json(&json!({ "swagger": "2.0", "paths": {},
            "info": { "title": "Weft", "version": "1" }, "definitions": {} }))),
        ["openapi", "v3"] => Ok(answer::json(&index())),
        ["openapi", "v3", "api", "v1"] => Ok(answer::json(&document("", "v1"))),
        ["openapi", "v3", "apis", group, version]
            if discovery::versions(group).contains(version) =>
        {
            Ok(answer::json(&document(group, version)))
        }
        _ => Err(Fault::no_path(&ask.path)),
    }
}

fn index() -> Value {
    let entry = |path: String| {
        let url = json!({ "serverRelativeURL": format!("/openapi/v3/{path}") });
        (path, url)
    };
    let of_group = |group: &'static str| {
        discovery::versions(group).into_iter().map(move |v| format!("apis/{group}/{v}"))
    };
    let paths = discovery::groups().into_iter().flat_map(of_group).chain(["api/v1".to_owned()]);
    json!({ "paths": paths.map(entry).collect::<Map<String, Value>>() })
}

fn document(group: &str, version: &str) -> Value {
    let served = |k: &&KindInfo| k.group == group && k.versions.contains(&version);
    let paths: Map<String, Value> =
        kinds::ALL.iter().filter(served).map(|kind| path(kind, version)).collect();
    let schema = |kind: &KindInfo| {
        let gvk = json!([{ "group": group, "version": version, "kind": kind.kind }]);
        let body = json!({ "type": "object", "x-kubernetes-group-version-kind": gvk,
            "x-kubernetes-preserve-unknown-fields": true });
        (schema_name(kind, version), body)
    };
    let schemas: Map<String, Value> = kinds::ALL.iter().filter(served).map(schema).collect();
    json!({ "openapi": "3.0.0", "info": { "title": "Weft", "version": "1" }, "paths": paths,
        "components": { "schemas": schemas } })
}

fn schema_name(kind: &KindInfo, version: &str) -> String {
    let group = if kind.group.is_empty() { "core" } else { kind.group };
    let reversed: Vec<&str> = group.split('.').rev().collect();
    format!("{}.{version}.{}", reversed.join("."), kind.kind)
}

fn path(kind: &KindInfo, version: &str) -> (String, Value) {
    let root = match kind.group {
        "" => format!("/api/{version}"),
        group => format!("/apis/{group}/{version}"),
    };
    let space = if kind.namespaced { "/namespaces/{namespace}" } else { "" };
    let gvk = json!({ "group": kind.group, "version": version, "kind": kind.kind });
    let parameter = |name: &str| json!({ "name": name, "in": "query", "schema": { "type": "string", "uniqueItems": true } });
    let operation = |action: &str| {
        json!({ "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": gvk, "responses": { "200": { "description": "OK" } },
        "parameters": [parameter("fieldManager"), parameter("fieldValidation")] })
    };
    let mut patch = operation("patch");
    let any = json!({ "schema": { "type": "object" } });
    patch["requestBody"] = json!({ "content": { "application/merge-patch+json": any,
        "application/json-patch+json": any } });
    let operations = json!({ "get": operation("get"), "put": operation("put"), "patch": patch });
    (format!("{root}{space}/{}/{{name}}", kind.plural), operations)
}
