//! The chains that a port of a pod needs, by what it speaks and what PeerAuthentication lets in.
//!
//! In: a protocol, a mode. Out: kinds of connections; each becomes a chain.
//! Holds: what the mesh's clients offer in TLS is theirs alone, so that their connections are told from an application's own TLS.

use ctl_snapshot::Mtls;
use weft_model::Protocol;
use weft_proto::envoy::config::listener::v3::FilterChainMatch;

use crate::listener;
use crate::started::Started;
use crate::tls::{MESH_HTTP, MESH_TCP};

/// What a chain is for: how the connection looks, and what it carries.
pub(super) struct Kind {
    /// `tls`, `raw_buffer`, or any.
    transport: &'static str,
    alpn: Vec<&'static str>,
    /// The proxy takes the TLS off.
    pub(super) mtls: bool,
    pub(super) http: bool,
    /// Browsers may call gRPC servers.
    pub(super) grpc_web: bool,
}

impl Kind {
    fn new(transport: &'static str, alpn: &[&'static str], mtls: bool, http: bool) -> Self {
        Self { transport, alpn: alpn.to_vec(), mtls, http, grpc_web: false }
    }
}

/// The chains of a port, by what it speaks and what may come in.
pub(super) fn kinds(protocol: Protocol, mode: Mtls, started: &Started) -> Vec<Kind> {
    let mut found = declared(protocol, mode, started);
    found.iter_mut().for_each(|kind| kind.grpc_web = protocol == Protocol::GrpcWeb);
    found
}

fn declared(protocol: Protocol, mode: Mtls, started: &Started) -> Vec<Kind> {
    let mesh: Vec<&str> = MESH_TCP.iter().chain(MESH_HTTP.iter()).copied().collect();
    match (protocol, mode) {
        (Protocol::Http | Protocol::Http2 | Protocol::GrpcWeb, Mtls::Strict) => {
            vec![Kind::new("tls", &[], true, true)]
        }
        (Protocol::Http | Protocol::Http2 | Protocol::GrpcWeb, Mtls::Permissive) => {
            vec![Kind::new("tls", &mesh, true, true), Kind::new("raw_buffer", &[], false, true)]
        }
        (Protocol::Http | Protocol::Http2 | Protocol::GrpcWeb, Mtls::Disable) => {
            vec![Kind::new("", &[], false, true)]
        }
        (Protocol::Tcp | Protocol::Tls | Protocol::Udp, Mtls::Strict) => {
            vec![Kind::new("tls", &[], true, false)]
        }
        (Protocol::Tcp | Protocol::Tls | Protocol::Udp, Mtls::Permissive) => vec![
            Kind::new("tls", &mesh, true, false),
            Kind::new("tls", &[], false, false),
            Kind::new("raw_buffer", &[], false, false),
        ],
        (Protocol::Tcp | Protocol::Tls | Protocol::Udp, Mtls::Disable) => {
            vec![Kind::new("", &[], false, false)]
        }
        (Protocol::Auto, Mtls::Strict) => {
            vec![Kind::new("tls", &MESH_HTTP, true, true), Kind::new("tls", &[], true, false)]
        }
        (Protocol::Auto, Mtls::Permissive) => vec![
            Kind::new("tls", &MESH_HTTP, true, true),
            Kind::new("tls", &MESH_TCP, true, false),
            Kind::new("tls", &[], false, false),
            Kind::new("raw_buffer", listener::plain_http(started), false, true),
            Kind::new("raw_buffer", &[], false, false),
        ],
        (Protocol::Auto, Mtls::Disable) => vec![
            Kind::new("raw_buffer", listener::plain_http(started), false, true),
            Kind::new("", &[], false, false),
        ],
    }
}

/// The chains of a port whose TLS ends here, by what is inside.
pub(super) fn ended(inside: Protocol) -> Vec<Kind> {
    match inside {
        Protocol::Http | Protocol::Http2 | Protocol::GrpcWeb => {
            vec![Kind::new("tls", &[], false, true)]
        }
        Protocol::Tcp | Protocol::Tls | Protocol::Udp | Protocol::Auto => {
            vec![Kind::new("tls", &[], false, false)]
        }
    }
}

/// What a chain of the kind asks of connections.
pub(super) fn matches(kind: &Kind) -> FilterChainMatch {
    FilterChainMatch {
        transport_protocol: kind.transport.to_owned(),
        application_protocols: kind.alpn.iter().map(|name| (*name).to_owned()).collect(),
        ..FilterChainMatch::default()
    }
}
