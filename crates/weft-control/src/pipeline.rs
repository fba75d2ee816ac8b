//! The configuration walk: raw objects, validated model, snapshot, resources per view, push; and conditions back.
//!
//! In: watches of a Source. Out: published worlds, and what they were made of for the status writer.
//! Holds: nothing is published before every kind that the mesh is made of has been seen once; a world is made of one moment. Each object is validated
//! once, when it arrives, and what proxies do not read (a status, a readiness) makes no new world.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ctl_keys::Keys;
use ctl_push::{Debounce, PushServer};
use ctl_snapshot::{MeshSettings, MeshSnapshot};
use ctl_source::{Batch, Change, Object, ResourceType, Selection, Source, Watch};
use ctl_status::{ObjectFacts, Observed, StatusWriter, Wanted};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use weft_admin_api::sync::Built;
use weft_gateway_api::Judged;
use weft_meshconfig::is_mesh_config_map;
use weft_model::{Inventory, ObjectRef, Problem, Touched};
use weft_rt::Clock;

use crate::registration::Registration;
use crate::world::MeshWorld;
use derived::Gateways;
use facts::Known;
use issuers::Issuers;
use kinds::Role;
use news::News;
use raw::Raw;
pub use running::Running;

mod advice;
mod audience;
mod delivery;
mod derived;
mod effect;
mod effects;
mod facts;
mod issuers;
mod kinds;
mod narrow;
mod news;
mod raw;
mod rivals;
mod running;
mod settings;

/// What the walk does beside making configurations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feedback {
    /// Analyzes the mesh, and tells users by conditions and Events.
    Full,
    /// Nothing: for whoever looks at what proxies do alone.
    None,
}

/// Starts the walk.
///
/// # Errors
/// When the source cannot be watched.
pub(crate) async fn start(
    source: Arc<dyn Source>,
    clock: Clock,
    stop: CancellationToken,
    feedback: Feedback,
    keys: Keys,
) -> anyhow::Result<Running> {
    let all: Vec<Selection> =
        kinds::all().map(|(_, resource)| narrow::selection(resource)).collect();
    let batches = source.watch_selected(&all).await?;
    let (push, settling) = PushServer::new(Debounce::default(), clock.clone());
    let (told, observed) = watch::channel(Arc::new(Observed::default()));
    let registrar = Registration::start(Arc::clone(&source), clock.clone(), stop.clone());
    let push = push.telling(Arc::new(registrar));
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
    if feedback == Feedback::Full {
        tokio::spawn(until(stop.clone(), advice::run(objects, advising, clock)));
        tokio::spawn(until(stop.clone(), ctl_status::run(writer)));
    }
    let walk = Walk {
        feedback,
        looked_at,
        advice,
        problems: Vec::new(),
        news: News::default(),
        building,
        raw: Raw::default(),
        inventory: Inventory::default(),
        version: 0,
        settings: Arc::default(),
        issuers: Issuers::new(keys.clone()),
        gateways: Gateways::default(),
        push: push.clone(),
        published: None,
        told,
    };
    tokio::spawn(until(stop.clone(), settling));
    tokio::spawn(until(stop, walk.run(batches)));
    Ok(Running { push, built, keys })
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

struct Walk {
    feedback: Feedback,
    /// What is to be analyzed, and what the analysis said last.
    looked_at: watch::Sender<advice::Objects>,
    advice: watch::Receiver<advice::Advice>,
    /// Of the objects as they were published last.
    problems: Vec<Problem>,
    /// Since the status writer and the analysis were told last.
    news: News,
    building: watch::Sender<Built>,
    raw: Raw,
    inventory: Inventory,
    version: u64,
    settings: Arc<MeshSettings>,
    issuers: Issuers,
    gateways: Gateways,
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
                () = self.issuers.changed() => {
                    self.news.facts = true;
                    if self.published.is_some() {
                        self.publish(Touched::Nothing);
                    }
                    continue;
                }
            };
            let Some(batch) = batch else { return };
            touched = touched.max(self.take(batch));
            while let Ok(more) = batches.try_recv() {
                touched = touched.max(self.take(more));
            }
            if self.published.is_some() || self.raw.is_whole() {
                self.publish(touched);
                touched = Touched::Nothing;
            }
        }
    }

    fn take(&mut self, batch: Batch) -> Touched {
        let batch = narrow::batch(batch);
        self.news = self.news.and(News::of(&self.raw, &batch));
        self.gateways.hear(&batch);
        if settings::kind(&batch) == settings::KIND {
            return self.take_settings(batch);
        }
        let mut touched = Touched::Nothing;
        match &batch {
            Batch::Snapshot(resource, objects) => {
                let all: HashSet<ObjectRef> = objects.iter().map(|o| ObjectRef::of(o)).collect();
                let ResourceType { group, kind, .. } = resource;
                touched = self.inventory.retain(group, kind, |known| all.contains(known));
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
        let mut maps = self.raw.of(&(String::new(), settings::KIND.to_owned()));
        let stored = maps.find(|object| is_mesh_config_map(object));
        match settings::read(stored.as_ref()) {
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
        let (mut model, problems) = self.inventory.model();
        let touched = touched.max(self.issuers.fill(&mut model));
        let domain = &self.settings.domain;
        let touched = touched.max(self.gateways.fill(&mut model, &self.raw, &problems, domain));
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
                    Some(before) => before.next(self.version, Arc::clone(&self.settings), &model),
                    None => MeshSnapshot::build(self.version, Arc::clone(&self.settings), &model),
                };
                let world = Arc::new(MeshWorld::new(snapshot, older));
                let revision = self.push.publish(Arc::clone(&world));
                self.published = Some((world, revision));
                revision
            }
        };
        self.building.send_replace(Built { revision, resource_version: self.raw.newest() });
        self.problems = problems;
        if self.feedback == Feedback::None {
            return;
        }
        let News { facts, content } = std::mem::take(&mut self.news);
        if facts {
            self.tell();
        }
        if content {
            self.looked_at.send_replace(Arc::new(self.raw.all()));
        }
    }

    /// Tells the status writer what is known of the objects that were published last.
    fn tell(&self) {
        let Some((_, revision)) = self.published else { return };
        let (objects, proxies) = (self.facts(), self.raw.proxies());
        self.told.send_replace(Arc::new(Observed { revision, objects, proxies }));
    }

    fn facts(&self) -> Vec<ObjectFacts> {
        let advice = self.advice.borrow().clone();
        let kind = ("networking.istio.io".to_owned(), "VirtualService".to_owned());
        let services: Vec<Object> = self.raw.of(&kind).collect();
        let known = Known {
            problems: facts::by_object(&self.problems),
            advice: advice.as_ref().map(|found| (facts::by_object(&found.problems), &found.seen)),
            gateways: self.gateway_api(),
            losses: rivals::losses(services.iter().map(AsRef::as_ref), &self.settings.domain),
            keys: self.issuers.obstacles(),
            root: &self.settings.root_namespace,
        };
        let of_kind = |(role, resource): (Role, ResourceType)| {
            let all = self.raw.of(&kinds::name(&resource));
            all.filter_map(|object| known.of(role, &resource, &object)).collect::<Vec<_>>()
        };
        // Nothing is said of what is only read, such as pods, of which there are most.
        kinds::all().filter(|(role, _)| *role != Role::Read).flat_map(of_kind).collect()
    }

    /// What the Gateway API's objects are told.
    fn gateway_api(&self) -> HashMap<ObjectRef, Wanted> {
        let all = derived::objects(&self.raw);
        let refused = facts::refused(&self.problems);
        let judged = Judged::of(all.iter().map(AsRef::as_ref), &refused);
        ctl_status::gateway_api(&judged, &refused)
    }
}

#[cfg(test)]
mod tests;
