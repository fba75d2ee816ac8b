//! Policies of clusters.

use prost::Message;
use proxy_config::cluster::ProxyVersion;
use proxy_lower::lower_cluster;
use weft_proto::envoy::config::cluster::v3 as cluster;
use weft_proto::envoy::config::common::matcher::v3::{
    self as matcher, MatchPredicate, match_predicate as predicate,
};
use weft_proto::envoy::config::core::v3 as core;
use weft_proto::envoy::config::route::v3 as route;
use weft_proto::envoy::extensions::transport_sockets::proxy_protocol::v3::ProxyProtocolUpstreamTransport;
use weft_proto::envoy::extensions::transport_sockets::raw_buffer::v3::RawBuffer;
use weft_proto::envoy::extensions::upstreams::http::v3 as upstream;
use weft_proto::envoy::r#type::matcher::v3::{StringMatcher, string_matcher::MatchPattern};
use weft_proto::google::protobuf::{Duration, UInt32Value, UInt64Value};

use crate::{any, refused};

/// What becomes of a cluster.
pub(crate) fn lowered(
    change: impl FnOnce(&mut cluster::Cluster),
) -> Result<proxy_config::Cluster, String> {
    let mut wire = cluster::Cluster { name: "c".into(), ..Default::default() };
    change(&mut wire);
    lower_cluster(&wire.encode_to_vec()).map_err(|error| error.to_string())
}

fn with_errors(rule: predicate::Rule) -> Result<proxy_config::Cluster, String> {
    let errors = upstream::http_protocol_options::OutlierDetection {
        error_matcher: Some(MatchPredicate { rule: Some(rule) }),
    };
    let options =
        upstream::HttpProtocolOptions { outlier_detection: Some(errors), ..Default::default() };
    lowered(|c| {
        c.outlier_detection = Some(cluster::OutlierDetection::default());
        c.typed_extension_protocol_options.insert("http".into(), any(&options));
    })
}

fn field(name: &str, value: &str) -> MatchPredicate {
    let exact = StringMatcher {
        match_pattern: Some(MatchPattern::Prefix(value.into())),
        ignore_case: false,
    };
    let header = route::HeaderMatcher {
        name: name.into(),
        header_match_specifier: Some(route::header_matcher::HeaderMatchSpecifier::StringMatch(
            exact,
        )),
        ..Default::default()
    };
    let fields = matcher::HttpHeadersMatch { headers: vec![header] };
    MatchPredicate { rule: Some(predicate::Rule::HttpResponseHeadersMatch(fields)) }
}

fn other_than(value: &str) -> MatchPredicate {
    let mut wire = field(":status", value);
    if let Some(predicate::Rule::HttpResponseHeadersMatch(fields)) = &mut wire.rule {
        fields.headers[0].invert_match = true;
    }
    wire
}

#[test]
fn failures_are_told_by_the_status_alone() {
    let not = |inner| predicate::Rule::NotMatch(Box::new(inner));
    let both = predicate::MatchSet {
        rules: vec![
            field(":status", "4"),
            MatchPredicate { rule: Some(not(field(":status", "404"))) },
        ],
    };
    let found = with_errors(predicate::Rule::AndMatch(both)).unwrap().outlier.unwrap();
    let counted = [404, 429, 499, 500, 200].map(|status| found.counts_as(status));
    assert_eq!(counted, [200, 500, 500, 200, 200]);
    let either = predicate::MatchSet { rules: vec![field(":status", "404"), other_than("4")] };
    let found = with_errors(predicate::Rule::OrMatch(either)).unwrap().outlier.unwrap();
    assert_eq!([404, 429, 503].map(|status| found.counts_as(status)), [500, 200, 503]);
    let other = with_errors(not(field("x-failed", "yes")));
    refused(other, &["error_matcher.not_match", "x-failed", ":status"]);
    let request = predicate::Rule::HttpRequestHeadersMatch(matcher::HttpHeadersMatch::default());
    refused(with_errors(request), &["error_matcher.rule", "head of the answer"]);
    let mut deep = field(":status", "5");
    for _ in 0..40 {
        deep = MatchPredicate { rule: Some(not(deep)) };
    }
    refused(with_errors(not(deep)), &["nested too deep"]);
}

#[test]
fn sni_and_names_by_host_are_taken_and_by_another_field_refused() {
    let options = upstream::HttpProtocolOptions {
        upstream_http_protocol_options: Some(core::UpstreamHttpProtocolOptions {
            auto_san_validation: true,
            ..Default::default()
        }),
        ..Default::default()
    };
    let with = |options: &upstream::HttpProtocolOptions| {
        lowered(|c| {
            c.typed_extension_protocol_options.insert("x".into(), any(options));
        })
    };
    let by_host = with(&options).unwrap().by_host;
    assert!(by_host.san && !by_host.sni);
    let mut other = options.clone();
    if let Some(by) = &mut other.upstream_http_protocol_options {
        by.override_auto_sni_header = "x-name".into();
    }
    refused(with(&other), &["upstream_http_protocol_options", "override_auto_sni_header"]);
}

#[test]
fn parts_of_clusters_without_effect_are_refused() {
    use cluster::cluster::common_lb_config::{
        LocalityConfigSpecifier as Specifier, LocalityWeightedLbConfig, ZoneAwareLbConfig,
    };
    use cluster::cluster::{CommonLbConfig, LbConfig, LbPolicy};
    let by_place = |specifier: Specifier| {
        lowered(|c| {
            c.common_lb_config = Some(CommonLbConfig {
                locality_config_specifier: Some(specifier),
                ..Default::default()
            });
        })
    };
    let weighted = Specifier::LocalityWeightedLbConfig(LocalityWeightedLbConfig::default());
    assert!(by_place(weighted).unwrap().weighs_localities);
    let zones = Specifier::ZoneAwareLbConfig(ZoneAwareLbConfig::default());
    refused(by_place(zones), &["common_lb_config.zone_aware_lb_config"]);
    let slow = |aggression: f64| {
        lowered(|c| {
            c.lb_policy = LbPolicy::LeastRequest.into();
            c.lb_config =
                Some(LbConfig::LeastRequestLbConfig(cluster::cluster::LeastRequestLbConfig {
                    slow_start_config: Some(cluster::cluster::SlowStartConfig {
                        slow_start_window: Some(Duration { seconds: 60, nanos: 0 }),
                        aggression: Some(core::RuntimeDouble {
                            default_value: aggression,
                            runtime_key: "x".into(),
                        }),
                        ..Default::default()
                    }),
                    ..Default::default()
                }));
        })
    };
    let found = slow(2.0).unwrap().slow_start.unwrap();
    assert_eq!((found.window.as_secs(), found.minimum_percent), (60, 10.0));
    refused(slow(0.0), &["slow_start_config.aggression"]);
    refused(slow(f64::NAN), &["slow_start_config.aggression"]);
    let maglev = |value: u64| {
        lowered(|c| {
            c.lb_policy = LbPolicy::Maglev.into();
            c.lb_config = Some(LbConfig::MaglevLbConfig(cluster::cluster::MaglevLbConfig {
                table_size: Some(UInt64Value { value }),
            }));
        })
    };
    assert!(maglev(65_537).is_ok());
    refused(maglev(65_536), &["table_size", "prime"]);
    refused(
        lowered(|c| {
            c.outlier_detection = Some(cluster::OutlierDetection {
                enforcing_consecutive_5xx: Some(UInt32Value { value: 50 }),
                ..Default::default()
            });
        }),
        &["outlier_detection.enforcing_consecutive_5xx"],
    );
}

#[test]
fn a_budget_of_retries_has_a_share_a_least_number_and_a_span() {
    use cluster::circuit_breakers::{Thresholds, thresholds::RetryBudget};
    let with = |budget: RetryBudget| {
        lowered(|c| {
            let thresholds = vec![Thresholds { retry_budget: Some(budget), ..Default::default() }];
            c.circuit_breakers =
                Some(cluster::CircuitBreakers { thresholds, ..Default::default() });
        })
    };
    let budget = |wire| {
        let found = with(wire).unwrap().limits.retry_budget.unwrap();
        (found.per_million, found.minimum, found.interval.map(|span| span.as_secs()))
    };
    assert_eq!(budget(RetryBudget::default()), (200_000, 3, None));
    let spanned = |seconds| RetryBudget {
        budget_percent: Some(weft_proto::envoy::r#type::v3::Percent { value: 5.0 }),
        min_retry_concurrency: Some(UInt32Value { value: 7 }),
        budget_interval: Some(Duration { seconds, nanos: 0 }),
    };
    assert_eq!(budget(spanned(10)), (50_000, 7, Some(10)));
    refused(with(spanned(-1)), &["retry_budget", "budget_interval"]);
}

#[test]
fn every_transport_of_a_cluster_begins_with_the_same_proxy_header() {
    use core::proxy_protocol_config::Version;
    let matching = |name: &str, version: Option<Version>| cluster::cluster::TransportSocketMatch {
        name: name.into(),
        transport_socket: version.map(introducing),
        ..Default::default()
    };
    let with = |versions: [Option<Version>; 2]| {
        let [first, second] = versions;
        lowered(|c| {
            c.transport_socket_matches = vec![matching("a", first), matching("b", second)];
        })
    };
    let both = with([Some(Version::V2), Some(Version::V2)]).unwrap();
    assert_eq!(both.proxy_protocol, Some(ProxyVersion::V2));
    assert_eq!(with([None, None]).unwrap().proxy_protocol, None);
    for mixed in [[Some(Version::V1), Some(Version::V2)], [None, Some(Version::V1)]] {
        refused(with(mixed), &["transport_socket_matches", "PROXY"]);
    }
}

fn introducing(version: core::proxy_protocol_config::Version) -> core::TransportSocket {
    let plain = core::TransportSocket {
        name: "raw".into(),
        config_type: Some(core::transport_socket::ConfigType::TypedConfig(any(
            &RawBuffer::default(),
        ))),
    };
    let config = ProxyProtocolUpstreamTransport {
        config: Some(core::ProxyProtocolConfig { version: version.into(), ..Default::default() }),
        transport_socket: Some(plain),
        ..Default::default()
    };
    core::TransportSocket {
        name: "introducing".into(),
        config_type: Some(core::transport_socket::ConfigType::TypedConfig(any(&config))),
    }
}
