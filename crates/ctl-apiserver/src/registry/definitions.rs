//! Definitions in the store: those that every mesh has, and the end of one.

use ctl_source::Object;
use ctl_store::{Collection, Key};
use serde_json::{Value, json};

use super::{DeleteOptions, Part, Registry, WriteOptions, text};
use crate::definition::{self, CLEANUP};
use crate::fault::Fault;
use crate::kind::Kind;
use crate::moment;

/// What a built-in definition was like when it was brought; a newer Weft brings a newer one, what a user made of it stays.
const BROUGHT: &str = "weft.dev/brought";

/// Where kubectl keeps what was applied; with it, applying what `weft crds` prints is no surprise to kubectl.
const APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

impl Registry {
    /// Brings a built-in definition, unless this very one was brought already.
    pub(super) async fn ensure_definition(&self, mut definition: Value) -> Result<(), Fault> {
        let Some(kind) = self.kind("apiextensions.k8s.io", "CustomResourceDefinition") else {
            return Err(Fault::internal("definitions are not served"));
        };
        let name = text(&definition, "/metadata/name").unwrap_or_default().to_owned();
        let print = fingerprint(&definition);
        let applied = as_applied(&definition);
        let options = WriteOptions::default();
        let Ok(now) = self.read(&kind, "", &name) else {
            definition["metadata"]["annotations"][BROUGHT] = json!(print);
            definition["metadata"]["annotations"][APPLIED] = json!(applied);
            return self.create_object(&kind, "", definition, options).await.map(drop);
        };
        if now["metadata"]["annotations"][BROUGHT] == json!(print) {
            return Ok(());
        }
        let spec = definition["spec"].take();
        let bring = |mut object: Value| {
            object["spec"] = spec.clone();
            object["metadata"]["annotations"][BROUGHT] = json!(print);
            object["metadata"]["annotations"][APPLIED] = json!(applied);
            Ok(object)
        };
        self.change(&kind, "", &name, Part::Main, options, bring).await.map(drop)
    }

    /// Is this definition one that every mesh has?
    pub(super) fn is_built_in(&self, kind: &Kind, name: &str) -> bool {
        kind.is_definition() && self.inner.built_in.iter().any(|d| d["metadata"]["name"] == name)
    }

    /// Judges a definition against the others and writes its status.
    pub(super) fn settle_definition(&self, object: &mut Value) {
        let name = text(object, "/metadata/name").unwrap_or_default().to_owned();
        let group = text(object, "/spec/group").unwrap_or_default().to_owned();
        let kinds = self.kinds();
        let others: Vec<&Kind> = kinds
            .iter()
            .map(AsRef::as_ref)
            .filter(|kind| kind.group == group && definition::name_of(kind) != name)
            .collect();
        definition::settle(object, &others, &moment::format(self.inner.clock.wall()));
    }

    /// Deletes the objects of a definition that goes, then lets it go.
    pub(super) async fn end_definition(&self, key: &Key, object: &Object) -> Result<(), Fault> {
        let held = object["metadata"]["finalizers"]
            .as_array()
            .is_some_and(|f| f.iter().any(|f| f == CLEANUP));
        let Some(definitions) = self.kind_of(key).filter(|_| held) else { return Ok(()) };
        let word = |path: &str| text(object, path).unwrap_or_default().to_owned();
        let collection =
            Collection { group: word("/spec/group"), plural: word("/spec/names/plural") };
        let left = self.inner.store.list(&collection, None).objects;
        let kind = self.kinds().find_plural(&collection.group, &collection.plural).cloned();
        if let Some(kind) = kind {
            for object in &left {
                if text(object, "/metadata/deletionTimestamp").is_some() {
                    continue;
                }
                let place = |path| text(object, path).unwrap_or_default();
                let (namespace, name) = (place("/metadata/namespace"), place("/metadata/name"));
                self.delete_object(&kind, namespace, name, &DeleteOptions::default()).await?;
            }
        }
        if self.inner.store.list(&collection, None).objects.is_empty() {
            return self.release(&definitions, key, CLEANUP).await;
        }
        Ok(())
    }
}

/// The definition as kubectl would note it down.
fn as_applied(definition: &Value) -> String {
    let mut noted = definition.clone();
    if !noted["metadata"]["annotations"].is_object() {
        noted["metadata"]["annotations"] = json!({});
    }
    format!("{noted}\n")
}

/// Tells one definition from another; not a matter of security.
fn fingerprint(definition: &Value) -> String {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    definition["spec"].to_string().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
