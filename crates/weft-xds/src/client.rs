//! The client's end of a delta stream.
//!
//! In: wishes, responses, verdicts. Out: requests and [`Update`]s.
//! Holds: a resource's version is known once it was accepted; a refused one keeps its last good version.
//! Never: a socket; see [`shell`].

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use weft_proto::ads::{DeltaDiscoveryRequest, DeltaDiscoveryResponse};
use weft_proto::envoy::config::core::v3::Node;

use crate::refusal::{Refusal, error_detail};

pub(crate) mod shell;

/// Names an update, for the verdict on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateId {
    type_url: String,
    nonce: String,
    stream: u64,
}

/// A new or changed resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upsert {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The encoded message, of the update's type.
    pub body: Bytes,
}

/// One answer of the server; give a [`Verdict`] on each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// For the verdict.
    pub id: UpdateId,
    /// Which type.
    pub type_url: String,
    /// New and changed.
    pub upserts: Vec<Upsert>,
    /// Gone.
    pub removed: Vec<String>,
}

/// What became of an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// All of it is in force.
    Accept,
    /// All is in force but these; their last good versions serve on.
    Reject(Vec<Refusal>),
}

#[derive(Debug, Default)]
struct Wanted {
    wildcard: bool,
    names: BTreeSet<String>,
    known: BTreeMap<String, String>,
    /// By nonce: what an unanswered update would make known.
    offered: HashMap<String, Offer>,
}

#[derive(Debug)]
struct Offer {
    upserts: Vec<(String, String)>,
    removed: Vec<String>,
}

/// State of a client over many connections.
#[derive(Debug)]
pub struct DeltaClient {
    node: Node,
    types: BTreeMap<String, Wanted>,
    stream: u64,
}

impl DeltaClient {
    /// A client that wants nothing yet.
    #[must_use]
    pub const fn new(node: Node) -> Self {
        Self { node, types: BTreeMap::new(), stream: 0 }
    }

    /// The first messages of a new stream: all wishes, and the versions that are known already.
    pub fn connect(&mut self) -> Vec<DeltaDiscoveryRequest> {
        self.stream += 1;
        let order = weft_proto::type_url::PUSH_ORDER;
        let rank = |type_url: &str| order.iter().position(|t| *t == type_url);
        let mut types: Vec<_> = self.types.iter_mut().collect();
        types.sort_by_key(|(type_url, _)| rank(type_url).unwrap_or(usize::MAX));
        let mut requests: Vec<_> =
            types.into_iter().map(|(url, wanted)| resume(url, wanted)).collect();
        if let Some(first) = requests.first_mut() {
            first.node = Some(self.node.clone());
        }
        requests
    }

    /// Wants every resource of a type.
    pub fn subscribe_all(&mut self, type_url: &str) -> Option<DeltaDiscoveryRequest> {
        let wanted = self.types.entry(type_url.to_owned()).or_default();
        let news = !std::mem::replace(&mut wanted.wildcard, true);
        news.then(|| self.request(type_url, vec!["*".into()], Vec::new()))
    }

    /// Wants more names of a type.
    pub fn subscribe(
        &mut self,
        type_url: &str,
        names: impl IntoIterator<Item = String>,
    ) -> Option<DeltaDiscoveryRequest> {
        let wanted = self.types.entry(type_url.to_owned()).or_default();
        let news: Vec<_> =
            names.into_iter().filter(|name| wanted.names.insert(name.clone())).collect();
        (!news.is_empty()).then(|| self.request(type_url, news, Vec::new()))
    }

    /// Wants names no more, and forgets them.
    pub fn unsubscribe(
        &mut self,
        type_url: &str,
        names: impl IntoIterator<Item = String>,
    ) -> Option<DeltaDiscoveryRequest> {
        let wanted = self.types.get_mut(type_url)?;
        let gone: Vec<_> = names.into_iter().filter(|name| wanted.names.remove(name)).collect();
        if !wanted.wildcard {
            wanted.known.retain(|name, _| !gone.contains(name));
        }
        (!gone.is_empty()).then(|| self.request(type_url, Vec::new(), gone))
    }

    /// Takes an answer of the server.
    pub fn receive(&mut self, response: DeltaDiscoveryResponse) -> Update {
        let DeltaDiscoveryResponse {
            system_version_info: _,
            resources,
            type_url,
            nonce,
            removed_resources: removed,
        } = response;
        let upserts: Vec<_> = resources
            .into_iter()
            .map(|resource| Upsert {
                name: resource.name,
                version: resource.version,
                body: resource.resource.map(|any| any.value).unwrap_or_default(),
            })
            .collect();
        let versions = upserts.iter().map(|u| (u.name.clone(), u.version.clone())).collect();
        let wanted = self.types.entry(type_url.clone()).or_default();
        wanted.offered.insert(nonce.clone(), Offer { upserts: versions, removed: removed.clone() });
        let id = UpdateId { type_url: type_url.clone(), nonce, stream: self.stream };
        Update { id, type_url, upserts, removed }
    }

    /// The answer to an update; `None` when its stream has ended meanwhile.
    pub fn answer(&mut self, id: &UpdateId, verdict: &Verdict) -> Option<DeltaDiscoveryRequest> {
        if id.stream != self.stream {
            return None;
        }
        let wanted = self.types.get_mut(&id.type_url)?;
        let Offer { upserts, removed } = wanted.offered.remove(&id.nonce)?;
        let refused: &[Refusal] = match verdict {
            Verdict::Accept => &[],
            Verdict::Reject(refused) => refused,
        };
        let taken = |name: &String| !refused.iter().any(|refusal| refusal.resource == *name);
        wanted.known.extend(upserts.into_iter().filter(|(name, _)| taken(name)));
        wanted.known.retain(|name, _| !removed.contains(name));
        Some(DeltaDiscoveryRequest {
            type_url: id.type_url.clone(),
            response_nonce: id.nonce.clone(),
            error_detail: (!refused.is_empty()).then(|| error_detail(refused)),
            ..Default::default()
        })
    }

    fn request(
        &self,
        type_url: &str,
        subscribe: Vec<String>,
        unsubscribe: Vec<String>,
    ) -> DeltaDiscoveryRequest {
        DeltaDiscoveryRequest {
            node: Some(self.node.clone()),
            type_url: type_url.to_owned(),
            resource_names_subscribe: subscribe,
            resource_names_unsubscribe: unsubscribe,
            ..Default::default()
        }
    }
}

fn resume(type_url: &str, wanted: &mut Wanted) -> DeltaDiscoveryRequest {
    wanted.offered.clear();
    let wildcard = wanted.wildcard.then(|| "*".to_owned());
    DeltaDiscoveryRequest {
        type_url: type_url.to_owned(),
        resource_names_subscribe: wildcard
            .into_iter()
            .chain(wanted.names.iter().cloned())
            .collect(),
        initial_resource_versions: wanted.known.clone().into_iter().collect(),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests;
