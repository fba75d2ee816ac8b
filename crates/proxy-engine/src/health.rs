//! Passive health of a cluster's hosts, shared by all workers.
//!
//! In: how each try ended. Out: which hosts are out now.
//! Holds: clusters without outlier detection never take the lock; no more hosts are out than the cluster allows.
//! Never: probing.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use foldhash::HashMap;
use proxy_balance::{HostHealth, OutlierVerdict, may_eject};
use proxy_config::cluster::Outlier;

/// Health by address.
#[derive(Debug, Default)]
pub(crate) struct Health(Mutex<HashMap<SocketAddr, HostHealth>>);

impl Health {
    /// Takes in how a try ended; `hosts` is how many the cluster has.
    pub(crate) fn record(
        &self,
        outlier: &Outlier,
        host: SocketAddr,
        verdict: OutlierVerdict,
        hosts: usize,
        now: Instant,
    ) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.entry(host).or_default().record(outlier, verdict) {
            return;
        }
        let out = all.values().filter(|health| health.ejected(now)).count();
        if may_eject(outlier, out, hosts)
            && let Some(health) = all.get_mut(&host)
        {
            tracing::info!(%host, "ejected by outlier detection");
            health.eject(outlier, now);
        }
    }

    /// Addresses that are out.
    pub(crate) fn ejected(&self, now: Instant) -> Vec<SocketAddr> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter(|(_, health)| health.ejected(now)).map(|(host, _)| *host).collect()
    }

    /// Forgets hosts that are gone.
    pub(crate) fn keep(&self, hosts: &[SocketAddr]) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|host, _| hosts.contains(host));
    }
}

impl crate::plan::Cluster {
    /// Hosts that outlier detection has out now.
    #[must_use]
    pub fn ejected(&self, now: Instant) -> Vec<SocketAddr> {
        self.health.ejected(now)
    }
}
