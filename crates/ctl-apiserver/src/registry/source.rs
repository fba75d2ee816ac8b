//! The registry as a [`Source`]: what the control plane's own parts read and write through.

use async_trait::async_trait;
use ctl_source::{Object, ObjectKey, ResourceType, Source, SourceError, Watch};
use serde_json::Value;

use super::{DeleteOptions, Part, Registry, WriteOptions, collection, text};
use crate::fault::Fault;
use crate::patch::Patch;

fn options() -> WriteOptions {
    WriteOptions::default()
}

fn name_of(object: &Value) -> Result<(String, String), Fault> {
    let name =
        text(object, "/metadata/name").ok_or_else(|| Fault::bad("metadata.name is missing"))?;
    let namespace = text(object, "/metadata/namespace").unwrap_or_default();
    Ok((namespace.to_owned(), name.to_owned()))
}

#[async_trait]
impl Source for Registry {
    async fn watch(&self, types: &[ResourceType]) -> Result<Watch, SourceError> {
        Ok(super::watch::follow(self.store().clone(), types.to_vec()))
    }

    async fn get(&self, key: &ObjectKey) -> Result<Option<Object>, SourceError> {
        let kind = self.kind_named(&key.resource)?;
        let namespace = key.namespace.as_deref().unwrap_or_default();
        Ok(self.store().get(&super::key(&kind, namespace, &key.name)))
    }

    async fn list(
        &self,
        resource: &ResourceType,
        namespace: Option<&str>,
    ) -> Result<Vec<Object>, SourceError> {
        let kind = self.kind_named(resource)?;
        Ok(self.store().list(&collection(&kind), namespace).objects)
    }

    async fn create(&self, resource: &ResourceType, object: Value) -> Result<Object, SourceError> {
        let kind = self.kind_named(resource)?;
        let namespace = text(&object, "/metadata/namespace").unwrap_or_default().to_owned();
        Ok(self.create_object(&kind, &namespace, object, options()).await?.object)
    }

    async fn update(&self, resource: &ResourceType, object: Value) -> Result<Object, SourceError> {
        let kind = self.kind_named(resource)?;
        let (namespace, name) = name_of(&object)?;
        let written = self.update_object(&kind, &namespace, &name, Part::Main, object, options());
        Ok(written.await?.object)
    }

    async fn update_status(
        &self,
        resource: &ResourceType,
        object: Value,
    ) -> Result<Object, SourceError> {
        let kind = self.kind_named(resource)?;
        let (namespace, name) = name_of(&object)?;
        let written = self.update_object(&kind, &namespace, &name, Part::Status, object, options());
        Ok(written.await?.object)
    }

    async fn merge_patch(
        &self,
        key: &ObjectKey,
        subresource: Option<&str>,
        patch: Value,
    ) -> Result<Object, SourceError> {
        let kind = self.kind_named(&key.resource)?;
        let part = match subresource {
            None => Part::Main,
            Some("status") => Part::Status,
            Some(other) => return Err(Fault::bad(format!("{other} cannot be patched")).into()),
        };
        let namespace = key.namespace.as_deref().unwrap_or_default();
        let patch = Patch::Merge(patch);
        let edit = |object| patch.apply(object);
        let written = self.change(&kind, namespace, &key.name, part, options(), edit).await?;
        Ok(written.object)
    }

    async fn delete(&self, key: &ObjectKey, grace_seconds: Option<i64>) -> Result<(), SourceError> {
        let kind = self.kind_named(&key.resource)?;
        let namespace = key.namespace.as_deref().unwrap_or_default();
        let options = DeleteOptions { grace_seconds, ..DeleteOptions::default() };
        self.delete_object(&kind, namespace, &key.name, &options).await?;
        Ok(())
    }

    async fn create_subresource(
        &self,
        key: &ObjectKey,
        subresource: &str,
        body: Value,
    ) -> Result<Value, SourceError> {
        let namespace = key.namespace.as_deref().unwrap_or_default();
        match (key.resource.plural.as_str(), subresource) {
            ("serviceaccounts", "token") => Ok(self.issue_token(namespace, &key.name, body)?),
            (plural, other) => {
                Err(Fault::bad(format!("{plural} have no sub-resource {other} to create")).into())
            }
        }
    }
}
