//! What a client wants of one type, has of it, and was sent but did not answer yet.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use weft_proto::google::rpc::Status;
use weft_proto::type_url;

use super::ResourceSet;
use super::held::Held;
use crate::refusal::{Blame, read_error_detail};
use crate::{Answer, Refusal};

/// An answer under way.
#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) nonce: String,
    pub(super) tag: u64,
    pub(super) sent: Vec<String>,
    pub(super) removed: Vec<String>,
}

#[derive(Debug, Default)]
pub(super) struct Subscription {
    pub(super) wildcard: bool,
    pub(super) names: BTreeSet<Arc<str>>,
    /// Delta: what the client has.
    pub(super) held: Held,
    /// State of the world: the names of the last answer.
    pub(super) last: BTreeSet<Arc<str>>,
    /// Names asked for that do not exist, and of which the client knows so.
    pub(super) absent: BTreeSet<Arc<str>>,
    /// State of the world: version of the last answer.
    pub(super) version: String,
    /// Groups of names to send one after the other, because an answer with all of them was refused whole.
    pub(super) suspects: VecDeque<Vec<String>>,
    /// A group of them is under way; after it the rest is looked at again.
    pub(super) suspecting: bool,
    /// An answer is due even when nothing changed.
    pub(super) due: bool,
    in_flight: VecDeque<InFlight>,
}

impl Subscription {
    /// The first request of a type; it is always answered, so that the client's start-up goes on.
    pub(super) fn first(type_url: &str, no_names: bool) -> Self {
        let by_name = [type_url::ENDPOINTS, type_url::ROUTE, type_url::SECRET];
        Self { wildcard: no_names && !by_name.contains(&type_url), due: true, ..Self::default() }
    }

    pub(super) fn wants(&self, name: &str) -> bool {
        self.wildcard || self.names.contains(name)
    }

    pub(super) fn waiting(&self) -> bool {
        !self.in_flight.is_empty() || !self.suspects.is_empty()
    }

    /// Delta: it was brought up to this very set, and nothing is due.
    pub(super) fn has_all_of(&self, set: &ResourceSet) -> bool {
        !self.due && self.suspects.is_empty() && !self.suspecting && self.held.is_exactly(set)
    }

    /// Asked for by name, and neither sent nor known not to exist.
    pub(super) fn is_open(&self, name: &str) -> bool {
        self.names.contains(name) && !self.absent.contains(name)
    }

    /// How many resources the client has.
    pub(super) fn count(&self) -> usize {
        match (self.last.is_empty(), self.wildcard) {
            (false, _) => self.last.len(),
            (true, true) => self.held.len(),
            (true, false) => self.names.len() - self.absent.len(),
        }
    }

    pub(super) fn forget(&mut self, names: &[String]) {
        self.held.forget(names.iter().map(String::as_str));
    }

    pub(super) fn sent(&mut self, in_flight: InFlight) {
        self.in_flight.push_back(in_flight);
    }

    pub(super) fn is_latest(&self, nonce: &str) -> bool {
        self.in_flight.back().is_none_or(|last| last.nonce == nonce)
    }

    /// Matches a nonce with an answer under way; older ones count as answered with it.
    /// With `isolate` an answer that was refused whole is taken apart; else all of it is blamed.
    pub(super) fn answered(
        &mut self,
        nonce: &str,
        error: Option<&Status>,
        isolate: bool,
    ) -> Option<Answer> {
        let position = self.in_flight.iter().position(|flight| flight.nonce == nonce)?;
        let mut answered: Vec<InFlight> = self.in_flight.drain(..=position).collect();
        let InFlight { nonce: _, tag, sent, removed } = answered.pop()?;
        let refused = match error.map(|error| read_error_detail(error, &sent)) {
            None => Vec::new(),
            Some(Blame::Named(refused)) => refused,
            Some(Blame::Whole(why)) if sent.is_empty() => {
                vec![Refusal { resource: String::new(), why }]
            }
            Some(Blame::Whole(why)) if !isolate => {
                let blame = |name: &String| Refusal { resource: name.clone(), why: why.clone() };
                sent.iter().map(blame).collect()
            }
            Some(Blame::Whole(_)) => {
                self.suspect(sent);
                return Some(Answer { tag, sent: Vec::new(), removed, refused: Vec::new() });
            }
        };
        Some(Answer { tag, sent, removed, refused })
    }

    /// Half of the names at a time, until the one at fault stands alone.
    fn suspect(&mut self, mut names: Vec<String>) {
        self.forget(&names);
        let second = names.split_off(names.len() / 2);
        self.suspects.push_back(names);
        self.suspects.push_back(second);
    }
}
