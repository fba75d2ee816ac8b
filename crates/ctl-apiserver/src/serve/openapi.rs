//! What clients are told of the fields of every kind (`/openapi/v3`, `kubectl explain`).
//!
//! In: the kinds of the moment. Out: documents of version 3, one per group and version, and an empty one of version 2.
//! Holds: a document is whole: everything that it refers to is in it.
//! Why version 2 is empty: every client that can read version 3 does; the others only ask whether it is there.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::answer::{self, Answer};
use super::discovery;
use super::route::Ask;
use crate::core_schema;
use crate::fault::Fault;
use crate::kind::{Kind, Version};
use crate::registry::Kinds;

const V2_PROTO: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
/// `swagger: "2.0"`, `info: { title: "Weft", version: "1" }`, no paths, as protobuf.
const EMPTY_V2: &[u8] = b"\x0a\x032.0\x12\x09\x0a\x04Weft\x12\x011B\x00";
const METADATA: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
const LIST_METADATA: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";

/// Answers `/openapi/...`.
pub(crate) fn answer(ask: &Ask, parts: &[&str]) -> Result<Answer, Fault> {
    let kinds = &*ask.shared.registry.kinds();
    match parts {
        ["openapi", "v2"] if ask.accept.contains("protobuf") => {
            Ok(answer::bytes(StatusCode::OK, V2_PROTO, EMPTY_V2))
        }
        ["openapi", "v2"] => Ok(answer::json(&json!({ "swagger": "2.0", "paths": {},
            "info": { "title": "Weft", "version": "1" }, "definitions": {} }))),
        ["openapi", "v3"] => Ok(answer::json(&index(kinds))),
        ["openapi", "v3", "api", "v1"] => Ok(answer::json(&document(kinds, "", "v1"))),
        ["openapi", "v3", "apis", group, version]
            if discovery::versions(kinds, group).iter().any(|known| known == version) =>
        {
            Ok(answer::json(&document(kinds, group, version)))
        }
        _ => Err(Fault::no_path(&ask.path)),
    }
}

fn index(kinds: &Kinds) -> Value {
    let entry = |path: String| {
        let url = json!({ "serverRelativeURL": format!("/openapi/v3/{path}") });
        (path, url)
    };
    let of_group = |group: String| {
        let versions = discovery::versions(kinds, &group);
        versions.into_iter().map(move |version| format!("apis/{group}/{version}"))
    };
    let groups = discovery::groups(kinds).into_iter();
    let paths = groups.flat_map(of_group).chain(["api/v1".to_owned()]);
    json!({ "paths": paths.map(entry).collect::<Map<String, Value>>() })
}

fn document(kinds: &Kinds, group: &str, version: &str) -> Value {
    let of_group = kinds.iter().filter(|kind| kind.group == group);
    let served: Vec<(&Kind, &Version)> =
        of_group.filter_map(|kind| Some((kind.as_ref(), kind.version(version)?))).collect();
    let mut schemas = Map::new();
    for (kind, version) in &served {
        let (name, schema) = schema_of(kind, version);
        schemas.insert(format!("{name}List"), list_of(kind, version, &name));
        schemas.insert(name, schema);
    }
    let mut paths: Map<String, Value> =
        served.iter().flat_map(|(kind, version)| paths(kind, &version.name)).collect();
    for (plural, kind) in discovery::reviews(group) {
        let gvk = json!({ "group": group, "version": version, "kind": kind });
        if let Some((name, mut schema)) = core_schema::root(group, version, kind) {
            schema["x-kubernetes-group-version-kind"] = json!([gvk]);
            schemas.insert(name, schema);
        }
        let post = json!({ "post": { "x-kubernetes-action": "post",
            "x-kubernetes-group-version-kind": gvk, "responses": { "201": { "description": "Created" } } } });
        paths.insert(format!("/apis/{group}/{version}/{plural}"), post);
    }
    core_schema::complete(&mut schemas);
    json!({ "openapi": "3.0.0", "info": { "title": "Weft", "version": "1" }, "paths": paths,
        "components": { "schemas": schemas } })
}

/// The name and the schema of a kind.
fn schema_of(kind: &Kind, version: &Version) -> (String, Value) {
    let (name, mut schema) =
        match core_schema::root(&kind.group, kind.storage(), &kind.kind).filter(|_| !kind.custom) {
            Some((name, schema)) => (name, schema),
            None => (custom_name(kind, version), custom(version.written.schema())),
        };
    schema["x-kubernetes-group-version-kind"] = gvk(kind, version, &kind.kind);
    (name, schema)
}

fn gvk(kind: &Kind, version: &Version, name: &str) -> Value {
    json!([{ "group": kind.group, "version": version.name, "kind": name }])
}

fn custom_name(kind: &Kind, version: &Version) -> String {
    let reversed: Vec<&str> = kind.group.split('.').rev().collect();
    format!("{}.{}.{}", reversed.join("."), version.name, kind.kind)
}

/// The schema of a definition, with the fields that every object has.
fn custom(written: &Value) -> Value {
    let mut schema = written.clone();
    let text = |what: &str| json!({ "type": "string", "description": what });
    let metadata = json!({ "description": "Name, namespace, labels, and what the server keeps about the object.",
        "allOf": [{ "$ref": reference(METADATA) }] });
    schema["properties"]["apiVersion"] =
        text("Group and version of the schema that the object is written in.");
    schema["properties"]["kind"] = text("The kind of the object.");
    schema["properties"]["metadata"] = metadata;
    schema
}

fn list_of(kind: &Kind, version: &Version, name: &str) -> Value {
    let text = |what: &str| json!({ "type": "string", "description": what });
    json!({ "type": "object", "description": format!("A list of {}.", kind.plural), "required": ["items"],
        "properties": {
            "apiVersion": text("Group and version of the list."), "kind": text("The kind of the list."),
            "metadata": { "description": "Where the list was read and how it goes on.",
                "allOf": [{ "$ref": reference(LIST_METADATA) }] },
            "items": { "type": "array", "description": "The objects.", "items": { "allOf": [{ "$ref": reference(name) }] } } },
        "x-kubernetes-group-version-kind": gvk(kind, version, &kind.list_kind) })
}

fn reference(name: &str) -> String {
    format!("#/components/schemas/{name}")
}

/// The paths of a kind: its collection, and one object.
fn paths(kind: &Kind, version: &str) -> [(String, Value); 2] {
    let root = match kind.group.as_str() {
        "" => format!("/api/{version}"),
        group => format!("/apis/{group}/{version}"),
    };
    let space = if kind.namespaced { "/namespaces/{namespace}" } else { "" };
    let gvk = json!({ "group": kind.group, "version": version, "kind": kind.kind });
    let parameter = |name: &&str| json!({ "name": name, "in": "query", "schema": { "type": "string", "uniqueItems": true } });
    let operation = |action: &str, parameters: &[&str]| {
        json!({ "x-kubernetes-action": action, "x-kubernetes-group-version-kind": gvk,
            "responses": { "200": { "description": "OK" } },
            "parameters": parameters.iter().map(parameter).collect::<Vec<_>>() })
    };
    let write = ["dryRun", "fieldManager", "fieldValidation"];
    let mut patch = operation("patch", &["dryRun", "fieldManager", "fieldValidation", "force"]);
    let any = json!({ "schema": { "type": "object" } });
    // Strategic merge is taken too, but kubectl knows the keys of its lists better than these schemas do.
    patch["requestBody"] = json!({ "content": { "application/merge-patch+json": any,
        "application/json-patch+json": any, "application/apply-patch+yaml": any } });
    let collection = json!({ "get": operation("list", &["labelSelector", "fieldSelector", "limit", "continue", "watch"]),
        "post": operation("post", &write), "delete": operation("deletecollection", &["dryRun", "labelSelector"]) });
    let one = json!({ "get": operation("get", &[]), "put": operation("put", &write), "patch": patch,
        "delete": operation("delete", &["dryRun", "propagationPolicy"]) });
    let path = format!("{root}{space}/{}", kind.plural);
    [(format!("{path}/{{name}}"), one), (path, collection)]
}
