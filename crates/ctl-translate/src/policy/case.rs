//! The case of HTTP/1 field names.
//!
//! In: a cluster. Out: the same, whose servers' names are kept. Holds: HTTP/2, whose names have no case, is left alone.

use weft_proto::envoy::config::cluster::v3::Cluster;
use weft_proto::envoy::config::core::v3::http1_protocol_options::{
    HeaderKeyFormat, header_key_format::HeaderFormat,
};
use weft_proto::envoy::config::core::v3::{Http1ProtocolOptions, TypedExtensionConfig};
use weft_proto::envoy::extensions::http::header_formatters::preserve_case::v3::PreserveCaseFormatterConfig;
use weft_proto::envoy::extensions::upstreams::http::v3::http_protocol_options::{
    UpstreamProtocolOptions, explicit_http_config::ProtocolConfig,
};

use super::{OPTIONS, options_of};
use crate::wire;

/// Keeps the names that a cluster's servers write.
pub(crate) fn keep_case(cluster: &mut Cluster) {
    let Some(mut options) = options_of(cluster) else { return };
    let http1: Option<&mut Http1ProtocolOptions> = match &mut options.upstream_protocol_options {
        Some(UpstreamProtocolOptions::UseDownstreamProtocolConfig(both)) => {
            both.http_protocol_options.as_mut()
        }
        Some(UpstreamProtocolOptions::ExplicitHttpConfig(explicit)) => {
            match &mut explicit.protocol_config {
                Some(ProtocolConfig::HttpProtocolOptions(http1)) => Some(http1),
                Some(
                    ProtocolConfig::Http2ProtocolOptions(_)
                    | ProtocolConfig::Http3ProtocolOptions(_),
                )
                | None => None,
            }
        }
        Some(UpstreamProtocolOptions::AutoConfig(_)) | None => None,
    };
    let Some(http1) = http1 else { return };
    http1.header_key_format = Some(kept());
    cluster.typed_extension_protocol_options =
        wire::ordered(vec![(OPTIONS.to_owned(), wire::any(&options))]);
}

/// Names as they came.
pub(crate) fn kept() -> HeaderKeyFormat {
    let formatter = TypedExtensionConfig {
        name: "preserve_case".to_owned(),
        typed_config: Some(wire::any(&PreserveCaseFormatterConfig::default())),
    };
    HeaderKeyFormat { header_format: Some(HeaderFormat::StatefulFormatter(formatter)) }
}
