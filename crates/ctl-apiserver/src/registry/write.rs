//! Creating and changing objects.

use std::collections::HashSet;

use ctl_source::Object;
use ctl_source::kinds::KindInfo;
use ctl_store::{Expect, Write};
use serde_json::{Value, json};

use super::status::{bump, first_status, has_generation, keep_status};
use super::{Part, Registry, key, metadata, text, validate};
use crate::admission::{AdmissionContext, Denied, FieldValidation, Operation, Warning};
use crate::fault::Fault;
use crate::{defaults, moment, strict};

/// How often a change is tried again when somebody else was faster.
const ATTEMPTS: u32 = 16;
/// Letters and digits of generated names; none that make words.
const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// How a write is to be done.
#[derive(Debug, Clone, Copy, Default)]
pub struct WriteOptions {
    /// How unknown fields are met.
    pub field_validation: FieldValidation,
}

/// A write that was done.
#[derive(Debug, Clone)]
pub struct Written {
    /// The object as stored.
    pub object: Object,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

impl Registry {
    /// Creates an object.
    ///
    /// # Errors
    /// When the object is wrong, is refused, or exists.
    pub async fn create_object(
        &self,
        kind: &'static KindInfo,
        namespace: &str,
        mut object: Value,
        options: WriteOptions,
    ) -> Result<Written, Fault> {
        metadata::stamp_kind(kind, &mut object)?;
        let mut warnings = strict::check(kind, &mut object, options.field_validation)?;
        let name = metadata::settle_name(kind, namespace, &mut object, &random_tail)?;
        let labels = self.open_namespace(kind, namespace)?;
        let meta = metadata::of(&mut object)?;
        meta.insert("uid".into(), json!(uuid::Uuid::new_v4().to_string()));
        meta.insert("creationTimestamp".into(), json!(moment::format(self.inner.clock.wall())));
        first_status(kind, &mut object);
        if has_generation(kind, &object) {
            metadata::of(&mut object)?.insert("generation".into(), json!(1));
        }
        let context = AdmissionContext {
            operation: Operation::Create,
            kind,
            namespace: kind.namespaced.then_some(namespace),
            namespace_labels: &labels,
            field_validation: options.field_validation,
        };
        warnings.extend(self.admit(&context, &mut object, None, &name)?);
        let object = self.put_new(kind, namespace, &name, object).await?;
        if kind.kind == "Namespace" {
            self.default_account(&name).await?;
        }
        Ok(Written { object, warnings })
    }

    async fn put_new(
        &self,
        kind: &'static KindInfo,
        namespace: &str,
        name: &str,
        mut object: Value,
    ) -> Result<Object, Fault> {
        // Said first: an existing Service would else be told that its own address is taken.
        if self.inner.store.get(&key(kind, namespace, name)).is_some() {
            return Err(Fault::exists(kind, name));
        }
        let _guard = self.give_address(kind, name, &mut object, None).await?;
        let write =
            Write { key: key(kind, namespace, name), expect: Expect::Absent, object: Some(object) };
        self.inner.store.write(write).await.map_err(|e| Fault::store(&e, kind, name))
    }

    /// Replaces an object, or only its status.
    ///
    /// # Errors
    /// When it is missing, changed since it was read, wrong, or refused.
    pub async fn update_object(
        &self,
        kind: &'static KindInfo,
        namespace: &str,
        name: &str,
        part: Part,
        object: Value,
        options: WriteOptions,
    ) -> Result<Written, Fault> {
        self.change(kind, namespace, name, part, options, |_| Ok(object.clone())).await
    }

    /// Changes an object by a function of its newest state; tries again when somebody else was faster, unless the result
    /// carries a `resourceVersion` of its own.
    ///
    /// # Errors
    /// As [`Registry::update_object`], and what `edit` refuses.
    pub async fn change(
        &self,
        kind: &'static KindInfo,
        namespace: &str,
        name: &str,
        part: Part,
        options: WriteOptions,
        edit: impl Fn(Value) -> Result<Value, Fault> + Send + Sync,
    ) -> Result<Written, Fault> {
        for _ in 0..ATTEMPTS {
            let now = self.read(kind, namespace, name)?;
            let mut base = now.as_ref().clone();
            metadata::of(&mut base)?.remove("resourceVersion");
            let next = edit(base)?;
            let asked = text(&next, "/metadata/resourceVersion").filter(|v| !v.is_empty());
            let stored = text(&now, "/metadata/resourceVersion");
            if asked.is_some() && asked != stored {
                return Err(Fault::conflict(kind, name));
            }
            let pinned = asked.is_some();
            match self.replace(kind, namespace, &now, next, part, options).await {
                Err(fault) if fault.reason == "Conflict" && !pinned => {}
                done => return done,
            }
        }
        Err(Fault::conflict(kind, name))
    }

    async fn replace(
        &self,
        kind: &'static KindInfo,
        namespace: &str,
        now: &Object,
        mut next: Value,
        part: Part,
        options: WriteOptions,
    ) -> Result<Written, Fault> {
        let name = text(now, "/metadata/name").unwrap_or_default().to_owned();
        metadata::stamp_kind(kind, &mut next)?;
        let mut warnings = Vec::new();
        if part == Part::Status {
            let status = next.get("status").cloned().unwrap_or_else(|| json!({}));
            next = now.as_ref().clone();
            next["status"] = status;
        } else {
            warnings = strict::check(kind, &mut next, options.field_validation)?;
            metadata::keep_stable(kind, &mut next, now)?;
            keep_status(kind, &mut next, now);
            defaults::apply(kind, &mut next);
            bump(kind, &mut next, now);
        }
        if part == Part::Main && text(now, "/metadata/deletionTimestamp").is_none() {
            let labels = self.labels_of(namespace);
            let context = AdmissionContext {
                operation: Operation::Update,
                kind,
                namespace: kind.namespaced.then_some(namespace),
                namespace_labels: &labels,
                field_validation: options.field_validation,
            };
            warnings.extend(self.admit(&context, &mut next, Some(now), &name)?);
        }
        let _guard = match part {
            Part::Main => self.give_address(kind, &name, &mut next, Some(now)).await?,
            Part::Status => None,
        };
        let object = self.put_next(kind, namespace, now, next).await?;
        Ok(Written { object, warnings })
    }

    /// Writes the next state; what is marked for deletion and held by nothing goes.
    pub(super) async fn put_next(
        &self,
        kind: &'static KindInfo,
        namespace: &str,
        now: &Object,
        mut next: Value,
    ) -> Result<Object, Fault> {
        let version = text(now, "/metadata/resourceVersion").unwrap_or_default().to_owned();
        next["metadata"]["resourceVersion"] = json!(version);
        if next == **now {
            return Ok(now.clone());
        }
        let name = text(now, "/metadata/name").unwrap_or_default();
        let object = (!super::delete::is_over(kind, &next)).then_some(next);
        let write =
            Write { key: key(kind, namespace, name), expect: Expect::Version(version), object };
        self.inner.store.write(write).await.map_err(|e| Fault::store(&e, kind, name))
    }

    fn admit(
        &self,
        context: &AdmissionContext<'_>,
        object: &mut Value,
        old: Option<&Value>,
        name: &str,
    ) -> Result<Vec<Warning>, Fault> {
        let kind = context.kind;
        let refuse = |denied: Denied| match denied.field.is_empty() {
            true => {
                Fault::forbidden(format!("{} \"{name}\" is refused: {}", kind.plural, denied.why))
            }
            false => Fault::invalid(kind, name, &[(denied.field, denied.why)]),
        };
        defaults::apply(kind, object);
        self.inner.admission.mutate(context, object).map_err(refuse)?;
        defaults::apply(kind, object);
        let problems = validate::problems(kind, object, old);
        if !problems.is_empty() {
            return Err(Fault::invalid(kind, name, &problems));
        }
        self.inner.admission.validate(context, object, old).map_err(refuse)
    }

    /// The labels of the namespace that a new object goes to, when it is there and stays.
    fn open_namespace(&self, kind: &KindInfo, namespace: &str) -> Result<Value, Fault> {
        if !kind.namespaced {
            return Ok(Value::Null);
        }
        let found = self.read(namespaces(), "", namespace)?;
        if text(&found, "/metadata/deletionTimestamp").is_some() {
            return Err(Fault::forbidden(format!(
                "namespace {namespace} is being deleted: nothing new can be created in it"
            )));
        }
        Ok(found["metadata"]["labels"].clone())
    }

    fn labels_of(&self, namespace: &str) -> Value {
        let found = self.read(namespaces(), "", namespace);
        found.map(|n| n["metadata"]["labels"].clone()).unwrap_or_default()
    }

    async fn give_address(
        &self,
        kind: &KindInfo,
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

pub(super) fn namespaces() -> &'static KindInfo {
    &ctl_source::kinds::ALL[0]
}

fn random_tail() -> String {
    let bytes = uuid::Uuid::new_v4();
    bytes.as_bytes()[..5]
        .iter()
        .map(|b| char::from(ALPHABET[usize::from(*b) % ALPHABET.len()]))
        .collect()
}
