//! Limits of rates: the arithmetic of buckets, and which of them a request takes from.
//!
//! In: a limit, facts of a request, the time in nanoseconds. Out: descriptions of the request; buckets after a token was taken.
//! Holds: a bucket is one number, the time at which it was (or would have been) empty, so that filling it costs nothing and
//! several threads can share it without a lock.
//! Never: keeps a bucket.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use proxy_config::RequestFacts;
use proxy_config::facts::parameters;
use proxy_config::limit::{Bucket, Key, Kind, Limit};

/// A bucket that nobody has taken from.
pub const FULL: i64 = i64::MIN;

/// What a bucket holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// Whole tokens.
    pub left: u32,
    /// Seconds until a token is there, the last one begun; zero while there is one.
    pub next_in: u64,
}

/// Nanoseconds that a token takes to come.
fn cost(bucket: &Bucket) -> i64 {
    let nanos = bucket.every.as_nanos() / u128::from(bucket.fill.max(1));
    i64::try_from(nanos).unwrap_or(i64::MAX).max(1)
}

/// When a full bucket would have been empty.
fn floor(bucket: &Bucket, now: i64) -> i64 {
    now.saturating_sub(cost(bucket).saturating_mul(i64::from(bucket.most)))
}

/// The bucket after one token was taken; `None` when it holds none.
#[must_use]
pub fn take(bucket: &Bucket, empty_at: i64, now: i64) -> Option<i64> {
    let after = empty_at.max(floor(bucket, now)).saturating_add(cost(bucket));
    (after <= now).then_some(after)
}

/// How much it holds.
#[must_use]
pub fn level(bucket: &Bucket, empty_at: i64, now: i64) -> Level {
    let (cost, floor) = (cost(bucket), floor(bucket, now));
    let empty_at = empty_at.max(floor).min(now);
    let held = now.saturating_sub(empty_at);
    let seconds = |nanos: i64| u64::try_from(nanos).unwrap_or(0).div_ceil(1_000_000_000);
    Level {
        left: u32::try_from(held / cost).unwrap_or(bucket.most).min(bucket.most),
        next_in: seconds(cost.saturating_sub(held).max(0)),
    }
}

/// What one list of keys says of a request.
pub type Description<'a> = Vec<(&'a str, Cow<'a, str>)>;

/// What the limit's keys say of a request.
#[must_use]
pub fn descriptions<'a>(
    limit: &'a Limit,
    request: &'a dyn RequestFacts,
    client: IpAddr,
) -> Vec<Description<'a>> {
    limit.keys.iter().filter_map(|keys| description(keys, request, client)).collect()
}

fn description<'a>(
    keys: &'a [Key],
    request: &'a dyn RequestFacts,
    client: IpAddr,
) -> Option<Description<'a>> {
    let mut found = Vec::with_capacity(keys.len());
    for key in keys {
        match part(key, request, client) {
            Some(part) => found.push(part),
            None if skips(key) => {}
            None => return None,
        }
    }
    (!found.is_empty()).then_some(found)
}

const fn skips(key: &Key) -> bool {
    matches!(key, Key::Field { skips: true, .. } | Key::Parameter { skips: true, .. })
}

fn part<'a>(
    key: &'a Key,
    request: &'a dyn RequestFacts,
    client: IpAddr,
) -> Option<(&'a str, Cow<'a, str>)> {
    let client = client.to_canonical();
    Some(match key {
        Key::Fixed(key, value) => (key, Cow::Borrowed(value)),
        Key::Field { name, key, .. } => (key, request.any_field(name)?),
        Key::Parameter { name, key, .. } => {
            let mut all = parameters(request.query());
            (key, all.find(|(known, _)| known == &**name)?.1)
        }
        Key::Address => ("remote_address", client.to_string().into()),
        Key::Network(v4, v6) => {
            let length = if client.is_ipv4() { v4 } else { v6 };
            let network = ipnet::IpNet::new(client, *length).ok()?.trunc();
            ("masked_remote_address", network.to_string().into())
        }
        Key::Matches { key, value, expected, fields } => {
            let all = fields.iter().all(|field| field.holds(request));
            (all == *expected).then_some((&**key, Cow::Borrowed(&**value)))?
        }
    })
}

/// Whether a kind of requests is described so; the values that have buckets of their own, if any.
#[must_use]
pub fn own_values<'a>(kind: &Kind, said: &'a Description<'_>) -> Option<Vec<&'a str>> {
    if kind.entries.len() != said.len() {
        return None;
    }
    let mut own = Vec::new();
    for ((key, wanted), (known, value)) in kind.entries.iter().zip(said) {
        match wanted {
            _ if **key != **known => return None,
            Some(wanted) if **wanted != **value => return None,
            Some(_) => {}
            None => own.push(&**value),
        }
    }
    Some(own)
}

/// The kinds that a request is of, the slowest bucket first, with the values that have buckets of their own.
#[must_use]
pub fn kinds<'l>(
    limit: &'l Limit,
    said: &[Description<'_>],
) -> Vec<(usize, &'l Kind, Vec<Arc<str>>)> {
    let mut found = Vec::new();
    for said in said {
        // What is written out goes before what holds for every value.
        let own = |(at, kind)| Some((at, kind, own_values(kind, said)?));
        let fitting = limit.kinds.iter().enumerate().filter_map(own);
        if let Some((at, kind, own)) = fitting.min_by_key(|(_, _, own)| own.len()) {
            found.push((at, kind, own.into_iter().map(Arc::from).collect()));
        }
    }
    found.sort_by_key(|(_, kind, _)| std::cmp::Reverse(cost(&kind.bucket)));
    found
}

#[cfg(test)]
mod tests;
