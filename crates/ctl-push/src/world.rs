//! What can be pushed: one immutable version of everything, seen from any proxy.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use weft_xds::ResourceSet;

use crate::ProxyNode;

/// Every resource of one view, by type URL.
pub type Resources = HashMap<&'static str, ResourceSet>;

/// One version of the mesh. Pure: the same view gives the same bytes.
pub trait World: Send + Sync + 'static {
    /// Proxies with equal views get equal resources; this is the cache key.
    type View: Clone + Eq + Hash + Send + Sync + 'static;
    /// The view of one proxy.
    fn view(&self, proxy: &ProxyNode) -> Self::View;
    /// Whether this proxy has the same view as in an older version; when in doubt it has not.
    fn same_view(&self, older: &Self, proxy: &ProxyNode) -> bool {
        // Who does not know compares the views.
        self.view(proxy) == older.view(proxy)
    }
    /// Whether proxies are told to send to this pod. Whoever has no pods tells of none.
    fn sends_to(&self, _namespace: &str, _pod: &str) -> bool {
        false
    }
    /// What that view sees.
    fn resources(&self, view: &Self::View) -> Resources;
}

type Slot = Arc<OnceLock<Arc<Resources>>>;

/// A world with its number and the translations made of it so far.
pub(crate) struct Published<W: World> {
    pub(crate) revision: u64,
    world: Arc<W>,
    views: Mutex<HashMap<W::View, Slot>>,
}

impl<W: World> Published<W> {
    pub(crate) fn new(revision: u64, world: Arc<W>) -> Self {
        Self { revision, world, views: Mutex::new(HashMap::new()) }
    }

    /// What a proxy sees here, which saw `before` until now.
    pub(crate) fn seen_by(
        &self,
        proxy: &ProxyNode,
        before: Option<&Seen<W>>,
    ) -> (W::View, Arc<Resources>) {
        let same = before.filter(|seen| self.world.same_view(&seen.published.world, proxy));
        let view = same.map_or_else(|| self.world.view(proxy), |seen| seen.view.clone());
        let resources = self.resources(&view);
        (view, resources)
    }

    pub(crate) fn sends_to(&self, namespace: &str, pod: &str) -> bool {
        self.world.sends_to(namespace, pod)
    }

    /// Translates once per view; whoever comes second waits for the first.
    fn resources(&self, view: &W::View) -> Arc<Resources> {
        let slot = {
            let mut views = self.views.lock().unwrap_or_else(PoisonError::into_inner);
            match views.get(view) {
                Some(slot) => Arc::clone(slot),
                None => Arc::clone(views.entry(view.clone()).or_default()),
            }
        };
        Arc::clone(slot.get_or_init(|| Arc::new(self.world.resources(view))))
    }
}

/// What a stream serves from.
pub(crate) struct Seen<W: World> {
    pub(crate) published: Arc<Published<W>>,
    pub(crate) view: W::View,
    pub(crate) resources: Arc<Resources>,
}
