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
use weft_proto::type_url;
use weft_xds::{Layer, Resource};

/// One layer of each type.
type Layers = BTreeMap<&'static str, Arc<Layer>>;
type Part = Arc<OnceLock<Layers>>;
type ByView<K> = Arc<Mutex<HashMap<K, Part>>>;

/// Translations by view, which versions of the mesh share for as long as what they depend on stays.
#[derive(Debug)]
struct Parts<K> {
    own: ByView<K>,
    /// Those of the version before, each until it was made anew: what changed is told by them.
    before: Option<ByView<K>>,
}

impl<K> Default for Parts<K> {
    fn default() -> Self {
        Self { own: Arc::default(), before: None }
    }
}

impl<K: Clone + Eq + Hash> Parts<K> {
    /// Translates once per view; whoever comes second waits for the first.
    fn get(
        &self,
        view: &K,
        translate: impl FnOnce(Option<&Layers>) -> ctl_translate::Resources,
    ) -> Part {
        let part = Arc::clone(locked(&self.own).entry(view.clone()).or_default());
        part.get_or_init(|| {
            let before = self.before.as_ref().and_then(|before| locked(before).remove(view));
            let before = before.as_ref().and_then(|part| part.get());
            layers(translate(before), before)
        });
        part
    }

    /// The same translations when `same`, else none.
    fn carried(&self, same: bool) -> Self {
        if same {
            return Self { own: Arc::clone(&self.own), before: self.before.clone() };
        }
        // Of a version that nobody asked for nothing was made.
        let skipped = locked(&self.own).is_empty();
        let before = if skipped { self.before.clone() } else { Some(Arc::clone(&self.own)) };
        Self { own: Arc::default(), before }
    }
}

fn locked<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn layers(made: ctl_translate::Resources, before: Option<&Layers>) -> Layers {
    let layer = |(type_url, resources): (&'static str, &[ctl_translate::Resource])| {
        let before = before.and_then(|before| before.get(type_url));
        (type_url, Layer::new(resources.iter().map(named).collect(), before))
    };
    made.iter().map(layer).collect()
}

fn named(resource: &ctl_translate::Resource) -> (Arc<str>, Resource) {
    let (version, body) = (Arc::clone(&resource.version), resource.body.clone());
    (resource.name.as_str().into(), Resource { version, body })
}

/// The endpoints of one service, and what they were made of.
#[derive(Debug, Clone)]
struct Assigned {
    behind: Option<Arc<Backing>>,
    resources: Arc<[(Arc<str>, Resource)]>,
}

/// Endpoints of all services, and the configuration that they were made under.
#[derive(Debug)]
struct Endpoints {
    snapshot: MeshSnapshot,
    /// By host and namespace.
    by_host: BTreeMap<(Host, String), Assigned>,
    layer: Arc<Layer>,
}

impl Endpoints {
    /// Takes over what is behind the same services as before.
    fn of(snapshot: &MeshSnapshot, before: Option<&Self>) -> Self {
        let older = before.filter(|old| ctl_translate::same_config(&old.snapshot, snapshot));
        let by_host = snapshot.config().services().map(|service| {
            let behind = snapshot.workloads().behind(service);
            let key = (service.host.clone(), service.namespace.clone());
            let known = older.and_then(|old| old.by_host.get(&key)).filter(|known| {
                match (&known.behind, behind) {
                    (Some(old), Some(new)) => Arc::ptr_eq(old, new),
                    (None, None) => true,
                    _ => false,
                }
            });
            let assigned = known.cloned().unwrap_or_else(|| {
                let made = ctl_translate::translate_endpoints_of(snapshot, service);
                let resources = made.of(type_url::ENDPOINTS).iter().map(named).collect();
                Assigned { behind: behind.cloned(), resources }
            });
            (key, assigned)
        });
        let by_host: BTreeMap<_, _> = by_host.collect();
        let all = by_host.values().flat_map(|assigned| assigned.resources.iter().cloned());
        let layer = Layer::new(all.collect(), before.map(|before| &before.layer));
        Self { by_host, layer, snapshot: snapshot.clone() }
    }
}

/// A world.
#[derive(Debug)]
pub(crate) struct MeshWorld {
    snapshot: MeshSnapshot,
    endpoints: OnceLock<Arc<Endpoints>>,
    /// The newest endpoints that were made before this world.
    before: Mutex<Option<Arc<Endpoints>>>,
    /// Only endpoints are other than in the version before.
    same_config: bool,
    outbound: Parts<OutboundView>,
    near: Parts<OutboundView>,
    inbound: Parts<InboundView>,
    routers: Parts<(OutboundView, RouterView)>,
}

impl MeshWorld {
    /// The world of a snapshot, which takes over from an older one what stays.
    pub(crate) fn new(snapshot: MeshSnapshot, older: Option<&Self>) -> Self {
        let config = older.is_some_and(|old| ctl_translate::same_config(&old.snapshot, &snapshot));
        let outbound =
            older.is_some_and(|old| ctl_translate::same_outbound(&old.snapshot, &snapshot));
        let endpoints =
            older.is_some_and(|old| ctl_translate::same_endpoints(&old.snapshot, &snapshot));
        // What was made before a version that nobody asked for may be older than its configuration.
        let fresh = |old: &Self| !locked(&old.near.own).is_empty() || old.same_config;
        Self {
            endpoints: OnceLock::new(),
            before: Mutex::new(older.and_then(Self::newest_endpoints)),
            same_config: config && older.is_some_and(fresh),
            near: older.map(|old| old.near.carried(endpoints)).unwrap_or_default(),
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
        let before = || locked(&self.before).clone();
        self.endpoints.get().cloned().or_else(before)
    }

    fn endpoints(&self) -> &Endpoints {
        self.endpoints.get_or_init(|| {
            // Taken, so that worlds do not hold all that came before them.
            let before = locked(&self.before).take();
            Arc::new(Endpoints::of(&self.snapshot, before.as_deref()))
        })
    }

    /// Endpoints that a view sees otherwise than others. Which services have such follows from configuration alone, so who had
    /// none has none after a change of endpoints.
    fn near(&self, view: &OutboundView) -> Part {
        self.near.get(view, |before| match before {
            Some(none) if none.is_empty() && self.same_config => {
                ctl_translate::Resources::default()
            }
            _ => ctl_translate::translate_near(&self.snapshot, view),
        })
    }
}

impl World for MeshWorld {
    type View = ProxyView;

    fn view(&self, proxy: &ProxyNode) -> ProxyView {
        view_of(&self.snapshot, &proxy.node)
    }

    fn same_view(&self, older: &Self, proxy: &ProxyNode) -> bool {
        ctl_translate::same_view(&older.snapshot, &self.snapshot, proxy.ip)
    }

    fn resources(&self, view: &ProxyView) -> Resources {
        let snapshot = &self.snapshot;
        let mut all = Resources::new();
        all.entry(type_url::ENDPOINTS).or_default().lay(Arc::clone(&self.endpoints().layer));
        let outbound = self
            .outbound
            .get(&view.outbound, |_| ctl_translate::translate_outbound(snapshot, &view.outbound));
        let inbound = view
            .inbound
            .as_ref()
            .map(|own| self.inbound.get(own, |_| ctl_translate::translate_inbound(snapshot, own)));
        let router = view.router.as_ref().map(|own| {
            let key = (view.outbound.clone(), own.clone());
            self.routers
                .get(&key, |_| ctl_translate::translate_router(snapshot, &view.outbound, own))
        });
        let near = Some(self.near(&view.outbound));
        // What is near stands for what all share, so it comes after that.
        for part in [near, Some(outbound), inbound, router].into_iter().flatten() {
            for (type_url, layer) in part.get().into_iter().flatten() {
                all.entry(type_url).or_default().lay(Arc::clone(layer));
            }
        }
        all
    }
}

#[cfg(test)]
mod tests;
