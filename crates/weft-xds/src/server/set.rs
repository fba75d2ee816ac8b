//! The resources of one type that one client may see, in layers that clients share.
//!
//! In: resources by name, and the layer that was there before. Out: a set; what changed in it since another one.
//! Holds: a layer never changes after it was made; of one name, the last layer that has it counts.
//! Why layers and their history: of ten thousand resources one changes, for thousands of clients, and none of them should
//! look at the others.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::fast::RandomState;

use super::Resource;

/// How many steps back a layer knows what changed; a client that is further behind looks at everything.
const STEPS: usize = 64;

/// Tells a layer from every other, also after it is gone.
type Mark = Arc<()>;

/// What changed from one layer to the next.
#[derive(Debug, Clone)]
struct Step {
    from: Mark,
    changed: Arc<[Arc<str>]>,
}

/// Resources that belong together, made at one time.
#[derive(Debug)]
pub struct Layer {
    mark: Mark,
    all: BTreeMap<Arc<str>, Resource>,
    steps: Vec<Step>,
    /// Since older layers, for those that asked: most clients ask from the same one.
    since: Mutex<Vec<(Mark, Arc<Changes>)>>,
}

/// Names of resources that are other than they were.
pub type Changes = HashSet<Arc<str>, RandomState>;

/// Older layers since which it is remembered what changed.
const REMEMBERED: usize = 4;

impl Layer {
    /// A layer, and what it has other than the one before; that one itself, when they are the same.
    #[must_use]
    pub fn new(all: BTreeMap<Arc<str>, Resource>, before: Option<&Arc<Self>>) -> Arc<Self> {
        let mark = Mark::default();
        let since = Mutex::default();
        let Some(before) = before else {
            return Arc::new(Self { mark, all, steps: Vec::new(), since });
        };
        let changed: Arc<[Arc<str>]> = differences(&before.all, &all).into();
        if changed.is_empty() {
            return Arc::clone(before);
        }
        let known = before.steps.len().saturating_sub(STEPS - 1);
        let mut steps = before.steps.get(known..).unwrap_or_default().to_vec();
        steps.push(Step { from: Arc::clone(&before.mark), changed });
        Arc::new(Self { mark, all, steps, since })
    }

    /// Its resources, by name.
    #[must_use]
    pub const fn all(&self) -> &BTreeMap<Arc<str>, Resource> {
        &self.all
    }

    /// Names whose resources are other than in an older layer, when that is still known.
    #[must_use]
    pub fn changed_since(&self, older: &Self) -> Option<Arc<Changes>> {
        if Arc::ptr_eq(&older.mark, &self.mark) {
            return Some(Arc::default());
        }
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = since.iter().find(|(from, _)| Arc::ptr_eq(from, &older.mark)) {
            return Some(Arc::clone(known));
        }
        let at = self.steps.iter().position(|step| Arc::ptr_eq(&step.from, &older.mark))?;
        let steps = self.steps.get(at..)?.iter();
        let changed: Arc<Changes> =
            Arc::new(steps.flat_map(|step| step.changed.iter().cloned()).collect());
        if since.len() == REMEMBERED {
            since.remove(0);
        }
        since.push((Arc::clone(&older.mark), Arc::clone(&changed)));
        Some(changed)
    }
}

fn differences(
    old: &BTreeMap<Arc<str>, Resource>,
    new: &BTreeMap<Arc<str>, Resource>,
) -> Vec<Arc<str>> {
    let version = |of: &BTreeMap<Arc<str>, Resource>, name: &str| {
        of.get(name).map(|resource| Arc::clone(&resource.version))
    };
    let other = |(name, resource): &(&Arc<str>, &Resource)| {
        version(old, name).as_ref() != Some(&resource.version)
    };
    let come = new.iter().filter(other).map(|(name, _)| Arc::clone(name));
    let gone = old.keys().filter(|name| !new.contains_key(*name)).cloned();
    come.chain(gone).collect()
}

/// All resources of one type that one client may see. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct ResourceSet {
    layers: Vec<Arc<Layer>>,
}

impl ResourceSet {
    /// No resources.
    #[must_use]
    pub const fn new() -> Self {
        Self { layers: Vec::new() }
    }

    /// Lays resources over those that are there.
    pub fn lay(&mut self, layer: Arc<Layer>) {
        self.layers.push(layer);
    }

    /// The resource of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Resource> {
        self.find(name).map(|(_, resource)| resource)
    }

    /// The resource of a name, with the name as all clients share it.
    pub(crate) fn find(&self, name: &str) -> Option<(&Arc<str>, &Resource)> {
        self.layers.iter().rev().find_map(|layer| layer.all.get_key_value(name))
    }

    /// Every resource once.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Resource)> {
        let layers = self.layers.iter().enumerate();
        layers.flat_map(|(at, layer)| {
            let above = self.layers.get(at + 1..).unwrap_or_default();
            let hidden = |name: &str| above.iter().any(|over| over.all.contains_key(name));
            layer.all.iter().filter(move |(name, _)| !hidden(name))
        })
    }

    /// How many resources; one that two layers have counts once.
    #[must_use]
    pub fn len(&self) -> usize {
        match self.layers.as_slice() {
            [only] => only.all.len(),
            _ => self.iter().count(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.layers.iter().all(|layer| layer.all.is_empty())
    }

    /// Whether nothing but this layer is in it.
    #[must_use]
    pub fn is_only(&self, layer: &Arc<Layer>) -> bool {
        matches!(self.layers.as_slice(), [only] if Arc::ptr_eq(only, layer))
    }

    /// Whether this is the very same set.
    pub(crate) fn is(&self, other: &Self) -> bool {
        let pairs = || self.layers.iter().zip(&other.layers);
        self.layers.len() == other.layers.len()
            && pairs().all(|(a, b)| Arc::ptr_eq(&a.mark, &b.mark))
    }

    /// Names whose resources may be other than in an older set, of some names or of all; `None` when that is not known.
    pub(crate) fn changed_since(
        &self,
        older: &Self,
        among: Option<&BTreeSet<Arc<str>>>,
    ) -> Option<BTreeSet<Arc<str>>> {
        if self.layers.len() != older.layers.len() {
            return None;
        }
        let mut found = BTreeSet::new();
        for (layer, older) in self.layers.iter().zip(&older.layers) {
            let changed = layer.changed_since(older)?;
            match among {
                None => found.extend(changed.iter().cloned()),
                Some(names) if names.len() < changed.len() => {
                    found.extend(names.iter().filter(|name| changed.contains(*name)).cloned());
                }
                Some(names) => {
                    found.extend(changed.iter().filter(|name| names.contains(*name)).cloned());
                }
            }
        }
        Some(found)
    }
}

impl FromIterator<(String, Resource)> for ResourceSet {
    fn from_iter<I: IntoIterator<Item = (String, Resource)>>(resources: I) -> Self {
        let all = resources.into_iter().map(|(name, resource)| (name.into(), resource));
        Self { layers: vec![Layer::new(all.collect(), None)] }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn layer(items: &[(&str, &'static str)], before: Option<&Arc<Layer>>) -> Arc<Layer> {
        let resource = |body: &'static str| Resource::new(Bytes::from_static(body.as_bytes()));
        let all = items.iter().map(|(name, body)| (Arc::from(*name), resource(body)));
        Layer::new(all.collect(), before)
    }

    fn changed(new: &ResourceSet, old: &ResourceSet) -> Option<Vec<String>> {
        let names = new.changed_since(old, None)?;
        let some: BTreeSet<Arc<str>> = ["b", "x", "z"].map(Arc::from).into();
        let both = names.intersection(&some).cloned().collect();
        assert_eq!(new.changed_since(old, Some(&some)), Some(both));
        Some(names.iter().map(ToString::to_string).collect())
    }

    fn of(layers: &[&Arc<Layer>]) -> ResourceSet {
        ResourceSet { layers: layers.iter().map(|layer| Arc::clone(layer)).collect() }
    }

    #[test]
    fn what_changed_is_known_over_several_steps_and_of_each_layer() {
        let other = layer(&[("x", "1")], None);
        let first = layer(&[("a", "1"), ("b", "1"), ("c", "1")], None);
        let second = layer(&[("a", "1"), ("b", "2"), ("c", "1")], Some(&first));
        let third = layer(&[("a", "1"), ("b", "2"), ("d", "1")], Some(&second));
        assert!(Arc::ptr_eq(&layer(&[("x", "1")], Some(&other)), &other), "nothing changed");
        let (new, old) = (of(&[&third, &other]), of(&[&first, &other]));
        assert_eq!(changed(&new, &old).unwrap(), ["b", "c", "d"]);
        assert_eq!(changed(&new, &new).unwrap(), [""; 0]);
        assert_eq!(old.changed_since(&new, None), None, "no way back");
        assert_eq!(new.changed_since(&of(&[&first]), None), None, "another view");
    }

    #[test]
    fn a_layer_forgets_how_it_was_long_ago() {
        let first = layer(&[("a", "1")], None);
        let (one, other) = ([("a", "1")], [("a", "2")]);
        let next = |at: usize, newest: &Arc<Layer>| {
            layer(if at.is_multiple_of(2) { &other } else { &one }, Some(newest))
        };
        let newest = (0..STEPS).fold(Arc::clone(&first), |newest, at| next(at, &newest));
        let since = |newest: &Arc<Layer>| of(&[newest]).changed_since(&of(&[&first]), None);
        assert!(since(&newest).is_some());
        assert_eq!(since(&next(STEPS, &newest)), None);
    }

    #[test]
    fn of_one_name_the_last_layer_counts() {
        let (below, above) = (layer(&[("a", "1"), ("b", "1")], None), layer(&[("a", "2")], None));
        let set = of(&[&below, &above]);
        assert_eq!((set.len(), &set.get("a").unwrap().body[..]), (2, &b"2"[..]));
    }
}
