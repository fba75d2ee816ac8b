//! Protocols that a cluster speaks, and the options that go with each.

use proxy_config::cluster::Protocol;
use weft_proto::envoy::config::cluster::v3 as cluster;
use weft_proto::envoy::config::core::v3 as core;
use weft_proto::envoy::extensions::http::header_formatters::preserve_case::v3::PreserveCaseFormatterConfig;
use weft_proto::envoy::extensions::upstreams::http::v3 as upstream;
use weft_proto::envoy::extensions::upstreams::http::v3::http_protocol_options as http;
use weft_proto::google::protobuf::{Any, Duration, UInt32Value};

use crate::clusters::lowered;
use crate::{any, refused};
use core::http1_protocol_options::HeaderKeyFormat;
use core::http1_protocol_options::header_key_format::{HeaderFormat, ProperCaseWords};
use http::UpstreamProtocolOptions as Said;
use http::explicit_http_config::ProtocolConfig;

fn speaking(said: Said) -> Result<proxy_config::Cluster, String> {
    let options = upstream::HttpProtocolOptions {
        upstream_protocol_options: Some(said),
        ..Default::default()
    };
    lowered(|c| {
        c.typed_extension_protocol_options.insert("http".into(), any(&options));
    })
}

fn explicit(config: ProtocolConfig) -> Said {
    Said::ExplicitHttpConfig(http::ExplicitHttpConfig { protocol_config: Some(config) })
}

fn cased(format: HeaderFormat) -> core::Http1ProtocolOptions {
    let header_key_format = Some(HeaderKeyFormat { header_format: Some(format) });
    core::Http1ProtocolOptions { header_key_format, ..Default::default() }
}

fn kept(config: Option<Any>) -> HeaderFormat {
    let name = "preserve_case".into();
    HeaderFormat::StatefulFormatter(core::TypedExtensionConfig { name, typed_config: config })
}

/// HTTP/1 in which names keep their case.
pub(crate) fn kept_case() -> core::Http1ProtocolOptions {
    cased(kept(Some(any(&PreserveCaseFormatterConfig::default()))))
}

fn two_streams() -> core::Http2ProtocolOptions {
    let seconds = |seconds| Some(Duration { seconds, nanos: 0 });
    core::Http2ProtocolOptions {
        max_concurrent_streams: Some(UInt32Value { value: 2 }),
        connection_keepalive: Some(core::KeepaliveSettings {
            interval: seconds(30),
            timeout: seconds(4),
            ..Default::default()
        }),
        ..Default::default()
    }
}

#[test]
fn options_count_where_their_protocol_is_spoken() {
    let both = Said::UseDownstreamProtocolConfig(http::UseDownstreamHttpConfig {
        http_protocol_options: Some(kept_case()),
        http2_protocol_options: Some(two_streams()),
        ..Default::default()
    });
    let first = explicit(ProtocolConfig::HttpProtocolOptions(kept_case()));
    let second = explicit(ProtocolConfig::Http2ProtocolOptions(two_streams()));
    let unsaid = Said::ExplicitHttpConfig(http::ExplicitHttpConfig::default());
    let found = [both, first, second, unsaid].map(|said| {
        let cluster = speaking(said).unwrap();
        let pings = cluster.pings.map(|p| (p.interval.as_secs(), p.timeout.as_secs()));
        (cluster.protocol, cluster.keep_case, cluster.max_streams, pings)
    });
    let expected = [
        (Protocol::Downstream, true, Some(2), Some((30, 4))),
        (Protocol::Http1, true, None, None),
        (Protocol::Http2, false, Some(2), Some((30, 4))),
        (Protocol::Http1, false, None, None),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_cluster_that_says_nothing_speaks_http_1_unless_it_has_the_old_options_of_http_2() {
    #[expect(deprecated, reason = "older control planes still send the field")]
    let old = lowered(|c| c.http2_protocol_options = Some(two_streams())).unwrap();
    assert_eq!(old.protocol, Protocol::Http2);
    assert_eq!(lowered(|_: &mut cluster::Cluster| {}).unwrap().protocol, Protocol::Http1);
}

#[test]
fn protocols_that_are_not_spoken_are_refused() {
    refused(speaking(Said::AutoConfig(http::AutoHttpConfig::default())), &["auto_config", "ALPN"]);
    let third = core::Http3ProtocolOptions::default();
    let explicitly = explicit(ProtocolConfig::Http3ProtocolOptions(third.clone()));
    refused(speaking(explicitly), &["explicit_http_config", "HTTP/3"]);
    let among = Said::UseDownstreamProtocolConfig(http::UseDownstreamHttpConfig {
        http3_protocol_options: Some(third),
        ..Default::default()
    });
    refused(speaking(among), &["use_downstream_protocol_config", "http3_protocol_options"]);
}

#[test]
fn options_of_either_protocol_that_are_not_honoured_are_refused() {
    let first = |options| speaking(explicit(ProtocolConfig::HttpProtocolOptions(options)));
    let words = cased(HeaderFormat::ProperCaseWords(ProperCaseWords::default()));
    refused(first(words), &["header_key_format", "proper_case_words"]);
    refused(first(cased(kept(None))), &["stateful_formatter", "typed_config", "is missing"]);
    let other = Any { type_url: "type.googleapis.com/x.Other".into(), value: Vec::new() };
    refused(first(cased(kept(Some(other)))), &["stateful_formatter", "x.Other is not known"]);
    let marked = PreserveCaseFormatterConfig { forward_reason_phrase: true, ..Default::default() };
    let marked = cased(kept(Some(any(&marked))));
    refused(first(marked), &["stateful_formatter", "forward_reason_phrase"]);
    for said in [
        explicit(ProtocolConfig::Http2ProtocolOptions(metadata())),
        Said::UseDownstreamProtocolConfig(http::UseDownstreamHttpConfig {
            http2_protocol_options: Some(metadata()),
            ..Default::default()
        }),
    ] {
        refused(speaking(said), &["http2_protocol_options", "allow_metadata"]);
    }
}

fn metadata() -> core::Http2ProtocolOptions {
    core::Http2ProtocolOptions { allow_metadata: true, ..Default::default() }
}
