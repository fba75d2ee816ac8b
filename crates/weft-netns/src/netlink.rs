//! Netlink messages as bytes, and the sockets that carry them.
//!
//! In: message kinds, headers, attributes. Out: the kernel's acknowledgement.
//! Holds: attributes are 4-byte aligned; lengths are checked when the message is finished.
//! Never: dumps, multicast groups, waiting (the kernel answers before `send` returns).

use std::io;

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::{SndBuf, SndBufForce};

use netlink_sys::{Socket, SocketAddr};

use crate::{Error, Result};

pub(crate) const REQUEST: u16 = 0x1;
pub(crate) const ACK: u16 = 0x4;
pub(crate) const EXCL: u16 = 0x200;
pub(crate) const CREATE: u16 = 0x400;
pub(crate) const APPEND: u16 = 0x800;
const NESTED: u16 = 0x8000;
const HEADER: usize = 16;
const ERROR: u16 = 2;
const EXT_ACK_MESSAGE: u16 = 1;
const FLAG_CAPPED: u16 = 0x100;
const FLAG_ACK_TLVS: u16 = 0x200;

/// One request under construction.
#[derive(Debug)]
pub(crate) struct Message {
    bytes: Vec<u8>,
    too_large: bool,
}

impl Message {
    pub(crate) fn new(kind: u16, flags: u16, header: &[u8]) -> Self {
        let mut bytes = vec![0; 4];
        bytes.extend_from_slice(&kind.to_ne_bytes());
        bytes.extend_from_slice(&flags.to_ne_bytes());
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(header);
        Self { bytes, too_large: false }
    }

    pub(crate) fn attr(&mut self, kind: u16, data: &[u8]) {
        let start = self.open(kind);
        self.bytes.extend_from_slice(data);
        self.close(start);
    }

    /// A zero-terminated string.
    pub(crate) fn text(&mut self, kind: u16, text: &str) {
        let start = self.open(kind);
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.push(0);
        self.close(start);
    }

    /// A number in network order, as nf_tables wants them.
    pub(crate) fn be32(&mut self, kind: u16, value: u32) {
        self.attr(kind, &value.to_be_bytes());
    }

    pub(crate) fn nest(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) {
        let start = self.open(kind | NESTED);
        fill(self);
        self.close(start);
    }

    /// A nested attribute that starts with a fixed structure (veth's peer).
    pub(crate) fn raw(&mut self, data: &[u8]) {
        self.bytes.extend_from_slice(data);
    }

    pub(crate) fn add_flags(&mut self, flags: u16) {
        let now = u16::from_ne_bytes([self.bytes[6], self.bytes[7]]) | flags;
        self.bytes[6..8].copy_from_slice(&now.to_ne_bytes());
    }

    fn open(&mut self, kind: u16) -> usize {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 2]);
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        start
    }

    fn close(&mut self, start: usize) {
        match u16::try_from(self.bytes.len() - start) {
            Ok(length) => self.bytes[start..start + 2].copy_from_slice(&length.to_ne_bytes()),
            Err(_) => self.too_large = true,
        }
        while !self.bytes.len().is_multiple_of(4) {
            self.bytes.push(0);
        }
    }

    fn finish(mut self, sequence: u32, what: &str) -> Result<Vec<u8>> {
        let too_large = || Error::TooLarge(what.to_owned());
        let length = u32::try_from(self.bytes.len()).ok().ok_or_else(too_large)?;
        if self.too_large {
            return Err(too_large());
        }
        self.bytes[0..4].copy_from_slice(&length.to_ne_bytes());
        self.bytes[8..12].copy_from_slice(&sequence.to_ne_bytes());
        Ok(self.bytes)
    }
}

/// A netlink socket that belongs to the namespace in which it was opened.
#[derive(Debug)]
pub(crate) struct Channel {
    socket: Socket,
    sequence: u32,
}

impl Channel {
    pub(crate) fn open(protocol: isize) -> Result<Self> {
        let failed = |error| Error::system("open a netlink socket", error);
        let mut socket = Socket::new(protocol).map_err(failed)?;
        socket.bind_auto().map_err(failed)?;
        socket.connect(&SocketAddr::new(0, 0)).map_err(failed)?;
        socket.set_ext_ack(true).map_err(failed)?;
        // Answers are queued before `send` returns; an empty queue is an error, not a reason to wait.
        socket.set_non_blocking(true).map_err(failed)?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Sends one request and reads its acknowledgement.
    pub(crate) fn request(&mut self, what: &str, mut message: Message) -> Result<()> {
        message.add_flags(REQUEST | ACK);
        self.transaction(vec![(what.to_owned(), message)])
    }

    /// Sends messages in one datagram; the last one asks for the acknowledgement that ends the reading.
    pub(crate) fn transaction(&mut self, messages: Vec<(String, Message)>) -> Result<()> {
        let first = self.sequence + 1;
        let (mut datagram, mut labels, mut last) = (Vec::new(), Vec::new(), first);
        for (label, message) in messages {
            self.sequence += 1;
            if u16::from_ne_bytes([message.bytes[6], message.bytes[7]]) & ACK != 0 {
                last = self.sequence;
            }
            datagram.extend(message.finish(self.sequence, &label)?);
            labels.push(label);
        }
        let all = labels.last().cloned().unwrap_or_default();
        self.make_room(datagram.len())?;
        let sent = self.socket.send(&datagram, 0).map_err(|e| Error::system(all, e))?;
        debug_assert_eq!(sent, datagram.len());
        self.read_answer(first, last, &labels)
    }

    /// A transaction is one datagram, and a datagram must fit into the send buffer.
    fn make_room(&self, length: usize) -> Result<()> {
        const SMALL: usize = 128 * 1024;
        if length <= SMALL {
            return Ok(());
        }
        let (length, socket) = (length + SMALL, &self.socket);
        let set = setsockopt(socket, SndBufForce, &length)
            .or_else(|_not_privileged| setsockopt(socket, SndBuf, &length));
        set.map_err(|e| Error::system("enlarge the netlink send buffer", e))
    }

    fn read_answer(&self, first: u32, last: u32, labels: &[String]) -> Result<()> {
        let label_of = |sequence: u32| {
            let index = usize::try_from(sequence.wrapping_sub(first)).unwrap_or(usize::MAX);
            labels.get(index).cloned().unwrap_or_else(|| "change the network".to_owned())
        };
        loop {
            let (datagram, _) = self
                .socket
                .recv_from_full()
                .map_err(|e| Error::system(format!("{}: no answer", label_of(last)), e))?;
            for answer in answers(&datagram) {
                let Some((sequence, code, detail)) = answer else {
                    return Err(Error::Garbled(label_of(last)));
                };
                if code != 0 {
                    let source = io::Error::from_raw_os_error(code);
                    return Err(Error::Refused { what: label_of(sequence), source, detail });
                }
                if sequence == last {
                    return Ok(());
                }
            }
        }
    }
}

type Answer = Option<(u32, i32, String)>;

fn answers(datagram: &[u8]) -> Vec<Answer> {
    let (mut rest, mut found) = (datagram, Vec::new());
    while rest.len() >= HEADER {
        let length = usize::try_from(word(rest, 0)).unwrap_or(usize::MAX);
        if length < HEADER || length > rest.len() {
            found.push(None);
            break;
        }
        let (one, next) = rest.split_at(length.next_multiple_of(4).min(rest.len()));
        rest = next;
        if u16::from_ne_bytes([one[4], one[5]]) == ERROR {
            found.push(parse_error(&one[..length]));
        }
    }
    found
}

fn parse_error(one: &[u8]) -> Answer {
    if one.len() < HEADER + 20 {
        return None;
    }
    let flags = u16::from_ne_bytes([one[6], one[7]]);
    let code = i32::from_ne_bytes([one[16], one[17], one[18], one[19]]).wrapping_neg();
    let echoed = usize::try_from(word(one, 20)).unwrap_or(0);
    let skip = if flags & FLAG_CAPPED != 0 { HEADER } else { echoed.next_multiple_of(4) };
    let detail = match flags & FLAG_ACK_TLVS {
        0 => String::new(),
        _ => explanation(one.get(HEADER + 4 + skip..).unwrap_or_default()),
    };
    Some((word(one, 28), code, detail))
}

fn explanation(mut attributes: &[u8]) -> String {
    while attributes.len() >= 4 {
        let length = usize::from(u16::from_ne_bytes([attributes[0], attributes[1]]));
        if length < 4 || length > attributes.len() {
            break;
        }
        if u16::from_ne_bytes([attributes[2], attributes[3]]) == EXT_ACK_MESSAGE {
            let text = String::from_utf8_lossy(&attributes[4..length]);
            return format!(" ({})", text.trim_end_matches('\0'));
        }
        attributes = attributes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    String::new()
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|b| <[u8; 4]>::try_from(b).ok()).map_or(0, u32::from_ne_bytes)
}
