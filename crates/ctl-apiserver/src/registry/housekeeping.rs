//! What happens by itself: dependents follow their owners, namespaces empty, the first objects appear, Events end.
//!
//! In: the store's events, as a hint to look. Out: deletions.
//! Holds: level-triggered: each pass looks at the whole store, so that a missed event or a restart loses nothing.
//! Never: a pass when nothing could have changed for it.

use crate::kind::Kind;
use ctl_source::Object;
use ctl_store::{Event, EventKind, Key};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::delete::FOREGROUND;
use super::household::{Household, has_finalizer, is_marked, owners};
use super::{DeleteOptions, Part, Registry, WriteOptions, expiry};
use crate::fault::Fault;

const FIRST_NAMESPACES: [&str; 4] = ["default", "kube-system", "kube-public", "istio-system"];

impl Registry {
    /// Makes what must be there from the start: namespaces, the `kubernetes` Service, definitions of custom kinds.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn bootstrap(&self) -> Result<(), Fault> {
        for name in FIRST_NAMESPACES {
            self.ensure("", "Namespace", "", json!({ "metadata": { "name": name } })).await?;
            self.default_account(name).await?;
        }
        let service = json!({ "metadata": { "name": "kubernetes",
            "labels": { "component": "apiserver", "provider": "kubernetes" } },
            "spec": { "clusterIP": "10.96.0.1", "ports": [
                { "name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443 }] } });
        self.ensure("", "Service", "default", service).await?;
        let slice = json!({ "metadata": { "name": "kubernetes",
            "labels": { "kubernetes.io/service-name": "kubernetes" } },
            "addressType": "IPv4", "endpoints": [{ "addresses": ["10.244.0.1"], "conditions": { "ready": true } }],
            "ports": [{ "name": "https", "port": 6443, "protocol": "TCP" }] });
        self.ensure("discovery.k8s.io", "EndpointSlice", "default", slice).await?;
        for definition in self.inner.built_in.clone() {
            self.ensure_definition(definition).await?;
        }
        Ok(())
    }

    /// The account that pods of a namespace run as when they name none.
    pub(super) async fn default_account(&self, namespace: &str) -> Result<(), Fault> {
        self.ensure("", "ServiceAccount", namespace, json!({ "metadata": { "name": "default" } }))
            .await
    }

    async fn ensure(
        &self,
        group: &str,
        kind: &str,
        namespace: &str,
        object: Value,
    ) -> Result<(), Fault> {
        let found = self.kind(group, kind);
        let kind = found.ok_or_else(|| Fault::internal(format!("no kind {kind}")))?;
        // The walk of creation awaits the default account of a namespace, which comes here: box to end the recursion.
        let created =
            Box::pin(self.create_object(&kind, namespace, object, WriteOptions::default()));
        match created.await {
            Err(fault) if fault.reason != "AlreadyExists" => Err(fault),
            _ => Ok(()),
        }
    }

    /// Runs until `stop` fires.
    pub async fn keep_house(&self, stop: CancellationToken) {
        let mut revisions = self.inner.store.revisions();
        let mut seen = 0;
        let mut look = self.inner.clock.now();
        let mut household = Household::default();
        loop {
            let dirty = match self.inner.store.since(seen) {
                Ok((events, to)) => {
                    seen = to;
                    events.iter().any(matters)
                }
                Err(_compacted) => {
                    seen = self.inner.store.revision();
                    true
                }
            };
            if dirty {
                household = household.next(self.inner.store.everything());
                self.pass(&household).await;
            }
            if self.inner.clock.now() >= look {
                look = self.inner.clock.now() + expiry::EVERY;
                self.expire_events().await;
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.inner.clock.sleep_until(look) => {}
                changed = revisions.changed() => if changed.is_err() { return },
            }
        }
    }

    async fn pass(&self, household: &Household) {
        for (key, object) in household.due() {
            let Some(kind) = self.kind_of(key) else { continue };
            if let Err(fault) = self.tend(household, &kind, key, &object).await
                && !matches!(fault.code, 404 | 409)
            {
                tracing::warn!(%fault, object = %key, "housekeeping could not finish; it tries again at the next change");
            }
        }
    }

    async fn tend(
        &self,
        household: &Household,
        kind: &Kind,
        key: &Key,
        object: &Object,
    ) -> Result<(), Fault> {
        let marked = is_marked(object);
        if marked && kind.kind == "Namespace" {
            return if household.is_empty(&key.name) {
                self.remove(kind, "", object).await.map(drop)
            } else {
                Ok(())
            };
        }
        if marked && kind.is_definition() {
            return self.end_definition(key, object).await;
        }
        if marked && has_finalizer(object) && !household.dependents_block(object) {
            return self.release(kind, key, FOREGROUND).await;
        }
        let background = DeleteOptions::default();
        if !marked {
            self.delete_object(kind, &key.namespace, &key.name, &background).await?;
        }
        Ok(())
    }

    /// Takes one finalizer away.
    pub(super) async fn release(
        &self,
        kind: &Kind,
        key: &Key,
        finalizer: &str,
    ) -> Result<(), Fault> {
        let options = WriteOptions::default();
        let change =
            self.change(kind, &key.namespace, &key.name, Part::Main, options, |mut object| {
                if let Some(list) = object["metadata"]["finalizers"].as_array_mut() {
                    list.retain(|f| f != finalizer);
                }
                Ok(object)
            });
        change.await.map(drop)
    }

    /// Takes the owner's name out of everything that it owns.
    pub(super) async fn orphan(&self, owner: &Object) -> Result<(), Fault> {
        let uid = owner["metadata"]["uid"].clone();
        for (key, object) in self.inner.store.everything() {
            let owned = |_: &_| owners(&object.open()).any(|o| o["uid"] == uid);
            let Some(kind) = self.kind_of(&key).filter(owned) else { continue };
            let strip = |mut object: Value| {
                if let Some(list) = object["metadata"]["ownerReferences"].as_array_mut() {
                    list.retain(|o| o["uid"] != uid);
                }
                Ok(object)
            };
            let (options, part) = (WriteOptions::default(), Part::Main);
            self.change(&kind, &key.namespace, &key.name, part, options, strip).await?;
        }
        Ok(())
    }
}

fn matters(event: &Event) -> bool {
    let object = event.object.open();
    event.kind == EventKind::Deleted
        || is_marked(&object)
        || (event.kind == EventKind::Added && owners(&object).next().is_some())
}
