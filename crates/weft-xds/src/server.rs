//! One client's stream as its server sees it. See the tests for the walk of a stream.
//!
//! In: requests, and per push the whole resource set of a type. Out: the next answer, if one is due.
//! Holds: only what the client asked for and does not have is sent; every answer is known until it is answered.
//! Never: decides when to push.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use foldhash::fast::RandomState;
use weft_proto::ads::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};
use weft_proto::type_url;

use crate::Refusal;

mod delta;
mod held;
mod set;
mod sotw;
mod subscription;

pub use set::{Changes, Layer, ResourceSet};
use subscription::Subscription;

/// One resource as it is served: encoded once, shared by all streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Follows from the bytes, so that it survives a restart of the server.
    pub version: Arc<str>,
    /// The encoded message.
    pub body: Bytes,
}

impl Resource {
    /// Gives the bytes a version.
    #[must_use]
    pub fn new(body: Bytes) -> Self {
        use std::hash::Hasher as _;
        // Fixed keys: the same bytes have the same version in every process.
        let mut hasher = std::hash::DefaultHasher::new();
        hasher.write(&body);
        Self { version: format!("{:016x}", hasher.finish()).into(), body }
    }
}

/// The two forms of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Changes only.
    Delta,
    /// The whole set each time.
    Sotw,
}

/// A message of the client.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// On a delta stream.
    Delta(DeltaDiscoveryRequest),
    /// On a state-of-the-world stream.
    Sotw(DiscoveryRequest),
}

/// A message of the server.
#[derive(Debug, Clone, PartialEq)]
pub enum Response {
    /// On a delta stream.
    Delta(DeltaDiscoveryResponse),
    /// On a state-of-the-world stream.
    Sotw(DiscoveryResponse),
}

impl Response {
    /// Names of the resources in it.
    #[must_use]
    pub fn nonce(&self) -> &str {
        match self {
            Self::Delta(response) => &response.nonce,
            Self::Sotw(response) => &response.nonce,
        }
    }
}

/// The client's word on one answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What was given to [`Session::push`].
    pub tag: u64,
    /// Names that the answer carried.
    pub sent: Vec<String>,
    /// Names that the answer took away.
    pub removed: Vec<String>,
    /// Empty: all was accepted.
    pub refused: Vec<Refusal>,
}

/// What a request meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Which type it is about.
    pub type_url: String,
    /// Set when it answers an answer of ours.
    pub answer: Option<Answer>,
    /// True when the client now wants something it did not get yet: push this type.
    pub wants: bool,
}

/// By type URL.
type Types = HashMap<String, Subscription, RandomState>;

/// State of one stream.
#[derive(Debug)]
pub struct Session {
    mode: Mode,
    types: Types,
    nonce: u64,
}

impl Session {
    /// A new stream.
    #[must_use]
    pub fn new(mode: Mode) -> Self {
        Self { mode, types: Types::default(), nonce: 0 }
    }

    /// The form.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// True once the client has asked for the type.
    #[must_use]
    pub fn subscribed(&self, type_url: &str) -> bool {
        self.types.contains_key(type_url)
    }

    /// True while an answer of the type waits for the client's word.
    #[must_use]
    pub fn waiting(&self, type_url: &str) -> bool {
        self.types.get(type_url).is_some_and(Subscription::waiting)
    }

    /// True while an answer of any type waits for the client's word.
    #[must_use]
    pub fn waiting_for_any(&self) -> bool {
        self.types.values().any(Subscription::waiting)
    }

    /// How many resources the client has.
    #[must_use]
    pub fn held(&self, type_url: &str) -> usize {
        self.types.get(type_url).map_or(0, Subscription::count)
    }

    /// Whether the client asked for any of these names, or for all of the type.
    #[must_use]
    pub fn wants_any(&self, type_url: &str, names: &Changes) -> bool {
        let subscription = self.types.get(type_url);
        subscription.is_some_and(|known| names.iter().any(|name| known.wants(name)))
    }

    /// Takes a message of the client.
    pub fn receive(&mut self, request: Request) -> Received {
        match request {
            Request::Delta(request) => delta::receive(&mut self.types, request),
            Request::Sotw(request) => sotw::receive(&mut self.types, request),
        }
    }

    /// The next answer for a type, or `None` when the client has everything (or never asked). `tag` comes back with
    /// the client's word. With `keep_removed` (delta only) vanished resources stay until a later push.
    pub fn push(
        &mut self,
        type_url: &str,
        set: &ResourceSet,
        tag: u64,
        keep_removed: bool,
    ) -> Option<Response> {
        let subscription = self.types.get_mut(type_url)?;
        if self.mode == Mode::Delta && subscription.has_all_of(set) {
            return None;
        }
        let nonce = format!("{:x}", self.nonce + 1);
        let (response, updated) = match self.mode {
            Mode::Delta => {
                let (response, updated) =
                    delta::answer(subscription, type_url, set, nonce, tag, keep_removed)?;
                (Response::Delta(response), updated)
            }
            Mode::Sotw => {
                (Response::Sotw(sotw::answer(subscription, type_url, set, nonce, tag)?), Vec::new())
            }
        };
        self.nonce += 1;
        if type_url == type_url::CLUSTER {
            self.endpoints_again(&updated);
        }
        Some(response)
    }

    /// An Envoy that gets a changed cluster waits for its endpoints before it uses it, and does not ask again.
    fn endpoints_again(&mut self, clusters: &[String]) {
        if let Some(endpoints) = self.types.get_mut(type_url::ENDPOINTS) {
            match self.mode {
                Mode::Delta => endpoints.forget(clusters),
                Mode::Sotw => endpoints.due = true,
            }
        }
    }
}

#[cfg(test)]
mod tests;
