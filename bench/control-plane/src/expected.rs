//! One change that is waited for.
//!
//! In: resources as proxies get them. Out: when the last proxy had acknowledged it.
//! Holds: every proxy counts once.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use prost::Message as _;
use tokio::sync::watch;
use weft_proto::ads::{DeltaDiscoveryResponse, Resource};
use weft_proto::envoy::config::endpoint::v3::ClusterLoadAssignment;
use weft_rt::Clock;

/// Longest time that a change may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a changed resource is told from the one before.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sign {
    /// It came.
    Came,
    /// It came with so many endpoints.
    Endpoints(usize),
}

/// A resource that a number of proxies must get.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) type_url: &'static str,
    pub(crate) name: String,
    pub(crate) sign: Sign,
    /// Proxies that must get it.
    pub(crate) proxies: usize,
    last: Mutex<Option<Instant>>,
    seen: watch::Sender<usize>,
}

impl Expected {
    pub(crate) fn new(type_url: &'static str, name: String, sign: Sign, proxies: usize) -> Self {
        Self { type_url, name, sign, proxies, last: Mutex::new(None), seen: watch::Sender::new(0) }
    }

    /// Whether an answer carries it.
    pub(crate) fn is_in(&self, response: &DeltaDiscoveryResponse) -> bool {
        response.type_url == self.type_url && response.resources.iter().any(|one| self.is(one))
    }

    fn is(&self, resource: &Resource) -> bool {
        let fits = match self.sign {
            Sign::Came => true,
            Sign::Endpoints(count) => resource.name == self.name && endpoints(resource) == count,
        };
        fits && resource.name == self.name
    }

    /// A proxy has acknowledged it.
    pub(crate) fn acknowledged(&self, now: Instant) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        self.seen.send_modify(|seen| *seen += 1);
    }

    /// Waits for the last proxy; the answer is when it was.
    pub(crate) async fn all(&self, clock: &Clock) -> Result<Instant> {
        let mut seen = self.seen.subscribe();
        let all = async { seen.wait_for(|seen| *seen >= self.proxies).await.map(drop) };
        let waited = tokio::time::timeout(PATIENCE, all).await;
        let so_far = *self.seen.borrow();
        waited.with_context(|| {
            let Self { name, proxies, .. } = self;
            format!("{name}: {so_far} of {proxies} proxies have it after {PATIENCE:?}")
        })??;
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(last.unwrap_or_else(|| clock.now()))
    }
}

fn endpoints(resource: &Resource) -> usize {
    let body = resource.resource.as_ref().map(|any| &any.value[..]).unwrap_or_default();
    let read = ClusterLoadAssignment::decode(body).unwrap_or_default();
    read.endpoints.iter().map(|group| group.lb_endpoints.len()).sum()
}
