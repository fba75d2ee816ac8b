//! The loop: takes in what changed, looks at what that concerns, writes what is wanted.
//!
//! In: a Source. Out: writes to it. Holds: of one key one look at a time; what fails is looked at again with growing delay.
//! Bound: a key is queued at most once, and [`AT_ONCE`] are written for at a time.
//! Why several at a time: a store that waits for its disk takes many writes as easily as one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ctl_source::{Object, ResourceType, Source, SourceError};
use serde_json::Value;
use time::OffsetDateTime;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use weft_rt::Clock;

use crate::action::Action;
use crate::world::{Key, Name, WATCHED, World, controller_of, name_of, resource, selects};
use crate::{deployment, endpoints, job, namespace, replicaset};

/// What the controllers hand to namespaces.
#[derive(Debug, Clone)]
pub struct Config {
    /// Root certificates of the mesh, for ConfigMap `istio-ca-root-cert`, as they change.
    pub mesh_roots_pem: watch::Receiver<String>,
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
    let mut roots = config.mesh_roots_pem.clone();
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
            Ok(()) = roots.changed() => looks.namespaces(),
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

/// Keys whose writes are under way together.
const AT_ONCE: usize = 64;
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

    /// Every namespace is to have the roots of now.
    fn namespaces(&mut self) {
        let all = self.world.within("Namespace", "").map(|namespace| name_of(namespace));
        let all: Vec<Name> = all.collect();
        self.due.extend(all.into_iter().map(|name| ("Namespace", name)));
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
        loop {
            let keys = self.next();
            if keys.is_empty() {
                return;
            }
            let written = keys.into_iter().map(|key| {
                self.later.remove(&key);
                let (actions, source) = (self.look(&key), Arc::clone(&self.source));
                async move {
                    let mut done = Done::default();
                    let end = done.carry_out(&*source, actions).await;
                    (key, done, end)
                }
            });
            let written: Vec<_> = written.collect();
            for (key, done, end) in futures::future::join_all(written).await {
                self.note(key, done, end);
            }
        }
    }

    /// What is looked at next: objects of one kind, since those do not write the same.
    fn next(&mut self) -> Vec<Key> {
        let first = self.due.first().map(|(kind, _)| *kind);
        let mut keys = Vec::new();
        while keys.len() < AT_ONCE && self.due.first().is_some_and(|(kind, _)| Some(*kind) == first)
        {
            keys.extend(self.due.pop_first());
        }
        keys
    }

    /// Takes note of what a look has done.
    fn note(&mut self, key: Key, done: Done, end: Result<(), SourceError>) {
        for (kind, object) in done.written {
            self.see(&kind.kind, object);
        }
        if let Some(delay) = done.again {
            self.later.insert(key.clone(), self.clock.now() + delay);
        }
        match end {
            Ok(()) => drop(self.failures.remove(&key)),
            Err(error) => self.again_after(key, &error),
        }
    }

    fn again_after(&mut self, key: Key, error: &SourceError) {
        let tries = self.failures.entry(key.clone()).or_insert(0);
        *tries += 1;
        let delay = FIRST_DELAY.saturating_mul(1 << (*tries).min(16)).min(LONGEST_DELAY);
        tracing::debug!(kind = key.0, namespace = (key.1).0, name = (key.1).1, %error, "will look again");
        self.later.insert(key, self.clock.now() + delay);
    }

    fn look(&self, (kind, name): &Key) -> Vec<Action> {
        let Some(object) = self.world.get(kind, name).cloned() else { return Vec::new() };
        let now = OffsetDateTime::from(self.clock.wall());
        match *kind {
            "Deployment" => deployment::reconcile(&object, &self.world, now),
            "ReplicaSet" => replicaset::reconcile(&object, &self.world, now),
            "Job" => job::reconcile(&object, &self.world, now),
            "Service" => endpoints::reconcile(&object, &self.world),
            "Namespace" => namespace::reconcile(&object, &self.world, &self.config),
            _ => Vec::new(),
        }
    }

    /// What we wrote is known at once.
    fn see(&mut self, kind: &str, object: Arc<Value>) {
        let watched = WATCHED.iter().find(|(_, watched)| *watched == kind);
        if let Some((kind, object)) = watched.and_then(|(_, kind)| self.world.put(kind, object)) {
            self.concern(kind, &object);
        }
    }
}

/// What became of the actions of one look.
#[derive(Default)]
struct Done {
    written: Vec<(ResourceType, Object)>,
    again: Option<Duration>,
}

impl Done {
    /// One action after the other, until one fails.
    async fn carry_out(
        &mut self,
        source: &dyn Source,
        actions: Vec<Action>,
    ) -> Result<(), SourceError> {
        for action in actions {
            match action {
                Action::Create(kind, object) => match source.create(&kind, object).await {
                    Ok(created) => self.written.push((kind, created)),
                    // Somebody was faster; the watch brings it.
                    Err(SourceError::AlreadyExists(_)) => {}
                    Err(error) => return Err(error),
                },
                Action::Update(kind, object) => {
                    let updated = source.update(&kind, object).await?;
                    self.written.push((kind, updated));
                }
                Action::Status(kind, object) => {
                    let written = unless_gone(source.update_status(&kind, object).await)?;
                    self.written.extend(written.map(|object| (kind, object)));
                }
                Action::Delete(target) => {
                    unless_gone(source.delete(&target, None).await)?;
                }
                Action::Again(delay) => self.again = Some(delay),
            }
        }
        Ok(())
    }
}

fn unless_gone<T>(result: Result<T, SourceError>) -> Result<Option<T>, SourceError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(SourceError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
