//! Deletion: at once, with grace for pods, or marked until its finalizers are gone.
//!
//! In: which object, how. Out: the object as it is now, and whether it is gone.
//! Holds: a namespace goes after its contents; dependents of a removed owner are housekeeping's work.

use std::time::Duration;

use crate::kind::Kind;
use ctl_source::Object;
use ctl_store::{Expect, Write};
use serde_json::{Value, json};

use super::{Registry, key, text};
use crate::fault::Fault;
use crate::moment;
use crate::user::User;

pub(super) const FOREGROUND: &str = "foregroundDeletion";
const ATTEMPTS: u32 = 16;

/// What becomes of the objects that this one owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Propagation {
    /// They go after it.
    #[default]
    Background,
    /// They go before it.
    Foreground,
    /// They stay, without owner.
    Orphan,
}

/// How to delete.
#[derive(Debug, Clone, Default)]
pub struct DeleteOptions {
    /// Seconds that a pod gets to end; `Some(0)` removes it at once.
    pub grace_seconds: Option<i64>,
    /// What becomes of dependents.
    pub propagation: Propagation,
    /// Only when the object has this uid.
    pub uid: Option<String>,
    /// Only when the object has this version.
    pub resource_version: Option<String>,
    /// Everything but the deletion.
    pub dry_run: bool,
    /// Who asks for it.
    pub(crate) user: User,
}

/// Nothing holds this object any more, and its deletion was asked for.
pub(super) fn is_over(kind: &Kind, object: &Value) -> bool {
    let metadata = &object["metadata"];
    let marked = metadata["deletionTimestamp"].is_string();
    let held = metadata["finalizers"].as_array().is_some_and(|f| !f.is_empty());
    let graced = metadata["deletionGracePeriodSeconds"].as_i64().unwrap_or(0) > 0;
    marked && !held && !(kind.kind == "Pod" && graced) && kind.kind != "Namespace"
}

impl Registry {
    /// Deletes one object; the answer is its last or its marked state, and whether it is gone.
    ///
    /// # Errors
    /// When it is missing, or a precondition does not hold.
    pub async fn delete_object(
        &self,
        kind: &Kind,
        namespace: &str,
        name: &str,
        options: &DeleteOptions,
    ) -> Result<(Object, bool), Fault> {
        if self.is_built_in(kind, name) {
            return Err(Fault::forbidden(format!(
                "definition {name} is one of the mesh's own and cannot be deleted"
            )));
        }
        if kind.kind == "Namespace" && matches!(name, "default" | "kube-system" | "istio-system") {
            return Err(Fault::forbidden(format!(
                "namespace {name} is needed and cannot be deleted"
            )));
        }
        for _ in 0..ATTEMPTS {
            let now = self.read(kind, namespace, name)?;
            check(kind, name, &now, options)?;
            self.may_delete((kind, namespace, name), &now, options).await?;
            if options.propagation == Propagation::Orphan && !options.dry_run {
                self.orphan(&now).await?;
            }
            match self.delete_once(kind, namespace, &now, options).await {
                Err(fault) if fault.reason == "Conflict" => {}
                done => return done,
            }
        }
        Err(Fault::conflict(kind, name))
    }

    async fn delete_once(
        &self,
        kind: &Kind,
        namespace: &str,
        now: &Object,
        options: &DeleteOptions,
    ) -> Result<(Object, bool), Fault> {
        let mut next = now.as_ref().clone();
        let grace = grace_of(kind, now, options);
        if options.propagation == Propagation::Foreground {
            add_finalizer(&mut next);
        }
        mark(&mut next, grace, self.inner.clock.wall());
        if kind.kind == "Namespace" {
            next["status"]["phase"] = json!("Terminating");
        }
        if kind.is_definition() {
            self.settle_definition(&mut next);
        }
        if !is_over(kind, &next) {
            let object = self.put_next(kind, namespace, now, next, options.dry_run).await?;
            return Ok((object, false));
        }
        if options.dry_run {
            return Ok((now.clone(), true));
        }
        let object = self.remove(kind, namespace, now).await?;
        Ok((object, true))
    }

    /// Takes the object out of the store.
    pub(super) async fn remove(
        &self,
        kind: &Kind,
        namespace: &str,
        now: &Object,
    ) -> Result<Object, Fault> {
        let name = text(now, "/metadata/name").unwrap_or_default();
        let version = text(now, "/metadata/resourceVersion").unwrap_or_default().to_owned();
        let write = Write {
            key: key(kind, namespace, name),
            expect: Expect::Version(version),
            object: None,
        };
        self.store_write(kind, write).await
    }
}

fn check(kind: &Kind, name: &str, now: &Value, options: &DeleteOptions) -> Result<(), Fault> {
    let fits = |wanted: &Option<String>, path: &str| {
        wanted.as_deref().is_none_or(|wanted| text(now, path) == Some(wanted))
    };
    if fits(&options.uid, "/metadata/uid")
        && fits(&options.resource_version, "/metadata/resourceVersion")
    {
        return Ok(());
    }
    Err(Fault::conflict(kind, name))
}

/// Only a pod that a node runs gets grace: nobody else would end it.
fn grace_of(kind: &Kind, now: &Value, options: &DeleteOptions) -> i64 {
    let on_node = text(now, "/spec/nodeName").is_some_and(|n| !n.is_empty());
    let over = matches!(text(now, "/status/phase"), Some("Succeeded" | "Failed"));
    if kind.kind != "Pod" || !on_node || over {
        return 0;
    }
    let own = now["spec"]["terminationGracePeriodSeconds"].as_i64();
    let asked = options.grace_seconds.or(own).unwrap_or(30).max(0);
    let running = now["metadata"]["deletionGracePeriodSeconds"].as_i64();
    // A second request can only shorten.
    running.map_or(asked, |running| running.min(asked))
}

fn mark(object: &mut Value, grace: i64, now: std::time::SystemTime) {
    let metadata = &mut object["metadata"];
    let shortened = metadata["deletionGracePeriodSeconds"].as_i64().is_some_and(|g| grace < g);
    if metadata["deletionTimestamp"].is_string() && !shortened {
        return;
    }
    let at = now + Duration::from_secs(grace.unsigned_abs());
    metadata["deletionTimestamp"] = json!(moment::format(at));
    metadata["deletionGracePeriodSeconds"] = json!(grace);
}

fn add_finalizer(object: &mut Value) {
    let finalizers = &mut object["metadata"]["finalizers"];
    if !finalizers.is_array() {
        *finalizers = json!([]);
    }
    if let Some(list) = finalizers.as_array_mut().filter(|l| !l.iter().any(|f| f == FOREGROUND)) {
        list.push(json!(FOREGROUND));
    }
}
