//! Service addresses: one table in the mesh namespace that leads them to ready endpoints.
//!
//! In: every service port with its endpoints. Out: one table, replaced whole in one transaction.
//! Holds: connections that live keep their endpoint (the connection table remembers), new ones see the new table.
//! Never: health, sessions, weights: that is the proxies' work; this serves the unmeshed and the node.
//! Why replaced whole: the table of one machine is small, and there is no difference to get wrong.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddrV4};

use crate::Result;
use crate::nft::batch::{ANONYMOUS_MAP, Batch, ChainKind, Hook, MapValue};
use crate::nft::expr::{
    Compare, Expr, Reg, TCP, UDP, Verdict, destination, destination_in, protocol_is,
};

/// A transport protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// One port of one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePort {
    /// The service's address.
    pub address: Ipv4Addr,
    /// Its port.
    pub port: u16,
    /// Its protocol.
    pub transport: Transport,
    /// Who answers; none means that callers are refused at once.
    pub endpoints: Vec<SocketAddrV4>,
}

/// Every service port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceTable {
    /// The network of service addresses; unknown ones in it are refused.
    pub network: (Ipv4Addr, u8),
    /// The one address in it that is the node's own.
    pub local: Ipv4Addr,
    /// The ports.
    pub ports: Vec<ServicePort>,
}

const NAT: i32 = -100;
const AFTER_NAT: i32 = -90;
const SOURCE_NAT: i32 = 100;

impl ServiceTable {
    /// Puts the table in force in the calling thread's namespace.
    ///
    /// # Errors
    /// The kernel's refusal; then the old table stays.
    pub fn apply(&self) -> Result<()> {
        self.rules().apply()
    }

    fn rules(&self) -> Batch {
        let mut batch = Batch::replacing("weft_services");
        for (name, hook) in [("from_pods", Hook::Prerouting), ("from_node", Hook::Output)] {
            batch.base_chain(name, ChainKind::Nat, hook, NAT);
        }
        batch.base_chain("hairpin", ChainKind::Nat, Hook::Postrouting, SOURCE_NAT);
        self.choose_endpoints(&mut batch);
        self.hairpin(&mut batch);
        self.refuse_rest(&mut batch);
        batch
    }

    fn choose_endpoints(&self, batch: &mut Batch) {
        let mut elements = Vec::new();
        let served = self.ports.iter().filter(|port| !port.endpoints.is_empty());
        for (index, port) in served.enumerate() {
            let chain = format!("service_{index}");
            batch.chain(&chain);
            to_endpoints(batch, &chain, &port.endpoints);
            elements.push((port.key(), MapValue::Verdict(Verdict::Goto(chain))));
        }
        if elements.is_empty() {
            return;
        }
        let map = batch.map("services", false, 12, &elements);
        for chain in ["from_pods", "from_node"] {
            let rule = [
                Expr::LoadNetwork { reg: Reg(0), offset: 16, length: 4 },
                Expr::LoadProtocol(Reg(1)),
                Expr::LoadTransport { reg: Reg(2), offset: 2, length: 2 },
                Expr::VerdictMap(Reg(0), map.clone()),
            ];
            batch.rule(chain, &rule);
        }
    }

    /// A pod that reaches itself through a service must see the answer come from the service.
    fn hairpin(&self, batch: &mut Batch) {
        // The node's own address keeps the rule alive without pods: the kernel tracks connections while such a rule
        // exists, and it would reset those that it meets half-way.
        let endpoints = self.ports.iter().flat_map(|p| p.endpoints.iter().map(|e| *e.ip()));
        let pods: BTreeSet<Ipv4Addr> = endpoints.chain([self.local]).collect();
        let twice = |ip: &Ipv4Addr| ([ip.octets(), ip.octets()].concat(), MapValue::None);
        let elements: Vec<_> = pods.iter().map(twice).collect();
        let map = batch.map("itself", false, 8, &elements);
        let load = Expr::LoadNetwork { reg: Reg(0), offset: 12, length: 8 };
        batch.rule("hairpin", &[load, Expr::In(Reg(0), map), Expr::Masquerade]);
    }

    /// What still goes to a service address after the choice has no endpoint.
    fn refuse_rest(&self, batch: &mut Batch) {
        for (name, hook) in [("refuse_pods", Hook::Prerouting), ("refuse_node", Hook::Output)] {
            batch.base_chain(name, ChainKind::Filter, hook, AFTER_NAT);
            let mut own = destination(Compare::Equal, self.local).to_vec();
            own.push(Expr::Then(Verdict::Accept));
            batch.rule(name, &own);
            let to_service = destination_in(self.network.0, self.network.1);
            let tcp = protocol_is(TCP);
            batch.rule(name, &[&to_service[..], &tcp, &[Expr::RejectWithReset]].concat());
            batch.rule(name, &[&to_service[..], &[Expr::RejectUnreachable]].concat());
        }
    }
}

impl ServicePort {
    fn key(&self) -> Vec<u8> {
        let protocol = if self.transport == Transport::Tcp { TCP } else { UDP };
        let [high, low] = self.port.to_be_bytes();
        [&self.address.octets()[..], &[protocol, 0, 0, 0], &[high, low, 0, 0]].concat()
    }
}

fn to_endpoints(batch: &mut Batch, chain: &str, endpoints: &[SocketAddrV4]) {
    let bytes = |endpoint: &SocketAddrV4| {
        let [high, low] = endpoint.port().to_be_bytes();
        [&endpoint.ip().octets()[..], &[high, low, 0, 0]].concat()
    };
    let elements: Vec<_> = (0u32..)
        .zip(endpoints)
        .map(|(n, e)| (n.to_ne_bytes().to_vec(), MapValue::Data(bytes(e))))
        .collect();
    let count = u32::try_from(elements.len()).unwrap_or(u32::MAX);
    let map = batch.map(ANONYMOUS_MAP, true, 4, &elements);
    let rule =
        [Expr::Random(Reg(0), count), Expr::Map(Reg(0), map, Reg(4)), Expr::Dnat(Reg(4), Reg(5))];
    batch.rule(chain, &rule);
}
