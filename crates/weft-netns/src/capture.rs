//! The rules that bring a pod's traffic to its sidecar.
//!
//! In: ports and ranges, as the pod's annotations say. Out: one table in the pod's namespace.
//! Holds: what a proxy sends (by mark) and what the node sends (by address) is never captured; loopback is never captured.
//! Never: IPv6; of UDP only name questions, and only when they are asked of 127.0.0.1.
//! Why a mark and not a user: an unprivileged user namespace has one user, who runs proxy and application alike.

use std::net::Ipv4Addr;

use crate::nft::batch::{Batch, ChainKind, Hook};
use crate::nft::expr::{
    Compare, Expr, TCP, UDP, Verdict, destination, destination_in, mark, out_loopback, port,
    protocol_is, redirect_to, source,
};

const OUTBOUND_PORT: u16 = 15001;
const INBOUND_PORT: u16 = 15006;
const TUNNEL_PORT: u16 = 15008;
const NAMES_PORT: u16 = 15053;
const DNS_PORT: u16 = 53;
const OWN_INBOUND_PORTS: [u16; 4] = [TUNNEL_PORT, 15020, 15021, 15090];
/// Source address with which an inbound proxy calls its own application.
const PROXY_TO_APP: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 6);
const NAT_PRIORITY: i32 = -100;

/// Which ports or networks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Include<T> {
    /// Every one.
    #[default]
    All,
    /// Only these; an empty list is none.
    Only(Vec<T>),
}

/// What to capture in one pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    /// The mark on a proxy's own sockets.
    pub exempt_mark: u32,
    /// The node's address: probes and the ingress relay come from it.
    pub exempt_source: Ipv4Addr,
    /// Destination ports captured on the way in.
    pub include_inbound_ports: Include<u16>,
    /// Destination ports left alone on the way in.
    pub exclude_inbound_ports: Vec<u16>,
    /// Networks captured on the way out.
    pub include_outbound_ranges: Include<(Ipv4Addr, u8)>,
    /// Networks left alone on the way out.
    pub exclude_outbound_ranges: Vec<(Ipv4Addr, u8)>,
    /// Ports captured on the way out even outside the included networks.
    pub include_outbound_ports: Vec<u16>,
    /// Ports left alone on the way out.
    pub exclude_outbound_ports: Vec<u16>,
    /// The proxy answers name questions. Applications ask 127.0.0.1, and not a server that the proxy itself would ask: a
    /// proxy's own resolver sets no mark, so a rule for the real server would send it round in circles.
    pub names: bool,
}

impl Capture {
    /// Everything is captured except what must not be.
    #[must_use]
    pub fn new(exempt_mark: u32, exempt_source: Ipv4Addr) -> Self {
        Self {
            exempt_mark,
            exempt_source,
            include_inbound_ports: Include::All,
            exclude_inbound_ports: Vec::new(),
            include_outbound_ranges: Include::All,
            exclude_outbound_ranges: Vec::new(),
            include_outbound_ports: Vec::new(),
            exclude_outbound_ports: Vec::new(),
            names: false,
        }
    }

    /// The table that does it.
    #[must_use]
    pub fn rules(&self) -> Batch {
        let mut batch = Batch::replacing("weft_capture");
        batch.base_chain("inbound", ChainKind::Nat, Hook::Prerouting, NAT_PRIORITY);
        batch.base_chain("outbound", ChainKind::Nat, Hook::Output, NAT_PRIORITY);
        self.inbound(&mut batch);
        self.names(&mut batch);
        self.own_traffic(&mut batch);
        self.outbound(&mut batch);
        batch
    }

    fn inbound(&self, batch: &mut Batch) {
        let tcp = protocol_is(TCP);
        leave(batch, "inbound", &[&source(Compare::Equal, self.exempt_source)]);
        for number in OWN_INBOUND_PORTS.iter().chain(&self.exclude_inbound_ports) {
            leave(batch, "inbound", &[&tcp, &port(Compare::Equal, *number)]);
        }
        match &self.include_inbound_ports {
            Include::All => batch.rule("inbound", &[&tcp[..], &redirect_to(INBOUND_PORT)].concat()),
            Include::Only(ports) => {
                for number in ports {
                    let only = port(Compare::Equal, *number);
                    let rule = [&tcp[..], &only, &redirect_to(INBOUND_PORT)].concat();
                    batch.rule("inbound", &rule);
                }
            }
        }
    }

    fn names(&self, batch: &mut Batch) {
        if !self.names {
            return;
        }
        let asked =
            [destination(Compare::Equal, Ipv4Addr::LOCALHOST), port(Compare::Equal, DNS_PORT)];
        for transport in [UDP, TCP] {
            let of_kind = protocol_is(transport);
            let rule = [&of_kind[..], &asked.concat(), &redirect_to(NAMES_PORT)].concat();
            batch.rule("outbound", &rule);
        }
    }

    /// Loopback and the proxy's own sockets, in Istio's order.
    fn own_traffic(&self, batch: &mut Batch) {
        let (tcp, lo) = (protocol_is(TCP), out_loopback());
        let proxy = mark(Compare::Equal, self.exempt_mark);
        let app = mark(Compare::Differs, self.exempt_mark);
        let loopback = destination(Compare::Equal, Ipv4Addr::LOCALHOST);
        let beyond_loopback = destination(Compare::Differs, Ipv4Addr::LOCALHOST);
        leave(batch, "outbound", &[&lo, &source(Compare::Equal, PROXY_TO_APP)]);
        // A proxy that was sent to its own pod by a service address enters by the front door.
        let no_tunnel = port(Compare::Differs, TUNNEL_PORT);
        let front_door = [&tcp[..], &lo, &beyond_loopback, &proxy, &no_tunnel].concat();
        batch.rule("outbound", &[&front_door[..], &redirect_to(INBOUND_PORT)].concat());
        leave(batch, "outbound", &[&lo, &app]);
        leave(batch, "outbound", &[&proxy]);
        leave(batch, "outbound", &[&loopback]);
    }

    fn outbound(&self, batch: &mut Batch) {
        let tcp = protocol_is(TCP);
        let to_proxy = redirect_to(OUTBOUND_PORT);
        for number in &self.exclude_outbound_ports {
            leave(batch, "outbound", &[&tcp, &port(Compare::Equal, *number)]);
        }
        for (network, length) in &self.exclude_outbound_ranges {
            leave(batch, "outbound", &[&destination_in(*network, *length)]);
        }
        for number in &self.include_outbound_ports {
            let only = port(Compare::Equal, *number);
            batch.rule("outbound", &[&tcp[..], &only, &to_proxy].concat());
        }
        match &self.include_outbound_ranges {
            Include::All => batch.rule("outbound", &[&tcp[..], &to_proxy].concat()),
            Include::Only(ranges) => {
                for (network, length) in ranges {
                    let only = destination_in(*network, *length);
                    batch.rule("outbound", &[&tcp[..], &only, &to_proxy].concat());
                }
            }
        }
    }
}

fn leave(batch: &mut Batch, chain: &str, conditions: &[&[Expr]]) {
    let mut rule = conditions.concat();
    rule.push(Expr::Then(Verdict::Return));
    batch.rule(chain, &rule);
}
