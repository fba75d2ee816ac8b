//! Names that Istio gives to resources.

use weft_model::Host;
use weft_model::api::meta::Metadata;

/// Requests nowhere.
pub(crate) const BLACK_HOLE: &str = "BlackHoleCluster";
/// Requests to where the client wanted to go.
pub(crate) const PASSTHROUGH: &str = "PassthroughCluster";
/// Requests to the host that they name, whoever that is.
pub(crate) const ANYWHERE: &str = "AllowAnyDynamicDNSCluster";
/// Requests to a port of the pod that no service names.
pub(crate) const INBOUND_PASSTHROUGH: &str = "InboundPassthroughCluster";
/// Captured outbound connections.
pub(crate) const VIRTUAL_OUTBOUND: &str = "virtualOutbound";
/// Captured inbound connections.
pub(crate) const VIRTUAL_INBOUND: &str = "virtualInbound";
/// Port of captured outbound connections.
pub(crate) const OUTBOUND_PORT: u16 = 15001;
/// Port of captured inbound connections.
pub(crate) const INBOUND_PORT: u16 = 15006;

/// `outbound|80|v1|reviews.default.svc.cluster.local`
pub(crate) fn outbound(port: u16, subset: &str, host: &Host) -> String {
    format!("outbound|{port}|{subset}|{host}")
}

/// The same for bytes, where the port carries requests too: `outbound|80|v1|reviews.default.svc.cluster.local|tcp`.
///
/// Why Istio needs no second cluster: its proxies choose what they offer in TLS per connection, by a filter of their own.
pub(crate) fn outbound_bytes(port: u16, subset: &str, host: &Host) -> String {
    format!("{}|tcp", outbound(port, subset, host))
}

/// `inbound|8080||`
pub(crate) fn inbound(port: u16) -> String {
    format!("inbound|{port}||")
}

/// `outbound_.80_.v1_.reviews.default.svc.cluster.local`
pub(crate) fn server_name(port: u16, subset: &str, host: &Host) -> String {
    format!("outbound_.{port}_.{subset}_.{host}")
}

/// How resources name the object that they were made from.
pub(crate) fn object(group: &str, kind: &str, meta: &Metadata) -> String {
    let Metadata { namespace, name, .. } = meta;
    format!("/apis/{group}/v1/namespaces/{namespace}/{kind}/{name}")
}

/// How resources name a DestinationRule.
pub(crate) fn rule(namespace: &str, name: &str) -> String {
    format!("/apis/networking.istio.io/v1/namespaces/{namespace}/destination-rule/{name}")
}
