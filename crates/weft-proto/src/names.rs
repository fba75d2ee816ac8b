//! The table of names for DNS proxies, `istio.networking.nds.v1.NameTable`.

use std::collections::BTreeMap;

/// Every host that a proxy sees. One resource of this type holds all. The order is fixed: equal tables have equal bytes.
#[derive(Clone, PartialEq, prost::Message)]
pub struct NameTable {
    /// By host.
    #[prost(btree_map = "string, message", tag = "1")]
    pub table: BTreeMap<String, NameInfo>,
}

/// What a host stands for.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct NameInfo {
    /// Its addresses.
    #[prost(string, repeated, tag = "1")]
    pub ips: Vec<String>,
    /// Where it is from: `Kubernetes` or `External`.
    #[prost(string, tag = "2")]
    pub registry: String,
    /// The name that its own namespace calls it by; for Kubernetes Services.
    #[prost(string, tag = "3")]
    pub shortname: String,
    /// Its namespace; for Kubernetes Services.
    #[prost(string, tag = "4")]
    pub namespace: String,
}
