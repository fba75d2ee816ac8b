use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proxy_config::cluster::Outlier;
use proxy_config::endpoint::Locality;

use super::*;

fn endpoints(weights: &[u32]) -> Endpoints {
    let endpoint = |(index, weight): (usize, &u32)| Endpoint {
        address: format!("10.0.0.{}:80", index + 1).parse().unwrap(),
        priority: 0,
        weight: *weight,
        locality: Arc::new(Locality::default()),
        health: Health::Healthy,
        transport_labels: Vec::new(),
        workload: "".into(),
    };
    Endpoints { name: "c".into(), endpoints: weights.iter().enumerate().map(endpoint).collect() }
}

fn request<'a>(
    endpoints: &'a Endpoints,
    balancer: Balancer,
    live: &'a dyn Fn(usize) -> Live,
) -> Pick<'a> {
    Pick { balancer, endpoints, live, tried: &[], random: 0, hash: None, ring: None }
}

const IDLE: fn(usize) -> Live = |_| Live { active: 0, ejected: false };

#[test]
fn round_robin_spreads_by_weight() {
    let endpoints = endpoints(&[5, 1, 1]);
    let mut cursor = Cursor::default();
    let request = request(&endpoints, Balancer::RoundRobin, &IDLE);
    let picks: Vec<usize> = (0..7).filter_map(|_| pick(&request, &mut cursor)).collect();
    assert_eq!(picks, [0, 0, 1, 0, 2, 0, 0]);
}

#[test]
fn a_busy_host_gets_less() {
    let endpoints = endpoints(&[1, 1]);
    let live = |index| Live { active: if index == 0 { 50 } else { 0 }, ejected: false };
    let mut hits = [0, 0];
    for random in 0..1000 {
        let mut request = request(&endpoints, Balancer::LeastRequest { choices: 2 }, &live);
        request.random = mix(random);
        hits[pick(&request, &mut Cursor::default()).unwrap()] += 1;
    }
    assert!(hits[0] < 350 && hits[1] > 650, "{hits:?}");
}

#[test]
fn priorities_tried_hosts_and_ejection_are_respected() {
    let mut endpoints = endpoints(&[1, 1, 1]);
    endpoints.endpoints[2].priority = 1;
    let mut request = request(&endpoints, Balancer::Random, &IDLE);
    request.tried = &[0];
    assert_eq!(pick(&request, &mut Cursor::default()), Some(1));
    let first_out = |index| Live { active: 0, ejected: index < 2 };
    request.live = &first_out;
    assert_eq!(pick(&request, &mut Cursor::default()), Some(2));
    let all_out = |_| Live { active: 0, ejected: true };
    request.live = &all_out;
    assert_eq!(pick(&request, &mut Cursor::default()), None);
}

#[test]
fn a_host_that_was_tried_is_taken_again_when_nobody_else_is_left() {
    let endpoints = endpoints(&[1]);
    let mut request = request(&endpoints, Balancer::RoundRobin, &IDLE);
    request.tried = &[0];
    assert_eq!(pick(&request, &mut Cursor::default()), Some(0));
}

#[test]
fn the_ring_moves_only_the_keys_of_a_host_that_left() {
    let endpoints = endpoints(&[1, 1, 1, 1]);
    let ring = Ring::new(&endpoints, 1024);
    let at = |hash: u64, live: &dyn Fn(usize) -> Live| {
        let mut request = request(&endpoints, Balancer::RingHash { minimum: 1024 }, live);
        (request.hash, request.ring) = (Some(hash), Some(&ring));
        pick(&request, &mut Cursor::default()).unwrap()
    };
    let without_last = |index| Live { active: 0, ejected: index == 3 };
    let mut moved = 0;
    for key in 0..1000 {
        let (before, after) = (at(mix(key), &IDLE), at(mix(key), &without_last));
        assert!(before == 3 || before == after);
        moved += u32::from(before != after);
    }
    assert!((150..350).contains(&moved), "{moved}");
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "an Instant can only be made from the clock; the test never waits"
)]
fn failures_in_a_row_eject_and_each_ejection_is_longer() {
    let outlier = Outlier {
        consecutive_5xx: 3,
        consecutive_gateway: 2,
        split_local_origin: false,
        consecutive_local_origin: 5,
        interval: Duration::from_secs(10),
        base_ejection: Duration::from_secs(30),
        max_ejection: Duration::from_secs(300),
        max_ejection_percent: 10,
    };
    let start = Instant::now();
    let mut host = HostHealth::default();
    assert!(!host.record(&outlier, OutlierVerdict::Status(503)));
    assert!(!host.record(&outlier, OutlierVerdict::Status(200)));
    assert!(!host.record(&outlier, OutlierVerdict::Status(503)));
    assert!(host.record(&outlier, OutlierVerdict::LocalOrigin));
    host.eject(&outlier, start);
    assert!(host.ejected(start + Duration::from_secs(29)));
    assert!(!host.ejected(start + Duration::from_secs(30)));
    host.eject(&outlier, start);
    assert_eq!(host.remaining(start), Some(Duration::from_secs(60)));
}

proptest! {
    #[test]
    fn only_available_hosts_are_picked(
        weights in proptest::collection::vec(0u32..9, 1..12),
        out in any::<u16>(),
        random in any::<u64>(),
        kind in 0..3,
    ) {
        let endpoints = endpoints(&weights);
        let live = |index: usize| Live { active: 0, ejected: out >> index & 1 == 1 };
        let balancer = match kind {
            0 => Balancer::RoundRobin,
            1 => Balancer::LeastRequest { choices: 2 },
            _ => Balancer::Random,
        };
        let mut request = request(&endpoints, balancer, &live);
        request.random = random;
        match pick(&request, &mut Cursor::default()) {
            Some(index) => prop_assert!(!live(index).ejected),
            None => prop_assert!((0..weights.len()).all(|index| live(index).ejected)),
        }
    }
}
