//! Which aspects of a configuration stay from one version to the next.
//!
//! In: two versions, of which the newer one shares what did not change. Out: marks, equal for as long as an aspect is the same.
//! Holds: equal marks mean equal aspects; other marks mean nothing, as after a change that was taken back.
//! Why marks: thousands of proxies ask the same question after every change, and none of them should compare all services.

use std::sync::Arc;

/// What of a configuration may change by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aspect {
    /// Services and their other names.
    Services,
    /// VirtualServices.
    Routes,
    /// DestinationRules.
    Rules,
    /// Sidecars.
    Sidecars,
    /// What Secrets and ConfigMaps hold.
    Credentials,
    /// Which of them there are, whether they hold certificates and authorities, and for which names.
    Held,
    /// PeerAuthentications.
    Peers,
    /// Gateways.
    Gateways,
    /// EnvoyFilters.
    Patches,
    /// Labels and places of proxies that make a difference.
    Labels,
}

const ALL: [Aspect; 10] = [
    Aspect::Services,
    Aspect::Routes,
    Aspect::Rules,
    Aspect::Sidecars,
    Aspect::Credentials,
    Aspect::Held,
    Aspect::Peers,
    Aspect::Gateways,
    Aspect::Patches,
    Aspect::Labels,
];

/// One mark for each aspect, in their order.
#[derive(Debug, Default)]
pub(crate) struct Marks([Arc<()>; ALL.len()]);

impl Marks {
    /// These, with those of a version before in place of each aspect that is still the same.
    pub(crate) fn carried(&self, before: &Self, same: impl Fn(Aspect) -> bool) -> Self {
        Self(ALL.map(|aspect| {
            let from = if same(aspect) { before } else { self };
            Arc::clone(from.of(aspect))
        }))
    }

    pub(crate) fn same(&self, other: &Self, aspect: Aspect) -> bool {
        Arc::ptr_eq(self.of(aspect), other.of(aspect))
    }

    fn of(&self, aspect: Aspect) -> &Arc<()> {
        &self.0[aspect as usize]
    }
}
