//! A ring of hashed endpoints, for consistent picks.
//! In: endpoints, how many entries at least. Out: the endpoint that follows a hash on the ring.
//! Holds: an endpoint's places depend on its address alone, so others move little when one comes or goes.

use proxy_config::endpoint::Endpoints;

use crate::mix;

/// The ring.
#[derive(Debug, Clone, Default)]
pub struct Ring {
    places: Vec<(u64, usize)>,
}

impl Ring {
    /// Makes a ring of at least `minimum` entries, shared by weight, at most 8 million.
    #[must_use]
    pub fn new(endpoints: &Endpoints, minimum: u64) -> Self {
        let weights = || endpoints.endpoints.iter().map(|e| u64::from(e.weight.max(1)));
        let total = weights().sum::<u64>().max(1);
        let scale = minimum.clamp(total, 8 * 1024 * 1024).div_ceil(total);
        let mut places = Vec::new();
        for (index, (endpoint, weight)) in endpoints.endpoints.iter().zip(weights()).enumerate() {
            let seed = hash(endpoint.address.to_string().as_bytes());
            places.extend((0..weight * scale).map(|n| (mix(seed ^ mix(n)), index)));
        }
        places.sort_unstable();
        Self { places }
    }

    /// The first available endpoint at or after `hash`.
    pub(crate) fn find(&self, hash: u64, available: &[usize]) -> Option<usize> {
        let start = self.places.partition_point(|(place, _)| *place < hash);
        let after = self.places[start..].iter().chain(&self.places[..start]);
        after.map(|(_, index)| *index).find(|index| available.contains(index))
    }
}

/// FNV-1a, mixed.
fn hash(bytes: &[u8]) -> u64 {
    let fnv = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3));
    mix(fnv)
}
