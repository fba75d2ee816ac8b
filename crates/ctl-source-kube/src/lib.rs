//! A Kubernetes API server as a [`Source`]; the only room that names the kube crate.
//!
//! In: a kubeconfig. Out: batches of objects, and writes.
//! Holds: a watch that breaks comes back by itself with a snapshot; errors keep Kubernetes' meaning.
//! Never: interpreting a `spec`.

mod error;
mod pods;
mod watch;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use ctl_source::{Object, ObjectKey, ResourceType, Selection, Source, SourceError, Watch};
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams,
};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::Value;

use error::translate;
pub use pods::{Exec, Logs};

/// A Kubernetes API server. Cheap to clone.
#[derive(Clone)]
pub struct KubeSource {
    client: Client,
}

impl std::fmt::Debug for KubeSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KubeSource").finish_non_exhaustive()
    }
}

impl KubeSource {
    /// Connects as the current context of a kubeconfig says.
    ///
    /// # Errors
    /// When the file cannot be read or does not name a usable server.
    pub async fn from_kubeconfig(path: &Path) -> Result<Self, SourceError> {
        let invalid = |why: String| SourceError::Invalid(format!("{}: {why}", path.display()));
        let kubeconfig = Kubeconfig::read_from(path).map_err(|error| invalid(error.to_string()))?;
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
        let config = config.map_err(|error| invalid(error.to_string()))?;
        let client = Client::try_from(config).map_err(|error| invalid(error.to_string()))?;
        Ok(Self { client })
    }

    /// The client, for what is not an object: logs, exec.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The JSON at a path of the server that is no object, such as `/weft/debug/syncz`.
    ///
    /// # Errors
    /// As for objects.
    pub async fn raw(&self, path: &str) -> Result<Value, SourceError> {
        let request = http::Request::get(path).body(Vec::new());
        let request = request.map_err(|error| SourceError::Invalid(error.to_string()))?;
        self.client.request(request).await.map_err(translate)
    }

    fn api(&self, resource: &ResourceType, namespace: Option<&str>) -> Api<DynamicObject> {
        let resource_type = api_resource(resource);
        match namespace {
            Some(namespace) if resource.namespaced => {
                Api::namespaced_with(self.client.clone(), namespace, &resource_type)
            }
            _ => Api::all_with(self.client.clone(), &resource_type),
        }
    }

    fn of(&self, key: &ObjectKey) -> Api<DynamicObject> {
        self.api(&key.resource, key.namespace.as_deref())
    }
}

fn api_resource(resource: &ResourceType) -> ApiResource {
    let ResourceType { group, version, kind, plural, namespaced: _ } = resource;
    let api_version = if group.is_empty() { version.clone() } else { format!("{group}/{version}") };
    ApiResource {
        group: group.clone(),
        version: version.clone(),
        api_version,
        kind: kind.clone(),
        plural: plural.clone(),
    }
}

/// What `kube` gave, as our JSON, with the type that lists leave out.
fn object(resource: &ResourceType, found: DynamicObject) -> Result<Object, SourceError> {
    let mut value = serde_json::to_value(found).map_err(|e| SourceError::Invalid(e.to_string()))?;
    let api = api_resource(resource);
    if value["kind"].is_null() {
        value["apiVersion"] = api.api_version.into();
        value["kind"] = api.kind.into();
    }
    Ok(Arc::new(value))
}

fn parse(value: Value) -> Result<DynamicObject, SourceError> {
    serde_json::from_value(value).map_err(|error| SourceError::Invalid(error.to_string()))
}

fn place(value: &Value) -> (Option<String>, String) {
    let text = |key: &str| value["metadata"][key].as_str().map(str::to_owned);
    (text("namespace"), text("name").unwrap_or_default())
}

#[async_trait]
impl Source for KubeSource {
    async fn watch(&self, types: &[ResourceType]) -> Result<Watch, SourceError> {
        let whole = |resource: &ResourceType| Selection { resource: resource.clone(), fields: "" };
        Ok(watch::start(self, &types.iter().map(whole).collect::<Vec<_>>()))
    }

    async fn watch_selected(&self, parts: &[Selection]) -> Result<Watch, SourceError> {
        Ok(watch::start(self, parts))
    }

    async fn get(&self, key: &ObjectKey) -> Result<Option<Object>, SourceError> {
        let found = self.of(key).get_opt(&key.name).await.map_err(translate)?;
        found.map(|found| object(&key.resource, found)).transpose()
    }

    async fn list(
        &self,
        resource: &ResourceType,
        namespace: Option<&str>,
    ) -> Result<Vec<Object>, SourceError> {
        let api = self.api(resource, namespace);
        let list = api.list(&ListParams::default()).await.map_err(translate)?;
        list.items.into_iter().map(|item| object(resource, item)).collect()
    }

    async fn create(&self, resource: &ResourceType, value: Value) -> Result<Object, SourceError> {
        let (namespace, _) = place(&value);
        let api = self.api(resource, namespace.as_deref());
        let created = api.create(&PostParams::default(), &parse(value)?).await;
        object(resource, created.map_err(translate)?)
    }

    async fn update(&self, resource: &ResourceType, value: Value) -> Result<Object, SourceError> {
        let (namespace, name) = place(&value);
        let api = self.api(resource, namespace.as_deref());
        let updated = api.replace(&name, &PostParams::default(), &parse(value)?).await;
        object(resource, updated.map_err(translate)?)
    }

    async fn update_status(
        &self,
        resource: &ResourceType,
        value: Value,
    ) -> Result<Object, SourceError> {
        let (namespace, name) = place(&value);
        let api = self.api(resource, namespace.as_deref());
        let updated = api.replace_status(&name, &PostParams::default(), &parse(value)?).await;
        object(resource, updated.map_err(translate)?)
    }

    async fn merge_patch(
        &self,
        key: &ObjectKey,
        subresource: Option<&str>,
        patch: Value,
    ) -> Result<Object, SourceError> {
        let (api, params, patch) = (self.of(key), PatchParams::default(), Patch::Merge(patch));
        let patched = match subresource {
            None => api.patch(&key.name, &params, &patch).await,
            Some(name) => api.patch_subresource(name, &key.name, &params, &patch).await,
        };
        object(&key.resource, patched.map_err(translate)?)
    }

    async fn delete(&self, key: &ObjectKey, grace_seconds: Option<i64>) -> Result<(), SourceError> {
        let grace_period_seconds = match grace_seconds.map(u32::try_from).transpose() {
            Ok(seconds) => seconds,
            Err(error) => return Err(SourceError::Invalid(format!("grace period: {error}"))),
        };
        let params = DeleteParams { grace_period_seconds, ..DeleteParams::default() };
        self.of(key).delete(&key.name, &params).await.map(drop).map_err(translate)
    }

    async fn create_subresource(
        &self,
        key: &ObjectKey,
        subresource: &str,
        body: Value,
    ) -> Result<Value, SourceError> {
        let api = self.of(key);
        let invalid = |error: String| SourceError::Invalid(error);
        let bytes = serde_json::to_vec(&body).map_err(|error| invalid(error.to_string()))?;
        let request =
            http::Request::post(format!("{}/{}/{subresource}", api.resource_url(), key.name))
                .header(http::header::CONTENT_TYPE, "application/json")
                .body(bytes)
                .map_err(|error| invalid(error.to_string()))?;
        self.client.request(request).await.map_err(translate)
    }
}
