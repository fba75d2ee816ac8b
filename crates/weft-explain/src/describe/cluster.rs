//! Clusters in the words of an answer.
//! In: a cluster as it is sent. Out: its part of an answer. Holds: names are Envoy's.

use prost::Message as _;
use weft_proto::envoy::config::cluster::v3::Cluster as Wire;
use weft_proto::envoy::config::cluster::v3::cluster::{
    ClusterDiscoveryType, DiscoveryType, LbPolicy,
};
use weft_proto::envoy::config::core::v3::TransportSocket;
use weft_proto::envoy::config::core::v3::transport_socket::ConfigType;
use weft_proto::envoy::extensions::transport_sockets::proxy_protocol::v3::ProxyProtocolUpstreamTransport;
use weft_proto::envoy::extensions::transport_sockets::tls::v3::UpstreamTlsContext;
use weft_proto::envoy::extensions::transport_sockets::tls::v3::common_tls_context::ValidationContextType;
use weft_proto::envoy::extensions::upstreams::http::v3::HttpProtocolOptions;
use weft_proto::envoy::r#type::matcher::v3::string_matcher::MatchPattern;
use weft_proto::google::protobuf::Duration;

use crate::answer::{Cluster, ClusterTls, Limits, Outlier};

const HTTP_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

pub(crate) fn cluster(cluster: &Wire) -> Cluster {
    let kind = match &cluster.cluster_discovery_type {
        Some(ClusterDiscoveryType::Type(kind)) => {
            DiscoveryType::try_from(*kind).unwrap_or_default().as_str_name().to_owned()
        }
        Some(ClusterDiscoveryType::ClusterType(kind)) => kind.name.clone(),
        None => DiscoveryType::Static.as_str_name().to_owned(),
    };
    Cluster {
        kind,
        lb: LbPolicy::try_from(cluster.lb_policy).unwrap_or_default().as_str_name().to_owned(),
        connect_timeout_ms: millis(cluster.connect_timeout.as_ref()),
        tls: tls(cluster),
        limits: limits(cluster),
        outlier: cluster.outlier_detection.as_ref().map(|outlier| Outlier {
            consecutive_5xx: outlier.consecutive_5xx.as_ref().map_or(5, |n| n.value),
            consecutive_gateway_errors: match &outlier.enforcing_consecutive_gateway_failure {
                Some(share) if share.value > 0 => {
                    outlier.consecutive_gateway_failure.as_ref().map_or(5, |n| n.value)
                }
                _ => 0,
            },
            interval_ms: outlier.interval.as_ref().map_or(10_000, |span| millis(Some(span))),
            base_ejection_ms: outlier
                .base_ejection_time
                .as_ref()
                .map_or(30_000, |span| millis(Some(span))),
            max_ejection_percent: outlier.max_ejection_percent.as_ref().map_or(10, |n| n.value),
        }),
    }
}

fn millis(span: Option<&Duration>) -> u64 {
    let Some(Duration { seconds, nanos }) = span else { return 0 };
    u64::try_from(*seconds * 1000 + i64::from(*nanos) / 1_000_000).unwrap_or_default()
}

/// The first threshold is that of usual requests.
fn limits(cluster: &Wire) -> Limits {
    let bounds = cluster.circuit_breakers.as_ref().and_then(|all| all.thresholds.first().cloned());
    let bounds = bounds.unwrap_or_default();
    let or = |value: Option<u32>, otherwise: u32| value.unwrap_or(otherwise);
    let options = cluster.typed_extension_protocol_options.get(HTTP_OPTIONS);
    let options = options.and_then(|any| HttpProtocolOptions::decode(any.value.as_slice()).ok());
    let per_connection = options
        .and_then(|options| options.common_http_protocol_options)
        .and_then(|common| common.max_requests_per_connection);
    Limits {
        max_connections: or(bounds.max_connections.map(|n| n.value), 1024),
        max_pending_requests: or(bounds.max_pending_requests.map(|n| n.value), 1024),
        max_requests: or(bounds.max_requests.map(|n| n.value), 1024),
        max_retries: or(bounds.max_retries.map(|n| n.value), 3),
        max_requests_per_connection: or(per_connection.map(|n| n.value), 0),
    }
}

fn tls(cluster: &Wire) -> ClusterTls {
    if let Some(context) = cluster.transport_socket.as_ref().and_then(context) {
        return named(&context, mode(&context));
    }
    let by_endpoint = cluster.transport_socket_matches.iter();
    match by_endpoint.filter_map(|found| context(found.transport_socket.as_ref()?)).next() {
        Some(context) => named(&context, "auto"),
        None => ClusterTls {
            mode: "none".to_owned(),
            sni: String::new(),
            subject_alt_names: Vec::new(),
        },
    }
}

fn context(socket: &TransportSocket) -> Option<UpstreamTlsContext> {
    let Some(ConfigType::TypedConfig(config)) = &socket.config_type else { return None };
    let bytes = config.value.as_slice();
    if config.type_url.ends_with("ProxyProtocolUpstreamTransport") {
        let outer = ProxyProtocolUpstreamTransport::decode(bytes).ok()?;
        return context(outer.transport_socket.as_ref()?);
    }
    let is_tls = config.type_url.ends_with("UpstreamTlsContext");
    is_tls.then(|| UpstreamTlsContext::decode(bytes).ok()).flatten()
}

fn mode(context: &UpstreamTlsContext) -> &'static str {
    let common = context.common_tls_context.as_ref();
    let secrets = common.map(|common| common.tls_certificate_sds_secret_configs.as_slice());
    match secrets.unwrap_or_default() {
        [] => "SIMPLE",
        [own, ..] if own.name == "default" => "ISTIO_MUTUAL",
        _ => "MUTUAL",
    }
}

fn named(context: &UpstreamTlsContext, mode: &str) -> ClusterTls {
    let validation = match context
        .common_tls_context
        .as_ref()
        .and_then(|c| c.validation_context_type.as_ref())
    {
        Some(ValidationContextType::ValidationContext(own)) => Some(own),
        Some(ValidationContextType::CombinedValidationContext(both)) => {
            both.default_validation_context.as_ref()
        }
        _ => None,
    };
    #[expect(deprecated, reason = "names of any kind stand in the untyped form")]
    let untyped = validation.into_iter().flat_map(|own| &own.match_subject_alt_names);
    let typed = validation.into_iter().flat_map(|own| &own.match_typed_subject_alt_names);
    let names = untyped.chain(typed.filter_map(|name| name.matcher.as_ref()));
    let names = names.filter_map(|name| match name.match_pattern.as_ref()? {
        MatchPattern::Exact(text) => Some(text.clone()),
        MatchPattern::Prefix(text) => Some(format!("{text}*")),
        _ => None,
    });
    ClusterTls {
        mode: mode.to_owned(),
        sni: context.sni.clone(),
        subject_alt_names: names.collect(),
    }
}
