//! What is known of callers, and how a report changes it. Pure.
//!
//! Holds: `since` is never earlier than what was really watched: a time in which no proxy of the workload looked, or in which one that
//! is gone may have seen something that nobody was there to hear, begins it anew.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use weft_admin_api::mtls::Caller;
use weft_proto::callers::{self as wire, ReportCallersRequest};

/// Callers of a port that are kept.
pub(crate) const CALLERS: usize = 256;
/// Ports of a workload that are kept: what nobody listens on can be called, too.
const PORTS: usize = 256;
/// Between the last report of one proxy and the first look of the next.
const GAP: u64 = 60_000;
/// A workload without pods is forgotten after this.
const KEPT: u64 = 30 * 24 * 3_600_000;

/// Who has an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    /// `NAMESPACE/WORKLOAD`.
    pub(crate) workload: String,
    pub(crate) pod: String,
    pub(crate) meshed: bool,
}

/// One port.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Port {
    /// By workload, or by address where that is not known.
    pub(crate) callers: BTreeMap<String, Caller>,
    pub(crate) forgotten: u64,
    pub(crate) secured: u64,
    pub(crate) secured_last: u64,
}

/// One workload.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Watched {
    pub(crate) since: u64,
    /// Last report of each pod.
    pub(crate) pods: BTreeMap<String, u64>,
    pub(crate) ports: BTreeMap<u16, Port>,
}

/// Everything, by `NAMESPACE/WORKLOAD`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Memory(pub(crate) BTreeMap<String, Watched>);

impl Memory {
    /// Takes a report of a pod of `workload`.
    pub(crate) fn take(
        &mut self,
        workload: &str,
        report: &ReportCallersRequest,
        now: u64,
        origin: impl Fn(&str) -> Option<Origin>,
    ) {
        let began = now.saturating_sub(report.watched_ms);
        let fresh = || Watched { since: began, ..Watched::default() };
        let known = self.0.entry(workload.to_owned()).or_insert_with(fresh);
        let heard = known.pods.values().max().copied();
        if heard.is_some_and(|heard| began > heard.saturating_add(GAP)) {
            known.since = began;
        }
        known.pods.insert(report.pod.clone(), now);
        for caller in &report.callers {
            if let Some(port) = known.port(caller.port) {
                port.called(caller, now, origin(&caller.address));
            }
        }
        for secured in &report.secured {
            if let Some(port) = known.port(secured.port) {
                port.secured += secured.connections;
                port.secured_last = port.secured_last.max(now.saturating_sub(secured.last_ms));
            }
        }
    }

    /// Forgets pods that are gone. `started` is when this control plane began to listen: a pod that went before then may have
    /// seen what it could tell nobody.
    pub(crate) fn settle(
        &mut self,
        living: &BTreeMap<String, BTreeSet<String>>,
        started: u64,
        now: u64,
    ) {
        for (workload, known) in &mut self.0 {
            let own = living.get(workload);
            let gone = |pod: &str| own.is_none_or(|own| !own.contains(pod));
            if known.pods.iter().any(|(pod, heard)| *heard < started && gone(pod)) {
                known.since = known.since.max(started);
            }
            let latest = known.pods.values().max().copied().unwrap_or_default();
            // The last of them stays, because it says how long nobody has looked.
            known.pods.retain(|pod, heard| *heard == latest || !gone(pod));
        }
        self.0.retain(|workload, known| {
            let heard = known.pods.values().max().copied().unwrap_or_default();
            living.contains_key(workload) || now.saturating_sub(heard) < KEPT
        });
    }
}

impl Watched {
    fn port(&mut self, port: u32) -> Option<&mut Port> {
        let port = u16::try_from(port).ok()?;
        let room = self.ports.len() < PORTS || self.ports.contains_key(&port);
        room.then(|| self.ports.entry(port).or_default())
    }
}

impl Port {
    fn called(&mut self, seen: &wire::Caller, now: u64, origin: Option<Origin>) {
        let at = |age: u64| now.saturating_sub(age);
        let known = origin.as_ref().map(|origin| origin.workload.clone());
        let key = known.unwrap_or_else(|| seen.address.clone());
        if !self.callers.contains_key(&key) && self.callers.len() >= CALLERS {
            self.forget_oldest();
        }
        let caller = self
            .callers
            .entry(key)
            .or_insert_with(|| Caller { first: at(seen.first_ms), ..Caller::default() });
        if let Some(Origin { workload, pod, meshed }) = origin {
            (caller.workload, caller.pod, caller.meshed) = (workload, pod, meshed);
        }
        caller.address.clone_from(&seen.address);
        caller.first = caller.first.min(at(seen.first_ms));
        caller.last = caller.last.max(at(seen.last_ms));
        caller.connections += seen.connections;
        caller.refused += seen.refused;
        if seen.refused > 0 {
            caller.refused_last = caller.refused_last.max(at(seen.refused_ms));
        }
    }

    /// The one that was not seen for longest says least of whether the port is quiet.
    fn forget_oldest(&mut self) {
        let oldest = self.callers.iter().min_by_key(|(_, caller)| caller.last);
        if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
            self.callers.remove(&oldest);
            self.forgotten += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 100_000_000;

    fn report(pod: &str, watched_ms: u64, callers: Vec<wire::Caller>) -> ReportCallersRequest {
        let (pod, namespace) = (pod.to_owned(), "shop".to_owned());
        ReportCallersRequest { pod, namespace, watched_ms, callers, secured: Vec::new() }
    }

    fn caller(address: &str, first_ms: u64, last_ms: u64) -> wire::Caller {
        let address = address.to_owned();
        wire::Caller {
            address,
            port: 8080,
            connections: 1,
            first_ms,
            last_ms,
            ..Default::default()
        }
    }

    fn since(memory: &Memory) -> u64 {
        memory.0["shop/web"].since
    }

    #[test]
    fn a_caller_keeps_its_first_time_and_its_name_over_pods_and_reports() {
        let mut memory = Memory::default();
        let named = |pod: &str| {
            let pod = pod.to_owned();
            move |_: &str| {
                let (workload, pod) = ("old/batch".to_owned(), pod.clone());
                Some(Origin { workload, pod, meshed: false })
            }
        };
        memory.take(
            "shop/web",
            &report("a", 50, vec![caller("10.0.0.1", 40, 30)]),
            NOW,
            named("x"),
        );
        memory.take(
            "shop/web",
            &report("b", 10, vec![caller("10.0.0.2", 5, 1)]),
            NOW + 90,
            named("y"),
        );
        let port = &memory.0["shop/web"].ports[&8080];
        let seen: Vec<_> = port.callers.values().collect();
        assert_eq!(seen.len(), 1);
        assert_eq!((seen[0].first, seen[0].last, seen[0].connections), (NOW - 40, NOW + 89, 2));
        assert_eq!((seen[0].workload.as_str(), seen[0].pod.as_str()), ("old/batch", "y"));
    }

    #[test]
    fn a_time_in_which_nobody_looked_begins_the_watch_anew() {
        let (mut memory, nobody) = (Memory::default(), |_: &str| None);
        memory.take("shop/web", &report("a", 1_000, vec![]), NOW, nobody);
        memory.take("shop/web", &report("b", 1_000, vec![]), NOW + 30_000, nobody);
        assert_eq!(since(&memory), NOW - 1_000, "one pod follows the other");
        memory.take("shop/web", &report("c", 1_000, vec![]), NOW + 500_000, nobody);
        assert_eq!(since(&memory), NOW + 499_000);
    }

    #[test]
    fn a_pod_that_went_while_no_control_plane_listened_may_have_seen_somebody() {
        let (mut memory, nobody) = (Memory::default(), |_: &str| None);
        for pod in ["a", "b"] {
            memory.take("shop/web", &report(pod, 1_000, vec![]), NOW, nobody);
        }
        let living = |pods: &[&str]| {
            let pods = pods.iter().map(|pod| (*pod).to_owned()).collect();
            BTreeMap::from([("shop/web".to_owned(), pods)])
        };
        memory.settle(&living(&["a", "b"]), NOW + 5_000, NOW + 6_000);
        assert_eq!(since(&memory), NOW - 1_000);
        memory.settle(&living(&["a"]), NOW + 5_000, NOW + 6_000);
        assert_eq!(since(&memory), NOW + 5_000);
    }

    #[test]
    fn of_too_many_callers_the_latest_are_kept() {
        let mut memory = Memory::default();
        for host in 0..300_u64 {
            let one = caller(&format!("10.0.{}.{}", host / 256, host % 256), 0, 0);
            memory.take("shop/web", &report("a", 0, vec![one]), NOW + host, |_| None);
        }
        let port = &memory.0["shop/web"].ports[&8080];
        assert_eq!((port.callers.len(), port.forgotten), (CALLERS, 44));
        assert!(port.callers.contains_key("10.0.1.43") && !port.callers.contains_key("10.0.0.0"));
    }
}
