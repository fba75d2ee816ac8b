//! Buckets over time, and descriptions of requests.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::*;
use proptest::prelude::*;
use proxy_config::matcher::{Fraction, StringMatcher};
use proxy_config::route::{HeaderMatch, HeaderValueMatch};

struct Request {
    path: &'static str,
    user: Option<&'static str>,
}

impl Request {
    fn get(path: &'static str) -> Self {
        Self { path, user: None }
    }
}

impl RequestFacts for Request {
    fn method(&self) -> &str {
        "GET"
    }

    fn path(&self) -> &str {
        self.path
    }

    fn authority(&self) -> &str {
        "a"
    }

    fn scheme(&self) -> &str {
        "http"
    }

    fn field(&self, name: &str) -> Option<Cow<'_, str>> {
        self.user.filter(|_| name == "x-user").map(Cow::Borrowed)
    }
}

const SECOND: i64 = 1_000_000_000;
const BUCKET: Bucket = Bucket { most: 3, fill: 6, every: Duration::from_secs(60) };

#[test]
fn a_bucket_begins_full_and_is_filled_steadily() {
    let mut at = FULL;
    for left in [2, 1, 0] {
        at = take(&BUCKET, at, 0).unwrap();
        assert_eq!(level(&BUCKET, at, 0).left, left);
    }
    assert_eq!(take(&BUCKET, at, 10 * SECOND - 1), None);
    assert_eq!(level(&BUCKET, at, 0), Level { left: 0, next_in: 10 });
    let after = take(&BUCKET, at, 10 * SECOND).unwrap();
    assert_eq!(level(&BUCKET, after, 12 * SECOND), Level { left: 0, next_in: 8 });
    assert_eq!(level(&BUCKET, after, 900 * SECOND), Level { left: 3, next_in: 0 });
}

#[test]
fn an_empty_bucket_lets_nothing_pass() {
    let none = Bucket { most: 0, ..BUCKET };
    assert_eq!(take(&none, FULL, 0), None);
    assert_eq!(take(&none, FULL, i64::MAX / 2), None);
}

proptest! {
    /// Over any time no more pass than the bucket holds, and than come in that time.
    #[test]
    fn no_more_pass_than_came(
        most in 1_u32..50,
        fill in 1_u32..50,
        every in 1_u64..100,
        waits in prop::collection::vec(0_i64..20 * SECOND, 1..200),
    ) {
        let bucket = Bucket { most, fill, every: Duration::from_secs(every) };
        let (mut at, mut now, mut passed) = (FULL, 0_i64, 0_u64);
        for wait in waits {
            now += wait;
            if let Some(after) = take(&bucket, at, now) {
                (at, passed) = (after, passed + 1);
            }
            let came = now.unsigned_abs() / cost(&bucket).unsigned_abs();
            prop_assert!(passed <= u64::from(most) + came, "{passed} of {most} and {came}");
            prop_assert!(level(&bucket, at, now).left <= most);
        }
    }
}

fn limit(keys: Vec<Vec<Key>>, kinds: &[&[(&str, &str)]]) -> Limit {
    let kind = |entries: &&[(&str, &str)]| Kind {
        entries: entries
            .iter()
            .map(|(key, value)| ((*key).into(), (!value.is_empty()).then(|| (*value).into())))
            .collect(),
        bucket: BUCKET,
    };
    Limit {
        name: "l".into(),
        by_route: false,
        bucket: None,
        kinds: kinds.iter().map(kind).collect(),
        keys,
        both: true,
        enabled: Fraction::ALWAYS,
        enforced: Fraction::ALWAYS,
        status: 429,
        exhausted: false,
        on_refusal: Vec::new(),
        on_excess: Vec::new(),
        tells: false,
        tells_when: false,
        most: 10,
    }
}

fn matched(limit: &Limit, request: &Request) -> Vec<(usize, Vec<String>)> {
    let said = descriptions(limit, request, Ipv4Addr::new(10, 1, 2, 3).into());
    let found = kinds(limit, &said);
    let texts = |own: Vec<Arc<str>>| own.iter().map(|value| value.to_string()).collect();
    found.into_iter().map(|(at, _, own)| (at, texts(own))).collect()
}

fn field(name: &str, skips: bool) -> Key {
    Key::Field { name: name.into(), key: "who".into(), skips }
}

#[test]
fn a_value_that_is_written_out_goes_before_one_that_is_not() {
    let limit = limit(vec![vec![field("x-user", false)]], &[&[("who", "")], &[("who", "ann")]]);
    let with = |user| Request { path: "/", user: Some(user) };
    assert_eq!(matched(&limit, &with("ann")), [(1, vec![])]);
    assert_eq!(matched(&limit, &with("bob")), [(0, vec!["bob".to_owned()])]);
    assert_eq!(matched(&limit, &Request::get("/")), []);
}

#[test]
fn a_missing_part_takes_the_whole_away_unless_it_may_be_skipped() {
    let fixed = Key::Fixed("k".into(), "v".into());
    let limit = limit(
        vec![vec![fixed.clone(), field("x-user", true)], vec![fixed, field("x-user", false)]],
        &[&[("k", "v")], &[("k", "v"), ("who", "")]],
    );
    assert_eq!(matched(&limit, &Request::get("/")), [(0, vec![])]);
}

#[test]
fn addresses_networks_parameters_and_matches_describe() {
    let path = HeaderMatch {
        name: ":path".into(),
        value: HeaderValueMatch::Text(StringMatcher::Prefix("/a".into())),
        invert: false,
        missing_is_empty: false,
    };
    let said = |expected, key: &str| Key::Matches {
        key: key.into(),
        value: "yes".into(),
        expected,
        fields: vec![path.clone()],
    };
    let parameter = Key::Parameter { name: "id".into(), key: "id".into(), skips: false };
    let limit = limit(
        vec![
            vec![Key::Address],
            vec![Key::Network(16, 64)],
            vec![parameter],
            vec![said(true, "a")],
            vec![said(false, "b")],
        ],
        &[
            &[("remote_address", "10.1.2.3")],
            &[("masked_remote_address", "10.1.0.0/16")],
            &[("id", "")],
            &[("a", "yes")],
            &[("b", "yes")],
        ],
    );
    let mut found = matched(&limit, &Request::get("/a?id=7"));
    found.sort();
    assert_eq!(found, [(0, vec![]), (1, vec![]), (2, vec!["7".to_owned()]), (3, vec![])]);
}
