//! A kind as it is served: its names, its versions, and what each version says of its objects.
//!
//! In: a row of the static table, or a CustomResourceDefinition. Out: one value that discovery, tables, validation and
//! OpenAPI read.
//! Holds: the storage version comes first; a kind never changes, a changed definition makes a new one.

use std::sync::Arc;

use ctl_source::kinds::KindInfo;
use ctl_source::{Object, ResourceType};
use serde_json::Value;
use weft_schema::Schema;

use crate::table::path::JsonPath;

/// A served kind.
#[derive(Debug, Default)]
pub struct Kind {
    /// API group, `""` for core.
    pub group: String,
    /// CamelCase kind.
    pub kind: String,
    /// Kind of a list of them.
    pub list_kind: String,
    /// URL name.
    pub plural: String,
    /// Singular name for kubectl.
    pub singular: String,
    /// Short names for kubectl.
    pub short: Vec<String>,
    /// Names of sets of kinds that it belongs to.
    pub categories: Vec<String>,
    /// Namespaced or cluster-scoped.
    pub namespaced: bool,
    /// Defined by a CustomResourceDefinition (true) or built in (false).
    pub custom: bool,
    /// Its definition is being deleted: nothing new can be created.
    pub ending: bool,
    /// Every served version, the storage version first.
    pub versions: Vec<Version>,
    /// `resourceVersion` of the definition that it was made of.
    pub(crate) made_of: String,
}

/// One version of a kind.
#[derive(Debug, Default)]
pub struct Version {
    /// `v1beta1`.
    pub name: String,
    /// What a user of this version is told, when it is deprecated.
    pub warning: Option<String>,
    /// It has the sub-resource `status`.
    pub has_status: bool,
    /// Where its sub-resource `scale` finds its numbers.
    pub scale: Option<Scale>,
    pub(crate) schema: Option<Arc<Schema>>,
    pub(crate) written: Written,
    pub(crate) columns: Vec<Column>,
    /// Fields that can be selected by, as `spec.color`.
    pub(crate) selectable: Vec<String>,
}

/// The schema as it was written, inside of its definition; null for built-in kinds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Written {
    /// Shared with the store: definitions are large.
    pub(crate) definition: Object,
    pub(crate) pointer: String,
}

impl Written {
    pub(crate) fn schema(&self) -> &Value {
        self.definition.pointer(&self.pointer).unwrap_or(&Value::Null)
    }
}

/// JSON pointers of the numbers of `scale`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scale {
    /// The wish.
    pub spec: String,
    /// The state.
    pub status: String,
    /// The selector as text.
    pub selector: Option<String>,
}

/// A column of `kubectl get`.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) format: String,
    pub(crate) description: String,
    pub(crate) priority: i64,
    pub(crate) path: JsonPath,
}

impl Kind {
    /// A kind that another server serves, by its names.
    #[must_use]
    pub fn named(group: &str, kind: &str, plural: &str) -> Self {
        let [group, kind, plural] = [group, kind, plural].map(str::to_owned);
        Self { group, kind, plural, ..Self::default() }
    }

    /// The collection by its storage version.
    #[must_use]
    pub fn resource(&self) -> ResourceType {
        ResourceType {
            group: self.group.clone(),
            version: self.storage().to_owned(),
            kind: self.kind.clone(),
            plural: self.plural.clone(),
            namespaced: self.namespaced,
        }
    }

    /// The version that objects are stored in.
    #[must_use]
    pub fn storage(&self) -> &str {
        self.versions.first().map_or("", |version| &version.name)
    }

    /// A served version.
    #[must_use]
    pub fn version(&self, name: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.name == name)
    }

    /// `group/version`, or the version alone for the core group.
    pub(crate) fn api_version(&self, version: &str) -> String {
        if self.group.is_empty() { version.to_owned() } else { format!("{}/{version}", self.group) }
    }

    /// The version that an object says it has; the storage version when it says nothing that is served.
    pub(crate) fn version_of(&self, object: &Value) -> Option<&Version> {
        let given = object["apiVersion"].as_str().unwrap_or_default();
        let served = self.versions.iter().find(|v| self.api_version(&v.name) == given);
        served.or(self.versions.first())
    }

    pub(crate) fn is_definition(&self) -> bool {
        self.group == "apiextensions.k8s.io" && self.kind == "CustomResourceDefinition"
    }
}

impl From<&KindInfo> for Kind {
    fn from(row: &KindInfo) -> Self {
        let version = |name: &&str| Version {
            name: (*name).to_owned(),
            has_status: has_status(row.kind),
            scale: has_scale(row.kind).then(|| Scale {
                spec: "/spec/replicas".to_owned(),
                status: "/status/replicas".to_owned(),
                selector: None,
            }),
            ..Version::default()
        };
        let in_all = matches!(row.kind, "Pod" | "Service" | "Deployment" | "ReplicaSet" | "Job");
        Self {
            group: row.group.to_owned(),
            kind: row.kind.to_owned(),
            list_kind: format!("{}List", row.kind),
            plural: row.plural.to_owned(),
            singular: row.singular.to_owned(),
            short: row.short.iter().map(|name| (*name).to_owned()).collect(),
            categories: if in_all { vec!["all".to_owned()] } else { Vec::new() },
            namespaced: row.namespaced,
            versions: row.versions.iter().map(version).collect(),
            ..Self::default()
        }
    }
}

/// Built-in kinds whose status only the status sub-resource writes.
fn has_status(kind: &str) -> bool {
    matches!(
        kind,
        "Namespace"
            | "Node"
            | "Pod"
            | "Service"
            | "Deployment"
            | "ReplicaSet"
            | "Job"
            | "CustomResourceDefinition"
    )
}

fn has_scale(kind: &str) -> bool {
    matches!(kind, "Deployment" | "ReplicaSet")
}
