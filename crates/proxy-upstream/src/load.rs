//! What a cluster has in flight, and its limits.
//!
//! In: limits of the plan. Out: slots; dropping one gives it back.
//! Holds: counts are shared by all workers; a slot is taken at most up to the limit.
//! Never: waiting; a full cluster is refused at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::recent::Recent;

/// Circuit breaker thresholds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Open connections.
    pub max_connections: u32,
    /// Requests that wait for a connection.
    pub max_pending: u32,
    /// Requests in flight.
    pub max_requests: u32,
    /// Retries in flight.
    pub max_retries: u32,
}

/// Counts of one cluster.
#[derive(Debug, Default)]
pub struct Load {
    /// Open connections.
    pub connections: Arc<AtomicU32>,
    /// Requests that wait for a connection.
    pub pending: Arc<AtomicU32>,
    /// Requests in flight.
    pub requests: Arc<AtomicU32>,
    /// Retries in flight.
    pub retries: Arc<AtomicU32>,
    /// Requests that began lately; told only where a limit is a share of them.
    pub recent: Recent,
    served: AtomicBool,
}

impl Load {
    /// A connection was made.
    pub(crate) fn connected(&self) {
        self.served.store(true, Ordering::Relaxed);
    }

    /// True when any connection was ever made: who refuses now was there before.
    #[must_use]
    pub fn served(&self) -> bool {
        self.served.load(Ordering::Relaxed)
    }
}

impl Load {
    /// Requests in flight, with those that wait for a connection.
    #[must_use]
    pub fn busy(&self) -> u32 {
        let of = |count: &AtomicU32| count.load(Ordering::Relaxed);
        // Whoever waits is in flight already.
        of(&self.requests).max(of(&self.pending))
    }
}

/// One unit of a count.
#[derive(Debug)]
pub struct Slot(Arc<AtomicU32>);

impl Slot {
    /// Takes a unit, if there is one below `limit`.
    #[must_use]
    pub fn take(count: &Arc<AtomicU32>, limit: u32) -> Option<Self> {
        let taken = count
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| (n < limit).then_some(n + 1));
        taken.ok().map(|_| Self(Arc::clone(count)))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_given_back() {
        let load = Load::default();
        let slot = Slot::take(&load.requests, 1);
        assert!(slot.is_some() && Slot::take(&load.requests, 1).is_none());
        drop(slot);
        assert!(Slot::take(&load.requests, 1).is_some());
    }
}
