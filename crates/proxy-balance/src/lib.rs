//! Picks one endpoint for one request.
//!
//! In: a cluster's endpoints, their live loads and health, a random number. Out: an index into the endpoints.
//! Holds: the endpoint returned is available (healthy by the control plane, not ejected); hosts that were tried
//! before are avoided while others are left. Lower priorities serve what higher ones cannot carry. When fewer
//! hosts are healthy than the panic threshold says, health no longer counts.
//! Never: I/O, clocks, randomness of its own, locks.
//! Why two choices and not the minimum: every proxy would send to the same idle endpoint at once.

mod calm;
mod hash;
mod key;
mod levels;
mod outlier;
mod place;
pub mod warmup;

use proxy_config::cluster::Balancer;
use proxy_config::endpoint::{Endpoint, Endpoints, Health};

use crate::levels::{Level, Serving, Terms};

pub use calm::Calm;
pub use hash::Table;
pub use key::{Key, address, key};
pub use outlier::{HostHealth, Verdict as OutlierVerdict, may_eject};

/// What is known live of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Live {
    /// Requests under way to it.
    pub active: u32,
    /// Ejected by passive health checking.
    pub ejected: bool,
    /// Permille of its weight; less than [`warmup::WHOLE`] while it is new.
    pub warm: u32,
}

impl Default for Live {
    fn default() -> Self {
        Self { active: 0, ejected: false, warm: warmup::WHOLE }
    }
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
    /// Made by [`Calm::new`] once per endpoints; only where nothing is known live against any host.
    pub calm: Option<&'a Calm>,
    /// Percent of healthy hosts below which health no longer counts.
    pub panic_threshold: u8,
    /// The weights of localities count.
    pub weighs_localities: bool,
    /// Priorities of hosts that were tried are left, if there are others.
    pub remote: bool,
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
    /// Where hosts weigh the same.
    turn: usize,
}

/// Picks. `None`: no endpoint is available ("no healthy upstream").
#[must_use]
pub fn pick(pick: &Pick<'_>, cursor: &mut Cursor) -> Option<usize> {
    // The weights of places are another matter, but for tables, which know of them.
    let calm = pick.calm.filter(|_| pick.tried.is_empty() && !pick.weighs_localities);
    if let Some(calm) = calm {
        return among(pick, Among { members: &calm.members, weight: calm.weight }, cursor);
    }
    let candidates = candidates(pick)?;
    among(pick, Among { members: &candidates, weight: None }, cursor)
}

/// Hosts to pick from; not empty, in order.
#[derive(Clone, Copy)]
struct Among<'a> {
    members: &'a [usize],
    /// What each of them weighs, where that is known to be the same.
    weight: Option<u64>,
}

fn among(pick: &Pick<'_>, hosts: Among<'_>, cursor: &mut Cursor) -> Option<usize> {
    match pick.balancer {
        Balancer::RoundRobin if hosts.weight.is_some() => cursor.in_turn(hosts.members),
        Balancer::RoundRobin => cursor.next(pick, hosts.members),
        Balancer::LeastRequest { choices } => Some(least(pick, hosts, choices)),
        Balancer::RingHash { .. } | Balancer::Maglev { .. } => {
            let hashed = pick.table.zip(pick.hash);
            let found = hashed.and_then(|(table, hash)| table.find(hash, hosts.members));
            found.or_else(|| Some(draw(pick, hosts, pick.random)))
        }
        Balancer::Random | Balancer::ClusterProvided => Some(draw(pick, hosts, pick.random)),
    }
}

/// Indexes among which the balancer picks; not empty, in order.
fn candidates(pick: &Pick<'_>) -> Option<Vec<usize>> {
    let levels = levels(pick);
    let fresh = |index: &usize| !pick.tried.contains(index);
    let tried_level = |level: &Level| {
        let of = |index: &usize| pick.endpoints.endpoints.get(*index).map(|e| e.priority);
        pick.tried.iter().any(|index| of(index) == Some(level.priority))
    };
    let elsewhere: Vec<Level> =
        levels.iter().filter(|level| pick.remote && !tried_level(level)).copied().collect();
    let (priority, serving) = choose(pick, &elsewhere).or_else(|| choose(pick, &levels))?;
    let mut found = members(pick, priority, serving);
    if pick.tried.is_empty() {
        return Some(found);
    }
    let tried = found.clone();
    found.retain(fresh);
    if found.is_empty() {
        // Rather another priority than a host that has just failed.
        let others = levels.iter().filter(|level| level.priority != priority && level.healthy > 0);
        found = others
            .map(|level| members(pick, level.priority, Serving::Healthy))
            .find_map(|mut all| {
                all.retain(fresh);
                (!all.is_empty()).then_some(all)
            })
            .unwrap_or(tried);
    }
    Some(found)
}

fn choose(pick: &Pick<'_>, levels: &[Level]) -> Option<(u32, Serving)> {
    let terms = Terms {
        overprovisioning: u64::from(pick.endpoints.overprovisioning.unwrap_or(140)),
        panic_threshold: u64::from(pick.panic_threshold),
    };
    // A key keeps its priority.
    levels::choose(levels, terms, mix(pick.hash.unwrap_or(pick.random) ^ LEVELS) % 100)
}

/// Apart from the numbers that hosts and localities are drawn by.
const LEVELS: u64 = 0x6c65_7665_6c73;
const PLACES: u64 = 0x706c_6163_6573;

fn serves(pick: &Pick<'_>, index: usize, endpoint: &Endpoint, health: Health) -> bool {
    endpoint.health == health && !(pick.live)(index).ejected
}

/// The priorities, first things first.
fn levels(pick: &Pick<'_>) -> Vec<Level> {
    let mut found: Vec<Level> = Vec::with_capacity(1);
    for (index, endpoint) in pick.endpoints.endpoints.iter().enumerate() {
        if found.last().is_none_or(|last| last.priority != endpoint.priority) {
            found.push(Level { priority: endpoint.priority, ..Level::default() });
        }
        if let Some(level) = found.last_mut() {
            level.hosts += 1;
            level.healthy += u64::from(serves(pick, index, endpoint, Health::Healthy));
            level.degraded += u64::from(serves(pick, index, endpoint, Health::Degraded));
        }
    }
    found
}

/// Hosts of a priority that count; where places have weights, those of one place.
fn members(pick: &Pick<'_>, priority: u32, serving: Serving) -> Vec<usize> {
    let health = match serving {
        Serving::Healthy => Some(Health::Healthy),
        Serving::Degraded => Some(Health::Degraded),
        Serving::All => None,
    };
    let here = || {
        let all = pick.endpoints.endpoints.iter().enumerate();
        all.filter(move |(_, endpoint)| endpoint.priority == priority)
    };
    let counts = |index: usize, endpoint: &Endpoint| {
        health.is_none_or(|health| serves(pick, index, endpoint, health))
    };
    let hashes = matches!(pick.balancer, Balancer::RingHash { .. } | Balancer::Maglev { .. });
    // Tables know of the weights of places themselves, and who panics asks everybody.
    let place = (pick.weighs_localities && health.is_some() && !hashes)
        .then(|| place::choose(here(), counts, pick.endpoints, mix(pick.random ^ PLACES)))
        .flatten();
    let local = |endpoint: &Endpoint| place.is_none_or(|place| endpoint.locality == *place);
    let all = here().filter(|(index, endpoint)| local(endpoint) && counts(*index, endpoint));
    all.map(|(index, _)| index).collect()
}

/// A host's weight, less while it is new.
fn weight(pick: &Pick<'_>, index: usize) -> u64 {
    let own = pick.endpoints.endpoints.get(index).map_or(1, |endpoint| endpoint.weight.max(1));
    u64::from(own) * u64::from((pick.live)(index).warm.clamp(1, warmup::WHOLE))
}

impl Cursor {
    fn in_turn(&mut self, members: &[usize]) -> Option<usize> {
        let found = members.get(self.turn).or(members.first()).copied();
        self.turn = if self.turn + 1 < members.len() { self.turn + 1 } else { 0 };
        found
    }

    fn next(&mut self, pick: &Pick<'_>, candidates: &[usize]) -> Option<usize> {
        self.current.resize(pick.endpoints.endpoints.len(), 0);
        let mut total = 0;
        let mut best: Option<usize> = None;
        for &index in candidates {
            let weight = i64::try_from(weight(pick, index)).unwrap_or(i64::MAX);
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

fn least(pick: &Pick<'_>, hosts: Among<'_>, choices: u32) -> usize {
    let mut random = pick.random;
    let mut best = draw(pick, hosts, random);
    for _ in 1..choices.max(2) {
        random = mix(random);
        let other = draw(pick, hosts, random);
        if (pick.live)(other).active < (pick.live)(best).active {
            best = other;
        }
    }
    best
}

/// One of them by weight.
fn draw(pick: &Pick<'_>, hosts: Among<'_>, random: u64) -> usize {
    let candidates = hosts.members;
    if let Some(weight) = hosts.weight {
        let point = random % (weight * candidates.len() as u64).max(1);
        return candidates[usize::try_from(point / weight).unwrap_or(0)];
    }
    let total: u64 = candidates.iter().map(|index| weight(pick, *index)).sum();
    let mut point = random % total.max(1);
    for &index in candidates {
        let weight = weight(pick, index);
        if point < weight {
            return index;
        }
        point -= weight;
    }
    candidates[0]
}

/// Another random number from one (SplitMix64).
fn mix(seed: u64) -> u64 {
    let z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
