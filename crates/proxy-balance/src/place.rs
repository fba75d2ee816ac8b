//! Which place of a priority serves a request.
//!
//! In: the priority's hosts, which of them serve, a random number. Out: a locality.
//! Holds: a place keeps its weight until fewer than 1/1.4 of its hosts serve, and then loses in proportion; a place without
//! a weight gets nothing. Source of the semantics: Envoy's locality weighted load balancing.

use std::sync::Arc;

use proxy_config::endpoint::{Endpoint, Endpoints, Locality};

struct Place<'a> {
    locality: &'a Arc<Locality>,
    hosts: u64,
    serving: u64,
}

/// `None` when no place has a weight.
pub(crate) fn choose<'a>(
    hosts: impl Iterator<Item = (usize, &'a Endpoint)>,
    serves: impl Fn(usize, &Endpoint) -> bool,
    endpoints: &Endpoints,
    random: u64,
) -> Option<&'a Arc<Locality>> {
    let mut places: Vec<Place<'a>> = Vec::new();
    for (index, endpoint) in hosts {
        let serving = u64::from(serves(index, endpoint));
        match places.iter_mut().find(|place| *place.locality == endpoint.locality) {
            Some(place) => {
                place.hosts += 1;
                place.serving += serving;
            }
            None => places.push(Place { locality: &endpoint.locality, hosts: 1, serving }),
        }
    }
    let factor = u64::from(endpoints.overprovisioning.unwrap_or(140));
    let weight = |place: &Place<'_>| {
        let able = (place.serving * factor * 100 / place.hosts.max(1)).min(10_000);
        u64::from(place.locality.weight) * able
    };
    let total: u64 = places.iter().map(weight).sum();
    let mut point = random.checked_rem(total)?;
    let found = places.iter().find(|place| {
        let hit = point < weight(place);
        point = point.saturating_sub(weight(place));
        hit
    });
    found.map(|place| place.locality)
}
