//! The border between Weft and whatever holds the objects: a Kubernetes API server, or the embedded store.
//!
//! In: nothing. Out: the trait [`Source`] and its words.
//! Holds: an object is the JSON that the user wrote plus server metadata; nobody here interprets a `spec`.
//! Never: a client, a database, a cache. Those are the implementations (`ctl-source-kube`, `ctl-store`).
//! Why JSON: one trait serves every kind, also kinds that are defined after this was compiled.

pub mod kinds;
mod packed;

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

pub use packed::{DEEPEST, Packed, TooDeep};

/// Which collection an object lives in. `group` is empty for the core group.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceType {
    /// API group, `""` for core, e.g. `networking.istio.io`.
    pub group: String,
    /// Version used on the wire, e.g. `v1`.
    pub version: String,
    /// CamelCase kind, e.g. `VirtualService`.
    pub kind: String,
    /// Lower-case plural as in the URL, e.g. `virtualservices`.
    pub plural: String,
    /// False for Namespace, Node, CustomResourceDefinition and the like.
    pub namespaced: bool,
}

/// Names one object. `namespace` is `None` for cluster-scoped kinds.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    /// The collection.
    pub resource: ResourceType,
    /// `metadata.namespace`.
    pub namespace: Option<String>,
    /// `metadata.name`.
    pub name: String,
}

/// What of a collection is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// The collection.
    pub resource: ResourceType,
    /// A field selector of Kubernetes; empty for all objects.
    pub fields: &'static str,
}

/// One object as stored: whole JSON with `apiVersion`, `kind`, `metadata` filled in.
pub type Object = Arc<Value>;

/// One step of a watch.
#[derive(Debug, Clone)]
pub enum Change {
    /// Created or modified.
    Applied(Object),
    /// Gone; the last state is carried.
    Deleted(Object),
}

/// What a watch hands out. A `Snapshot` replaces everything known of the type (first answer, and after a lost
/// connection or a compacted history); `Changes` are applied on top, in order.
#[derive(Debug, Clone)]
pub enum Batch {
    /// The whole collection now.
    Snapshot(ResourceType, Vec<Object>),
    /// What happened since.
    Changes(ResourceType, Vec<Change>),
}

/// Receives batches; bounded, the sender waits when it is full. Ends when the source is gone for good.
pub type Watch = tokio::sync::mpsc::Receiver<Batch>;

/// Why a call failed, in Kubernetes' words, so that callers can tell a conflict from a missing object.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SourceError {
    /// 404.
    #[error("{0} not found")]
    NotFound(String),
    /// 409 with reason AlreadyExists.
    #[error("{0} already exists")]
    AlreadyExists(String),
    /// 409 with reason Conflict: read again and retry.
    #[error("conflict: {0}")]
    Conflict(String),
    /// 422 or 400: the object is wrong; retrying does not help.
    #[error("invalid: {0}")]
    Invalid(String),
    /// The source cannot be reached now; retry with back-off.
    #[error("unavailable: {0}")]
    Unavailable(String),
}

/// A place that holds objects. All writes take the same walk as a user's: validation and admission apply.
#[async_trait]
pub trait Source: Send + Sync + 'static {
    /// Watches collections, all namespaces: first a `Snapshot` per type, then changes; reconnects by itself.
    async fn watch(&self, types: &[ResourceType]) -> Result<Watch, SourceError>;
    /// Watches parts of collections. The selection spares work: a source may hand out more than was selected.
    async fn watch_selected(&self, parts: &[Selection]) -> Result<Watch, SourceError> {
        let types: Vec<ResourceType> = parts.iter().map(|part| part.resource.clone()).collect();
        self.watch(&types).await
    }
    /// Reads one object.
    async fn get(&self, key: &ObjectKey) -> Result<Option<Object>, SourceError>;
    /// Lists one collection, one namespace or (`None`) all.
    async fn list(
        &self,
        resource: &ResourceType,
        namespace: Option<&str>,
    ) -> Result<Vec<Object>, SourceError>;
    /// Creates; the answer carries uid, resourceVersion, defaults.
    async fn create(&self, resource: &ResourceType, object: Value) -> Result<Object, SourceError>;
    /// Replaces; a `metadata.resourceVersion` in the object must match, else `Conflict`.
    async fn update(&self, resource: &ResourceType, object: Value) -> Result<Object, SourceError>;
    /// Replaces only `status`; the rest of the given object is ignored.
    async fn update_status(
        &self,
        resource: &ResourceType,
        object: Value,
    ) -> Result<Object, SourceError>;
    /// JSON merge patch (RFC 7386), of `status` alone when `subresource` is `Some("status")`.
    async fn merge_patch(
        &self,
        key: &ObjectKey,
        subresource: Option<&str>,
        patch: Value,
    ) -> Result<Object, SourceError>;
    /// Deletes. `grace_seconds: Some(0)` removes a Pod at once; `None` means the object's default.
    async fn delete(&self, key: &ObjectKey, grace_seconds: Option<i64>) -> Result<(), SourceError>;
    /// Creates a sub-resource such as `serviceaccounts/NAME/token` and returns the answer.
    async fn create_subresource(
        &self,
        key: &ObjectKey,
        subresource: &str,
        body: Value,
    ) -> Result<Value, SourceError>;
}
