//! Passive health checking of one host: failures in a row eject it for a while.
//!
//! In: results, now. Out: whether it should be ejected, and when it may come back.
//! Holds: a host that was ejected `n` times stays out `n` times the base (bounded); each interval that it is in again
//! forgives one ejection. Never: counting the ejected hosts of a cluster; the caller does, and asks [`may_eject`].
//! Source of the rules: Envoy's outlier detection.

use std::time::{Duration, Instant};

use proxy_config::cluster::Outlier;

/// State of one host.
#[derive(Debug, Clone, Copy, Default)]
pub struct HostHealth {
    any_5xx: u32,
    gateway: u32,
    local: u32,
    ejections: u32,
    until: Option<Instant>,
}

/// How a request to the host ended, as far as its health goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// An HTTP status.
    Status(u16),
    /// It could not be reached, or broke off.
    LocalOrigin,
    /// It did not answer in time.
    Timeout,
}

/// Whether one more of a cluster's hosts may be out.
#[must_use]
pub fn may_eject(outlier: &Outlier, out: usize, hosts: usize) -> bool {
    (out + 1).saturating_mul(100) <= hosts.saturating_mul(outlier.max_ejection_percent as usize)
}

impl HostHealth {
    /// Is it out now?
    #[must_use]
    pub fn ejected(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    /// Takes in a result. True: the host should be ejected; call [`Self::eject`] if the cluster allows.
    #[must_use]
    pub fn record(&mut self, outlier: &Outlier, verdict: Verdict) -> bool {
        let reached = |count: u32, limit: u32| limit > 0 && count >= limit;
        match verdict {
            Verdict::LocalOrigin | Verdict::Timeout if outlier.split_local_origin => {
                self.local += 1;
                reached(self.local, outlier.consecutive_local_origin)
            }
            // Not split: they count like a 503 and a 504.
            Verdict::LocalOrigin | Verdict::Timeout => self.failed(outlier, true),
            Verdict::Status(status) => {
                let status = outlier.counts_as(status);
                self.local = 0;
                if status < 500 {
                    (self.any_5xx, self.gateway) = (0, 0);
                    return false;
                }
                self.failed(outlier, matches!(status, 502..=504))
            }
        }
    }

    fn failed(&mut self, outlier: &Outlier, gateway: bool) -> bool {
        self.any_5xx += 1;
        self.gateway = if gateway { self.gateway + 1 } else { 0 };
        let reached = |count: u32, limit: u32| limit > 0 && count >= limit;
        reached(self.any_5xx, outlier.consecutive_5xx)
            || reached(self.gateway, outlier.consecutive_gateway)
    }

    /// Takes the host out.
    pub fn eject(&mut self, outlier: &Outlier, now: Instant) {
        self.ejections = self.remembered(outlier, now) + 1;
        let longest = outlier.max_ejection.max(outlier.base_ejection);
        let out = outlier.base_ejection.saturating_mul(self.ejections).min(longest);
        self.until = Some(now + out);
        (self.any_5xx, self.gateway, self.local) = (0, 0, 0);
    }

    /// Ejections that are not forgiven yet: each interval since it came back takes one.
    fn remembered(&self, outlier: &Outlier, now: Instant) -> u32 {
        let calm = self.until.and_then(|until| now.checked_duration_since(until));
        let intervals = calm.map_or(0, |calm| calm.as_nanos() / outlier.interval.as_nanos().max(1));
        self.ejections.saturating_sub(u32::try_from(intervals).unwrap_or(u32::MAX))
    }

    /// How long it stays out from `now`.
    #[must_use]
    pub fn remaining(&self, now: Instant) -> Option<Duration> {
        self.until.and_then(|until| until.checked_duration_since(now))
    }
}
