//! Chooses a filter chain by Envoy's order of precedence.
//!
//! Holds: each step keeps the chains that name this connection's value most exactly, else those that name none;
//! a step never goes back to what an earlier one dropped.

use std::net::IpAddr;
use std::sync::Arc;

use proxy_config::listener::{ChainMatch, Transport as Wanted};
use proxy_config::matcher::AddressRange;

use crate::connection::Facts;
use crate::plan::{Chain, Listener, Transport};

impl Listener {
    /// The chain for a connection with these facts.
    pub(crate) fn choose(&self, facts: &Facts) -> Option<&Arc<Chain>> {
        let mut left: Vec<&Arc<Chain>> = self.chains.iter().collect();
        let steps: [&dyn Fn(&ChainMatch) -> Score; 6] = [
            &|m| exact(m.destination_port.map(|port| port == facts.local.port())),
            &|m| in_ranges(&m.destination_ranges, facts.local.ip()),
            &|m| server_name(&m.server_names, facts.hello.sni.as_deref()),
            &|m| exact(m.transport_protocol.map(|wanted| is(wanted, facts.transport_seen()))),
            &|m| protocols(&m.application_protocols, facts),
            &|m| in_ranges(&m.source_ranges, facts.remote.ip()),
        ];
        for step in steps {
            let best = left.iter().filter_map(|chain| step(&chain.config.matches)).max();
            let Some(best) = best else { return self.fallback.as_ref() };
            left.retain(|chain| step(&chain.config.matches) == Some(best));
        }
        left.first().copied().or(self.fallback.as_ref())
    }
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

fn is(wanted: Wanted, seen: Transport) -> bool {
    matches!((wanted, seen), (Wanted::Tls, Transport::Tls) | (Wanted::RawBuffer, Transport::Raw))
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

fn protocols(wanted: &[Arc<str>], facts: &Facts) -> Score {
    if wanted.is_empty() {
        return Some(0);
    }
    let has = |name: &str| wanted.iter().any(|w| w.as_ref() == name);
    let seen =
        facts.hello.alpn.iter().any(|name| has(name)) || facts.sniffed_first.is_some_and(has);
    seen.then_some(1)
}
