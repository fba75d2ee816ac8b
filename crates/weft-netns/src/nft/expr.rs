//! The expressions that our rules are made of.
//!
//! In: values in host order. Out: nested attributes.
//! Holds: a register is written before it is read, because the constructors pair them.

use std::net::Ipv4Addr;

use crate::netlink::Message;

/// One of the kernel's sixteen 4-byte registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reg(pub u8);

impl Reg {
    fn code(self) -> u32 {
        8 + u32::from(self.0)
    }
}

/// A map of the same batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapRef {
    pub(crate) name: String,
    pub(crate) id: u32,
}

/// Equal or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// `==`
    Equal = 0,
    /// `!=`
    Differs = 1,
}

/// Where a packet goes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// On.
    Accept,
    /// Back to the calling chain.
    Return,
    /// To a chain, for good.
    Goto(String),
}

/// One expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expr {
    /// The packet's mark into a register.
    LoadMark(Reg),
    /// The transport protocol's number into a register.
    LoadProtocol(Reg),
    /// The outgoing link's name into four registers.
    LoadOutLink(Reg),
    /// The connection's status bits into a register.
    LoadConnectionStatus(Reg),
    /// Bytes of the IP header into registers.
    LoadNetwork {
        /// Target.
        reg: Reg,
        /// First byte.
        offset: u32,
        /// Bytes.
        length: u32,
    },
    /// Bytes of the TCP or UDP header into registers.
    LoadTransport {
        /// Target.
        reg: Reg,
        /// First byte.
        offset: u32,
        /// Bytes.
        length: u32,
    },
    /// Keeps the bits of a mask.
    Mask(Reg, Vec<u8>),
    /// Ends the rule unless registers compare to the bytes.
    Is(Reg, Compare, Vec<u8>),
    /// A constant into a register.
    Set(Reg, Vec<u8>),
    /// A random number below the bound into a register.
    Random(Reg, u32),
    /// Ends the rule unless the set has the registers' bytes.
    In(Reg, MapRef),
    /// The map's data into registers, or ends the rule.
    Map(Reg, MapRef, Reg),
    /// The map's verdict, or ends the rule.
    VerdictMap(Reg, MapRef),
    /// New destination: address register, port register.
    Dnat(Reg, Reg),
    /// New destination: this namespace, port register.
    Redirect(Reg),
    /// New source: the outgoing link's address.
    Masquerade,
    /// Answers with a TCP reset.
    RejectWithReset,
    /// Answers with ICMP "port unreachable".
    RejectUnreachable,
    /// Ends the rule with a verdict.
    Then(Verdict),
}

/// TCP's protocol number.
pub const TCP: u8 = 6;
/// UDP's protocol number.
pub const UDP: u8 = 17;

/// Only packets of this transport protocol.
#[must_use]
pub fn protocol_is(number: u8) -> [Expr; 2] {
    [Expr::LoadProtocol(Reg(0)), Expr::Is(Reg(0), Compare::Equal, vec![number])]
}

/// Compares the source address.
#[must_use]
pub fn source(compare: Compare, address: Ipv4Addr) -> [Expr; 2] {
    address_is(12, compare, address)
}

/// Compares the destination address.
#[must_use]
pub fn destination(compare: Compare, address: Ipv4Addr) -> [Expr; 2] {
    address_is(16, compare, address)
}

/// Only destinations inside a network.
#[must_use]
pub fn destination_in(network: Ipv4Addr, length: u8) -> Vec<Expr> {
    let mask = u32::MAX.checked_shl(32 - u32::from(length.min(32))).unwrap_or(0);
    let network = u32::from(network) & mask;
    vec![
        Expr::LoadNetwork { reg: Reg(0), offset: 16, length: 4 },
        Expr::Mask(Reg(0), mask.to_be_bytes().to_vec()),
        Expr::Is(Reg(0), Compare::Equal, network.to_be_bytes().to_vec()),
    ]
}

/// Compares the destination port.
#[must_use]
pub fn port(compare: Compare, number: u16) -> [Expr; 2] {
    [
        Expr::LoadTransport { reg: Reg(0), offset: 2, length: 2 },
        Expr::Is(Reg(0), compare, number.to_be_bytes().to_vec()),
    ]
}

/// Compares the packet's mark.
#[must_use]
pub fn mark(compare: Compare, value: u32) -> [Expr; 2] {
    [Expr::LoadMark(Reg(0)), Expr::Is(Reg(0), compare, value.to_ne_bytes().to_vec())]
}

/// Only packets that leave through the loopback link.
#[must_use]
pub fn out_loopback() -> [Expr; 2] {
    let mut name = b"lo".to_vec();
    name.resize(16, 0);
    [Expr::LoadOutLink(Reg(0)), Expr::Is(Reg(0), Compare::Equal, name)]
}

/// Sends to a port of this namespace.
#[must_use]
pub fn redirect_to(port: u16) -> [Expr; 2] {
    [Expr::Set(Reg(0), port.to_be_bytes().to_vec()), Expr::Redirect(Reg(0))]
}

fn address_is(offset: u32, compare: Compare, address: Ipv4Addr) -> [Expr; 2] {
    [
        Expr::LoadNetwork { reg: Reg(0), offset, length: 4 },
        Expr::Is(Reg(0), compare, address.octets().to_vec()),
    ]
}

pub(crate) fn verdict(message: &mut Message, to: &Verdict) {
    let (code, chain) = match to {
        Verdict::Accept => (1i32, None),
        Verdict::Return => (-5, None),
        Verdict::Goto(chain) => (-4, Some(chain)),
    };
    message.nest(2, |m| {
        m.attr(1, &code.to_be_bytes());
        if let Some(chain) = chain {
            m.text(2, chain);
        }
    });
}

impl Expr {
    pub(crate) fn encode(&self, message: &mut Message) {
        message.text(1, self.name());
        message.nest(2, |m| self.body(m));
    }

    fn name(&self) -> &'static str {
        match self {
            Self::LoadMark(_) | Self::LoadProtocol(_) | Self::LoadOutLink(_) => "meta",
            Self::LoadConnectionStatus(_) => "ct",
            Self::LoadNetwork { .. } | Self::LoadTransport { .. } => "payload",
            Self::Mask(..) => "bitwise",
            Self::Is(..) => "cmp",
            Self::Set(..) | Self::Then(_) => "immediate",
            Self::Random(..) => "numgen",
            Self::In(..) | Self::Map(..) | Self::VerdictMap(..) => "lookup",
            Self::Dnat(..) => "nat",
            Self::Redirect(_) => "redir",
            Self::Masquerade => "masq",
            Self::RejectWithReset | Self::RejectUnreachable => "reject",
        }
    }

    fn body(&self, m: &mut Message) {
        match self {
            Self::LoadMark(reg) => load(m, *reg, 3),
            Self::LoadProtocol(reg) => load(m, *reg, 16),
            Self::LoadOutLink(reg) => load(m, *reg, 7),
            Self::LoadConnectionStatus(reg) => load(m, *reg, 2),
            Self::LoadNetwork { reg, offset, length } => payload(m, 1, (*reg, *offset, *length)),
            Self::LoadTransport { reg, offset, length } => payload(m, 2, (*reg, *offset, *length)),
            Self::Mask(reg, mask) => bitwise(m, *reg, mask),
            Self::Is(reg, compare, bytes) => {
                m.be32(1, reg.code());
                m.be32(2, *compare as u32);
                m.nest(3, |m| m.attr(1, bytes));
            }
            Self::Set(reg, bytes) => {
                m.be32(1, reg.code());
                m.nest(2, |m| m.attr(1, bytes));
            }
            Self::Then(to) => {
                m.be32(1, 0);
                m.nest(2, |m| verdict(m, to));
            }
            Self::Random(reg, below) => {
                m.be32(1, reg.code());
                m.be32(2, *below);
                m.be32(3, 1);
            }
            Self::In(reg, map) => lookup(m, map, *reg, None),
            Self::Map(reg, map, into) => lookup(m, map, *reg, Some(into.code())),
            Self::VerdictMap(reg, map) => lookup(m, map, *reg, Some(0)),
            Self::Dnat(address, port) => {
                m.be32(1, 1);
                m.be32(2, 2);
                m.be32(3, address.code());
                m.be32(5, port.code());
            }
            Self::Redirect(port) => m.be32(1, port.code()),
            Self::Masquerade => {}
            Self::RejectWithReset => {
                m.be32(1, 1);
                m.attr(2, &[0]);
            }
            Self::RejectUnreachable => {
                m.be32(1, 0);
                m.attr(2, &[3]);
            }
        }
    }
}

fn load(m: &mut Message, reg: Reg, key: u32) {
    m.be32(1, reg.code());
    m.be32(2, key);
}

fn payload(m: &mut Message, base: u32, (reg, offset, length): (Reg, u32, u32)) {
    m.be32(1, reg.code());
    m.be32(2, base);
    m.be32(3, offset);
    m.be32(4, length);
}

fn bitwise(m: &mut Message, reg: Reg, mask: &[u8]) {
    m.be32(1, reg.code());
    m.be32(2, reg.code());
    m.be32(3, u32::try_from(mask.len()).unwrap_or(u32::MAX));
    m.nest(4, |m| m.attr(1, mask));
    m.nest(5, |m| m.attr(1, &vec![0; mask.len()]));
}

fn lookup(m: &mut Message, map: &MapRef, reg: Reg, into: Option<u32>) {
    m.text(1, &map.name);
    m.be32(2, reg.code());
    if let Some(into) = into {
        m.be32(3, into);
    }
    m.be32(4, map.id);
}
