//! One transaction under construction.

use crate::netlink::{ACK, APPEND, CREATE, Channel, Message, REQUEST};
use crate::nft::expr::{Expr, MapRef, Verdict, verdict};
use crate::{Result, nft};

const NETLINK_NETFILTER: isize = 12;
const SUBSYSTEM: u16 = 10 << 8;
const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;
const NEW_TABLE: u16 = SUBSYSTEM;
const DEL_TABLE: u16 = SUBSYSTEM | 2;
const NEW_CHAIN: u16 = SUBSYSTEM | 3;
const NEW_RULE: u16 = SUBSYSTEM | 6;
const NEW_SET: u16 = SUBSYSTEM | 9;
const NEW_ELEMENTS: u16 = SUBSYSTEM | 12;
const IPV4: u8 = 2;
const VERDICT_TYPE: u32 = 0xffff_ff00;
const ELEMENTS_PER_MESSAGE: usize = 400;

/// What a base chain does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChainKind {
    /// Lets packets pass or not.
    Filter,
    /// Rewrites addresses, once per connection.
    Nat,
}

/// Where a base chain hooks in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    /// What comes in from a link.
    Prerouting = 0,
    /// What the namespace itself sends.
    Output = 3,
    /// What leaves through a link.
    Postrouting = 4,
}

/// The right-hand side of a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MapValue {
    /// Nothing: a set.
    None,
    /// Bytes, already padded to whole registers.
    Data(Vec<u8>),
    /// A verdict.
    Verdict(Verdict),
}

/// A transaction over one table.
#[derive(Debug)]
pub struct Batch {
    table: String,
    messages: Vec<(String, Message)>,
    maps: u32,
}

impl Batch {
    /// Starts a transaction that replaces the table by what follows (by nothing, if nothing follows).
    #[must_use]
    pub fn replacing(table: &str) -> Self {
        let mut batch = Self { table: table.to_owned(), messages: Vec::new(), maps: 0 };
        batch.control(BATCH_BEGIN);
        // Created first, so that the deletion cannot fail for want of a table.
        for (kind, what) in [(NEW_TABLE, "create"), (DEL_TABLE, "clear"), (NEW_TABLE, "create")] {
            let mut message = batch.message(kind, 0);
            message.text(1, table);
            batch.push(format!("{what} table {table}"), message);
        }
        batch
    }

    /// A chain that others jump to.
    pub fn chain(&mut self, name: &str) {
        let mut message = self.message(NEW_CHAIN, CREATE);
        message.text(1, &self.table);
        message.text(3, name);
        self.push(format!("create chain {name}"), message);
    }

    /// A chain that the kernel calls.
    pub fn base_chain(&mut self, name: &str, kind: ChainKind, hook: Hook, priority: i32) {
        let mut message = self.message(NEW_CHAIN, CREATE);
        message.text(1, &self.table);
        message.text(3, name);
        message.nest(4, |m| {
            m.be32(1, hook as u32);
            m.attr(2, &priority.to_be_bytes());
        });
        message.text(7, if kind == ChainKind::Nat { "nat" } else { "filter" });
        self.push(format!("create chain {name}"), message);
    }

    /// A set or map with all its elements. `anonymous` ones belong to the one rule that looks them up.
    pub fn map(
        &mut self,
        name: &str,
        anonymous: bool,
        key_length: u32,
        elements: &[(Vec<u8>, MapValue)],
    ) -> MapRef {
        self.maps += 1;
        let map = MapRef { name: name.to_owned(), id: self.maps };
        let mut message = self.message(NEW_SET, CREATE);
        message.text(1, &self.table);
        message.text(2, name);
        let is_map = elements.first().is_some_and(|(_, value)| *value != MapValue::None);
        let flags = if anonymous { 3 } else { 0 } | if is_map { 8 } else { 0 };
        message.be32(3, flags);
        message.be32(4, 0);
        message.be32(5, key_length);
        match elements.first().map(|(_, value)| value) {
            Some(MapValue::Verdict(_)) => {
                message.be32(6, VERDICT_TYPE);
                message.be32(7, 0);
            }
            Some(MapValue::Data(data)) => {
                message.be32(6, 0);
                message.be32(7, u32::try_from(data.len()).unwrap_or(u32::MAX));
            }
            Some(MapValue::None) | None => {}
        }
        message.be32(10, map.id);
        self.push(format!("create map {name}"), message);
        for some in elements.chunks(ELEMENTS_PER_MESSAGE) {
            self.elements(&map, some);
        }
        map
    }

    fn elements(&mut self, map: &MapRef, elements: &[(Vec<u8>, MapValue)]) {
        let mut message = self.message(NEW_ELEMENTS, CREATE);
        message.text(1, &self.table);
        message.text(2, &map.name);
        message.be32(4, map.id);
        message.nest(3, |m| {
            for (key, value) in elements {
                m.nest(1, |m| {
                    m.nest(1, |m| m.attr(1, key));
                    match value {
                        MapValue::None => {}
                        MapValue::Data(data) => m.nest(2, |m| m.attr(1, data)),
                        MapValue::Verdict(to) => m.nest(2, |m| verdict(m, to)),
                    }
                });
            }
        });
        self.push(format!("fill map {}", map.name), message);
    }

    /// Appends a rule.
    pub fn rule(&mut self, chain: &str, expressions: &[Expr]) {
        let mut message = self.message(NEW_RULE, CREATE | APPEND);
        message.text(1, &self.table);
        message.text(2, chain);
        message.nest(4, |m| {
            for expression in expressions {
                m.nest(1, |m| expression.encode(m));
            }
        });
        self.push(format!("add a rule to chain {chain} ({expressions:?})"), message);
    }

    /// Puts the batch in force in the calling thread's namespace.
    ///
    /// # Errors
    /// The first message that the kernel refuses; then nothing has changed.
    pub fn apply(mut self) -> Result<()> {
        if let Some((_, last)) = self.messages.last_mut() {
            last.add_flags(ACK);
        }
        self.control(BATCH_END);
        Channel::open(NETLINK_NETFILTER)?.transaction(self.messages)
    }

    fn control(&mut self, kind: u16) {
        let [high, low] = 10u16.to_be_bytes();
        let message = Message::new(kind, REQUEST, &[0, 0, high, low]);
        self.push(format!("change nf_tables table {}", self.table), message);
    }

    #[expect(clippy::unused_self, reason = "reads as the batch's own constructor of messages")]
    fn message(&self, kind: u16, flags: u16) -> Message {
        Message::new(kind, REQUEST | flags, &[IPV4, 0, 0, 0])
    }

    fn push(&mut self, label: String, message: Message) {
        self.messages.push((label, message));
    }
}

/// Number of an anonymous map's name pattern; the kernel fills the number in.
pub const ANONYMOUS_MAP: &str = "__map%d";

const _: () = assert!(std::mem::size_of::<nft::Hook>() == 1);
