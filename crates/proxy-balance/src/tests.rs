use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proxy_config::cluster::Outlier;
use proxy_config::endpoint::Locality;

use super::*;

/// A healthy host, by the last parts of its address.
pub(super) fn host(number: u16, weight: u32) -> Endpoint {
    Endpoint {
        address: format!("10.0.{}.{}:80", number / 256, number % 256).parse().unwrap(),
        priority: 0,
        weight,
        locality: Arc::new(Locality::default()),
        health: Health::Healthy,
        about: Arc::default(),
    }
}

fn endpoints(weights: &[u32]) -> Endpoints {
    let endpoints = (1..).zip(weights).map(|(number, weight)| host(number, *weight)).collect();
    Endpoints { name: "c".into(), endpoints, overprovisioning: None }
}

pub(super) fn asks<'a>(
    endpoints: &'a Endpoints,
    balancer: Balancer,
    live: &'a dyn Fn(usize) -> Live,
) -> Pick<'a> {
    Pick {
        balancer,
        endpoints,
        live,
        tried: &[],
        random: 0,
        hash: None,
        table: None,
        calm: None,
        panic_threshold: 0,
        weighs_localities: false,
        remote: false,
    }
}

/// Nothing is known of it, but perhaps that it is out.
fn out(ejected: bool) -> Live {
    Live { ejected, ..Live::default() }
}

const IDLE: fn(usize) -> Live = |_| Live { active: 0, ejected: false, warm: warmup::WHOLE };

#[test]
fn round_robin_spreads_by_weight() {
    let endpoints = endpoints(&[5, 1, 1]);
    let mut cursor = Cursor::default();
    let request = asks(&endpoints, Balancer::RoundRobin, &IDLE);
    let picks: Vec<usize> = (0..7).filter_map(|_| pick(&request, &mut cursor)).collect();
    assert_eq!(picks, [0, 0, 1, 0, 2, 0, 0]);
}

#[test]
fn a_busy_host_gets_less() {
    let endpoints = endpoints(&[1, 1]);
    let live = |index| Live { active: if index == 0 { 50 } else { 0 }, ..Live::default() };
    let mut hits = [0, 0];
    for random in 0..1000 {
        let mut request = asks(&endpoints, Balancer::LeastRequest { choices: 2 }, &live);
        request.random = mix(random);
        hits[pick(&request, &mut Cursor::default()).unwrap()] += 1;
    }
    assert!(hits[0] < 350 && hits[1] > 650, "{hits:?}");
}

#[test]
fn priorities_tried_hosts_and_ejection_are_respected() {
    let mut endpoints = endpoints(&[1, 1, 1]);
    endpoints.endpoints[2].priority = 1;
    let mut request = asks(&endpoints, Balancer::Random, &IDLE);
    request.tried = &[0];
    assert_eq!(pick(&request, &mut Cursor::default()), Some(1));
    let first_out = |index| self::out(index < 2);
    request.live = &first_out;
    assert_eq!(pick(&request, &mut Cursor::default()), Some(2));
    let all_out = |_| self::out(true);
    request.live = &all_out;
    assert_eq!(pick(&request, &mut Cursor::default()), None);
}

#[test]
fn a_host_that_was_tried_is_taken_again_when_nobody_else_is_left() {
    let endpoints = endpoints(&[1]);
    let mut request = asks(&endpoints, Balancer::RoundRobin, &IDLE);
    request.tried = &[0];
    assert_eq!(pick(&request, &mut Cursor::default()), Some(0));
}

#[test]
fn a_table_moves_only_the_keys_of_a_host_that_left() {
    let endpoints = endpoints(&[1, 1, 1, 1]);
    for balancer in [RING, Balancer::Maglev { size: 65_537 }] {
        let table = Table::new(&endpoints, balancer, false).unwrap();
        let at = |hash: u64, live: &dyn Fn(usize) -> Live| {
            let mut request = asks(&endpoints, balancer, live);
            (request.hash, request.table) = (Some(hash), Some(&table));
            pick(&request, &mut Cursor::default()).unwrap()
        };
        let without_last = |index| self::out(index == 3);
        let mut moved = 0;
        for key in 0..1000 {
            let (before, after) = (at(mix(key), &IDLE), at(mix(key), &without_last));
            assert!(before == 3 || before == after);
            moved += u32::from(before != after);
        }
        assert!((150..350).contains(&moved), "{balancer:?}: {moved}");
    }
}

const RING: Balancer = Balancer::RingHash { minimum: 1024, maximum: 8 * 1024 * 1024 };

#[test]
fn tables_share_by_weight_and_huge_weights_make_no_huge_table() {
    let big = u32::MAX;
    let endpoints = endpoints(&[big, big / 3, 1]);
    for balancer in [RING, Balancer::Maglev { size: 65_537 }] {
        let table = Table::new(&endpoints, balancer, false).unwrap();
        let mut hits = [0u32; 3];
        for key in 0..4000 {
            let mut request = asks(&endpoints, balancer, &IDLE);
            (request.hash, request.table) = (Some(mix(key)), Some(&table));
            hits[pick(&request, &mut Cursor::default()).unwrap()] += 1;
        }
        assert!((2700..3300).contains(&hits[0]), "{balancer:?}: {hits:?}");
        assert!((700..1300).contains(&hits[1]), "{balancer:?}: {hits:?}");
    }
}

#[test]
fn below_the_panic_threshold_health_no_longer_counts() {
    let endpoints = endpoints(&[1; 10]);
    let two_left = |index| self::out(index >= 2);
    let mut request = asks(&endpoints, Balancer::RoundRobin, &two_left);
    let hosts = |request: &Pick<'_>| {
        let mut cursor = Cursor::default();
        let picks = (0..100).filter_map(|_| pick(request, &mut cursor));
        picks.collect::<std::collections::BTreeSet<usize>>().len()
    };
    assert_eq!(hosts(&request), 2);
    request.panic_threshold = 20;
    assert_eq!(hosts(&request), 2);
    request.panic_threshold = 21;
    assert_eq!(hosts(&request), 10);
    let all_out = |_| self::out(true);
    request.live = &all_out;
    assert_eq!(hosts(&request), 10);
}

/// A request of one path, with one field.
struct Asked(&'static str, &'static str, &'static str);

impl proxy_config::RequestFacts for Asked {
    fn method(&self) -> &str {
        "GET"
    }
    fn path(&self) -> &str {
        self.0
    }
    fn authority(&self) -> &str {
        "x"
    }
    fn scheme(&self) -> &str {
        "http"
    }
    fn field(&self, name: &str) -> Option<std::borrow::Cow<'_, str>> {
        (name == self.1).then_some(std::borrow::Cow::Borrowed(self.2))
    }
}

#[test]
fn a_request_is_hashed_by_what_the_policies_name() {
    use proxy_config::route::{HashBy, HashPolicy};
    let client = "10.0.0.1".parse().unwrap();
    let ask = |by: HashBy, request: &Asked| {
        key(&[HashPolicy { by, terminal: false }], request, client, || 7)
    };
    let header = || HashBy::Header("x-user".into());
    let jason = ask(header(), &Asked("/", "x-user", "jason")).hash;
    assert!(jason.is_some());
    assert_eq!(jason, ask(header(), &Asked("/other", "x-user", "jason")).hash);
    assert_ne!(jason, ask(header(), &Asked("/", "x-user", "eve")).hash);
    assert_eq!(ask(header(), &Asked("/", "y", "eve")).hash, None);
    let query = ask(HashBy::Query("u".into()), &Asked("/a?b=1&u=jason", "", ""));
    assert_eq!(query.hash, jason);
    assert!(ask(HashBy::SourceIp, &Asked("/", "", "")).hash.is_some());
    let attributes = || vec![("SameSite".into(), "Strict".into()), ("Secure".into(), "".into())];
    let cookie =
        |ttl| HashBy::Cookie { name: "u".into(), ttl, path: "/".into(), attributes: attributes() };
    let given = ask(cookie(None), &Asked("/", "cookie", "a=b; u=jason"));
    assert_eq!((given.hash, given.cookies.len()), (jason, 0));
    assert_eq!(ask(cookie(None), &Asked("/", "", "")).hash, None);
    let fresh = ask(cookie(Some(Duration::from_secs(60))), &Asked("/", "", ""));
    assert_eq!(
        fresh.cookies,
        ["u=\"0000000000000007\"; Max-Age=60; Path=/; HttpOnly; SameSite=Strict; Secure"]
    );
    let back = ask(cookie(None), &Asked("/", "cookie", "u=0000000000000007"));
    assert_eq!(fresh.hash, back.hash);
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
        errors: None,
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
        let live = |index: usize| self::out(out >> index & 1 == 1);
        let balancer = match kind {
            0 => Balancer::RoundRobin,
            1 => Balancer::LeastRequest { choices: 2 },
            _ => Balancer::Random,
        };
        let mut request = asks(&endpoints, balancer, &live);
        request.random = random;
        match pick(&request, &mut Cursor::default()) {
            Some(index) => prop_assert!(!live(index).ejected),
            None => prop_assert!((0..weights.len()).all(|index| live(index).ejected)),
        }
    }
}
