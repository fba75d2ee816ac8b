//! Who the client is, behind proxies.
//! In: how far a listener trusts `x-forwarded-for`, the field, the connection's other end. Out: the client's address.
//! Holds: at the edge `trusted_hops` proxies stand before us; inside the mesh the nearest proxy is trusted always.

use std::net::IpAddr;

/// The connection's other end, or what a proxy that is trusted says of it; `chain` is read only where it counts.
pub fn client(
    at_the_edge: bool,
    trusted_hops: u32,
    remote: IpAddr,
    chain: impl FnOnce() -> Option<String>,
) -> IpAddr {
    let hops = match (at_the_edge, trusted_hops) {
        (true, 0) => return remote,
        (true, hops) => hops - 1,
        (false, hops) => hops,
    };
    let chain = chain().unwrap_or_default();
    let from_the_end = usize::try_from(hops).unwrap_or(usize::MAX);
    let element = chain.rsplit(',').nth(from_the_end).map(str::trim);
    element.and_then(|text| text.parse().ok()).unwrap_or(remote)
}
