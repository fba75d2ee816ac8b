//! What need not be looked at again for each request while nothing is known against any host.
//!
//! In: a cluster's endpoints, once. Out: the hosts among which every pick is made then, and whether they weigh the same.
//! Holds: a pick is the same with it as without it.
//! Why: the general way walks over all hosts several times, and most clusters never need it.

use proxy_config::endpoint::{Endpoints, Health};

use crate::warmup::WHOLE;

/// The hosts of a cluster none of whose hosts is out, warming up, or tried before.
#[derive(Debug)]
pub struct Calm {
    pub(crate) members: Box<[usize]>,
    /// What each member weighs, if that is the same.
    pub(crate) weight: Option<u64>,
}

impl Calm {
    /// `None` when a request may go to another priority than the first even so.
    #[must_use]
    pub fn new(endpoints: &Endpoints) -> Option<Self> {
        let all = &endpoints.endpoints;
        let first = all.first()?.priority;
        let size = all.iter().take_while(|endpoint| endpoint.priority == first).count();
        let healthy = |index: &usize| all.get(*index).is_some_and(|e| e.health == Health::Healthy);
        let members: Box<[usize]> = (0..size).filter(healthy).collect();
        let factor = usize::try_from(endpoints.overprovisioning.unwrap_or(140)).unwrap_or(140);
        if members.len().saturating_mul(factor) < size.saturating_mul(100) {
            return None;
        }
        let mut weights =
            members.iter().filter_map(|index| all.get(*index)).map(|e| e.weight.max(1));
        let weight = weights.next()?;
        let same = weights.all(|other| other == weight);
        Some(Self { members, weight: same.then(|| u64::from(weight) * u64::from(WHOLE)) })
    }
}
