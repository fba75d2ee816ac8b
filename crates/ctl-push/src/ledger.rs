//! The book of what each connected proxy was sent and has answered.
//!
//! Holds: a proxy counts as having acknowledged a revision when everything it was sent of it is answered, also when
//! nothing of it concerned the proxy. Refusals stand until the resource is taken or vanishes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::watch;
use weft_admin_api::sync::{ProxySync, RefusedResource, SyncReport, SyncState, TypeSync};
use weft_proto::type_url;
use weft_rt::Clock;

use crate::ProxyNode;

/// Shared by all streams and whoever asks. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Ledger {
    book: Arc<Mutex<Book>>,
    clock: Clock,
    changed: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Book {
    revision: u64,
    next: u64,
    proxies: BTreeMap<u64, Entry>,
}

#[derive(Debug)]
struct Entry {
    name: String,
    kind: String,
    version: String,
    offered: u64,
    acknowledged: u64,
    types: BTreeMap<String, TypeEntry>,
}

#[derive(Debug, Default)]
pub(crate) struct TypeEntry {
    pub(crate) waiting: bool,
    pub(crate) held: usize,
    acked: Option<Instant>,
    refused: BTreeMap<String, RefusedResource>,
}

/// One stream's line in the book; erased when dropped.
#[derive(Debug)]
pub(crate) struct Line {
    ledger: Ledger,
    key: u64,
}

impl Ledger {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { book: Arc::default(), clock, changed: watch::Sender::new(0) }
    }

    /// Wakes whenever a proxy comes, goes, is sent something or answers.
    #[must_use]
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Everything, for `/debug/syncz` and for conditions.
    #[must_use]
    pub fn report(&self) -> SyncReport {
        let now = self.clock.now();
        let book = self.lock();
        let mut proxies: Vec<_> = book.proxies.values().map(|entry| entry.report(now)).collect();
        proxies.sort_by(|a, b| a.name.cmp(&b.name));
        SyncReport { revision: book.revision, proxies, ..SyncReport::default() }
    }

    /// Whether every connected proxy has taken `revision`, or a later one.
    pub(crate) fn taken(&self, revision: u64) -> bool {
        self.lock().proxies.values().all(|proxy| proxy.acknowledged >= revision)
    }

    pub(crate) fn published(&self, revision: u64) {
        self.lock().revision = revision;
        self.touch();
    }

    pub(crate) fn connect(&self, proxy: &ProxyNode) -> Line {
        let mut book = self.lock();
        let key = book.next;
        book.next += 1;
        let entry = Entry {
            name: proxy.name(),
            kind: proxy.kind.clone(),
            version: proxy.version.clone(),
            offered: 0,
            acknowledged: 0,
            types: BTreeMap::new(),
        };
        book.proxies.insert(key, entry);
        drop(book);
        self.touch();
        Line { ledger: self.clone(), key }
    }

    /// Wakes whoever looks at changes.
    pub(crate) fn touch(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn report(&self, now: Instant) -> ProxySync {
        let known =
            type_url::PUSH_ORDER.iter().map(|type_url| (*type_url, self.types.get(*type_url)));
        let types = known.map(|(type_url, entry)| TypeSync {
            resource_type: type_url::short(type_url).to_owned(),
            state: entry.map_or(SyncState::NotSent, TypeEntry::state),
            resources: entry.map_or(0, |entry| entry.held),
            ack_age_ms: entry.and_then(|entry| entry.acked).map(|acked| {
                u64::try_from(now.saturating_duration_since(acked).as_millis()).unwrap_or(u64::MAX)
            }),
            refused: entry.map(|e| e.refused.values().cloned().collect()).unwrap_or_default(),
        });
        ProxySync {
            name: self.name.clone(),
            proxy_type: self.kind.clone(),
            version: self.version.clone(),
            offered: self.offered,
            acknowledged: self.acknowledged,
            types: types.collect(),
        }
    }
}

impl TypeEntry {
    fn state(&self) -> SyncState {
        match (self.refused.is_empty(), self.waiting) {
            (false, _) => SyncState::Refused,
            (true, true) => SyncState::Stale,
            (true, false) => SyncState::Synced,
        }
    }
}

impl Line {
    /// Everything of `revision` is on its way (or was not needed).
    pub(crate) fn offered(&self, revision: u64) {
        self.with(|entry| entry.offered = revision);
    }

    /// Nothing is under way any more.
    pub(crate) fn settled(&self) {
        self.with(|entry| entry.acknowledged = entry.offered);
    }

    /// Nothing of `revision` concerns it, and nothing is under way. Wakes nobody: that is for whoever says it of all.
    pub(crate) fn passed(&self, revision: u64) {
        if let Some(entry) = self.ledger.lock().proxies.get_mut(&self.key) {
            (entry.offered, entry.acknowledged) = (revision, revision);
        }
    }

    /// One answer went out; `gone` are the names that it took away.
    pub(crate) fn sent(&self, type_url: &str, held: usize) {
        self.with(|entry| {
            let entry = entry.types.entry(type_url.to_owned()).or_default();
            (entry.waiting, entry.held) = (true, held);
        });
    }

    /// The proxy answered: of the names `sent`, all are taken but `refused`.
    pub(crate) fn answered(
        &self,
        type_url: &str,
        taken_or_gone: &[String],
        refused: Vec<RefusedResource>,
        waiting: bool,
    ) {
        let now = self.ledger.clock.now();
        self.with(|entry| {
            let entry = entry.types.entry(type_url.to_owned()).or_default();
            (entry.waiting, entry.acked) = (waiting, Some(now));
            for name in taken_or_gone {
                entry.refused.remove(name);
            }
            entry.refused.extend(refused.into_iter().map(|r| (r.resource.clone(), r)));
        });
    }

    fn with(&self, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.ledger.lock().proxies.get_mut(&self.key) {
            change(entry);
        }
        self.ledger.touch();
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.ledger.lock().proxies.remove(&self.key);
        self.ledger.touch();
    }
}
