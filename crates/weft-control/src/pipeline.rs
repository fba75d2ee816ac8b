//! The configuration walk: raw objects, validated model, snapshot, resources per view, push; and conditions back.
//!
//! In: watches of a Source. Out: published worlds, and what they were made of for the status writer.
//! Holds: nothing is published before every kind has been seen once; a world is made of one moment.

use std::collections::BTreeMap;
use std::sync::Arc;

use ctl_push::{Debounce, PushServer};
use ctl_snapshot::{MeshSettings, MeshSnapshot};
use ctl_source::{Batch, Change, Object, ObjectKey, ResourceType, Source, Watch, kinds};
use ctl_status::{Finding, ObjectFacts, Observed, StatusWriter};
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use weft_model::Problem;
use weft_rt::Clock;

use crate::world::MeshWorld;

/// Kinds that make up the mesh, and whether we write their conditions.
const KINDS: &[(&str, &str, bool)] = &[
    ("", "Namespace", false),
    ("", "Service", false),
    ("", "Pod", false),
    ("", "ServiceAccount", false),
    ("discovery.k8s.io", "EndpointSlice", false),
    ("networking.istio.io", "VirtualService", true),
    ("networking.istio.io", "DestinationRule", true),
    ("networking.istio.io", "Gateway", true),
    ("security.istio.io", "PeerAuthentication", true),
    ("security.istio.io", "AuthorizationPolicy", true),
];

/// Starts the walk.
///
/// # Errors
/// When the source cannot be watched.
pub(crate) async fn start(
    source: Arc<dyn Source>,
    clock: Clock,
    stop: CancellationToken,
) -> anyhow::Result<PushServer<MeshWorld>> {
    let types: Vec<ResourceType> = KINDS
        .iter()
        .filter_map(|(group, kind, _)| kinds::find(group, kind))
        .map(kinds::KindInfo::resource)
        .collect();
    let batches = source.watch(&types).await?;
    let (push, settling) = PushServer::new(Debounce::default(), clock);
    let (told, observed) = watch::channel(Arc::new(Observed::default()));
    let ledger = push.ledger().clone();
    let writer = StatusWriter {
        source,
        observed,
        ledger_changed: push.ledger().changed(),
        report: Box::new(move || ledger.report()),
        wall,
    };
    let walk = Walk {
        raw: Raw::default(),
        version: 0,
        settings: Arc::default(),
        push: push.clone(),
        told,
    };
    tokio::spawn(until(stop.clone(), settling));
    tokio::spawn(until(stop.clone(), ctl_status::run(writer)));
    tokio::spawn(until(stop, walk.run(batches)));
    Ok(push)
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
}

struct Walk {
    raw: Raw,
    version: u64,
    settings: Arc<MeshSettings>,
    push: PushServer<MeshWorld>,
    told: watch::Sender<Arc<Observed>>,
}

impl Walk {
    async fn run(mut self, mut batches: Watch) {
        while let Some(batch) = batches.recv().await {
            self.raw.take(batch);
            while let Ok(more) = batches.try_recv() {
                self.raw.take(more);
            }
            if self.raw.kinds.len() == KINDS.len() {
                self.version += 1;
                self.publish();
            }
        }
    }

    fn publish(&self) {
        let (model, problems) = weft_model::validate(self.raw.all());
        let facts = self.facts(&problems);
        let snapshot = MeshSnapshot::build(self.version, Arc::clone(&self.settings), &model);
        let revision = self.push.publish(Arc::new(MeshWorld::new(snapshot)));
        self.told.send_replace(Arc::new(Observed { revision, objects: facts }));
    }

    fn facts(&self, problems: &[Problem]) -> Vec<ObjectFacts> {
        let ours = KINDS.iter().filter(|(_, _, conditions)| *conditions);
        let infos = ours.filter_map(|(group, kind, _)| kinds::find(group, kind));
        let objects = infos.flat_map(|info| {
            let known = self.raw.kinds.get(info.kind).into_iter().flatten();
            known.map(move |(name, object)| (info, name, object))
        });
        objects.map(|(info, name, object)| facts(info, name, object, problems)).collect()
    }
}

fn facts(
    info: &kinds::KindInfo,
    (namespace, name): &(String, String),
    object: &Value,
    problems: &[Problem],
) -> ObjectFacts {
    let own = problems.iter().filter(|problem| {
        problem.object.kind == info.kind
            && problem.object.namespace == *namespace
            && problem.object.name == *name
    });
    let finding = |problem: &Problem| Finding {
        severity: if problem.is_error() {
            ctl_status::Severity::Error
        } else {
            ctl_status::Severity::Warning
        },
        message: problem.to_string(),
    };
    ObjectFacts {
        key: ObjectKey {
            resource: info.resource(),
            namespace: Some(namespace.clone()),
            name: name.clone(),
        },
        generation: object["metadata"]["generation"].as_i64().unwrap_or(0),
        status: object["status"].clone(),
        findings: own.map(finding).collect(),
    }
}

impl Raw {
    fn take(&mut self, batch: Batch) {
        match batch {
            Batch::Snapshot(resource, objects) => {
                let fresh = objects.into_iter().map(|object| (name(&object), object)).collect();
                self.kinds.insert(resource.kind, fresh);
            }
            Batch::Changes(resource, changes) => {
                let known = self.kinds.entry(resource.kind).or_default();
                for change in changes {
                    match change {
                        Change::Applied(object) => known.insert(name(&object), object),
                        Change::Deleted(object) => known.remove(&name(&object)),
                    };
                }
            }
        }
    }

    fn all(&self) -> impl Iterator<Item = &Value> {
        self.kinds.values().flat_map(|objects| objects.values().map(|object| &**object))
    }
}

fn name(object: &Value) -> (String, String) {
    let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default().to_owned();
    (text("namespace"), text("name"))
}
