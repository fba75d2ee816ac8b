//! Creating and changing objects.

use ctl_source::Object;
use ctl_store::{Expect, Write};
use serde_json::{Value, json};

use super::admit::{Entry, Findings};
use super::status::{bump, first_status, has_generation, keep_status};
use super::{Part, Registry, key, metadata, text};
use crate::admission::{FieldValidation, Warning};
use crate::fault::Fault;
use crate::kind::{Kind, Version};
use crate::managed::{self, Writer};
use crate::user::User;
use crate::webhook::Asked;
use crate::{conform, defaults, moment, strict};

/// How often a change is tried again when somebody else was faster.
const ATTEMPTS: u32 = 16;
/// Who owns what the control plane itself writes.
const OURSELVES: &str = "weft";
/// Letters and digits of generated names; none that make words.
const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// How a write is to be done.
#[derive(Debug, Clone, Default)]
pub struct WriteOptions {
    /// How unknown fields are met.
    pub field_validation: FieldValidation,
    /// Everything but the storing.
    pub dry_run: bool,
    /// Who writes, as the owner of the fields that change; empty for the control plane itself.
    pub manager: String,
    /// The sub-resource that writes a part of the main object, e.g. `scale`.
    pub(crate) via: &'static str,
    /// The owners of fields are settled already.
    pub(crate) applied: bool,
    /// Who asks for it.
    pub(crate) user: User,
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
        kind: &Kind,
        namespace: &str,
        mut object: Value,
        options: WriteOptions,
    ) -> Result<Written, Fault> {
        if kind.ending {
            return Err(Fault::ending(kind));
        }
        let owners = metadata::take_owners(&mut object).filter(|_| options.applied);
        let (version, mut warnings) = read(kind, &mut object, &options)?;
        let name = metadata::settle_name(kind, namespace, &mut object, &random_tail)?;
        let labels = self.open_namespace(kind, namespace)?;
        let (findings, told) = self.shape((kind, version), &mut object, &options)?;
        warnings.extend(told);
        let meta = metadata::of(&mut object)?;
        meta.insert("uid".into(), json!(uuid::Uuid::new_v4().to_string()));
        meta.insert("creationTimestamp".into(), json!(moment::format(self.inner.clock.wall())));
        first_status(kind, &mut object);
        if has_generation(kind, &object) {
            metadata::of(&mut object)?.insert("generation".into(), json!(1));
        }
        let asked = Asked {
            operation: "CREATE",
            kind,
            version: &version.name,
            subresource: "",
            namespace,
            name: &name,
            namespace_labels: &labels,
            user: &options.user,
            dry_run: options.dry_run,
        };
        let _alone = self.alone(kind).await;
        let level = options.field_validation;
        let entry = Entry { asked, version, level, findings };
        warnings.extend(self.admit(entry, &mut object, None).await?);
        if kind.is_definition() {
            self.settle_definition(&mut object);
        }
        let owners = owners.unwrap_or_else(|| {
            self.owners((kind, version), Part::Main, &options, (None, &object), None)
        });
        metadata::put_owners(&mut object, owners);
        let object = self.put_new(kind, namespace, &name, object, options.dry_run).await?;
        if kind.kind == "Namespace" && !options.dry_run {
            self.default_account(&name).await?;
        }
        Ok(Written { object, warnings })
    }

    async fn put_new(
        &self,
        kind: &Kind,
        namespace: &str,
        name: &str,
        mut object: Value,
        dry_run: bool,
    ) -> Result<Object, Fault> {
        // Said first: an existing Service would else be told that its own address is taken.
        if self.inner.store.get(&key(kind, namespace, name)).is_some() {
            return Err(Fault::exists(kind, name));
        }
        let _guard = self.give_address(kind, name, &mut object, None).await?;
        if dry_run {
            return Ok(Object::new(object));
        }
        let write =
            Write { key: key(kind, namespace, name), expect: Expect::Absent, object: Some(object) };
        self.store_write(kind, write).await
    }

    /// Replaces an object, or only its status.
    ///
    /// # Errors
    /// When it is missing, changed since it was read, wrong, or refused.
    pub async fn update_object(
        &self,
        kind: &Kind,
        namespace: &str,
        name: &str,
        part: Part,
        object: Value,
        options: WriteOptions,
    ) -> Result<Written, Fault> {
        self.change(kind, namespace, name, part, options, |_| Ok(object.clone())).await
    }

    /// Changes an object by a function of its newest state; tries again when somebody else was faster. A result that carries
    /// another `resourceVersion` is a conflict.
    ///
    /// # Errors
    /// As [`Registry::update_object`], and what `edit` refuses.
    pub async fn change(
        &self,
        kind: &Kind,
        namespace: &str,
        name: &str,
        part: Part,
        options: WriteOptions,
        edit: impl Fn(Value) -> Result<Value, Fault> + Send + Sync,
    ) -> Result<Written, Fault> {
        for _ in 0..ATTEMPTS {
            let now = self.read(kind, namespace, name)?;
            let mut base = now.as_ref().clone();
            // It may have been stored in a version that is not served any more.
            base["apiVersion"] = json!(kind.api_version(kind.storage()));
            let next = edit(base)?;
            let asked = text(&next, "/metadata/resourceVersion").filter(|v| !v.is_empty());
            let stored = text(&now, "/metadata/resourceVersion");
            if asked.is_some() && asked != stored {
                return Err(Fault::conflict(kind, name));
            }
            // Who asks for a version of its own asks for the old one again and is told of the conflict.
            match self.replace(kind, namespace, &now, next, part, &options).await {
                Err(fault) if fault.reason == "Conflict" => {}
                done => return done,
            }
        }
        Err(Fault::conflict(kind, name))
    }

    async fn replace(
        &self,
        kind: &Kind,
        namespace: &str,
        now: &Object,
        mut next: Value,
        part: Part,
        options: &WriteOptions,
    ) -> Result<Written, Fault> {
        let name = text(now, "/metadata/name").unwrap_or_default().to_owned();
        let given = metadata::take_owners(&mut next);
        let (version, findings, mut warnings) =
            self.read_next(kind, &mut next, now, part, options)?;
        let _alone = self.alone(kind).await;
        if text(now, "/metadata/deletionTimestamp").is_none() {
            let asked = Asked {
                operation: "UPDATE",
                kind,
                version: &version.name,
                subresource: if part == Part::Status { "status" } else { options.via },
                namespace,
                name: &name,
                namespace_labels: &self.labels_of(namespace),
                user: &options.user,
                dry_run: options.dry_run,
            };
            let level = options.field_validation;
            let entry = Entry { asked, version, level, findings };
            warnings.extend(match part {
                Part::Main => self.admit(entry, &mut next, Some(now)).await?,
                Part::Status => self.admit_status(entry, &mut next, now).await?,
            });
        }
        if kind.is_definition() && part == Part::Main {
            self.settle_definition(&mut next);
        }
        metadata::take_owners(&mut next);
        let owners = match given {
            Some(settled) if options.applied => settled,
            given => {
                self.owners((kind, version), part, options, (Some(now), &next), given.as_ref())
            }
        };
        metadata::put_owners(&mut next, owners);
        let _guard = match part {
            Part::Main => self.give_address(kind, &name, &mut next, Some(now)).await?,
            Part::Status => None,
        };
        let object = self.put_next(kind, namespace, now, next, options.dry_run).await?;
        Ok(Written { object, warnings })
    }

    /// Reads the next state; what its writer cannot change is as it was.
    fn read_next<'a>(
        &self,
        kind: &'a Kind,
        next: &mut Value,
        now: &Object,
        part: Part,
        options: &WriteOptions,
    ) -> Result<(&'a Version, Findings, Vec<Warning>), Fault> {
        if part == Part::Status {
            let (version, warnings) = with_status(kind, next, now, options)?;
            return Ok((version, None, warnings));
        }
        let (version, mut warnings) = read(kind, next, options)?;
        let (findings, told) = self.shape((kind, version), next, options)?;
        warnings.extend(told);
        metadata::keep_stable(kind, next, now)?;
        keep_status(kind, next, now);
        defaults::apply(kind, next);
        bump(kind, next, now);
        metadata::no_new_finalizers(kind, next, now)?;
        Ok((version, findings, warnings))
    }

    /// Brings an object into the form of its kind; what the mesh has to say of it, and warnings.
    pub(super) fn shape(
        &self,
        (kind, version): (&Kind, &Version),
        object: &mut Value,
        options: &WriteOptions,
    ) -> Result<(Findings, Vec<Warning>), Fault> {
        let findings = self.inner.admission.findings(kind, object);
        let level = options.field_validation;
        let warnings = conform::shape(kind, version, object, level, findings.as_deref())?;
        metadata::tidy(object);
        Ok((findings, warnings))
    }

    /// Writes the next state; what is marked for deletion and held by nothing goes.
    pub(super) async fn put_next(
        &self,
        kind: &Kind,
        namespace: &str,
        now: &Object,
        mut next: Value,
        dry_run: bool,
    ) -> Result<Object, Fault> {
        let version = text(now, "/metadata/resourceVersion").unwrap_or_default().to_owned();
        next["metadata"]["resourceVersion"] = json!(version);
        if next == **now {
            return Ok(now.clone());
        }
        if dry_run {
            return Ok(Object::new(next));
        }
        let name = text(now, "/metadata/name").unwrap_or_default();
        let object = (!super::delete::is_over(kind, &next)).then_some(next);
        let write =
            Write { key: key(kind, namespace, name), expect: Expect::Version(version), object };
        self.store_write(kind, write).await
    }

    /// The owners of the fields of an object that changes.
    fn owners(
        &self,
        (kind, version): (&Kind, &Version),
        part: Part,
        options: &WriteOptions,
        (old, new): (Option<&Value>, &Value),
        given: Option<&Value>,
    ) -> Value {
        let now = moment::format(self.inner.clock.wall());
        let name = if options.manager.is_empty() { OURSELVES } else { &options.manager };
        let via = options.via;
        managed::updated(&Writer { name, kind, version, part, via, now: &now }, old, new, given)
    }

    /// Definitions are judged one after the other.
    async fn alone(&self, kind: &Kind) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        if kind.is_definition() { Some(self.inner.definitions.lock().await) } else { None }
    }
}

/// Reads an object as it was written: by its version, then in the storage version.
fn read<'a>(
    kind: &'a Kind,
    object: &mut Value,
    options: &WriteOptions,
) -> Result<(&'a Version, Vec<Warning>), Fault> {
    let version = kind.version_of(object).ok_or_else(|| Fault::no_path(&kind.plural))?;
    metadata::stamp_kind(kind, object)?;
    let warnings = strict::check(kind, object, options.field_validation)?;
    metadata::tidy(object);
    Ok((version, warnings))
}

/// The object as it was, with the status of `next`.
fn with_status<'a>(
    kind: &'a Kind,
    next: &mut Value,
    now: &Object,
    options: &WriteOptions,
) -> Result<(&'a Version, Vec<Warning>), Fault> {
    let version = kind.version_of(next).ok_or_else(|| Fault::no_path(&kind.plural))?;
    metadata::stamp_kind(kind, next)?;
    let status = next.get("status").cloned().unwrap_or_else(|| json!({}));
    *next = now.as_ref().clone();
    next["status"] = status;
    let warnings = conform::shape(kind, version, next, options.field_validation, None)?;
    Ok((version, warnings))
}

fn random_tail() -> String {
    let bytes = uuid::Uuid::new_v4();
    bytes.as_bytes()[..5]
        .iter()
        .map(|b| char::from(ALPHABET[usize::from(*b) % ALPHABET.len()]))
        .collect()
}
