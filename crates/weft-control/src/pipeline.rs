//! The configuration walk: raw objects, validated model, snapshot, resources per view, push; and conditions back.
//!
//! In: watches of a Source. Out: published worlds, and what they were made of for the status writer.
//! Holds: nothing is published before every kind has been seen once; a world is made of one moment. Each object is validated
//! once, when it arrives, and what proxies do not read (a status, a readiness) makes no new world.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use ctl_push::{Debounce, PushServer};
use ctl_snapshot::{MeshSettings, MeshSnapshot};
use ctl_source::{Batch, Change, Object, ResourceType, Source, Watch};
use ctl_status::{Expected, ObjectFacts, Observed, StatusWriter};
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use weft_admin_api::sync::{Built, SyncReport};
use weft_model::{Inventory, ObjectRef, Problem, Touched};
use weft_rt::Clock;

use crate::preflight::resource_of;
use crate::world::MeshWorld;

mod advice;
mod facts;
mod settings;

/// Kinds that make up the mesh, and whether we write their conditions.
const KINDS: &[(&str, &str, bool)] = &[
    ("", "Namespace", false),
    ("", "Service", false),
    ("", "Pod", false),
    ("", "ServiceAccount", false),
    ("", "ConfigMap", false),
    ("discovery.k8s.io", "EndpointSlice", false),
    ("networking.istio.io", "VirtualService", true),
    ("networking.istio.io", "DestinationRule", true),
    ("networking.istio.io", "Gateway", true),
    ("security.istio.io", "PeerAuthentication", true),
    ("security.istio.io", "AuthorizationPolicy", true),
    // Nobody acts on these yet; their conditions say so, and the analysis looks at them.
    ("", "Secret", false),
    ("apps", "Deployment", false),
    ("networking.istio.io", "ServiceEntry", true),
    ("networking.istio.io", "Sidecar", true),
    ("networking.istio.io", "WorkloadEntry", true),
    ("networking.istio.io", "WorkloadGroup", true),
    ("networking.istio.io", "EnvoyFilter", true),
    ("networking.istio.io", "ProxyConfig", true),
    ("security.istio.io", "RequestAuthentication", true),
    ("telemetry.istio.io", "Telemetry", true),
    ("extensions.istio.io", "WasmPlugin", true),
    ("extensions.istio.io", "TrafficExtension", true),
];

/// The walk, from outside.
#[derive(Clone)]
pub(crate) struct Running {
    pub(crate) push: PushServer<MeshWorld>,
    built: watch::Receiver<Built>,
}

impl Running {
    /// What every proxy has taken.
    pub(crate) fn report(&self) -> SyncReport {
        // In this order: a configuration that is built in between is then not taken for one that is in force.
        let report = self.push.ledger().report();
        SyncReport { built: *self.built.borrow(), ..report }
    }
}

/// Starts the walk.
///
/// # Errors
/// When the source cannot be watched.
pub(crate) async fn start(
    source: Arc<dyn Source>,
    clock: Clock,
    stop: CancellationToken,
) -> anyhow::Result<Running> {
    let types: Vec<ResourceType> =
        KINDS.iter().filter_map(|(group, kind, _)| resource_of(group, kind)).collect();
    let batches = source.watch(&types).await?;
    let (push, settling) = PushServer::new(Debounce::default(), clock.clone());
    let (told, observed) = watch::channel(Arc::new(Observed::default()));
    let ledger = push.ledger().clone();
    let writer = StatusWriter {
        source,
        observed,
        ledger_changed: push.ledger().changed(),
        report: Box::new(move || ledger.report()),
        wall,
    };
    let (building, built) = watch::channel(Built::default());
    let (looked_at, objects) = watch::channel(advice::Objects::default());
    let (advising, advice) = watch::channel(None);
    tokio::spawn(until(stop.clone(), advice::run(objects, advising, clock)));
    let walk = Walk {
        looked_at,
        advice,
        problems: Vec::new(),
        building,
        raw: Raw::default(),
        inventory: Inventory::default(),
        version: 0,
        settings: Arc::default(),
        push: push.clone(),
        published: None,
        told,
    };
    tokio::spawn(until(stop.clone(), settling));
    tokio::spawn(until(stop.clone(), ctl_status::run(writer)));
    tokio::spawn(until(stop, walk.run(batches)));
    Ok(Running { push, built })
}

fn wall() -> std::time::SystemTime {
    Clock::real().wall()
}

async fn until(stop: CancellationToken, task: impl Future<Output = ()>) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = task => {}
    }
}

/// Objects as they are stored, by kind and name.
#[derive(Default)]
struct Raw {
    kinds: BTreeMap<String, BTreeMap<(String, String), Object>>,
    /// Highest `resourceVersion` that was seen.
    newest: u64,
}

struct Walk {
    /// What is to be analyzed, and what the analysis said last.
    looked_at: watch::Sender<advice::Objects>,
    advice: watch::Receiver<advice::Advice>,
    /// Of the objects as they were published last.
    problems: Vec<Problem>,
    building: watch::Sender<Built>,
    raw: Raw,
    inventory: Inventory,
    version: u64,
    settings: Arc<MeshSettings>,
    push: PushServer<MeshWorld>,
    /// The world that was published last, and its revision.
    published: Option<(Arc<MeshWorld>, u64)>,
    told: watch::Sender<Arc<Observed>>,
}

impl Walk {
    async fn run(mut self, mut batches: Watch) {
        // The first world is made of every kind; until then everything counts as changed.
        let mut touched = Touched::Config;
        let mut advised = true;
        loop {
            let batch = tokio::select! {
                batch = batches.recv() => batch,
                news = self.advice.changed(), if advised => {
                    advised = news.is_ok();
                    self.tell();
                    continue;
                }
            };
            let Some(batch) = batch else { return };
            touched = touched.max(self.take(batch));
            while let Ok(more) = batches.try_recv() {
                touched = touched.max(self.take(more));
            }
            if self.raw.kinds.len() == KINDS.len() {
                self.publish(touched);
                touched = Touched::Nothing;
            }
        }
    }

    fn take(&mut self, batch: Batch) -> Touched {
        if settings::kind(&batch) == settings::KIND {
            return self.take_settings(settings::of_mesh(batch));
        }
        let mut touched = Touched::Nothing;
        match &batch {
            Batch::Snapshot(resource, objects) => {
                let all: HashSet<ObjectRef> = objects.iter().map(|o| ObjectRef::of(o)).collect();
                touched = self.inventory.retain(&resource.kind, |known| all.contains(known));
                for object in objects {
                    touched = touched.max(self.inventory.apply(object));
                }
            }
            Batch::Changes(_, changes) => {
                for change in changes {
                    touched = touched.max(match change {
                        Change::Applied(object) => self.inventory.apply(object),
                        Change::Deleted(object) => self.inventory.remove(object),
                    });
                }
            }
        }
        self.raw.take(batch);
        touched
    }

    /// Other settings make another mesh of the same objects; wrong ones change nothing.
    fn take_settings(&mut self, batch: Batch) -> Touched {
        self.raw.take(batch);
        let stored = self.raw.kinds.get(settings::KIND).and_then(|found| found.values().next());
        match settings::read(stored) {
            Ok(settings) if *self.settings != settings => {
                self.settings = Arc::new(settings);
                Touched::Config
            }
            Ok(_) => Touched::Nothing,
            Err(problems) => {
                for problem in problems {
                    tracing::error!(%problem, "the settings of the mesh stay as they were");
                }
                Touched::Nothing
            }
        }
    }

    fn publish(&mut self, touched: Touched) {
        let (model, problems) = self.inventory.model();
        let older = self.published.as_ref().map(|(world, revision)| (&**world, *revision));
        let revision = match older {
            // A status, a readiness: nothing that a proxy reads.
            Some((_, revision)) if touched == Touched::Nothing => revision,
            older => {
                self.version += 1;
                let older = older.map(|(world, _)| world);
                let snapshot = match older.map(MeshWorld::snapshot) {
                    Some(before) if touched < Touched::Config => {
                        before.with_endpoints(self.version, &model)
                    }
                    _ => MeshSnapshot::build(self.version, Arc::clone(&self.settings), &model),
                };
                let world = Arc::new(MeshWorld::new(snapshot, older));
                let revision = self.push.publish(Arc::clone(&world));
                self.published = Some((world, revision));
                revision
            }
        };
        self.building.send_replace(Built { revision, resource_version: self.raw.newest });
        self.problems = problems;
        self.tell();
        let all = self.raw.kinds.values().flat_map(BTreeMap::values).cloned().collect();
        self.looked_at.send_replace(Arc::new(all));
    }

    /// Tells the status writer what is known of the objects that were published last.
    fn tell(&self) {
        let Some((_, revision)) = self.published else { return };
        let (objects, proxies) = (self.facts(), self.proxies());
        self.told.send_replace(Arc::new(Observed { revision, objects, proxies }));
    }

    fn facts(&self) -> Vec<ObjectFacts> {
        let problems = facts::by_object(&self.problems);
        let advice = self.advice.borrow().clone();
        let advice = advice.as_ref().map(|problems| facts::by_object(problems));
        let ours = KINDS.iter().filter(|(_, _, conditions)| *conditions);
        let mut found = Vec::new();
        for resource in ours.filter_map(|(group, kind, _)| resource_of(group, kind)) {
            let known = self.raw.kinds.get(&resource.kind).into_iter().flatten();
            let root = &self.settings.root_namespace;
            found.extend(known.map(|(name, object)| {
                facts::of(&resource, name, object, &problems, advice.as_ref(), root)
            }));
        }
        found
    }

    fn proxies(&self) -> Vec<Expected> {
        let pods = self.raw.kinds.get("Pod").into_iter().flatten();
        pods.filter_map(|(name, pod)| facts::proxy(name, pod)).collect()
    }
}

impl Raw {
    fn take(&mut self, batch: Batch) {
        match batch {
            Batch::Snapshot(resource, objects) => {
                self.newest = objects.iter().map(version).fold(self.newest, u64::max);
                let fresh = objects.into_iter().map(|object| (name(&object), object)).collect();
                self.kinds.insert(resource.kind, fresh);
            }
            Batch::Changes(resource, changes) => {
                let known = self.kinds.entry(resource.kind).or_default();
                for change in changes {
                    match change {
                        Change::Applied(object) => {
                            self.newest = self.newest.max(version(&object));
                            known.insert(name(&object), object)
                        }
                        Change::Deleted(object) => known.remove(&name(&object)),
                    };
                }
            }
        }
    }
}

/// 0 for a server whose versions are no numbers.
fn version(object: &Object) -> u64 {
    object["metadata"]["resourceVersion"].as_str().and_then(|v| v.parse().ok()).unwrap_or(0)
}

fn name(object: &Value) -> (String, String) {
    let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default().to_owned();
    (text("namespace"), text("name"))
}

#[cfg(test)]
mod tests;
