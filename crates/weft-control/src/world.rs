//! One version of the mesh, as the push server asks for it.
//!
//! In: a snapshot, and the version before it. Out: resources per view. Holds: a world never changes after it was made.
//! Why parts are kept apart: endpoints are the same for every proxy, outbound resources for every proxy of a namespace,
//! and what a pod accepts depends on configuration only. So a world translates each part once, and takes over from the
//! version before it what cannot have changed: a change of one endpoint makes the endpoints of one service anew, a policy what
//! its own pods accept, and the clusters of a service are made once for all views. `tests/taken_over.rs` holds this to a
//! translation from nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use ctl_push::{Contradiction, ProxyNode, Resources, World};
use ctl_snapshot::MeshSnapshot;
use ctl_translate::{InboundView, Kept, OutboundView, ProxyView, RouterView, view_of};
use weft_model::api::core::Pod;
use weft_model::{Host, Object};
use weft_proto::type_url;
use weft_xds::{Changes, Layer, Resource, ResourceSet};

/// One layer of each type.
type Layers = BTreeMap<&'static str, Arc<Layer>>;
type Part = Arc<OnceLock<Translated>>;

/// A translation, encoded.
#[derive(Debug, Clone, Default)]
struct Translated {
    layers: Layers,
    /// Names of the secrets that it asks for.
    asked: Arc<BTreeSet<String>>,
}

/// Who gets secrets, and which: whoever has the same namespace, right and names gets the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Asked {
    namespace: String,
    keys: bool,
    names: Arc<BTreeSet<String>>,
}

/// Translations by view, and a version of the mesh that gives them.
#[derive(Debug)]
struct Made<K> {
    snapshot: MeshSnapshot,
    by_view: Mutex<HashMap<K, Part>>,
}

/// Translations by view, which versions of the mesh share for as long as what they depend on stays.
#[derive(Debug)]
struct Parts<K> {
    own: Arc<Made<K>>,
    /// Those of the version before, each until it was made anew: they are taken over, or tell what changed.
    before: Option<Arc<Made<K>>>,
}

impl<K: Clone + Eq + Hash> Parts<K> {
    fn new(snapshot: &MeshSnapshot, before: Option<Arc<Made<K>>>) -> Self {
        let by_view = Mutex::default();
        Self { own: Arc::new(Made { snapshot: snapshot.clone(), by_view }), before }
    }

    /// Translates once per view, and not at all where the version before gives the `same`; whoever comes second waits for
    /// the first.
    fn get(
        &self,
        view: &K,
        same: impl FnOnce(&MeshSnapshot, &Translated) -> bool,
        translate: impl FnOnce() -> ctl_translate::Resources,
    ) -> Part {
        let part = Arc::clone(locked(&self.own.by_view).entry(view.clone()).or_default());
        part.get_or_init(|| {
            let older = self.before.as_ref();
            let before = older.and_then(|older| locked(&older.by_view).remove(view));
            let before = before.as_ref().and_then(|part| part.get());
            let known = older.zip(before).filter(|(older, known)| same(&older.snapshot, known));
            known.map_or_else(|| encoded(translate(), before), |(_, known)| known.clone())
        });
        part
    }

    /// Whether they are the very same translations.
    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.own, &other.own)
    }

    /// The same translations when `same`, else none.
    fn carried(&self, same: bool, snapshot: &MeshSnapshot) -> Self {
        if same {
            return Self { own: Arc::clone(&self.own), before: self.before.clone() };
        }
        // Of a version that nobody asked for nothing was made.
        let skipped = locked(&self.own.by_view).is_empty();
        let before = if skipped { self.before.clone() } else { Some(Arc::clone(&self.own)) };
        Self::new(snapshot, before)
    }
}

fn locked<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn encoded(made: ctl_translate::Resources, before: Option<&Translated>) -> Translated {
    let layer = |(type_url, resources): (&'static str, &[ctl_translate::Resource])| {
        let before = before.and_then(|before| before.layers.get(type_url));
        (type_url, Layer::new(resources.iter().map(named).collect(), before))
    };
    Translated { layers: made.iter().map(layer).collect(), asked: Arc::new(made.asked().clone()) }
}

fn named(resource: &ctl_translate::Resource) -> (Arc<str>, Resource) {
    let (version, body) = (Arc::clone(&resource.version), resource.body.clone());
    (Arc::clone(&resource.name), Resource { version, body })
}

/// Endpoints of one service.
type Assigned = Arc<[(Arc<str>, Resource)]>;

/// Endpoints of all services, and the version of the mesh that gives them.
#[derive(Debug)]
struct Endpoints {
    snapshot: MeshSnapshot,
    /// By host and namespace.
    by_host: BTreeMap<(Host, String), Assigned>,
    layer: Arc<Layer>,
}

impl Endpoints {
    /// Takes over those of services that give the same as before.
    fn of(snapshot: &MeshSnapshot, before: Option<&Self>) -> Self {
        let by_host = snapshot.config().services().map(|service| {
            let key = (service.host.clone(), service.namespace.clone());
            let same =
                |old: &&Self| ctl_translate::same_endpoints_of(&old.snapshot, snapshot, service);
            let known = before.filter(same).and_then(|old| old.by_host.get(&key)).cloned();
            let assigned = known.unwrap_or_else(|| {
                let made = ctl_translate::translate_endpoints_of(snapshot, service);
                made.of(type_url::ENDPOINTS).iter().map(named).collect()
            });
            (key, assigned)
        });
        let by_host: BTreeMap<_, _> = by_host.collect();
        let all = by_host.values().flat_map(|assigned| assigned.iter().cloned());
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
    /// Clusters that views share.
    clusters: Arc<Mutex<Kept>>,
    outbound: Parts<OutboundView>,
    near: Parts<OutboundView>,
    inbound: Parts<InboundView>,
    routers: Parts<(OutboundView, RouterView)>,
    /// Apart, because they change while those that ask for them stay.
    secrets: Parts<Asked>,
}

impl MeshWorld {
    /// The world of a snapshot, which takes over from an older one what stays.
    pub(crate) fn new(snapshot: MeshSnapshot, older: Option<&Self>) -> Self {
        let Some(old) = older else { return Self::fresh(snapshot) };
        let config = ctl_translate::same_config(&old.snapshot, &snapshot);
        let outbound = ctl_translate::same_outbound(&old.snapshot, &snapshot);
        let endpoints = ctl_translate::same_endpoints(&old.snapshot, &snapshot);
        // Those of other settings are others; who still translates under the old ones keeps the old table.
        let clusters = match old.snapshot.same_settings(&snapshot) {
            true => Arc::clone(&old.clusters),
            false => Arc::default(),
        };
        if !outbound {
            locked(&clusters).keep_for(&snapshot);
        }
        Self {
            endpoints: OnceLock::new(),
            before: Mutex::new(old.newest_endpoints()),
            clusters,
            near: old.near.carried(endpoints, &snapshot),
            outbound: old.outbound.carried(outbound, &snapshot),
            inbound: old.inbound.carried(config, &snapshot),
            routers: old.routers.carried(config, &snapshot),
            secrets: old.secrets.carried(config, &snapshot),
            snapshot,
        }
    }

    fn fresh(snapshot: MeshSnapshot) -> Self {
        Self {
            endpoints: OnceLock::new(),
            before: Mutex::new(None),
            clusters: Arc::default(),
            near: Parts::new(&snapshot, None),
            outbound: Parts::new(&snapshot, None),
            inbound: Parts::new(&snapshot, None),
            routers: Parts::new(&snapshot, None),
            secrets: Parts::new(&snapshot, None),
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
        let same = |older: &MeshSnapshot, known: &Translated| {
            known.layers.is_empty() && ctl_translate::same_near_services(older, &self.snapshot)
        };
        self.near.get(view, same, || ctl_translate::translate_near(&self.snapshot, view))
    }

    fn outbound(&self, view: &OutboundView) -> Part {
        self.outbound.get(
            view,
            |_, _| false,
            || {
                let mut kept = locked(&self.clusters);
                let mut all = ctl_translate::translate_clusters(&self.snapshot, view, &mut kept);
                drop(kept);
                all.merge(ctl_translate::translate_calls(&self.snapshot, view));
                all
            },
        )
    }

    fn inbound(&self, view: &InboundView) -> Part {
        let snapshot = &self.snapshot;
        self.inbound.get(
            view,
            |older, _| ctl_translate::same_inbound(older, snapshot, view),
            || ctl_translate::translate_inbound(snapshot, view),
        )
    }

    fn router(&self, outbound: &OutboundView, own: &RouterView) -> Part {
        let snapshot = &self.snapshot;
        self.routers.get(
            &(outbound.clone(), own.clone()),
            |older, _| ctl_translate::same_router(older, snapshot, own),
            || ctl_translate::translate_router(snapshot, outbound, own),
        )
    }

    /// Whether all but endpoints is the same for every view, and endpoints that are seen otherwise from different places are so of
    /// the same services.
    fn stays(&self, older: &Self) -> bool {
        self.outbound.is(&older.outbound)
            && self.inbound.is(&older.inbound)
            && self.routers.is(&older.routers)
            && self.secrets.is(&older.secrets)
            && ctl_translate::same_near_services(&older.snapshot, &self.snapshot)
    }

    /// The secrets that parts of a view ask for.
    fn secrets(&self, view: &OutboundView, parts: &[Part]) -> Option<Part> {
        let asked = parts.iter().filter_map(|part| part.get()).map(|part| &part.asked);
        let mut asked = asked.filter(|names| !names.is_empty());
        let first = Arc::clone(asked.next()?);
        let names = asked.fold(first, |all, more| Arc::new(&*all | &**more));
        let wanted = Asked { namespace: view.namespace.clone(), keys: view.keys, names };
        let same = |older: &MeshSnapshot, _: &Translated| {
            ctl_translate::same_secrets(older, &self.snapshot)
        };
        let translate = || ctl_translate::translate_secrets(&self.snapshot, view, &wanted.names);
        Some(self.secrets.get(&wanted, same, translate))
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

    fn contradicts(&self, proxy: &ProxyNode, account: &str) -> Option<Contradiction> {
        let workloads = self.snapshot.workloads();
        let own = |pod: &&Arc<Object<Pod>>| {
            pod.meta.namespace == proxy.namespace && pod.meta.name == proxy.pod
        };
        let there = workloads.pod(proxy.ip);
        let on_node = || workloads.pod_on_node(&proxy.namespace, &proxy.pod);
        match there.filter(own).or_else(|| workloads.pods().find(own)).or_else(on_node) {
            Some(pod) if pod.spec.service_account != account => Some(Contradiction::Account),
            Some(pod) if !pod.spec.ips.contains(&proxy.ip) => Some(Contradiction::Address),
            None if there.is_some() => Some(Contradiction::Unknown),
            Some(_) | None => None,
        }
    }

    fn sends_to(&self, namespace: &str, pod: &str) -> bool {
        self.snapshot.workloads().is_behind_any(namespace, pod)
    }

    fn resources(&self, view: &ProxyView) -> Resources {
        let mut all = Resources::default();
        all.entry(type_url::ENDPOINTS).or_default().lay(Arc::clone(&self.endpoints().layer));
        let outbound = Some(self.outbound(&view.outbound));
        let inbound = view.inbound.as_ref().map(|own| self.inbound(own));
        let router = view.router.as_ref().map(|own| self.router(&view.outbound, own));
        let near = Some(self.near(&view.outbound));
        // What is near stands for what all share, so it comes after that.
        let parts: Vec<Part> = [near, outbound, inbound, router].into_iter().flatten().collect();
        let secrets = self.secrets(&view.outbound, &parts);
        for part in parts.iter().chain(&secrets) {
            for (type_url, layer) in part.get().into_iter().flat_map(|part| &part.layers) {
                all.entry(type_url).or_default().lay(Arc::clone(layer));
            }
        }
        all
    }

    fn changed_endpoints(&self, older: &Self) -> Option<Arc<Changes>> {
        let config = ctl_translate::same_config(&older.snapshot, &self.snapshot);
        let stays = config && self.stays(older);
        let before = older.endpoints.get().filter(|_| stays)?;
        let listed = ctl_translate::same_listed(&older.snapshot, &self.snapshot);
        self.endpoints().layer.changed_since(&before.layer).filter(|_| listed)
    }

    fn same_pod(&self, older: &Self, proxy: &ProxyNode) -> bool {
        ctl_translate::same_pod(&older.snapshot, &self.snapshot, proxy.ip)
    }

    fn shares_endpoints(&self, resources: &Resources) -> bool {
        let own = resources.get(type_url::ENDPOINTS);
        self.endpoints.get().zip(own).is_some_and(|(all, own)| own.is_only(&all.layer))
    }

    fn resources_after(&self, view: &ProxyView, older: &Self, before: &Resources) -> Resources {
        // Whoever has nothing beside what all share has the same of everything but that.
        match self.stays(older) && older.shares_endpoints(before) {
            false => self.resources(view),
            true => {
                let mut endpoints = ResourceSet::new();
                endpoints.lay(Arc::clone(&self.endpoints().layer));
                let mut all = before.clone();
                all.insert(type_url::ENDPOINTS, endpoints);
                all
            }
        }
    }
}

#[cfg(test)]
mod tests;
