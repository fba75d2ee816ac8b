//! Limits of rates that a proxy keeps by itself.
//! In: nothing. Out: types. Source of the semantics: Envoy's local rate limit filter for HTTP.

use std::sync::Arc;
use std::time::Duration;

use crate::matcher::Fraction;
use crate::route::{HeaderMatch, HeaderOp};

/// A limit of requests.
#[derive(Debug, Clone)]
pub struct Limit {
    /// Name in statistics.
    pub name: Arc<str>,
    /// A route may say another limit in its place.
    pub by_route: bool,
    /// For every request; `None` limits only what the buckets of [`Self::kinds`] are for.
    pub bucket: Option<Bucket>,
    /// Buckets of kinds of requests, by what [`Self::keys`] say of a request.
    pub kinds: Vec<Kind>,
    /// What is said of a request: each list gives one description, or none when one of its parts is missing.
    pub keys: Vec<Vec<Key>>,
    /// A request that has a bucket of its kind takes from the bucket for all, too.
    pub both: bool,
    /// Share of the requests that are counted.
    pub enabled: Fraction,
    /// Share of the requests beyond the limit that are refused; the others are only counted.
    pub enforced: Fraction,
    /// Status of a refusal.
    pub status: u16,
    /// A gRPC client hears `RESOURCE_EXHAUSTED`, else `UNAVAILABLE`.
    pub exhausted: bool,
    /// Operations on a refusal.
    pub on_refusal: Vec<HeaderOp>,
    /// Operations on a request that is beyond the limit and goes on.
    pub on_excess: Vec<HeaderOp>,
    /// `x-ratelimit-limit`, `-remaining` and `-reset` stand on every answer.
    pub tells: bool,
    /// `retry-after` stands on a refusal with status 429.
    pub tells_when: bool,
    /// Most buckets of one kind that are made for values as they come.
    pub most: usize,
}

impl Limit {
    /// Whether the same tokens are counted, so that what was taken from one is taken from the other.
    #[must_use]
    pub fn same_buckets(&self, other: &Self) -> bool {
        (&self.name, self.bucket, &self.kinds, self.most)
            == (&other.name, other.bucket, &other.kinds, other.most)
    }
}

/// Tokens, of which each request takes one. It begins full, and is filled steadily.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// How many it holds.
    pub most: u32,
    /// How many come in [`Self::every`]; at least one.
    pub fill: u32,
    /// In what time; more than nothing.
    pub every: Duration,
}

/// The bucket of a kind of requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// What is said of such requests, in this order. Without a value, each value has a bucket of its own.
    pub entries: Vec<(Arc<str>, Option<Arc<str>>)>,
    /// Its bucket.
    pub bucket: Bucket,
}

/// One part of what is said of a request.
#[derive(Debug, Clone)]
pub enum Key {
    /// The same of all.
    Fixed(Arc<str>, Arc<str>),
    /// The value of a field.
    Field {
        /// The field, in lower case, or a pseudo-header.
        name: Arc<str>,
        /// What the part is called.
        key: Arc<str>,
        /// Without the field only this part is missing, not the whole.
        skips: bool,
    },
    /// The value of a parameter of the query.
    Parameter {
        /// The parameter.
        name: Arc<str>,
        /// What the part is called.
        key: Arc<str>,
        /// Without the parameter only this part is missing, not the whole.
        skips: bool,
    },
    /// The client's address.
    Address,
    /// The network of the client's address, by the lengths of the prefixes of version 4 and 6.
    Network(u8, u8),
    /// A fixed text of requests whose fields match, or do not.
    Matches {
        /// What the part is called.
        key: Arc<str>,
        /// The text.
        value: Arc<str>,
        /// They must match, or must not.
        expected: bool,
        /// All of these.
        fields: Vec<HeaderMatch>,
    },
}
