//! Names of the mesh and their addresses, for the DNS proxy of a sidecar.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// Every host that a proxy sees, lower-case and without the final dot; it may be a wildcard (`*.example.com`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NameTable {
    /// Hosts.
    pub hosts: BTreeMap<String, Named>,
}

/// What a host stands for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    /// Its addresses, of either family.
    pub addresses: Vec<IpAddr>,
    /// The name that its own namespace calls it by; empty for what is no Kubernetes Service.
    pub short: String,
    /// Its namespace; empty for what is no Kubernetes Service.
    pub namespace: String,
}
