//! What can be pushed: one immutable version of everything, seen from any proxy.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use foldhash::fast::RandomState;
use weft_xds::{Changes, ResourceSet};

use crate::ProxyNode;

/// Every resource of one view, by type URL.
pub type Resources = HashMap<&'static str, ResourceSet, RandomState>;

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
    /// What of the pods that are known speaks against this node of a proven account. Whoever has no pods has nothing to say.
    fn contradicts(&self, _proxy: &ProxyNode, _account: &str) -> Option<Contradiction> {
        None
    }
    /// Names of endpoints that are other than in an older version, when nothing else can be other for a proxy whose own pod stayed and
    /// that has no endpoints but those that all share; `None` when that is not known.
    fn changed_endpoints(&self, _older: &Self) -> Option<Arc<Changes>> {
        None
    }
    /// Whether what is known of the pod of a proxy is the same as in an older version; when in doubt it is not.
    fn same_pod(&self, _older: &Self, _proxy: &ProxyNode) -> bool {
        false
    }
    /// Whether a proxy with these resources has no endpoints but those that all share; when in doubt it has.
    fn shares_endpoints(&self, _resources: &Resources) -> bool {
        false
    }
    /// What that view sees.
    fn resources(&self, view: &Self::View) -> Resources;
    /// The same, where an older version gave `before` for that view: what stayed may be taken over.
    fn resources_after(&self, view: &Self::View, _older: &Self, _before: &Resources) -> Resources {
        self.resources(view)
    }
}

/// Why a proven account cannot be a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contradiction {
    /// The pod runs as another account.
    Account,
    /// The pod has another address.
    Address,
    /// The address is another pod's, and the pod itself is not known (yet).
    Unknown,
}

type Slot = Arc<OnceLock<Arc<Resources>>>;
type Made<V> = HashMap<usize, (Arc<V>, Slot)>;

/// Views that proxies have, each once, so that who has the same view is known by where it lies.
pub(crate) struct Views<V>(Mutex<HashSet<Arc<V>>>);

/// Views that may lie about before it is looked whether anybody still has them.
const UNUSED: usize = 1024;

impl<V> Default for Views<V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<V: Eq + Hash> Views<V> {
    fn one(&self, view: V) -> Arc<V> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.get(&view) {
            return Arc::clone(known);
        }
        if all.len() == all.capacity() && all.len() >= UNUSED {
            all.retain(|view| Arc::strong_count(view) > 1);
        }
        let view = Arc::new(view);
        all.insert(Arc::clone(&view));
        view
    }
}

/// A world with its number and the translations made of it so far.
pub(crate) struct Published<W: World> {
    pub(crate) revision: u64,
    pub(crate) world: Arc<W>,
    views: Arc<Views<W::View>>,
    /// By where the view lies; it stays there, since it is kept beside.
    made: Mutex<Made<W::View>>,
}

impl<W: World> Published<W> {
    pub(crate) fn new(revision: u64, world: Arc<W>, views: Arc<Views<W::View>>) -> Self {
        Self { revision, world, views, made: Mutex::default() }
    }

    /// What a proxy sees here, which saw `before` until now.
    pub(crate) fn seen_by(
        &self,
        proxy: &ProxyNode,
        before: Option<&Seen<W>>,
    ) -> (Arc<W::View>, Arc<Resources>) {
        let same = before.filter(|seen| self.world.same_view(&seen.published.world, proxy));
        let known = same.map(|seen| Arc::clone(&seen.view));
        let view = known.unwrap_or_else(|| self.views.one(self.world.view(proxy)));
        let resources = self.resources(&view, same);
        (view, resources)
    }

    pub(crate) fn contradicts(&self, proxy: &ProxyNode, account: &str) -> Option<Contradiction> {
        self.world.contradicts(proxy, account)
    }

    pub(crate) fn sends_to(&self, namespace: &str, pod: &str) -> bool {
        self.world.sends_to(namespace, pod)
    }

    /// Translates once per view; whoever comes second waits for the first.
    fn resources(&self, view: &Arc<W::View>, before: Option<&Seen<W>>) -> Arc<Resources> {
        let slot = {
            let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
            let new = || (Arc::clone(view), Slot::default());
            Arc::clone(&made.entry(Arc::as_ptr(view).addr()).or_insert_with(new).1)
        };
        let made = slot.get_or_init(|| {
            Arc::new(match before {
                Some(Seen { published, resources, .. }) => {
                    self.world.resources_after(view, &published.world, resources)
                }
                None => self.world.resources(view),
            })
        });
        Arc::clone(made)
    }
}

/// What a stream serves from.
pub(crate) struct Seen<W: World> {
    pub(crate) published: Arc<Published<W>>,
    pub(crate) view: Arc<W::View>,
    pub(crate) resources: Arc<Resources>,
}
