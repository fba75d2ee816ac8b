//! The shape of the local mesh: one bridge in the mesh namespace, one veth per pod.
//!
//! In: addresses. Out: namespaces in which packets walk pod -> bridge address -> pod.
//! Holds: every packet between pods is routed by the mesh namespace, so that one connection table sees both directions.
//! Never: choosing addresses.
//! Why /32 and an on-link gateway: pods on one segment would talk past the router, and service addresses would break.

use std::net::Ipv4Addr;
use std::os::fd::BorrowedFd;

use crate::link::{Links, Peer, Route, index_of};
use crate::{Capture, NetNs, Result, ServiceTable, sysctl};

const LOOPBACK: u32 = 1;

/// The mesh namespace's own addresses.
#[derive(Debug, Clone)]
pub struct MeshNet {
    /// Name of the bridge.
    pub bridge: String,
    /// The node's address on it, with the length of the pod network.
    pub address: (Ipv4Addr, u8),
    /// The network of service addresses.
    pub services: (Ipv4Addr, u8),
    /// The service address on which the node itself answers DNS.
    pub dns: Ipv4Addr,
}

impl MeshNet {
    /// Wires the calling thread's (new, empty) namespace and gives the bridge's index.
    ///
    /// # Errors
    /// The first step that the kernel refuses.
    pub fn set_up(&self) -> Result<u32> {
        for conf in ["all", "default"] {
            sysctl::set(&format!("net/ipv4/conf/{conf}/rp_filter"), "0")?;
            sysctl::set(&format!("net/ipv4/conf/{conf}/send_redirects"), "0")?;
            sysctl::set_if_known(&format!("net/ipv6/conf/{conf}/disable_ipv6"), "1")?;
        }
        sysctl::set("net/ipv4/ip_forward", "1")?;
        // Where the bridge filters too, it would rewrite service addresses and then skip the routing.
        sysctl::set_if_known("net/bridge/bridge-nf-call-iptables", "0")?;
        sysctl::set_if_known("net/ipv4/ip_unprivileged_port_start", "0")?;
        let mut links = Links::open()?;
        links.set_up(LOOPBACK)?;
        links.add_bridge(&self.bridge, mac_of(self.address.0))?;
        let bridge = index_of(&self.bridge)?;
        links.add_address(bridge, self.address.0, self.address.1)?;
        links.add_address(LOOPBACK, self.dns, 32)?;
        let source = Some(self.address.0);
        links.add_route(&Route { to: self.services, via: None, link: bridge, source })?;
        // From now on the kernel tracks connections, before there is one.
        let nothing = ServiceTable { network: self.services, local: self.dns, ports: Vec::new() };
        nothing.apply()?;
        Ok(bridge)
    }
}

/// One pod's place on the bridge.
#[derive(Debug, Clone)]
pub struct PodNet {
    /// The pod's address.
    pub address: Ipv4Addr,
    /// The router, which is the bridge's address.
    pub gateway: Ipv4Addr,
    /// Name of the host's end of the pair, at most 15 bytes.
    pub host_link: String,
    /// Index of the bridge.
    pub bridge: u32,
    /// Rules for a pod with a sidecar.
    pub capture: Option<Capture>,
}

impl PodNet {
    /// Makes the pod's namespace, wired and with its rules in place.
    ///
    /// # Errors
    /// The first step that the kernel refuses.
    pub fn create(&self) -> Result<NetNs> {
        NetNs::create(Links::open, |namespace, mut mesh| self.wire(namespace, &mut mesh))
    }

    fn wire(&self, namespace: BorrowedFd<'_>, mesh: &mut Links) -> Result<()> {
        sysctl::set_if_known("net/ipv6/conf/default/disable_ipv6", "1")?;
        sysctl::set_if_known("net/ipv4/ip_unprivileged_port_start", "0")?;
        sysctl::set("net/ipv4/conf/all/accept_redirects", "0")?;
        let peer = Peer { name: "eth0", mac: mac_of(self.address), namespace };
        mesh.add_veth(&self.host_link, self.bridge, &peer)?;
        let mut links = Links::open()?;
        links.set_up(LOOPBACK)?;
        let link = index_of("eth0")?;
        links.set_up(link)?;
        links.add_address(link, self.address, 32)?;
        let to = (Ipv4Addr::UNSPECIFIED, 0);
        links.add_route(&Route { to, via: Some(self.gateway), link, source: None })?;
        match &self.capture {
            Some(capture) => capture.rules().apply(),
            None => Ok(()),
        }
    }

    /// Removes the pair at once, instead of when the kernel has ended the last connection of the namespace.
    ///
    /// # Errors
    /// When the link is gone already.
    pub fn delete(&self) -> Result<()> {
        Links::open()?.delete(&self.host_link)
    }
}

fn mac_of(address: Ipv4Addr) -> [u8; 6] {
    let [a, b, c, d] = address.octets();
    [0x0a, 0x58, a, b, c, d]
}
