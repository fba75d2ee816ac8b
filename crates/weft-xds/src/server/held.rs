//! What a client of the delta form has: as a set said that it was brought up to, but for some names.
//!
//! In: sets that it was given, names that it gave up or told of. Out: the version that it has of a name.
//! Why not a table of names: it would be the largest thing that a client costs, and say what the shared set says.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::ResourceSet;

#[derive(Debug, Default)]
pub(super) struct Held {
    /// What it was brought up to, as far as it wants it.
    base: Option<ResourceSet>,
    /// Names of which that does not hold, and the version that it has instead.
    own: HashMap<Arc<str>, Option<Arc<str>>>,
}

impl Held {
    /// What a client says that it kept.
    pub(super) fn told(versions: impl Iterator<Item = (String, String)>) -> Self {
        let own = versions.map(|(name, version)| (name.into(), Some(version.into())));
        Self { base: None, own: own.collect() }
    }

    pub(super) fn version(&self, name: &str, wanted: bool) -> Option<&Arc<str>> {
        match (self.own.get(name), &self.base) {
            (Some(own), _) => own.as_ref(),
            (None, Some(base)) if wanted => base.get(name).map(|resource| &resource.version),
            (None, _) => None,
        }
    }

    /// It has lost these, or never had them.
    pub(super) fn forget<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) {
        self.own.extend(names.into_iter().map(|name| (Arc::from(name), None)));
    }

    /// It wants this no more.
    pub(super) fn drop(&mut self, name: &str) {
        self.own.remove(name);
    }

    /// It was sent this.
    pub(super) fn take(&mut self, name: Arc<str>, version: Arc<str>) {
        self.own.insert(name, Some(version));
    }

    /// It has all of a set, but for `own`.
    pub(super) fn bring_up_to(
        &mut self,
        set: &ResourceSet,
        own: HashMap<Arc<str>, Option<Arc<str>>>,
    ) {
        self.own = own;
        if !self.base.as_ref().is_some_and(|base| base.is(set)) {
            self.base = Some(set.clone());
        }
    }

    /// Whether it is what a set says, with no exception.
    pub(super) fn is_exactly(&self, set: &ResourceSet) -> bool {
        self.own.is_empty() && self.base.as_ref().is_some_and(|base| base.is(set))
    }

    /// Names of which a set may say something new to who wants these, or everything; `None` when that is not known.
    pub(super) fn news(
        &self,
        set: &ResourceSet,
        wanted: Option<&BTreeSet<Arc<str>>>,
    ) -> Option<BTreeSet<Arc<str>>> {
        let mut news = set.changed_since(self.base.as_ref()?, wanted)?;
        news.extend(self.own.keys().cloned());
        Some(news)
    }

    /// Every name that it may have.
    pub(super) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        let base = self.base.iter().flat_map(ResourceSet::iter).map(|(name, _)| name);
        self.own.keys().chain(base)
    }

    /// Writes down what it has, before it wants other names than it did.
    pub(super) fn write_down(&mut self, wanted: impl Fn(&str) -> bool) {
        let Some(base) = self.base.take() else { return };
        for (name, resource) in base.iter().filter(|(name, _)| wanted(name)) {
            let known = self.own.entry(Arc::clone(name));
            known.or_insert_with(|| Some(Arc::clone(&resource.version)));
        }
    }

    /// It keeps no others.
    pub(super) fn retain(&mut self, wanted: impl Fn(&str) -> bool) {
        self.own.retain(|name, _| wanted(name));
    }

    /// How many, when it wants everything.
    pub(super) fn len(&self) -> usize {
        self.base.as_ref().map_or(0, ResourceSet::len)
    }
}
