//! Links, addresses and routes over rtnetlink.
//!
//! In: names, indexes, addresses. Out: the kernel's state changed, in the namespace of the socket.
//! Never: reading state back; this room makes namespaces from nothing and knows what is in them.

use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, BorrowedFd};

use crate::netlink::{CREATE, Channel, EXCL, Message};
use crate::{Error, Result};

const NETLINK_ROUTE: isize = 0;
const NEW_LINK: u16 = 16;
const DEL_LINK: u16 = 17;
const NEW_ADDRESS: u16 = 20;
const NEW_ROUTE: u16 = 24;
const INET: u8 = 2;
const UP: u32 = 1;
const ONLINK: u32 = 4;
const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MASTER: u16 = 10;
const IFLA_LINKINFO: u16 = 18;
const IFLA_NET_NS_FD: u16 = 28;

/// A rtnetlink socket of one namespace.
#[derive(Debug)]
pub struct Links(Channel);

/// One end of a veth pair that goes into another namespace.
#[derive(Debug, Clone, Copy)]
pub struct Peer<'a> {
    /// Its name there.
    pub name: &'a str,
    /// Its hardware address.
    pub mac: [u8; 6],
    /// The namespace.
    pub namespace: BorrowedFd<'a>,
}

/// Where a route leads.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// Destination and prefix length; length 0 is the default route.
    pub to: (Ipv4Addr, u8),
    /// Next hop, taken as reachable on the link whatever its address.
    pub via: Option<Ipv4Addr>,
    /// Index of the outgoing link.
    pub link: u32,
    /// Preferred source address.
    pub source: Option<Ipv4Addr>,
}

impl Links {
    /// Opens the socket in the calling thread's namespace.
    ///
    /// # Errors
    /// When the socket cannot be opened.
    pub fn open() -> Result<Self> {
        Channel::open(NETLINK_ROUTE).map(Self)
    }

    /// Creates a bridge with a fixed hardware address, up.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn add_bridge(&mut self, name: &str, mac: [u8; 6]) -> Result<()> {
        let mut message = Message::new(NEW_LINK, CREATE | EXCL, &link_header(0, UP));
        message.text(IFLA_IFNAME, name);
        // Fixed: a bridge without one changes its address with its ports, under its neighbours' caches.
        message.attr(IFLA_ADDRESS, &mac);
        message.nest(IFLA_LINKINFO, |m| m.text(1, "bridge"));
        self.0.request(&format!("create bridge {name}"), message)
    }

    /// Creates a veth pair: one end here as a port of `master`, the other end in the peer's namespace.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn add_veth(&mut self, name: &str, master: u32, peer: &Peer<'_>) -> Result<()> {
        let namespace = u32::try_from(peer.namespace.as_raw_fd())
            .map_err(|e| Error::system("namespace descriptor", std::io::Error::other(e)))?;
        let mut message = Message::new(NEW_LINK, CREATE | EXCL, &link_header(0, UP));
        message.text(IFLA_IFNAME, name);
        message.attr(IFLA_MASTER, &master.to_ne_bytes());
        message.nest(IFLA_LINKINFO, |m| {
            m.text(1, "veth");
            m.nest(2, |m| {
                m.nest(1, |m| {
                    m.raw(&link_header(0, 0));
                    m.text(IFLA_IFNAME, peer.name);
                    m.attr(IFLA_ADDRESS, &peer.mac);
                    m.attr(IFLA_NET_NS_FD, &namespace.to_ne_bytes());
                });
            });
        });
        self.0.request(&format!("create veth {name}"), message)
    }

    /// Deletes a link by name; a veth takes its peer along.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn delete(&mut self, name: &str) -> Result<()> {
        let mut message = Message::new(DEL_LINK, 0, &link_header(0, 0));
        message.text(IFLA_IFNAME, name);
        self.0.request(&format!("delete link {name}"), message)
    }

    /// Sets a link up.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn set_up(&mut self, link: u32) -> Result<()> {
        let message = Message::new(NEW_LINK, 0, &link_header(link, UP));
        self.0.request(&format!("set link {link} up"), message)
    }

    /// Gives a link an address.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn add_address(&mut self, link: u32, address: Ipv4Addr, length: u8) -> Result<()> {
        let mut header = vec![INET, length, 0, 0];
        header.extend_from_slice(&link.to_ne_bytes());
        let mut message = Message::new(NEW_ADDRESS, CREATE | EXCL, &header);
        message.attr(2, &address.octets());
        message.attr(1, &address.octets());
        self.0.request(&format!("add address {address}/{length} to link {link}"), message)
    }

    /// Adds a route to the main table.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn add_route(&mut self, route: &Route) -> Result<()> {
        const MAIN: u8 = 254;
        const BOOT: u8 = 3;
        const UNIVERSE: u8 = 0;
        const LINK: u8 = 253;
        const UNICAST: u8 = 1;
        let (scope, flags) = if route.via.is_some() { (UNIVERSE, ONLINK) } else { (LINK, 0) };
        let mut header = vec![INET, route.to.1, 0, 0, MAIN, BOOT, scope, UNICAST];
        header.extend_from_slice(&flags.to_ne_bytes());
        let mut message = Message::new(NEW_ROUTE, CREATE | EXCL, &header);
        if route.to.1 > 0 {
            message.attr(1, &route.to.0.octets());
        }
        if let Some(via) = route.via {
            message.attr(5, &via.octets());
        }
        message.attr(4, &route.link.to_ne_bytes());
        if let Some(source) = route.source {
            message.attr(7, &source.octets());
        }
        self.0.request(&format!("add route to {}/{}", route.to.0, route.to.1), message)
    }
}

/// The index of a link in the calling thread's namespace.
///
/// # Errors
/// When there is no such link.
pub fn index_of(name: &str) -> Result<u32> {
    nix::net::if_::if_nametoindex(name).map_err(|e| Error::system(format!("find link {name}"), e))
}

fn link_header(index: u32, flags: u32) -> Vec<u8> {
    let mut header = vec![0; 4];
    header.extend_from_slice(&index.to_ne_bytes());
    header.extend_from_slice(&flags.to_ne_bytes());
    header.extend_from_slice(&flags.to_ne_bytes());
    header
}
