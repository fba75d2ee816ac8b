//! Many proxies in one process, each with a connection, a token and a node of its own.
//!
//! In: who they are and where the control plane is. Out: how many are in sync, what they were sent, when they acknowledged.
//! Holds: a proxy that loses its stream comes again. Never: more than one proxy on a connection.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::sync::watch;
use tokio::task::JoinSet;
use weft_rt::Clock;
use weft_xds::Target;

use crate::expected::Expected;
use crate::known::Known;
use crate::proxy::Proxy;

/// Longest time until all are in sync.
const PATIENCE: Duration = Duration::from_secs(1200);

/// What all proxies were sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) answers: u64,
    pub(crate) resources: u64,
    pub(crate) bytes: u64,
}

impl Sent {
    pub(crate) fn megabytes(self) -> f64 {
        u32::try_from(self.bytes / 1024).map_or(f64::MAX, f64::from) / 1024.0
    }
}

/// What the proxies share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) known: Arc<Known>,
    pub(crate) clock: Clock,
    pub(crate) target: Target,
    whole: watch::Sender<usize>,
    expected: RwLock<Option<Arc<Expected>>>,
    answers: AtomicU64,
    resources: AtomicU64,
    bytes: AtomicU64,
    /// Why a stream ended, the last time one did.
    trouble: RwLock<String>,
}

impl Shared {
    pub(crate) fn expected(&self) -> Option<Arc<Expected>> {
        self.expected.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn count(&self, resources: usize, bytes: usize) {
        self.answers.fetch_add(1, Ordering::Relaxed);
        self.resources.fetch_add(resources as u64, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// A proxy has everything that it asked for, or has lost its stream.
    pub(crate) fn is_whole(&self, whole: bool) {
        self.whole.send_modify(|count| if whole { *count += 1 } else { *count -= 1 });
    }

    pub(crate) fn lost(&self, why: String) {
        *self.trouble.write().unwrap_or_else(PoisonError::into_inner) = why;
    }
}

/// All proxies; they end when this is dropped.
#[derive(Debug)]
pub(crate) struct Fleet {
    shared: Arc<Shared>,
    size: usize,
    _running: JoinSet<()>,
}

impl Fleet {
    /// Starts all of them.
    pub(crate) fn start(proxies: Vec<Proxy>, target: Target, clock: Clock) -> Self {
        let shared = Arc::new(Shared {
            known: Arc::default(),
            clock,
            target,
            whole: watch::Sender::new(0),
            expected: RwLock::default(),
            answers: AtomicU64::new(0),
            resources: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            trouble: RwLock::default(),
        });
        let size = proxies.len();
        let mut running = JoinSet::new();
        for proxy in proxies {
            running.spawn(proxy.run(Arc::clone(&shared)));
        }
        Self { shared, size, _running: running }
    }

    /// Waits until every proxy has all that it asked for.
    pub(crate) async fn whole(&self) -> Result<()> {
        let mut whole = self.shared.whole.subscribe();
        let all = async { whole.wait_for(|whole| *whole == self.size).await.map(drop) };
        let waited = tokio::time::timeout(PATIENCE, all).await;
        let so_far = *self.shared.whole.borrow();
        Ok(waited.with_context(|| {
            let trouble =
                self.shared.trouble.read().unwrap_or_else(PoisonError::into_inner).clone();
            format!("{so_far} of {} proxies in sync after {PATIENCE:?}; {trouble}", self.size)
        })??)
    }

    /// From now on proxies look out for this.
    pub(crate) fn expect(&self, expected: Expected) -> Arc<Expected> {
        let expected = Arc::new(expected);
        let mut place = self.shared.expected.write().unwrap_or_else(PoisonError::into_inner);
        *place = Some(Arc::clone(&expected));
        expected
    }

    /// What was sent until now.
    pub(crate) fn sent(&self) -> Sent {
        let Shared { answers, resources, bytes, .. } = &*self.shared;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Sent { answers: read(answers), resources: read(resources), bytes: read(bytes) }
    }
}
