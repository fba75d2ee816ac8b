//! What stands between an object that was read and the store: defaults, admission, rules, addresses.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use ctl_source::Object;
use serde_json::Value;

use super::{DeleteOptions, Registry, WriteOptions, text, validate};
use crate::admission::{AdmissionContext, Denied, FieldValidation, Finding, Operation, Warning};
use crate::fault::Fault;
use crate::kind::{Kind, Version};
use crate::webhook::{Asked, Objects, Webhooks};
use crate::{conform, defaults, strict};

/// What the mesh has to say of an object, where it knows its kind.
pub(super) type Findings = Option<Vec<Finding>>;

/// A write on its way through admission.
pub(super) struct Entry<'a> {
    pub(super) asked: Asked<'a>,
    pub(super) version: &'a Version,
    pub(super) level: FieldValidation,
    pub(super) findings: Findings,
}

impl Registry {
    /// From here on webhooks are asked: whoever is needed for that is there.
    pub fn ask_webhooks(&self) {
        self.inner.asking.store(true, Ordering::Relaxed);
    }

    fn webhooks(&self) -> Option<Webhooks<'_>> {
        let asking = self.inner.asking.load(Ordering::Relaxed);
        asking.then_some(Webhooks { store: &self.inner.store, clock: &self.inner.clock })
    }

    /// Changes and judges an object; `old` is the one before.
    pub(super) async fn admit(
        &self,
        mut entry: Entry<'_>,
        object: &mut Value,
        old: Option<&Value>,
    ) -> Result<Vec<Warning>, Fault> {
        let (asked, version) = (entry.asked, entry.version);
        let (kind, name) = (asked.kind, asked.name);
        let context = AdmissionContext {
            operation: if old.is_none() { Operation::Create } else { Operation::Update },
            kind,
            namespace: kind.namespaced.then_some(asked.namespace),
            namespace_labels: asked.namespace_labels,
            field_validation: entry.level,
        };
        let refuse = |denied: Denied| denied.fault(kind, name);
        defaults::apply(kind, object);
        self.inner.admission.mutate(&context, object).map_err(refuse)?;
        let mut warnings = self.changed_by_webhooks(&mut entry, object, old).await?;
        defaults::apply(kind, object);
        let problems = validate::problems(kind, object, old);
        if !problems.is_empty() {
            return Err(Fault::invalid(kind, name, &problems));
        }
        let findings = entry.findings.as_deref();
        warnings.extend(conform::judge(kind, version, object, old, name, findings)?);
        warnings.extend(self.inner.admission.validate(&context, object, old).map_err(refuse)?);
        warnings.extend(self.judged_by_webhooks(&asked, object, old).await?);
        Ok(warnings)
    }

    /// Judges a new status; it is held against its schema alone, and shown to webhooks.
    pub(super) async fn admit_status(
        &self,
        entry: Entry<'_>,
        next: &mut Value,
        now: &Value,
    ) -> Result<Vec<Warning>, Fault> {
        let Entry { asked, version, .. } = entry;
        let mut warnings = conform::judge(asked.kind, version, next, Some(now), asked.name, None)?;
        warnings.extend(self.judged_by_webhooks(&asked, next, Some(now)).await?);
        Ok(warnings)
    }

    /// What a webhook changed is read again like what a user wrote.
    async fn changed_by_webhooks(
        &self,
        entry: &mut Entry<'_>,
        object: &mut Value,
        old: Option<&Value>,
    ) -> Result<Vec<Warning>, Fault> {
        let asked = entry.asked;
        // A Scale is not the object; who wants to change it has to look at the object itself.
        let Some(webhooks) = self.webhooks().filter(|_| asked.subresource != "scale") else {
            return Ok(Vec::new());
        };
        let (changed, mut warnings) =
            Box::pin(webhooks.mutate(&asked, object, old.unwrap_or(&Value::Null))).await?;
        if changed {
            warnings.extend(strict::check(asked.kind, object, FieldValidation::Warn)?);
            let level = FieldValidation::Warn;
            let options = WriteOptions { field_validation: level, ..WriteOptions::default() };
            let (findings, told) = self.shape((asked.kind, entry.version), object, &options)?;
            entry.findings = findings;
            warnings.extend(told);
        }
        Ok(warnings)
    }

    async fn judged_by_webhooks(
        &self,
        asked: &Asked<'_>,
        new: &Value,
        old: Option<&Value>,
    ) -> Result<Vec<Warning>, Fault> {
        let Some(webhooks) = self.webhooks() else { return Ok(Vec::new()) };
        let old = old.unwrap_or(&Value::Null);
        let scale = asked.kind.version(asked.version).and_then(|version| version.scale.as_ref());
        match scale.filter(|_| asked.subresource == "scale") {
            Some(scale) => {
                let (new, old) = (scale.of(new), scale.of(old));
                Box::pin(webhooks.validate(asked, Objects { new: &new, old: &old })).await
            }
            None => Box::pin(webhooks.validate(asked, Objects { new, old })).await,
        }
    }

    /// Asks webhooks whether an object may be deleted.
    pub(super) async fn may_delete(
        &self,
        (kind, namespace, name): (&Kind, &str, &str),
        now: &Value,
        options: &DeleteOptions,
    ) -> Result<(), Fault> {
        let Some(webhooks) = self.webhooks() else { return Ok(()) };
        let asked = Asked {
            operation: "DELETE",
            kind,
            version: kind.storage(),
            subresource: "",
            namespace,
            name,
            namespace_labels: &self.labels_of(namespace),
            user: &options.user,
            dry_run: options.dry_run,
        };
        Box::pin(webhooks.validate(&asked, Objects { new: &Value::Null, old: now })).await.map(drop)
    }

    /// The labels of the namespace that a new object goes to, when it is there and stays.
    pub(super) fn open_namespace(&self, kind: &Kind, namespace: &str) -> Result<Value, Fault> {
        if !kind.namespaced {
            return Ok(Value::Null);
        }
        let found = self.namespace(namespace)?;
        if text(&found, "/metadata/deletionTimestamp").is_some() {
            return Err(Fault::forbidden(format!(
                "namespace {namespace} is being deleted: nothing new can be created in it"
            )));
        }
        Ok(found["metadata"]["labels"].clone())
    }

    pub(super) fn labels_of(&self, namespace: &str) -> Value {
        self.namespace(namespace).map(|n| n["metadata"]["labels"].clone()).unwrap_or_default()
    }

    fn namespace(&self, name: &str) -> Result<Object, Fault> {
        let kind = self.kind("", "Namespace").ok_or_else(|| Fault::no_path("namespaces"))?;
        self.read(&kind, "", name)
    }

    pub(super) async fn give_address(
        &self,
        kind: &Kind,
        name: &str,
        object: &mut Value,
        old: Option<&Object>,
    ) -> Result<Option<tokio::sync::MutexGuard<'_, ()>>, Fault> {
        if kind.kind != "Service" || !kind.group.is_empty() {
            return Ok(None);
        }
        let guard = self.inner.addresses.lock().await;
        let services = self.inner.store.list(&super::collection(kind), None).objects;
        let taken: HashSet<String> =
            services.iter().filter_map(|s| text(s, "/spec/clusterIP")).map(str::to_owned).collect();
        let keep = old.and_then(|old| text(old, "/spec/clusterIP"));
        defaults::cluster_ip(object, &taken, keep)
            .map_err(|why| Fault::invalid(kind, name, &[("spec.clusterIP".to_owned(), why)]))?;
        Ok(Some(guard))
    }
}
