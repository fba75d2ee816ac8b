//! Which kinds there are now.
//!
//! In: the static table, and the definitions in the store. Out: an immutable list, replaced whole when a definition
//! changes.
//! Holds: a request sees one list from start to end; what did not change is not read again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ctl_source::{Object, kinds};
use ctl_store::{Collection, Key, Store};
use tokio::sync::watch;

use crate::definition;
use crate::kind::Kind;

/// The kinds at one moment, in the order of discovery.
#[derive(Debug, Default)]
pub struct Kinds {
    all: Vec<Arc<Kind>>,
    by_plural: HashMap<(String, String), usize>,
}

impl Kinds {
    fn new(all: Vec<Arc<Kind>>) -> Self {
        let place =
            |(at, kind): (usize, &Arc<Kind>)| ((kind.group.clone(), kind.plural.clone()), at);
        let by_plural = all.iter().enumerate().map(place).collect();
        Self { all, by_plural }
    }

    /// Every kind.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Kind>> {
        self.all.iter()
    }

    /// By group and kind.
    #[must_use]
    pub fn find(&self, group: &str, kind: &str) -> Option<&Arc<Kind>> {
        self.all.iter().find(|k| k.group == group && k.kind == kind)
    }

    /// By group and URL name.
    #[must_use]
    pub fn find_plural(&self, group: &str, plural: &str) -> Option<&Arc<Kind>> {
        let at = self.by_plural.get(&(group.to_owned(), plural.to_owned()))?;
        self.all.get(*at)
    }

    /// The kind of a stored key.
    #[must_use]
    pub(crate) fn of(&self, key: &Key) -> Option<&Arc<Kind>> {
        self.find_plural(&key.collection.group, &key.collection.plural)
    }
}

/// The newest list, shared.
#[derive(Debug, Default)]
pub(super) struct Current {
    newest: watch::Sender<Arc<Kinds>>,
    /// Held while the definitions are read, so that an older reading never replaces a newer one.
    reading: Mutex<()>,
}

impl Current {
    pub(super) fn get(&self) -> Arc<Kinds> {
        Arc::clone(&self.newest.borrow())
    }

    pub(super) fn follow(&self) -> watch::Receiver<Arc<Kinds>> {
        self.newest.subscribe()
    }

    /// Reads the definitions of the store again.
    pub(super) fn refresh(&self, store: &Store) {
        let definitions = Collection {
            group: "apiextensions.k8s.io".to_owned(),
            plural: "customresourcedefinitions".to_owned(),
        };
        let _alone = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.get();
        let found = store.list(&definitions, None).objects;
        let mut all: Vec<Arc<Kind>> = match current.all.is_empty() {
            true => core().map(Arc::new).collect(),
            false => current.all.iter().filter(|kind| !kind.custom).cloned().collect(),
        };
        let established = found.iter().filter(|d| definition::is_established(d));
        all.extend(established.map(|definition| kept_or_read(&current, definition)));
        self.newest.send_replace(Arc::new(Kinds::new(all)));
    }
}

fn core() -> impl Iterator<Item = Kind> {
    kinds::ALL.iter().filter(|row| !row.custom).map(Kind::from)
}

fn kept_or_read(current: &Kinds, definition: &Object) -> Arc<Kind> {
    let version = definition["metadata"]["resourceVersion"].as_str().unwrap_or_default();
    let name = definition["metadata"]["name"].as_str().unwrap_or_default();
    let same = |kind: &&Arc<Kind>| {
        kind.custom && kind.made_of == version && definition::name_of(kind) == name
    };
    let kept = current.all.iter().find(same).cloned();
    kept.unwrap_or_else(|| Arc::new(definition::kind(definition)))
}
