//! Which parts of an object are one piece, and what tells the elements of a list apart.
//!
//! In: the schema of a custom kind, or, of built-in kinds, the names of fields (as the strategic merge does).
//! Holds: where nothing is known, maps are taken apart and lists are one piece.

use serde_json::{Map, Value};

use crate::kind::{Kind, Version};

/// The shape of one place.
#[derive(Debug, Clone)]
pub(super) enum Shape<'a> {
    /// By a schema; `true` for the object as a whole.
    Schema(&'a Value, bool),
    /// By the name of the field, of built-in kinds.
    Named(String),
    /// Nothing is known below.
    Free,
}

/// What tells the elements of a list apart.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum List {
    /// The list is one piece.
    Whole,
    /// They themselves.
    Set,
    /// These fields, with the value that a missing one has.
    Keys(Vec<(String, Option<Value>)>),
}

impl<'a> Shape<'a> {
    pub(super) fn of(kind: &Kind, version: &'a Version) -> Self {
        if kind.custom {
            Self::Schema(version.written.schema(), true)
        } else {
            Self::Named(String::new())
        }
    }

    pub(super) fn field(&self, name: &str) -> Shape<'a> {
        match self {
            Self::Schema(_, true) if name == "metadata" => Shape::Named(name.to_owned()),
            Self::Schema(schema, _) => {
                let found = schema.get("properties").and_then(|p| p.get(name));
                let found = found.or_else(|| schema.get("additionalProperties"));
                found.map_or(Shape::Free, |schema| Shape::Schema(schema, false))
            }
            Self::Named(_) => Shape::Named(name.to_owned()),
            Self::Free => Shape::Free,
        }
    }

    pub(super) fn items(&self) -> Shape<'a> {
        match self {
            Self::Schema(schema, _) => {
                schema.get("items").map_or(Shape::Free, |schema| Shape::Schema(schema, false))
            }
            Self::Named(name) => Shape::Named(format!("{name}[]")),
            Self::Free => Shape::Free,
        }
    }

    /// A map that is replaced as one piece.
    pub(super) fn is_whole(&self) -> bool {
        match self {
            Self::Schema(schema, _) => schema["x-kubernetes-map-type"] == "atomic",
            Self::Named(name) => matches!(
                name.as_str(),
                "selector"
                    | "labelSelector"
                    | "namespaceSelector"
                    | "objectSelector"
                    | "nodeSelector"
                    | "ownerReferences[]"
                    | "involvedObject"
                    | "targetRef"
                    | "fieldRef"
                    | "resourceFieldRef"
                    | "secretKeyRef"
                    | "configMapKeyRef"
                    | "localObjectReference"
            ),
            Self::Free => false,
        }
    }

    pub(super) fn list(&self) -> List {
        match self {
            Self::Schema(schema, _) => match schema["x-kubernetes-list-type"].as_str() {
                Some("set") => List::Set,
                Some("map") => keys_of(schema),
                _ => List::Whole,
            },
            Self::Named(name) => of_name(name),
            Self::Free => List::Whole,
        }
    }
}

fn keys_of(schema: &Value) -> List {
    let keys = schema["x-kubernetes-list-map-keys"].as_array().into_iter().flatten();
    let default = |key: &str| schema["items"]["properties"][key].get("default").cloned();
    List::Keys(keys.filter_map(Value::as_str).map(|key| (key.to_owned(), default(key))).collect())
}

/// Kubernetes' own lists; of `ports` the keys depend on what holds them, see [`element`].
fn of_name(name: &str) -> List {
    let keys: &[&str] = match name {
        "finalizers" => return List::Set,
        "containers"
        | "initContainers"
        | "ephemeralContainers"
        | "env"
        | "volumes"
        | "imagePullSecrets"
        | "secrets"
        | "resourceClaims"
        | "schedulingGates"
        | "webhooks"
        | "matchConditions" => &["name"],
        "volumeMounts" => &["mountPath"],
        "volumeDevices" => &["devicePath"],
        "ports" => {
            return List::Keys(vec![
                ("containerPort|port".into(), None),
                ("protocol".into(), Some("TCP".into())),
            ]);
        }
        "ownerReferences" => &["uid"],
        "conditions" => &["type"],
        "hostAliases" | "podIPs" | "hostIPs" => &["ip"],
        "topologySpreadConstraints" => &["topologyKey", "whenUnsatisfiable"],
        _ => return List::Whole,
    };
    List::Keys(keys.iter().map(|key| ((*key).to_owned(), None)).collect())
}

/// The step to an element of a list; `None` when it lacks a key.
pub(super) fn element(list: &List, item: &Value) -> Option<String> {
    match list {
        List::Whole => None,
        List::Set => Some(format!("v:{item}")),
        List::Keys(keys) => {
            let mut found = Map::new();
            for (key, default) in keys {
                let (name, value) = key
                    .split('|')
                    .find_map(|name| Some((name, item.get(name)?.clone())))
                    .or_else(|| Some((key.as_str(), default.clone()?)))?;
                found.insert(name.to_owned(), value);
            }
            Some(format!("k:{}", Value::Object(found)))
        }
    }
}

/// The steps to all elements, when every one has its own; else the list is one piece.
pub(super) fn elements(list: &List, items: &[Value]) -> Option<Vec<String>> {
    let steps: Vec<String> = items.iter().map(|item| element(list, item)).collect::<Option<_>>()?;
    let distinct: std::collections::HashSet<&String> = steps.iter().collect();
    (distinct.len() == steps.len()).then_some(steps)
}
