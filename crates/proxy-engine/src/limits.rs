//! Limits of rates: the buckets that live, and what becomes of a request that finds one empty.
//!
//! In: the limits of a plan, what lived under the last one; then requests. Out: go on, or a refusal.
//! Holds: all workers take from the same buckets, and a new plan that counts the same goes on with them; a bucket for values as
//! they come is one of at most [`Limit::most`] of its kind, and the longest unused one goes first.
//! Never: arithmetic; that is `proxy-filter`.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use proxy_config::ProxyConfig;
use proxy_config::http::{HttpFilter, HttpManager, RouteSource};
use proxy_config::limit::{Bucket, Limit};
use proxy_config::listener::NetworkFilter;
use proxy_config::route::{HeaderOp, RouteConfig};
use proxy_filter::ext_authz::Change;
use proxy_filter::grpc_web::is_grpc;
use proxy_filter::limit::{FULL, Level, descriptions, kinds, level, take};
use proxy_http::RequestHead;
use weft_telemetry::{Flag, LimitRecord};

use crate::connection::Facts;
use crate::decide::Head;
use crate::reply::Reply;
use crate::worker::Worker;

/// Every limit of a plan with its buckets.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    /// Buckets count from here.
    epoch: Arc<OnceLock<Instant>>,
    /// By the address of the configuration, which [`Limiter::config`] keeps.
    by_config: foldhash::HashMap<usize, Arc<Limiter>>,
}

/// One limit and its buckets.
#[derive(Debug)]
struct Limiter {
    config: Arc<Limit>,
    /// Where it stands; a newer one at the same place goes on with its buckets.
    place: String,
    buckets: Arc<Buckets>,
}

/// The buckets of one limit.
#[derive(Debug)]
struct Buckets {
    for_all: AtomicI64,
    for_kinds: Vec<OfKind>,
}

/// The buckets of one kind of requests.
#[derive(Debug)]
struct OfKind {
    for_all: AtomicI64,
    by_value: Mutex<Generations>,
}

/// Buckets by values. Those that nobody asked for since half of the room was filled anew are forgotten.
#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Vec<Arc<str>>, i64>,
    old: HashMap<Vec<Arc<str>>, i64>,
}

impl Rates {
    /// Those of a configuration, with the buckets of the last plan where they are the same.
    pub(crate) fn of(config: &ProxyConfig, last: &Self) -> Self {
        let mut found = Found::default();
        for listener in config.listeners.values() {
            for (at, chain) in listener.all_chains().enumerate() {
                let managers = chain.filters.iter().filter_map(|filter| match filter {
                    NetworkFilter::Http(manager) => Some(manager),
                    _ => None,
                });
                managers.for_each(|manager| found.manager(manager, &listener.name, at));
            }
        }
        // Without a filter nobody asks for what routes say.
        if !found.0.is_empty() {
            config.routes.values().for_each(|routes| found.routes(routes, &routes.name));
        }
        let same: HashMap<&str, &Arc<Limiter>> =
            last.by_config.values().map(|old| (old.place.as_str(), old)).collect();
        let living = |(place, config): (String, Arc<Limit>)| {
            let known = same.get(place.as_str()).filter(|old| old.config.same_buckets(&config));
            let buckets = known
                .map_or_else(|| Arc::new(Buckets::new(&config)), |old| Arc::clone(&old.buckets));
            (Arc::as_ptr(&config) as usize, Arc::new(Limiter { config, place, buckets }))
        };
        let by_config = found.0.into_iter().map(living).collect();
        Self { epoch: Arc::clone(&last.epoch), by_config }
    }

    fn since(&self, now: Instant) -> i64 {
        let since = now.saturating_duration_since(*self.epoch.get_or_init(|| now));
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    }
}

/// Limits by their places.
#[derive(Default)]
struct Found(Vec<(String, Arc<Limit>)>);

impl Found {
    fn manager(&mut self, manager: &HttpManager, listener: &str, chain: usize) {
        let before = self.0.len();
        for filter in &manager.filters {
            if let HttpFilter::Limit(limit) = filter {
                let place = format!("{listener}/{chain}/{}", self.0.len() - before);
                self.0.push((place, Arc::clone(limit)));
            }
        }
        if let (true, RouteSource::Inline(routes)) = (self.0.len() > before, &manager.routes) {
            self.routes(routes, &format!("{listener}/{chain}/routes"));
        }
    }

    fn routes(&mut self, routes: &RouteConfig, place: &str) {
        for host in &routes.virtual_hosts {
            let own = host.filters.limit.iter().map(|limit| ("host".to_owned(), limit));
            let of_routes = host.routes.iter().enumerate().filter_map(|(at, route)| {
                let name =
                    if route.name.is_empty() { at.to_string() } else { route.name.to_string() };
                Some((format!("route/{name}"), route.filters.limit.as_ref()?))
            });
            for (part, limit) in own.chain(of_routes) {
                self.0.push((format!("{place}/{}/{part}", host.name), Arc::clone(limit)));
            }
        }
    }
}

impl Buckets {
    fn new(config: &Limit) -> Self {
        let of_kind = |_: &_| OfKind { for_all: AtomicI64::new(FULL), by_value: Mutex::default() };
        let for_kinds = config.kinds.iter().map(of_kind).collect();
        Self { for_all: AtomicI64::new(FULL), for_kinds }
    }
}

impl Limiter {
    /// Takes from every bucket that the request has; the level of the one that decides, if there is one.
    fn take(&self, request: &Head<'_>, client: IpAddr, now: i64) -> Option<Taken> {
        let said = descriptions(&self.config, request, client);
        let found = kinds(&self.config, &said);
        let mut first = None;
        let of_kind = !found.is_empty();
        for (at, kind, values) in found {
            let buckets = self.buckets.for_kinds.get(at)?;
            let taken = buckets.take(&kind.bucket, values, self.config.most, now);
            if !taken.passes {
                return Some(taken);
            }
            first.get_or_insert(taken);
        }
        let Some(bucket) = self.config.bucket.filter(|_| self.config.both || !of_kind) else {
            return first;
        };
        let taken = take_from(&self.buckets.for_all, &bucket, now);
        Some(if taken.passes { first.unwrap_or(taken) } else { taken })
    }
}

/// What a bucket said.
#[derive(Clone, Copy)]
struct Taken {
    passes: bool,
    most: u32,
    level: Level,
}

impl Taken {
    fn new(passes: bool, bucket: &Bucket, empty_at: i64, now: i64) -> Self {
        Self { passes, most: bucket.most, level: level(bucket, empty_at, now) }
    }
}

fn take_from(state: &AtomicI64, bucket: &Bucket, now: i64) -> Taken {
    let update = |empty_at| take(bucket, empty_at, now);
    match state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, update) {
        Ok(before) => Taken::new(true, bucket, update(before).unwrap_or(before), now),
        Err(empty_at) => Taken::new(false, bucket, empty_at, now),
    }
}

impl OfKind {
    fn take(&self, bucket: &Bucket, values: Vec<Arc<str>>, most: usize, now: i64) -> Taken {
        if values.is_empty() {
            return take_from(&self.for_all, bucket, now);
        }
        let mut known = self.by_value.lock().unwrap_or_else(PoisonError::into_inner);
        let empty_at = known.of(values, most);
        match take(bucket, *empty_at, now) {
            Some(after) => {
                *empty_at = after;
                Taken::new(true, bucket, after, now)
            }
            None => Taken::new(false, bucket, *empty_at, now),
        }
    }
}

impl Generations {
    /// The bucket of these values.
    fn of(&mut self, values: Vec<Arc<str>>, most: usize) -> &mut i64 {
        if !self.young.contains_key(&values) && self.young.len() >= most.div_ceil(2) {
            self.old = std::mem::take(&mut self.young);
        }
        let known = self.old.remove(&values).unwrap_or(FULL);
        self.young.entry(values).or_insert(known)
    }
}

/// Who asks.
pub(crate) struct Asker<'a> {
    pub(crate) worker: &'a Worker,
    pub(crate) facts: &'a Facts,
    pub(crate) client: IpAddr,
}

/// Asks a limit about a request; fields for its answer are added to `extra`.
pub(crate) fn ask(
    limits: &Rates,
    limit: &Arc<Limit>,
    asker: &Asker<'_>,
    head: &mut RequestHead,
    extra: &mut Vec<Change>,
) -> Result<(), Box<Reply>> {
    let worker = asker.worker;
    let drawn = worker.rng.borrow_mut().next_u64();
    // Two shares of one number: they are drawn apart, from different halves of it.
    let (high, low) = (drawn >> 32, drawn & 0xffff_ffff);
    let limiter = limits.by_config.get(&(Arc::as_ptr(limit) as usize));
    let Some(limiter) = limiter.filter(|_| limit.enabled.hits(high)) else { return Ok(()) };
    let now = limits.since(worker.shared.clock.now());
    let taken = limiter.take(&Head(head, asker.facts, None), asker.client, now);
    let passes = taken.is_none_or(|taken| taken.passes);
    let refused = !passes && limit.enforced.hits(low);
    worker.sink.limited(&LimitRecord { limit: &limit.name, passes, refused });
    let Some(taken) = taken else { return Ok(()) };
    if limit.tells {
        extra.extend(told(&taken));
    }
    if passes {
        return Ok(());
    }
    if !refused {
        limit.on_excess.iter().for_each(|op| crate::change::plain(&mut head.fields, op));
        return Ok(());
    }
    Err(Box::new(refusal(limit, &taken, head)))
}

fn told(taken: &Taken) -> [Change; 3] {
    let set = |name: &str, value: u64| Change::Set(name.to_owned(), value.to_string());
    let Taken { most, level, .. } = taken;
    [
        set("x-ratelimit-limit", u64::from(*most)),
        set("x-ratelimit-remaining", u64::from(level.left)),
        set("x-ratelimit-reset", level.next_in),
    ]
}

fn refusal(limit: &Limit, taken: &Taken, head: &RequestHead) -> Reply {
    const WORDS: &str = "local_rate_limited";
    let mut reply = Reply::new(limit.status, WORDS, Flag::RateLimited, WORDS);
    let grpc = head.fields.get("content-type").unwrap_or_default();
    if limit.exhausted && is_grpc(grpc) {
        reply.fields.push(("grpc-status".into(), "8".into()));
        reply.fields.push(("grpc-message".into(), WORDS.into()));
    }
    for op in &limit.on_refusal {
        let (HeaderOp::Set(name, value)
        | HeaderOp::Append(name, value)
        | HeaderOp::AddIfAbsent(name, value)) = op
        else {
            continue;
        };
        reply.fields.push((name.to_string(), value.to_string()));
    }
    let told = reply.fields.iter().any(|(name, _)| name == "retry-after");
    if limit.tells_when && limit.status == 429 && !told {
        let after = taken.level.next_in.max(1);
        reply.fields.push(("retry-after".into(), after.to_string()));
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_are_asked_for_stay_and_the_room_is_bounded() {
        let mut known = Generations::default();
        let key = |text: &str| vec![Arc::from(text)];
        *known.of(key("kept"), 8) = 7;
        for at in 0..1000 {
            *known.of(key(&at.to_string()), 8) = at;
            assert_eq!(*known.of(key("kept"), 8), 7);
            assert!(known.young.len() + known.old.len() <= 8);
        }
        assert_eq!(*known.of(key("0"), 8), FULL);
    }
}
