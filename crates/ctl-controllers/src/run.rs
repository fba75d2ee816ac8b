//! The loop: takes in what changed, looks at what that concerns, writes what is wanted.
//!
//! In: a Source. Out: writes to it. Holds: one look at a time; what fails is looked at again with growing delay.
//! Bound: a key is queued at most once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ctl_source::{Object, Source, SourceError};
use serde_json::Value;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use weft_rt::Clock;

use crate::action::Action;
use crate::world::{Key, Name, WATCHED, World, controller_of, name_of, resource, selects};
use crate::{deployment, endpoints, job, namespace, replicaset};

/// What the controllers hand to namespaces.
#[derive(Debug, Clone)]
pub struct Config {
    /// Root certificates of the mesh, for ConfigMap `istio-ca-root-cert`.
    pub mesh_root_pem: String,
    /// Certificate authority of the API server, for ConfigMap `kube-root-ca.crt`.
    pub api_ca_pem: String,
}

/// Runs all controllers until `stop`.
///
/// # Errors
/// When the source cannot be watched at all.
pub async fn run(
    source: Arc<dyn Source>,
    config: Config,
    clock: Clock,
    stop: CancellationToken,
) -> Result<(), SourceError> {
    let types: Vec<_> = WATCHED.iter().map(|(_, kind)| resource(kind)).collect();
    let mut watch = source.watch(&types).await?;
    let mut looks = Looks {
        source,
        config,
        clock,
        world: World::default(),
        due: BTreeSet::new(),
        later: BTreeMap::new(),
        failures: BTreeMap::new(),
    };
    loop {
        looks.all().await;
        let wake = looks.later.values().min().copied();
        let timer = async {
            match wake {
                Some(at) => looks.clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            batch = watch.recv() => match batch {
                Some(batch) => looks.take(batch),
                None => return Err(SourceError::Unavailable("the watch ended".to_owned())),
            },
            () = timer => looks.ripen(),
        }
        while let Ok(batch) = watch.try_recv() {
            looks.take(batch);
        }
    }
}

struct Looks {
    source: Arc<dyn Source>,
    config: Config,
    clock: Clock,
    world: World,
    due: BTreeSet<Key>,
    later: BTreeMap<Key, Instant>,
    failures: BTreeMap<Key, u32>,
}

const FIRST_DELAY: Duration = Duration::from_millis(50);
const LONGEST_DELAY: Duration = Duration::from_secs(30);

impl Looks {
    fn take(&mut self, batch: ctl_source::Batch) {
        for (kind, object) in self.world.take(batch) {
            self.concern(kind, &object);
        }
    }

    /// Queues whoever a change of `object` concerns.
    fn concern(&mut self, kind: &'static str, object: &Object) {
        let (namespace, name) = name_of(object);
        match kind {
            "Namespace" | "Deployment" | "ReplicaSet" | "Job" | "Service" => {
                self.due.insert((kind, (namespace.clone(), name)));
            }
            "ServiceAccount" | "ConfigMap" => {
                self.due.insert(("Namespace", (String::new(), namespace.clone())));
            }
            _ => {}
        }
        if kind == "Pod" {
            let labels = &object["metadata"]["labels"];
            let services = self.world.within("Service", &namespace);
            let hit = services.filter(|service| selects(&service["spec"]["selector"], labels));
            let keys: Vec<Name> = hit.map(|service| name_of(service)).collect();
            self.due.extend(keys.into_iter().map(|key| ("Service", key)));
        }
        if let Some(owner) = controller_of(object) {
            let kinds = ["Deployment", "ReplicaSet", "Job", "Service"];
            let kind = kinds.into_iter().find(|kind| owner["kind"] == *kind);
            let name = owner["name"].as_str().unwrap_or_default().to_owned();
            self.due.extend(kind.map(|kind| (kind, (namespace, name))));
        }
    }

    fn ripen(&mut self) {
        let now = self.clock.now();
        let ripe: Vec<Key> =
            self.later.iter().filter(|(_, at)| **at <= now).map(|(k, _)| k.clone()).collect();
        for key in ripe {
            self.later.remove(&key);
            self.due.insert(key);
        }
    }

    async fn all(&mut self) {
        while let Some(key) = self.due.pop_first() {
            self.later.remove(&key);
            match self.look(&key).await {
                Ok(()) => {
                    self.failures.remove(&key);
                }
                Err(error) => self.again_after(key, &error),
            }
        }
    }

    fn again_after(&mut self, key: Key, error: &SourceError) {
        let tries = self.failures.entry(key.clone()).or_insert(0);
        *tries += 1;
        let delay = FIRST_DELAY.saturating_mul(1 << (*tries).min(16)).min(LONGEST_DELAY);
        tracing::debug!(kind = key.0, namespace = (key.1).0, name = (key.1).1, %error, "will look again");
        self.later.insert(key, self.clock.now() + delay);
    }

    async fn look(&mut self, key: &Key) -> Result<(), SourceError> {
        let (kind, name) = key;
        let Some(object) = self.world.get(kind, name).cloned() else { return Ok(()) };
        let now = OffsetDateTime::from(self.clock.wall());
        let actions = match *kind {
            "Deployment" => deployment::reconcile(&object, &self.world, now),
            "ReplicaSet" => replicaset::reconcile(&object, &self.world, now),
            "Job" => job::reconcile(&object, &self.world, now),
            "Service" => endpoints::reconcile(&object, &self.world),
            "Namespace" => namespace::reconcile(&object, &self.world, &self.config),
            _ => Vec::new(),
        };
        for action in actions {
            self.carry_out(key, action).await?;
        }
        Ok(())
    }

    async fn carry_out(&mut self, key: &Key, action: Action) -> Result<(), SourceError> {
        let done = match action {
            Action::Create(kind, object) => match self.source.create(&kind, object).await {
                Ok(created) => Some((kind, created)),
                // Somebody was faster; the watch brings it.
                Err(SourceError::AlreadyExists(_)) => None,
                Err(error) => return Err(error),
            },
            Action::Update(kind, object) => {
                Some((kind.clone(), self.source.update(&kind, object).await?))
            }
            Action::Status(kind, object) => {
                let written = self.source.update_status(&kind, object).await;
                Some((kind, unless_gone(written)?)).and_then(|(kind, object)| Some((kind, object?)))
            }
            Action::Delete(target) => {
                unless_gone(self.source.delete(&target, None).await)?;
                None
            }
            Action::Again(delay) => {
                self.later.insert(key.clone(), self.clock.now() + delay);
                None
            }
        };
        if let Some((kind, object)) = done {
            self.see(&kind.kind, object);
        }
        Ok(())
    }

    /// What we wrote is known at once.
    fn see(&mut self, kind: &str, object: Arc<Value>) {
        let watched = WATCHED.iter().find(|(_, watched)| *watched == kind);
        if let Some((kind, object)) = watched.and_then(|(_, kind)| self.world.put(kind, object)) {
            self.concern(kind, &object);
        }
    }
}

fn unless_gone<T>(result: Result<T, SourceError>) -> Result<Option<T>, SourceError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(SourceError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
