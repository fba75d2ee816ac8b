//! The places that outbound listeners take, and what several services do about one place.
//!
//! In: services, oldest first. Out: listeners.
//! Holds: as in Istio the first service has a place; requests and bytes stand beside each other there, told apart by the first
//! bytes; of two chains with one condition the first counts; a place of an egress listener with a port is closed to others.

use std::collections::BTreeMap;

use weft_proto::envoy::config::listener::v3::{FilterChain, Listener};

use crate::listener::{self, ANY_ADDRESS};
use crate::outbound::{DIRECTION, Own, on_to_where_it_was_meant, shared};

/// Where a listener is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) address: String,
    pub(super) port: u16,
    /// Applications connect to it.
    pub(super) bound: bool,
}

impl Place {
    pub(super) fn is_anywhere(&self) -> bool {
        self.address == ANY_ADDRESS
    }

    pub(super) fn name(&self) -> String {
        format!("{}_{}", self.address, self.port)
    }
}

/// What connections of a place carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaks {
    Requests,
    Bytes,
    /// It is found out.
    Either,
}

struct Taken {
    speaks: Speaks,
    bound: bool,
    closed: bool,
    chains: Vec<FilterChain>,
}

/// All places.
#[derive(Default)]
pub(super) struct Opened {
    taken: BTreeMap<(String, u16), Taken>,
}

impl Opened {
    /// Lets nobody else into the places that are taken.
    pub(super) fn close(&mut self) {
        self.taken.values_mut().for_each(|taken| taken.closed = true);
    }

    /// Adds what a service needs there, as far as those before it left room.
    pub(super) fn add(
        &mut self,
        place: Place,
        speaks: Speaks,
        chains: impl FnOnce() -> Vec<FilterChain>,
    ) {
        let Place { address, port, bound } = place;
        let requests = speaks == Speaks::Requests || speaks == Speaks::Either;
        let Some(known) = self.taken.get_mut(&(address.clone(), port)) else {
            let mut fresh = Taken { speaks, bound, closed: false, chains: Vec::new() };
            shared::join(&mut fresh.chains, chains());
            self.taken.insert((address, port), fresh);
            return;
        };
        match (known.speaks, speaks) {
            _ if known.closed => {}
            // The routes of the port have the service too.
            (Speaks::Requests, Speaks::Requests) => {}
            (Speaks::Either, _) if requests => {}
            (Speaks::Requests, Speaks::Either) => {
                known.speaks = speaks;
                known.chains = chains();
            }
            (Speaks::Bytes, Speaks::Bytes) => shared::join(&mut known.chains, chains()),
            (Speaks::Requests | Speaks::Bytes | Speaks::Either, _) => {
                known.speaks = Speaks::Either;
                shared::join(&mut known.chains, chains());
            }
        }
    }

    pub(super) fn listeners(self, own: Own<'_>) -> impl Iterator<Item = Listener> {
        self.taken
            .into_iter()
            .map(move |((address, port), taken)| taken.listener(&address, port, own))
    }
}

impl Taken {
    fn listener(self, address: &str, port: u16, own: Own<'_>) -> Listener {
        let name = format!("{address}_{port}");
        let mut listener = listener::listener(name, address, port, DIRECTION);
        if !self.bound {
            listener = listener::unbound(listener);
        }
        let any = |chain: &FilterChain| chain.filter_chain_match.is_none();
        let (mut last, mut first): (Vec<_>, Vec<_>) = self.chains.into_iter().partition(any);
        let last = last.pop();
        if first.is_empty() {
            first.extend(last);
        } else {
            listener.default_filter_chain =
                Some(last.unwrap_or_else(|| on_to_where_it_was_meant(own)));
        }
        listener.filter_chains = first;
        inspecting(listener, own)
    }
}

/// Looks at the first bytes, where chains ask for something that they tell.
fn inspecting(listener: Listener, own: Own<'_>) -> Listener {
    let asked = || listener.filter_chains.iter().filter_map(|c| c.filter_chain_match.as_ref());
    let requests = asked().any(|asked| !asked.application_protocols.is_empty());
    let named = asked().any(|asked| !asked.server_names.is_empty());
    let mut filters = Vec::new();
    if requests || named {
        filters.push(listener::tls_inspector(&[]));
    }
    if requests {
        filters.push(listener::http_inspector(&[]));
    }
    if filters.is_empty() { listener } else { listener::detecting(listener, filters, own.mesh) }
}
