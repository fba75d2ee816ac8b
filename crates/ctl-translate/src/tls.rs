//! TLS of the mesh: certificates by SDS, peers by SPIFFE name.

use weft_model::Protocol;
use weft_model::api::traffic_policy::{ProxyProtocol, ProxyProtocolVersion};
use weft_proto::envoy::config::core::v3 as core;
use weft_proto::envoy::extensions::transport_sockets::proxy_protocol::v3::ProxyProtocolUpstreamTransport;
use weft_proto::envoy::extensions::transport_sockets::raw_buffer::v3::RawBuffer;
use weft_proto::envoy::extensions::transport_sockets::tls::v3 as tls;
use weft_proto::envoy::r#type::matcher::v3::{StringMatcher, string_matcher::MatchPattern};
use weft_proto::google::protobuf::Any;

use crate::domains::Domains;
use crate::wire;

const SDS_CLUSTER: &str = "sds-grpc";

/// Application protocols by which a server tells the mesh's own TLS from others.
pub(crate) const MESH_HTTP: [&str; 3] = ["istio-http/1.0", "istio-http/1.1", "istio-h2"];
/// The same for connections that are not known to be HTTP.
pub(crate) const MESH_TCP: [&str; 2] = ["istio-peer-exchange", "istio"];

/// What a proxy of the mesh offers in TLS to another one, by the protocol of the port.
#[must_use]
pub fn offered(protocol: Protocol) -> Vec<String> {
    let names: &[&str] = match protocol {
        Protocol::Http => &["istio-http/1.1", "istio", "http/1.1"],
        Protocol::Http2 | Protocol::GrpcWeb => &["istio-h2", "istio", "h2"],
        // Either version of HTTP, which the server finds out: no real name, or it would have to choose one.
        Protocol::Auto => &["istio-http/1.1", "istio-h2", "istio"],
        Protocol::Tcp | Protocol::Tls | Protocol::Udp => &["istio-peer-exchange", "istio"],
    };
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// A secret that whoever runs the proxy hands to it: the mesh's own, or one that stands in files.
pub(crate) fn secret(name: &str) -> tls::SdsSecretConfig {
    use core::config_source::ConfigSourceSpecifier;
    use core::grpc_service::{EnvoyGrpc, TargetSpecifier};
    let service = core::GrpcService {
        target_specifier: Some(TargetSpecifier::EnvoyGrpc(EnvoyGrpc {
            cluster_name: SDS_CLUSTER.to_owned(),
            ..EnvoyGrpc::default()
        })),
        ..core::GrpcService::default()
    };
    let api = core::ApiConfigSource {
        api_type: core::api_config_source::ApiType::Grpc.into(),
        transport_api_version: core::ApiVersion::V3.into(),
        grpc_services: vec![service],
        set_node_on_first_message_only: true,
        ..core::ApiConfigSource::default()
    };
    tls::SdsSecretConfig {
        name: name.to_owned(),
        sds_config: Some(core::ConfigSource {
            config_source_specifier: Some(ConfigSourceSpecifier::ApiConfigSource(api)),
            initial_fetch_timeout: Some(wire::seconds(0)),
            resource_api_version: core::ApiVersion::V3.into(),
            ..core::ConfigSource::default()
        }),
    }
}

fn uris(peers: Vec<StringMatcher>) -> tls::CertificateValidationContext {
    use tls::subject_alt_name_matcher::SanType;
    let typed = peers.into_iter().map(|matcher| tls::SubjectAltNameMatcher {
        san_type: SanType::Uri.into(),
        matcher: Some(matcher),
        ..tls::SubjectAltNameMatcher::default()
    });
    tls::CertificateValidationContext {
        match_typed_subject_alt_names: typed.collect(),
        ..tls::CertificateValidationContext::default()
    }
}

/// From TLS 1.2 to 1.3, without a certificate or a check of the peer's.
pub(crate) fn bare(alpn: Vec<String>) -> tls::CommonTlsContext {
    use tls::tls_parameters::TlsProtocol;
    tls::CommonTlsContext {
        tls_params: Some(tls::TlsParameters {
            tls_minimum_protocol_version: TlsProtocol::TlSv12.into(),
            tls_maximum_protocol_version: TlsProtocol::TlSv13.into(),
            ..tls::TlsParameters::default()
        }),
        alpn_protocols: alpn,
        ..tls::CommonTlsContext::default()
    }
}

/// Peers are verified by roots that come as a secret, and by what is said here.
pub(crate) fn verified(
    said: tls::CertificateValidationContext,
    roots: tls::SdsSecretConfig,
) -> tls::common_tls_context::ValidationContextType {
    use tls::common_tls_context::{CombinedCertificateValidationContext, ValidationContextType};
    ValidationContextType::CombinedValidationContext(CombinedCertificateValidationContext {
        default_validation_context: Some(said),
        validation_context_sds_secret_config: Some(roots),
        ..CombinedCertificateValidationContext::default()
    })
}

fn common(peers: Vec<StringMatcher>, alpn: Vec<String>) -> tls::CommonTlsContext {
    tls::CommonTlsContext {
        tls_certificate_sds_secret_configs: vec![secret("default")],
        validation_context_type: Some(verified(uris(peers), secret("ROOTCA"))),
        ..bare(alpn)
    }
}

pub(crate) fn socket(name: &str, config: Any) -> core::TransportSocket {
    core::TransportSocket {
        name: format!("envoy.transport_sockets.{name}"),
        config_type: Some(core::transport_socket::ConfigType::TypedConfig(config)),
    }
}

/// The client's side: the server must be one of `peers`, under any name of the trust domain; when none is known, anyone of
/// it.
pub(crate) fn upstream<'a>(
    peers: impl Iterator<Item = &'a str>,
    domains: Domains<'_>,
    server_name: String,
    alpn: Vec<String>,
) -> core::TransportSocket {
    let exact = |peer: &str| StringMatcher {
        match_pattern: Some(MatchPattern::Exact(peer.to_owned())),
        ignore_case: false,
    };
    let mut peers: Vec<StringMatcher> =
        peers.flat_map(|peer| domains.names_of(peer)).map(|peer| exact(&peer)).collect();
    if peers.is_empty() {
        peers = of_domains(domains);
    }
    let context = tls::UpstreamTlsContext {
        common_tls_context: Some(common(peers, alpn)),
        sni: server_name,
        ..tls::UpstreamTlsContext::default()
    };
    socket("tls", wire::any(&context))
}

fn of_domains(domains: Domains<'_>) -> Vec<StringMatcher> {
    let of = |domain: &str| StringMatcher {
        match_pattern: Some(MatchPattern::Prefix(format!("spiffe://{domain}/"))),
        ignore_case: false,
    };
    domains.all().map(of).collect()
}

/// The server's side: the client must have a certificate of the trust domain.
pub(crate) fn downstream(domains: Domains<'_>, http: bool) -> core::TransportSocket {
    let alpn: &[&str] = if http { &["h2", "http/1.1"] } else { &[] };
    let alpn = alpn.iter().map(|name| (*name).to_owned()).collect();
    let context = tls::DownstreamTlsContext {
        common_tls_context: Some(common(of_domains(domains), alpn)),
        require_client_certificate: wire::truth(true),
        ..tls::DownstreamTlsContext::default()
    };
    socket("tls", wire::any(&context))
}

/// The same, after a header that tells the server who its client is.
pub(crate) fn introduced(
    inner: Option<core::TransportSocket>,
    said: &ProxyProtocol,
) -> core::TransportSocket {
    let version = match said.version {
        ProxyProtocolVersion::V1 => core::proxy_protocol_config::Version::V1,
        ProxyProtocolVersion::V2 => core::proxy_protocol_config::Version::V2,
    };
    let outer = ProxyProtocolUpstreamTransport {
        config: Some(core::ProxyProtocolConfig {
            version: version.into(),
            ..core::ProxyProtocolConfig::default()
        }),
        transport_socket: Some(inner.unwrap_or_else(raw)),
        ..ProxyProtocolUpstreamTransport::default()
    };
    socket("upstream_proxy_protocol", wire::any(&outer))
}

/// Plaintext.
pub(crate) fn raw() -> core::TransportSocket {
    socket("raw_buffer", wire::any(&RawBuffer {}))
}
