//! Picks one endpoint for one request.
//!
//! In: a cluster's endpoints, their live loads and health, a random number. Out: an index into the endpoints.
//! Holds: the endpoint returned is available (healthy by the control plane, not ejected); hosts that were tried
//! before are avoided while others are left. Lower priorities serve only when no higher one is available. When fewer
//! hosts are healthy than the panic threshold says, health no longer counts.
//! Never: I/O, clocks, randomness of its own, locks.
//! Why two choices and not the minimum: every proxy would send to the same idle endpoint at once.

mod hash;
mod key;
mod outlier;

use proxy_config::cluster::Balancer;
use proxy_config::endpoint::{Endpoint, Endpoints, Health};

pub use hash::Table;
pub use key::{Key, key};
pub use outlier::{HostHealth, Verdict as OutlierVerdict};

/// What is known live of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Live {
    /// Requests under way to it.
    pub active: u32,
    /// Ejected by passive health checking.
    pub ejected: bool,
}

/// What a pick depends on.
#[derive(Clone, Copy)]
pub struct Pick<'a> {
    /// How.
    pub balancer: Balancer,
    /// Among whom.
    pub endpoints: &'a Endpoints,
    /// Live facts by index.
    pub live: &'a dyn Fn(usize) -> Live,
    /// Indexes that were tried for this request.
    pub tried: &'a [usize],
    /// A fresh random number.
    pub random: u64,
    /// What consistent hashing hashes; `None` falls back to a random pick.
    pub hash: Option<u64>,
    /// The table, for consistent hashing; made by [`Table::new`] once per endpoints.
    pub table: Option<&'a Table>,
    /// Percent of healthy hosts below which health no longer counts.
    pub panic_threshold: u8,
}

impl std::fmt::Debug for Pick<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pick").field("balancer", &self.balancer).finish_non_exhaustive()
    }
}

/// State of round robin: one per worker and cluster. Smooth weighted, so that heavy hosts are spread out.
#[derive(Debug, Clone, Default)]
pub struct Cursor {
    current: Vec<i64>,
}

/// Picks. `None`: no endpoint is available ("no healthy upstream").
#[must_use]
pub fn pick(pick: &Pick<'_>, cursor: &mut Cursor) -> Option<usize> {
    let available = available(pick, true).or_else(|| available(pick, false));
    let available = panicking(pick, available.as_deref()).or(available)?;
    match pick.balancer {
        Balancer::RoundRobin => cursor.next(pick.endpoints, &available),
        Balancer::LeastRequest { choices } => Some(least(pick, &available, choices)),
        Balancer::RingHash { .. } | Balancer::Maglev { .. } => {
            let hashed = pick.table.zip(pick.hash);
            let found = hashed.and_then(|(table, hash)| table.find(hash, &available));
            found.or_else(|| weighted(pick.endpoints, &available, pick.random))
        }
        Balancer::Random | Balancer::ClusterProvided => {
            weighted(pick.endpoints, &available, pick.random)
        }
    }
}

/// Indexes of the first priority that has someone available; `None` when nobody is.
fn available(pick: &Pick<'_>, fresh: bool) -> Option<Vec<usize>> {
    let endpoints = &pick.endpoints.endpoints;
    let usable = |health: Health| {
        let serves = |(index, endpoint): &(usize, &Endpoint)| {
            endpoint.health == health
                && !(pick.live)(*index).ejected
                && !(fresh && pick.tried.contains(index))
        };
        let first = endpoints.iter().enumerate().filter(serves).map(|(_, e)| e.priority).min()?;
        let same = |(index, endpoint): (usize, &Endpoint)| {
            (endpoint.priority == first && serves(&(index, endpoint))).then_some(index)
        };
        Some(endpoints.iter().enumerate().filter_map(same).collect())
    };
    usable(Health::Healthy).or_else(|| usable(Health::Degraded))
}

/// All hosts of the priority that would serve, when too few of them are healthy and no other priority makes up for it.
fn panicking(pick: &Pick<'_>, available: Option<&[usize]>) -> Option<Vec<usize>> {
    let endpoints = &pick.endpoints.endpoints;
    if pick.panic_threshold == 0 || endpoints.is_empty() {
        return None;
    }
    let first = available.and_then(|indexes| endpoints.get(*indexes.first()?));
    let priority = first.or_else(|| endpoints.iter().min_by_key(|e| e.priority))?.priority;
    let healthy_of = |priority: u32| {
        let here = endpoints.iter().enumerate().filter(move |(_, e)| e.priority == priority);
        here.fold((0usize, 0usize), |(healthy, all), (index, endpoint)| {
            let good = endpoint.health == Health::Healthy && !(pick.live)(index).ejected;
            (healthy + usize::from(good), all + 1)
        })
    };
    let (healthy, all) = healthy_of(priority);
    if healthy * 100 >= usize::from(pick.panic_threshold) * all {
        return None;
    }
    let mut priorities: Vec<u32> = endpoints.iter().map(|e| e.priority).collect();
    priorities.dedup();
    // Envoy counts a priority as whole from 1/1.4 of its hosts on.
    let health = |priority: u32| {
        let (healthy, all) = healthy_of(priority);
        (healthy * 140 / all.max(1)).min(100)
    };
    if priorities.into_iter().map(health).sum::<usize>() >= 100 {
        return None;
    }
    let same = |(index, e): (usize, &Endpoint)| (e.priority == priority).then_some(index);
    let all: Vec<usize> = endpoints.iter().enumerate().filter_map(same).collect();
    let fresh: Vec<usize> = all.iter().copied().filter(|i| !pick.tried.contains(i)).collect();
    Some(if fresh.is_empty() { all } else { fresh })
}

impl Cursor {
    fn next(&mut self, endpoints: &Endpoints, available: &[usize]) -> Option<usize> {
        self.current.resize(endpoints.endpoints.len(), 0);
        let mut total = 0;
        let mut best: Option<usize> = None;
        for &index in available {
            let weight = i64::from(endpoints.endpoints[index].weight.max(1));
            total += weight;
            self.current[index] += weight;
            if best.is_none_or(|best| self.current[index] > self.current[best]) {
                best = Some(index);
            }
        }
        let best = best?;
        self.current[best] -= total;
        Some(best)
    }
}

fn least(pick: &Pick<'_>, available: &[usize], choices: u32) -> usize {
    let mut random = pick.random;
    let mut best = draw(pick.endpoints, available, random);
    for _ in 1..choices.max(2) {
        random = mix(random);
        let other = draw(pick.endpoints, available, random);
        if (pick.live)(other).active < (pick.live)(best).active {
            best = other;
        }
    }
    best
}

fn weighted(endpoints: &Endpoints, available: &[usize], random: u64) -> Option<usize> {
    (!available.is_empty()).then(|| draw(endpoints, available, random))
}

/// One of `available` (not empty) by weight.
fn draw(endpoints: &Endpoints, available: &[usize], random: u64) -> usize {
    let weight = |index: usize| u64::from(endpoints.endpoints[index].weight.max(1));
    let total: u64 = available.iter().map(|index| weight(*index)).sum();
    let mut point = random % total.max(1);
    for &index in available {
        if point < weight(index) {
            return index;
        }
        point -= weight(index);
    }
    available[0]
}

/// Another random number from one (SplitMix64).
fn mix(seed: u64) -> u64 {
    let z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests;
