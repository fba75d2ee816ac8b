//! Listeners for every address of a port, which several services share.
//!
//! Holds: a service whose addresses are ranges, or that has none and is called with TLS, takes only its own connections;
//! what no service takes goes where unknown destinations go; of two chains with one condition the first counts, because
//! Envoy refuses the second.

use ctl_snapshot::{Port, Service};
use weft_proto::envoy::config::core::v3::CidrRange;
use weft_proto::envoy::config::listener::v3::{FilterChain, FilterChainMatch};

use crate::wire;

/// Whether proxies can tell connections to this service by its name: a wildcard must be a whole label. It is told of when
/// the object is checked.
pub(super) fn is_told_apart(service: &Service, port: &Port) -> bool {
    let host = service.host.as_str();
    !port.sni || !host.starts_with('*') || host.starts_with("*.")
}

/// Adds to every chain what tells connections to this service from others.
pub(super) fn narrow(chains: &mut [FilterChain], service: &Service, port: &Port) {
    let names = if port.sni { vec![service.host.to_string()] } else { Vec::new() };
    let ranges: Vec<CidrRange> = service.ranges.iter().filter_map(|range| cidr(range)).collect();
    if names.is_empty() && ranges.is_empty() {
        return;
    }
    for chain in chains {
        let asked = chain.filter_chain_match.get_or_insert_with(FilterChainMatch::default);
        if asked.server_names.is_empty() {
            asked.server_names.clone_from(&names);
        }
        if asked.prefix_ranges.is_empty() {
            asked.prefix_ranges.clone_from(&ranges);
        }
    }
}

/// Adds the chains of another service of the same place.
pub(super) fn join(known: &mut Vec<FilterChain>, others: Vec<FilterChain>) {
    for mut chain in others {
        if without_known(known, &mut chain) {
            known.push(chain);
        }
    }
}

/// Drops the names that an earlier chain takes; whether something is left.
fn without_known(known: &[FilterChain], chain: &mut FilterChain) -> bool {
    let matches = |chain: &FilterChain| chain.filter_chain_match.clone().unwrap_or_default();
    let mut own = matches(chain);
    for other in known.iter().map(matches) {
        let names = std::mem::take(&mut own.server_names);
        let alike = FilterChainMatch { server_names: Vec::new(), ..other.clone() } == own;
        if alike && names.is_empty() && other.server_names.is_empty() {
            return false;
        }
        own.server_names = names;
        if alike && !own.server_names.is_empty() {
            own.server_names.retain(|name| !other.server_names.contains(name));
            if own.server_names.is_empty() {
                return false;
            }
        }
    }
    if let Some(asked) = chain.filter_chain_match.as_mut() {
        asked.server_names = own.server_names;
    }
    true
}

fn cidr(range: &str) -> Option<CidrRange> {
    let (address, length) = range.split_once('/')?;
    let prefix_len = wire::number(length.parse().ok()?);
    Some(CidrRange { address_prefix: address.to_owned(), prefix_len })
}
