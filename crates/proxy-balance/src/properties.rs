//! What holds of any cluster: distribution, little movement, health, ejection, budgets.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proxy_config::cluster::{Outlier, RetryBudget};
use proxy_config::endpoint::Locality;

use super::tests::{asks, host};
use super::*;

/// Hosts by the last parts of their addresses, with priority and weight.
fn cluster(hosts: &[(u16, u32, u32)]) -> Endpoints {
    let endpoint = |(number, priority, weight): &(u16, u32, u32)| Endpoint {
        priority: *priority,
        ..host(*number, *weight)
    };
    let mut endpoints: Vec<Endpoint> = hosts.iter().map(endpoint).collect();
    endpoints.sort_by_key(|endpoint| endpoint.priority);
    Endpoints { name: "c".into(), endpoints, overprovisioning: None }
}

fn balancer(kind: usize) -> Balancer {
    [
        Balancer::RoundRobin,
        Balancer::LeastRequest { choices: 2 },
        Balancer::Random,
        Balancer::RingHash { minimum: 1024, maximum: 8_388_608 },
        Balancer::Maglev { size: 4099 },
    ][kind]
}

/// Picks with many numbers, as keys and as chances.
fn picks(request: &Pick<'_>, many: u64) -> BTreeMap<usize, u32> {
    let mut cursor = Cursor::default();
    let mut found = BTreeMap::new();
    for number in 0..many {
        let random = mix(number);
        let request = Pick { random, hash: request.table.map(|_| random), ..*request };
        if let Some(index) = pick(&request, &mut cursor) {
            *found.entry(index).or_default() += 1;
        }
    }
    found
}

const IDLE: fn(usize) -> Live = |_| Live { active: 0, ejected: false, warm: warmup::WHOLE };

fn numbers(most: usize) -> impl Strategy<Value = Vec<u16>> {
    proptest::collection::btree_set(0u16..4000, 2..most).prop_map(|set| set.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn hosts_get_shares_by_their_weights(
        weights in proptest::collection::vec(1u32..10, 2..8),
        kind in 0usize..5,
    ) {
        let hosts: Vec<_> = (0u16..).zip(&weights).map(|(n, weight)| (n, 0, *weight)).collect();
        let endpoints = cluster(&hosts);
        let table = Table::new(&endpoints, balancer(kind), false);
        let mut request = asks(&endpoints, balancer(kind), &IDLE);
        request.table = table.as_ref();
        let found = picks(&request, 8000);
        let total: u32 = weights.iter().sum();
        for (index, weight) in weights.iter().enumerate() {
            let expected = f64::from(*weight) / f64::from(total);
            let share = f64::from(found.get(&index).copied().unwrap_or(0)) / 8000.0;
            // A ring of a thousand places is rough.
            prop_assert!((share - expected).abs() < 0.03 + expected * 0.35, "{kind}: {weights:?}: {found:?}");
        }
    }

    #[test]
    fn what_is_known_beforehand_changes_no_pick(
        hosts in proptest::collection::vec((0u32..3, 1u32..3, 0usize..4), 1..12),
        kind in 0usize..5,
        threshold in 0u8..=100,
    ) {
        let list: Vec<_> = (0u16..).zip(&hosts).map(|(n, (priority, weight, _))| (n, *priority, *weight)).collect();
        let mut endpoints = cluster(&list);
        for (endpoint, (_, _, health)) in endpoints.endpoints.iter_mut().zip(&hosts) {
            endpoint.health = [Health::Healthy, Health::Healthy, Health::Degraded, Health::Unhealthy][*health];
        }
        let (table, calm) = (Table::new(&endpoints, balancer(kind), false), Calm::new(&endpoints));
        let mut request = asks(&endpoints, balancer(kind), &IDLE);
        (request.table, request.panic_threshold) = (table.as_ref(), threshold);
        let without = picks(&request, 200);
        request.calm = calm.as_ref();
        prop_assert_eq!(picks(&request, 200), without);
    }

    #[test]
    fn a_host_that_comes_takes_keys_and_moves_few_others(numbers in numbers(24), ring in any::<bool>()) {
        let balancer = balancer(if ring { 3 } else { 4 });
        let (last, rest) = numbers.split_last().unwrap();
        let hosts = |numbers: &[u16]| cluster(&numbers.iter().map(|n| (*n, 0, 1)).collect::<Vec<_>>());
        let (few, many) = (hosts(rest), hosts(&numbers));
        let (before, after) =
            (Table::new(&few, balancer, false).unwrap(), Table::new(&many, balancer, false).unwrap());
        let at = |endpoints: &Endpoints, table: &Table, key: u64| {
            let mut request = asks(endpoints, balancer, &IDLE);
            (request.hash, request.table) = (Some(mix(key)), Some(table));
            endpoints.endpoints[pick(&request, &mut Cursor::default()).unwrap()].address
        };
        let newcomer = hosts(&[*last]).endpoints[0].address;
        let (mut taken, mut moved) = (0u32, 0u32);
        for key in 0..2000 {
            let (old, new) = (at(&few, &before, key), at(&many, &after, key));
            taken += u32::from(new == newcomer);
            moved += u32::from(old != new && new != newcomer);
        }
        let fair = 2000 / u32::try_from(numbers.len()).unwrap();
        prop_assert!(taken > fair / 3 && taken < fair * 2 + 60, "{taken} of fair {fair}");
        // On a ring only shares of other sizes move a key; Maglev's table moves a few more.
        prop_assert!(moved < 2000 / 5, "{moved}");
    }

    #[test]
    fn nobody_who_is_out_is_asked_unless_all_panic(
        out in any::<u32>(),
        priorities in proptest::collection::vec(0u32..3, 1..20),
        kind in 0usize..5,
        random in any::<u64>(),
        threshold in prop_oneof![Just(0u8), 0u8..=100],
        tried in proptest::collection::vec(0usize..20, 0..3),
    ) {
        let hosts: Vec<_> = (0u16..).zip(&priorities).map(|(n, priority)| (n, *priority, 1)).collect();
        let endpoints = cluster(&hosts);
        let live = |index: usize| Live { ejected: out >> index & 1 == 1, ..Live::default() };
        let table = Table::new(&endpoints, balancer(kind), false);
        let request = Pick {
            random,
            hash: table.as_ref().map(|_| random),
            table: table.as_ref(),
            panic_threshold: threshold,
            tried: &tried,
            ..asks(&endpoints, balancer(kind), &live)
        };
        let found = pick(&request, &mut Cursor::default());
        let all_out = (0..hosts.len()).all(|index| live(index).ejected);
        match found {
            None => prop_assert!(all_out && threshold == 0),
            Some(index) if live(index).ejected => {
                let level = endpoints.endpoints[index].priority;
                let of_level = || endpoints.endpoints.iter().enumerate().filter(|(_, e)| e.priority == level);
                let serve = of_level().filter(|(at, _)| !live(*at).ejected).count();
                prop_assert!(serve * 100 < usize::from(threshold) * of_level().count());
            }
            Some(index) => {
                let others = (0..hosts.len()).any(|at| !live(at).ejected && !tried.contains(&at));
                prop_assert!(threshold > 0 || !tried.contains(&index) || !others, "asked again");
            }
        }
    }

    #[test]
    fn a_new_host_gets_no_more_than_its_part(warm in 1u32..=1000, kind in 0usize..3) {
        let endpoints = cluster(&[(0, 0, 1), (1, 0, 1)]);
        let live = |index: usize| Live { warm: if index == 0 { warm } else { 1000 }, ..Live::default() };
        let found = picks(&asks(&endpoints, balancer(kind), &live), 6000);
        let share = f64::from(found.get(&0).copied().unwrap_or(0)) / 6000.0;
        let expected = f64::from(warm) / f64::from(warm + 1000);
        prop_assert!((share - expected).abs() < 0.03, "{share} for {expected}");
    }

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "an Instant can only be made from the clock; the test never waits"
    )]
    fn ejections_grow_to_their_bound_and_are_forgiven(
        base in 1u64..60,
        longest in 1u64..400,
        interval in 1u64..30,
        rounds in 1u32..12,
    ) {
        let outlier = Outlier {
            consecutive_5xx: 1,
            consecutive_gateway: 0,
            split_local_origin: false,
            consecutive_local_origin: 0,
            interval: Duration::from_secs(interval),
            base_ejection: Duration::from_secs(base),
            max_ejection: Duration::from_secs(longest.max(base)),
            max_ejection_percent: 100,
            errors: None,
        };
        let mut now = Instant::now();
        let mut host = HostHealth::default();
        let mut last = Duration::ZERO;
        for round in 1..=rounds {
            prop_assert!(host.record(&outlier, OutlierVerdict::Status(500)));
            host.eject(&outlier, now);
            let out = host.remaining(now).unwrap();
            let grown = outlier.base_ejection * round;
            prop_assert_eq!(out, grown.min(outlier.max_ejection));
            prop_assert!(out >= last);
            last = out;
            now += out;
            prop_assert!(!host.ejected(now));
        }
        host.eject(&outlier, now + outlier.interval * (rounds + 1));
        let calm = host.remaining(now + outlier.interval * (rounds + 1)).unwrap();
        prop_assert_eq!(calm, outlier.base_ejection, "calm intervals forgive");
    }

    #[test]
    fn no_more_hosts_are_out_than_allowed(hosts in 1usize..200, percent in 0u32..=100) {
        let outlier = Outlier { max_ejection_percent: percent, ..EAGER };
        let mut out = 0;
        while out < hosts && may_eject(&outlier, out, hosts) {
            out += 1;
        }
        prop_assert!(out * 100 <= hosts * percent as usize);
        prop_assert!((out + 1) * 100 > hosts * percent as usize || out == hosts);
    }

    #[test]
    fn a_budget_of_retries_is_a_share_with_a_floor(
        requests in any::<u32>(),
        per_million in 0u32..=1_000_000,
        minimum in any::<u32>(),
    ) {
        let allowed = RetryBudget { per_million, minimum, interval: None }.allows(requests);
        prop_assert!(allowed >= minimum);
        let share = u64::from(requests) * u64::from(per_million) / 1_000_000;
        prop_assert!(u64::from(allowed) <= share.max(u64::from(minimum)));
    }

    #[test]
    fn places_share_by_their_weights(near in 1u32..10, far in 1u32..10, kind in 0usize..5) {
        let mut endpoints = cluster(&[(0, 0, 1), (1, 0, 1), (2, 0, 1)]);
        let place = |region: &str, weight| {
            Arc::new(Locality { region: region.into(), weight, ..Locality::default() })
        };
        endpoints.endpoints[0].locality = place("near", near);
        endpoints.endpoints[1].locality = place("far", far);
        endpoints.endpoints[2].locality = place("far", far);
        let table = Table::new(&endpoints, balancer(kind), true);
        let mut request = asks(&endpoints, balancer(kind), &IDLE);
        (request.table, request.weighs_localities) = (table.as_ref(), true);
        let share = f64::from(picks(&request, 8000).get(&0).copied().unwrap_or(0)) / 8000.0;
        let expected = f64::from(near) / f64::from(near + far);
        prop_assert!((share - expected).abs() < 0.07, "{kind}: {share} for {expected}");
    }
}

const EAGER: Outlier = Outlier {
    consecutive_5xx: 1,
    consecutive_gateway: 0,
    split_local_origin: false,
    consecutive_local_origin: 0,
    interval: Duration::from_secs(10),
    base_ejection: Duration::from_secs(30),
    max_ejection: Duration::from_secs(300),
    max_ejection_percent: 100,
    errors: None,
};

#[test]
fn requests_go_to_the_next_priority_as_hosts_of_the_first_fail() {
    let hosts: Vec<_> = (0..20).map(|n| (n, u32::from(n >= 10), 1)).collect();
    let endpoints = cluster(&hosts);
    let share = |out: usize| {
        let live = |index: usize| Live { ejected: index < out, ..Live::default() };
        let found = picks(&asks(&endpoints, Balancer::Random, &live), 10_000);
        found.range(10..).map(|(_, hits)| hits).sum::<u32>() / 100
    };
    assert_eq!([share(0), share(2)], [0, 0]);
    assert!((27..33).contains(&share(5)), "{}", share(5));
    assert_eq!(share(10), 100);
}

#[test]
fn a_retry_may_leave_the_priorities_that_were_tried() {
    let endpoints = cluster(&[(0, 0, 1), (1, 0, 1), (2, 1, 1)]);
    let request = Pick { tried: &[0], remote: true, ..asks(&endpoints, Balancer::Random, &IDLE) };
    assert_eq!(picks(&request, 100).keys().copied().collect::<Vec<_>>(), [2]);
    let only = cluster(&[(0, 0, 1)]);
    let request = Pick { tried: &[0], remote: true, ..asks(&only, Balancer::Random, &IDLE) };
    assert_eq!(picks(&request, 10).len(), 1, "there is nowhere else");
}
