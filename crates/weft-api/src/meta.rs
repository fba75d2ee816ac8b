//! What every object carries: names, labels, age.
//!
//! Why lenient: the server writes this part, and adds fields in every version.

use std::collections::BTreeMap;

use serde_json::Value;

/// `metadata`, the part that we use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// `name`
    pub name: String,
    /// `namespace`; `default` when a namespaced object does not say.
    pub namespace: String,
    /// `labels`
    pub labels: BTreeMap<String, String>,
    /// `annotations`
    pub annotations: BTreeMap<String, String>,
    /// `creationTimestamp`; RFC 3339 in UTC, so that text order is time order. Empty before creation.
    pub created: String,
    /// `generation`
    pub generation: i64,
    /// `uid`
    pub uid: String,
    /// Made by us from objects of the Gateway API, whose rules count for it; never written by a user, so never read.
    pub derived: bool,
}

impl Metadata {
    /// Reads the metadata of an object.
    #[must_use]
    pub fn of(object: &Value) -> Self {
        let meta = object.get("metadata").unwrap_or(&Value::Null);
        let namespace = text(meta, "namespace");
        Self {
            name: text(meta, "name"),
            namespace: if namespace.is_empty() { "default".into() } else { namespace },
            labels: texts(meta.get("labels")),
            annotations: texts(meta.get("annotations")),
            created: text(meta, "creationTimestamp"),
            generation: meta.get("generation").and_then(Value::as_i64).unwrap_or(0),
            uid: text(meta, "uid"),
            derived: false,
        }
    }
}

pub(crate) fn text(object: &Value, name: &str) -> String {
    object.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

pub(crate) fn texts(object: Option<&Value>) -> BTreeMap<String, String> {
    let entries = object.and_then(Value::as_object).into_iter().flatten();
    entries.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}
