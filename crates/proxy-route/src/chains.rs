//! Chooses a filter chain by Envoy's order of precedence.
//!
//! In: the conditions of chains, and the facts of a connection. Out: the chain that takes it, if one does.
//! Holds: each step keeps the chains that name this connection's value most exactly, else those that name none;
//! a step never goes back to what an earlier one dropped.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use proxy_config::listener::{ChainMatch, Transport};
use proxy_config::matcher::AddressRange;

/// What filter chains look at in a connection.
#[derive(Debug, Clone, Copy)]
pub struct ChainFacts<'a> {
    /// Where the client wanted to go.
    pub destination: SocketAddr,
    /// Where the client is.
    pub source: IpAddr,
    /// What the first bytes are, as the client sent them.
    pub transport: Transport,
    /// SNI.
    pub server_name: Option<&'a str>,
    /// ALPN that the client offers.
    pub offered: &'a [String],
    /// What inspection found in plain text: `http/1.0`, `http/1.1`, `h2c`.
    pub sniffed: Option<&'a str>,
}

/// The chain for a connection with these facts; `None` leaves it to the listener's default chain.
pub fn choose_chain<'a, T>(
    chains: &'a [T],
    matches: impl Fn(&T) -> &ChainMatch,
    facts: &ChainFacts<'_>,
) -> Option<&'a T> {
    let mut left: Vec<&T> = chains.iter().collect();
    let steps: [&dyn Fn(&ChainMatch) -> Score; 6] = [
        &|m| exact(m.destination_port.map(|port| port == facts.destination.port())),
        &|m| in_ranges(&m.destination_ranges, facts.destination.ip()),
        &|m| server_name(&m.server_names, facts.server_name),
        &|m| exact(m.transport_protocol.map(|wanted| wanted == facts.transport)),
        &|m| protocols(&m.application_protocols, facts),
        &|m| in_ranges(&m.source_ranges, facts.source),
    ];
    for step in steps {
        let best = left.iter().filter_map(|chain| step(matches(chain))).max()?;
        left.retain(|chain| step(matches(chain)) == Some(best));
    }
    left.first().copied()
}

/// `None`: the condition fails. `Some(0)`: there is no condition. More is more exact.
type Score = Option<u32>;

const fn exact(holds: Option<bool>) -> Score {
    match holds {
        None => Some(0),
        Some(true) => Some(1),
        Some(false) => None,
    }
}

fn in_ranges(ranges: &[AddressRange], address: IpAddr) -> Score {
    if ranges.is_empty() {
        return Some(0);
    }
    let fitting = ranges.iter().filter(|range| range.contains(address));
    fitting.map(|range| 1 + u32::from(range.0.prefix_len())).max()
}

fn server_name(wanted: &[Arc<str>], sni: Option<&str>) -> Score {
    if wanted.is_empty() {
        return Some(0);
    }
    let sni = sni?;
    let score = |name: &Arc<str>| match name.strip_prefix('*') {
        None => (name.as_ref() == sni).then_some(u32::MAX),
        Some("") => Some(1),
        Some(suffix) => sni.ends_with(suffix).then(|| 1 + u32::try_from(suffix.len()).unwrap_or(0)),
    };
    wanted.iter().filter_map(score).max()
}

fn protocols(wanted: &[Arc<str>], facts: &ChainFacts<'_>) -> Score {
    if wanted.is_empty() {
        return Some(0);
    }
    let has = |name: &str| wanted.iter().any(|w| w.as_ref() == name);
    let seen = facts.offered.iter().any(|name| has(name)) || facts.sniffed.is_some_and(has);
    seen.then_some(1)
}
