//! TLS of the mesh: certificates by SDS, peers by SPIFFE name.

use weft_model::Protocol;
use weft_proto::envoy::config::core::v3 as core;
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

/// What a client offers, by the protocol of the port.
pub(crate) fn offered(protocol: Protocol) -> Vec<String> {
    let names: &[&str] = match protocol {
        Protocol::Http => &["istio-http/1.1", "istio", "http/1.1"],
        Protocol::Http2 => &["istio-h2", "istio", "h2"],
        // Either version of HTTP, which the server finds out: no real name, or it would have to choose one.
        Protocol::Auto => &["istio-http/1.1", "istio-h2", "istio"],
        Protocol::Tcp | Protocol::Udp => &["istio-peer-exchange", "istio"],
    };
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn secret(name: &str) -> tls::SdsSecretConfig {
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

fn common(peers: Vec<StringMatcher>, alpn: Vec<String>) -> tls::CommonTlsContext {
    use tls::common_tls_context::{CombinedCertificateValidationContext, ValidationContextType};
    use tls::subject_alt_name_matcher::SanType;
    use tls::tls_parameters::TlsProtocol;
    let typed = peers.into_iter().map(|matcher| tls::SubjectAltNameMatcher {
        san_type: SanType::Uri.into(),
        matcher: Some(matcher),
        ..tls::SubjectAltNameMatcher::default()
    });
    let validation = tls::CertificateValidationContext {
        match_typed_subject_alt_names: typed.collect(),
        ..tls::CertificateValidationContext::default()
    };
    tls::CommonTlsContext {
        tls_params: Some(tls::TlsParameters {
            tls_minimum_protocol_version: TlsProtocol::TlSv12.into(),
            tls_maximum_protocol_version: TlsProtocol::TlSv13.into(),
            ..tls::TlsParameters::default()
        }),
        alpn_protocols: alpn,
        tls_certificate_sds_secret_configs: vec![secret("default")],
        validation_context_type: Some(ValidationContextType::CombinedValidationContext(
            CombinedCertificateValidationContext {
                default_validation_context: Some(validation),
                validation_context_sds_secret_config: Some(secret("ROOTCA")),
                ..CombinedCertificateValidationContext::default()
            },
        )),
        ..tls::CommonTlsContext::default()
    }
}

fn socket(name: &str, config: Any) -> core::TransportSocket {
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

/// Plaintext.
pub(crate) fn raw() -> core::TransportSocket {
    socket("raw_buffer", wire::any(&RawBuffer {}))
}
