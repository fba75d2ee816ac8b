//! One version of the mesh, as the push server asks for it.
//!
//! In: a snapshot, and the version before it. Out: resources per view. Holds: a world never changes after it was made.
//! Why parts are kept apart: endpoints are the same for every proxy, outbound resources for every proxy of a namespace,
//! and what a pod accepts depends on configuration only. So a world translates each part once, and takes over from the
//! version before it what cannot have changed: a change of one endpoint makes the endpoints of one service anew.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use ctl_push::{ProxyNode, Resources, World};
use ctl_snapshot::{Backing, MeshSnapshot};
use ctl_translate::{InboundView, OutboundView, ProxyView, RouterView, view_of};
use weft_model::Host;
use weft_xds::{Resource, ResourceSet};

type Part = Arc<OnceLock<ctl_translate::Resources>>;

/// Translations by view, which versions of the mesh share for as long as what they depend on stays.
#[derive(Debug)]
struct Parts<K>(Arc<Mutex<HashMap<K, Part>>>);

impl<K> Default for Parts<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Clone + Eq + Hash> Parts<K> {
    /// Translates once per view; whoever comes second waits for the first.
    fn get(&self, view: &K, translate: impl FnOnce() -> ctl_translate::Resources) -> Part {
        let part = {
            let mut parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(parts.entry(view.clone()).or_default())
        };
        part.get_or_init(translate);
        part
    }

    /// The same translations when `same`, else none.
    fn carried(&self, same: bool) -> Self {
        if same { Self(Arc::clone(&self.0)) } else { Self::default() }
    }
}

/// The endpoints of one service, and what they were made of.
#[derive(Debug, Clone)]
struct Assigned {
    behind: Option<Arc<Backing>>,
    resources: Arc<ctl_translate::Resources>,
}

/// Endpoints of all services, and the configuration that they were made under.
#[derive(Debug)]
struct Endpoints {
    snapshot: MeshSnapshot,
    by_host: BTreeMap<Host, Assigned>,
}

impl Endpoints {
    /// Takes over what is behind the same services as before.
    fn of(snapshot: &MeshSnapshot, before: Option<&Self>) -> Self {
        let before = before.filter(|old| ctl_translate::same_config(&old.snapshot, snapshot));
        let by_host = snapshot.config().services().map(|service| {
            let behind = snapshot.workloads().behind(&service.host);
            let known =
                before.and_then(|old| old.by_host.get(&service.host)).filter(|known| {
                    match (&known.behind, behind) {
                        (Some(old), Some(new)) => Arc::ptr_eq(old, new),
                        (None, None) => true,
                        _ => false,
                    }
                });
            let assigned = known.cloned().unwrap_or_else(|| Assigned {
                behind: behind.cloned(),
                resources: Arc::new(ctl_translate::translate_endpoints_of(snapshot, service)),
            });
            (service.host.clone(), assigned)
        });
        Self { by_host: by_host.collect(), snapshot: snapshot.clone() }
    }
}

/// A world.
#[derive(Debug)]
pub(crate) struct MeshWorld {
    snapshot: MeshSnapshot,
    endpoints: OnceLock<Arc<Endpoints>>,
    /// The newest endpoints that were made before this world.
    before: Mutex<Option<Arc<Endpoints>>>,
    outbound: Parts<OutboundView>,
    inbound: Parts<InboundView>,
    routers: Parts<(OutboundView, RouterView)>,
}

impl MeshWorld {
    /// The world of a snapshot, which takes over from an older one what stays.
    pub(crate) fn new(snapshot: MeshSnapshot, older: Option<&Self>) -> Self {
        let config = older.is_some_and(|old| ctl_translate::same_config(&old.snapshot, &snapshot));
        let outbound =
            older.is_some_and(|old| ctl_translate::same_outbound(&old.snapshot, &snapshot));
        Self {
            endpoints: OnceLock::new(),
            before: Mutex::new(older.and_then(Self::newest_endpoints)),
            outbound: older.map(|old| old.outbound.carried(outbound)).unwrap_or_default(),
            inbound: older.map(|old| old.inbound.carried(config)).unwrap_or_default(),
            routers: older.map(|old| old.routers.carried(config)).unwrap_or_default(),
            snapshot,
        }
    }

    pub(crate) fn snapshot(&self) -> &MeshSnapshot {
        &self.snapshot
    }

    fn newest_endpoints(&self) -> Option<Arc<Endpoints>> {
        let before = || self.before.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.endpoints.get().cloned().or_else(before)
    }

    fn endpoints(&self) -> &Endpoints {
        self.endpoints.get_or_init(|| {
            // Taken, so that worlds do not hold all that came before them.
            let before = self.before.lock().unwrap_or_else(PoisonError::into_inner).take();
            Arc::new(Endpoints::of(&self.snapshot, before.as_deref()))
        })
    }
}

impl World for MeshWorld {
    type View = ProxyView;

    fn view(&self, proxy: &ProxyNode) -> ProxyView {
        view_of(&self.snapshot, &proxy.node)
    }

    fn resources(&self, view: &ProxyView) -> Resources {
        let mut all = Resources::new();
        for assigned in self.endpoints().by_host.values() {
            add(&mut all, &assigned.resources);
        }
        let snapshot = &self.snapshot;
        let outbound = self
            .outbound
            .get(&view.outbound, || ctl_translate::translate_outbound(snapshot, &view.outbound));
        let inbound = view
            .inbound
            .as_ref()
            .map(|own| self.inbound.get(own, || ctl_translate::translate_inbound(snapshot, own)));
        let router = view.router.as_ref().map(|own| {
            let key = (view.outbound.clone(), own.clone());
            self.routers
                .get(&key, || ctl_translate::translate_router(snapshot, &view.outbound, own))
        });
        for part in [Some(outbound), inbound, router].into_iter().flatten() {
            part.get().into_iter().for_each(|part| add(&mut all, part));
        }
        all
    }
}

fn add(all: &mut Resources, part: &ctl_translate::Resources) {
    for (type_url, resources) in part.iter() {
        let named = resources.iter().map(|resource| {
            let (version, body) = (Arc::clone(&resource.version), resource.body.clone());
            (resource.name.clone(), Resource { version, body })
        });
        let known: &mut ResourceSet = all.entry(type_url).or_default();
        known.extend(named);
    }
}

#[cfg(test)]
mod tests;
