//! Tables of hashed endpoints, for consistent picks.
//! In: endpoints, how large. Out: the endpoint that a hash means, or the next one that is available.
//! Holds: an endpoint's places depend on its address and weight alone, so others move little when one comes or goes;
//! no weights make a table larger than asked for, by more than one place per endpoint.

use std::collections::HashMap;

use proxy_config::cluster::Balancer;
use proxy_config::endpoint::{Endpoint, Endpoints, Locality};

use crate::mix;

/// A ring, or a table of Maglev's kind.
#[derive(Debug, Clone)]
pub struct Table(Kind);

#[derive(Debug, Clone)]
enum Kind {
    /// Places in order of their hash, each with an index.
    Ring(Vec<(u64, u32)>),
    /// An index per remainder of the hash.
    Maglev(Vec<u32>),
}

impl Table {
    /// Makes the table that `balancer` needs; `None` when it hashes nothing, or there are no endpoints.
    #[must_use]
    pub fn new(endpoints: &Endpoints, balancer: Balancer, localities: bool) -> Option<Self> {
        let endpoints = endpoints.endpoints.as_slice();
        if endpoints.is_empty() {
            return None;
        }
        let weights = weights(endpoints, localities);
        Some(Self(match balancer {
            Balancer::RingHash { minimum, maximum } => {
                Kind::Ring(ring(endpoints, &weights, minimum.min(maximum)))
            }
            Balancer::Maglev { size } => Kind::Maglev(maglev(endpoints, &weights, size)),
            _ => return None,
        }))
    }

    /// The first available endpoint at or after the place of `hash`; `available` is in order.
    pub(crate) fn find(&self, hash: u64, available: &[usize]) -> Option<usize> {
        let free = |index: &u32| available.binary_search(&(*index as usize)).is_ok();
        let found = match &self.0 {
            Kind::Ring(places) => {
                let start = places.partition_point(|(place, _)| *place < hash);
                let after = places[start..].iter().chain(&places[..start]);
                after.map(|(_, index)| *index).find(free)
            }
            Kind::Maglev(table) => {
                let start = usize::try_from(hash % (table.len() as u64).max(1)).unwrap_or(0);
                table[start..].iter().chain(&table[..start]).copied().find(free)
            }
        };
        found.map(|index| index as usize)
    }
}

fn index(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Weights of endpoints; where those of localities count, an endpoint's share of its locality's.
fn weights(endpoints: &[Endpoint], localities: bool) -> Vec<u64> {
    let own = |endpoint: &Endpoint| u64::from(endpoint.weight.max(1));
    if !localities {
        return endpoints.iter().map(own).collect();
    }
    let mut totals: HashMap<(u32, &Locality), u64> = HashMap::new();
    for endpoint in endpoints {
        *totals.entry((endpoint.priority, &endpoint.locality)).or_default() += own(endpoint);
    }
    let share = |endpoint: &Endpoint| {
        let total = totals.get(&(endpoint.priority, &*endpoint.locality)).copied().unwrap_or(1);
        let place = u128::from(endpoint.locality.weight.max(1)) * PRECISION;
        let share = place * u128::from(own(endpoint)) / u128::from(total.max(1));
        u64::try_from(share).unwrap_or(u64::MAX).max(1)
    };
    endpoints.iter().map(share).collect()
}

/// Parts of a locality's weight that shares of its endpoints are counted in.
const PRECISION: u128 = 1 << 20;

fn seed(endpoint: &Endpoint) -> u64 {
    hash(endpoint.address.to_string().as_bytes())
}

/// About `size` places shared by weight, at least one each.
fn ring(endpoints: &[Endpoint], weights: &[u64], size: u64) -> Vec<(u64, u32)> {
    let total = weights.iter().fold(0u64, |sum, weight| sum.saturating_add(*weight)).max(1);
    let mut places = Vec::new();
    for (number, (endpoint, weight)) in endpoints.iter().zip(weights).enumerate() {
        let share = u128::from(*weight) * u128::from(size) / u128::from(total);
        let share = u64::try_from(share).unwrap_or(size).max(1);
        let seed = seed(endpoint);
        places.extend((0..share).map(|n| (mix(seed ^ mix(n)), index(number))));
    }
    places.sort_unstable();
    places
}

/// Everybody in turn takes the next free place of his own permutation; who weighs less sits out turns.
/// Source: Maglev, NSDI 2016, with Envoy's way of weights.
fn maglev(endpoints: &[Endpoint], weights: &[u64], size: u64) -> Vec<u32> {
    const FREE: u32 = u32::MAX;
    let size = size.max(2);
    let most = weights.iter().copied().max().unwrap_or(1);
    let walkers = endpoints.iter().zip(weights);
    let mut walkers: Vec<Walker> =
        walkers.map(|(e, weight)| Walker::new(e, *weight, size)).collect();
    let mut table = vec![FREE; usize::try_from(size).unwrap_or(2)];
    let mut left = table.len();
    let mut turn = 0u64;
    while left > 0 {
        turn += 1;
        for (number, walker) in walkers.iter_mut().enumerate() {
            if left == 0 || turn.saturating_mul(walker.weight) < walker.due {
                continue;
            }
            walker.due = walker.due.saturating_add(most);
            // The size is prime, so that the walk meets every place; there is a free one.
            while table.get(walker.at).is_some_and(|taken| *taken != FREE) {
                walker.step(size);
            }
            if let Some(place) = table.get_mut(walker.at) {
                *place = index(number);
                left -= 1;
            }
        }
    }
    table
}

struct Walker {
    at: usize,
    skip: u64,
    weight: u64,
    due: u64,
}

impl Walker {
    fn new(endpoint: &Endpoint, weight: u64, size: u64) -> Self {
        let seed = seed(endpoint);
        let at = usize::try_from(seed % size).unwrap_or(0);
        Self { at, skip: mix(seed) % (size - 1) + 1, weight, due: weight }
    }

    fn step(&mut self, size: u64) {
        self.at = usize::try_from((self.at as u64 + self.skip) % size).unwrap_or(0);
    }
}

/// FNV-1a, mixed.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    let fnv = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3));
    mix(fnv)
}
