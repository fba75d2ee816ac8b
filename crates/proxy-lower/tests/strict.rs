//! Security first: what would weaken a check, or panic, or be dropped in silence, is refused by name.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use prost::{Message, Name};
use proxy_lower::{lower_cluster, lower_endpoints, lower_listener, lower_routes};
use weft_proto::envoy::config::cluster::v3 as cluster;
use weft_proto::envoy::config::core::v3 as core;
use weft_proto::envoy::config::endpoint::v3 as endpoint;
use weft_proto::envoy::config::listener::v3 as listener;
use weft_proto::envoy::config::route::v3 as route;
use weft_proto::envoy::extensions::filters::http::cors::v3::CorsPolicy;
use weft_proto::envoy::extensions::filters::http::fault::v3 as fault;
use weft_proto::envoy::extensions::filters::http::router::v3::Router;
use weft_proto::envoy::extensions::filters::network::http_connection_manager::v3 as hcm;
use weft_proto::envoy::extensions::transport_sockets::tls::v3 as tls;
use weft_proto::envoy::extensions::upstreams::http::v3 as upstream;
use weft_proto::envoy::r#type::matcher::v3::{
    RegexMatcher, StringMatcher, string_matcher::MatchPattern,
};
use weft_proto::envoy::r#type::v3::Int32Range;
use weft_proto::google::protobuf::{Any, BoolValue, Duration, UInt32Value, UInt64Value};

fn any<M: Message + Name>(message: &M) -> Any {
    Any { type_url: M::type_url(), value: message.encode_to_vec() }
}

fn secret(name: &str) -> tls::SdsSecretConfig {
    tls::SdsSecretConfig { name: name.into(), ..Default::default() }
}

fn context() -> tls::CommonTlsContext {
    use tls::common_tls_context::{CombinedCertificateValidationContext, ValidationContextType};
    let matcher = StringMatcher {
        match_pattern: Some(MatchPattern::Prefix("spiffe://x/".into())),
        ignore_case: false,
    };
    let san = tls::SubjectAltNameMatcher {
        san_type: tls::subject_alt_name_matcher::SanType::Uri.into(),
        matcher: Some(matcher),
        ..Default::default()
    };
    let validation = tls::CertificateValidationContext {
        match_typed_subject_alt_names: vec![san],
        ..Default::default()
    };
    tls::CommonTlsContext {
        tls_certificate_sds_secret_configs: vec![secret("default")],
        validation_context_type: Some(ValidationContextType::CombinedValidationContext(
            CombinedCertificateValidationContext {
                default_validation_context: Some(validation),
                validation_context_sds_secret_config: Some(secret("ROOTCA")),
                ..Default::default()
            },
        )),
        ..Default::default()
    }
}

fn tls_cluster(context: tls::CommonTlsContext) -> Result<proxy_config::Cluster, String> {
    let context =
        tls::UpstreamTlsContext { common_tls_context: Some(context), ..Default::default() };
    let socket = core::TransportSocket {
        name: "tls".into(),
        config_type: Some(core::transport_socket::ConfigType::TypedConfig(any(&context))),
    };
    lowered(|c| c.transport_socket = Some(socket))
}

fn lowered(change: impl FnOnce(&mut cluster::Cluster)) -> Result<proxy_config::Cluster, String> {
    let mut wire = cluster::Cluster { name: "c".into(), ..Default::default() };
    change(&mut wire);
    lower_cluster(&wire.encode_to_vec()).map_err(|error| error.to_string())
}

#[track_caller]
fn refused<T>(result: Result<T, String>, words: &[&str]) {
    let Err(why) = result else { panic!("accepted, expected a refusal with {words:?}") };
    for word in words {
        assert!(why.contains(word), "{word:?} is not in {why:?}");
    }
}

fn typed_sans(context: &mut tls::CommonTlsContext) -> &mut tls::SubjectAltNameMatcher {
    use tls::common_tls_context::ValidationContextType::CombinedValidationContext;
    let Some(CombinedValidationContext(combined)) = &mut context.validation_context_type else {
        panic!("not combined")
    };
    let validation = combined.default_validation_context.as_mut().unwrap();
    &mut validation.match_typed_subject_alt_names[0]
}

#[test]
fn names_of_peers_are_never_left_out() {
    use tls::common_tls_context::ValidationContextType::CombinedValidationContext;
    let tls = tls_cluster(context()).unwrap().tls.unwrap();
    assert_eq!(tls.server_sans.len(), 1);
    let mut without = context();
    typed_sans(&mut without).matcher = None;
    refused(tls_cluster(without), &["match_typed_subject_alt_names", "matcher: is missing"]);
    let mut dns = context();
    typed_sans(&mut dns).san_type = tls::subject_alt_name_matcher::SanType::Dns.into();
    refused(tls_cluster(dns), &["san_type", "DNS"]);
    let mut rootless = context();
    if let Some(CombinedValidationContext(c)) = &mut rootless.validation_context_type {
        c.validation_context_sds_secret_config = None;
    }
    refused(tls_cluster(rootless), &["validation_context_sds_secret_config", "is missing"]);
    let mut two = context();
    two.tls_certificate_sds_secret_configs.push(secret("other"));
    refused(tls_cluster(two), &["tls_certificate_sds_secret_configs", "more than one"]);
}

#[test]
fn tls_parameters_that_would_narrow_what_is_offered_are_refused() {
    use tls::tls_parameters::TlsProtocol;
    let with = |change: fn(&mut tls::TlsParameters)| {
        let mut params = tls::TlsParameters::default();
        change(&mut params);
        tls_cluster(tls::CommonTlsContext { tls_params: Some(params), ..context() })
    };
    let istio = |p: &mut tls::TlsParameters| {
        p.tls_minimum_protocol_version = TlsProtocol::TlSv12.into();
        p.tls_maximum_protocol_version = TlsProtocol::TlSv13.into();
        p.cipher_suites = [
            "ECDHE-ECDSA-AES256-GCM-SHA384",
            "ECDHE-RSA-AES256-GCM-SHA384",
            "ECDHE-ECDSA-AES128-GCM-SHA256",
            "ECDHE-RSA-AES128-GCM-SHA256",
            "AES256-GCM-SHA384",
            "AES128-GCM-SHA256",
        ]
        .map(str::to_owned)
        .to_vec();
    };
    assert!(with(istio).is_ok());
    refused(
        with(|p| p.tls_minimum_protocol_version = TlsProtocol::TlSv13.into()),
        &["tls_minimum_protocol_version"],
    );
    refused(
        with(|p| p.tls_maximum_protocol_version = TlsProtocol::TlSv12.into()),
        &["tls_maximum_protocol_version"],
    );
    refused(
        with(|p| p.cipher_suites = vec!["ECDHE-ECDSA-AES256-GCM-SHA384".into()]),
        &["cipher_suites"],
    );
    refused(with(|p| p.ecdh_curves = vec!["P-521".into()]), &["ecdh_curves"]);
}

#[test]
fn sni_and_names_by_host_are_refused_where_they_are_not_checked() {
    let options = upstream::HttpProtocolOptions {
        upstream_http_protocol_options: Some(core::UpstreamHttpProtocolOptions {
            auto_san_validation: true,
            ..Default::default()
        }),
        ..Default::default()
    };
    let result = lowered(|c| {
        c.typed_extension_protocol_options.insert("x".into(), any(&options));
    });
    refused(result, &["upstream_http_protocol_options"]);
}

fn http_listener(
    change: impl FnOnce(&mut hcm::HttpConnectionManager),
) -> Result<proxy_config::Listener, String> {
    let router = hcm::http_filter::ConfigType::TypedConfig(any(&Router::default()));
    let mut manager = hcm::HttpConnectionManager {
        http_filters: vec![hcm::HttpFilter { config_type: Some(router), ..Default::default() }],
        route_specifier: Some(hcm::http_connection_manager::RouteSpecifier::RouteConfig(
            route::RouteConfiguration::default(),
        )),
        ..Default::default()
    };
    change(&mut manager);
    let filter = listener::Filter {
        name: "f".into(),
        config_type: Some(listener::filter::ConfigType::TypedConfig(any(&manager))),
    };
    listener(|l| {
        let chain = listener::FilterChain { filters: vec![filter], ..Default::default() };
        l.filter_chains = vec![chain];
    })
}

fn listener(
    change: impl FnOnce(&mut listener::Listener),
) -> Result<proxy_config::Listener, String> {
    let socket = core::SocketAddress {
        address: "0.0.0.0".into(),
        port_specifier: Some(core::socket_address::PortSpecifier::PortValue(80)),
        ..Default::default()
    };
    let mut wire = listener::Listener {
        name: "l".into(),
        address: Some(core::Address {
            address: Some(core::address::Address::SocketAddress(socket)),
        }),
        ..Default::default()
    };
    change(&mut wire);
    lower_listener(&wire.encode_to_vec()).map_err(|error| error.to_string())
}

#[test]
fn a_disabled_filter_is_refused_and_an_optional_one_left_out() {
    let lua = |disabled, is_optional| {
        let config = Any {
            type_url: "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua".into(),
            value: Vec::new(),
        };
        hcm::HttpFilter {
            name: "lua".into(),
            is_optional,
            disabled,
            config_type: Some(hcm::http_filter::ConfigType::TypedConfig(config)),
        }
    };
    refused(http_listener(|m| m.http_filters.insert(0, lua(true, true))), &["disabled"]);
    refused(http_listener(|m| m.http_filters.insert(0, lua(false, false))), &["lua"]);
    assert!(http_listener(|m| m.http_filters.insert(0, lua(false, true))).is_ok());
}

#[test]
fn an_abort_with_an_impossible_status_is_refused() {
    let with = |status: u32| {
        let abort = fault::FaultAbort {
            error_type: Some(fault::fault_abort::ErrorType::HttpStatus(status)),
            ..Default::default()
        };
        let config = any(&fault::HttpFault { abort: Some(abort), ..Default::default() });
        http_listener(|m| {
            let config_type = Some(hcm::http_filter::ConfigType::TypedConfig(config));
            m.http_filters.insert(0, hcm::HttpFilter { config_type, ..Default::default() });
        })
    };
    assert!(with(503).is_ok());
    for status in [0, 101, 600, 65_536, 66_039, u32::MAX] {
        refused(with(status), &["abort.http_status"]);
    }
}

#[test]
fn ranges_of_ports_cannot_overflow() {
    use listener::listener_filter_chain_match_predicate::Rule;
    for (start, end) in [(0, 0), (5, 5), (9, 3), (0, i32::MIN), (-1, 5), (0, 70_000)] {
        let result = listener(|l| {
            l.listener_filters = vec![listener::ListenerFilter {
                name: "envoy.filters.listener.tls_inspector".into(),
                filter_disabled: Some(listener::ListenerFilterChainMatchPredicate {
                    rule: Some(Rule::DestinationPortRange(Int32Range { start, end })),
                }),
                ..Default::default()
            }];
        });
        refused(result, &["filter_disabled"]);
    }
}

fn routed(change: impl FnOnce(&mut route::Route)) -> Result<proxy_config::RouteConfig, String> {
    let mut one = route::Route {
        r#match: Some(route::RouteMatch {
            path_specifier: Some(route::route_match::PathSpecifier::Prefix("/".into())),
            ..Default::default()
        }),
        action: Some(route::route::Action::Route(forward(|_| {}))),
        ..Default::default()
    };
    change(&mut one);
    let host = route::VirtualHost { routes: vec![one], ..Default::default() };
    let wire = route::RouteConfiguration { virtual_hosts: vec![host], ..Default::default() };
    lower_routes(&wire.encode_to_vec()).map_err(|error| error.to_string())
}

fn forward(change: impl FnOnce(&mut route::RouteAction)) -> route::RouteAction {
    let mut action = route::RouteAction {
        cluster_specifier: Some(route::route_action::ClusterSpecifier::Cluster("c".into())),
        ..Default::default()
    };
    change(&mut action);
    action
}

fn acted(
    change: impl FnOnce(&mut route::RouteAction),
) -> Result<proxy_config::RouteConfig, String> {
    let action = forward(change);
    routed(|r| r.action = Some(route::route::Action::Route(action)))
}

#[test]
fn back_offs_and_timeouts_of_ages_do_not_panic() {
    let retry = |seconds: i64| {
        acted(|a| {
            a.retry_policy = Some(route::RetryPolicy {
                retry_back_off: Some(route::retry_policy::RetryBackOff {
                    base_interval: Some(Duration { seconds, nanos: 0 }),
                    ..Default::default()
                }),
                ..Default::default()
            });
        })
    };
    assert!(retry(1).is_ok());
    assert!(retry(315_576_000_000).is_ok());
    refused(retry(i64::MAX), &["retry_back_off", "too long"]);
    refused(retry(0), &["retry_back_off"]);
    refused(acted(|a| a.timeout = Some(Duration { seconds: i64::MAX, nanos: 0 })), &["timeout"]);
    refused(
        acted(|a| a.timeout = Some(Duration { seconds: 1, nanos: i32::MAX })),
        &["timeout", "nanos"],
    );
}

#[test]
fn a_pattern_must_be_whole_by_itself() {
    let with = |pattern: &str| {
        routed(|r| {
            let regex = RegexMatcher { regex: pattern.into(), ..Default::default() };
            r.r#match.as_mut().unwrap().path_specifier =
                Some(route::route_match::PathSpecifier::SafeRegex(regex));
        })
    };
    assert!(with("/a|/b").is_ok());
    refused(with("a)|(b"), &["regex"]);
    refused(with("/x)|(?:.*"), &["regex"]);
}

#[test]
fn parts_of_routes_without_effect_are_refused() {
    refused(acted(|a| a.priority = core::RoutingPriority::High.into()), &["priority"]);
    refused(
        acted(|a| {
            a.retry_policy = Some(route::RetryPolicy {
                retry_host_predicate: vec![route::retry_policy::RetryHostPredicate {
                    name: "envoy.retry_host_predicates.omit_canary_hosts".into(),
                    config_type: None,
                }],
                ..Default::default()
            });
        }),
        &["retry_host_predicate", "omit_canary_hosts"],
    );
    let cors = any(&CorsPolicy {
        filter_enabled: Some(core::RuntimeFractionalPercent {
            default_value: Some(weft_proto::envoy::r#type::v3::FractionalPercent {
                numerator: 50,
                denominator: 0,
            }),
            runtime_key: String::new(),
        }),
        ..Default::default()
    });
    refused(
        routed(|r| drop(r.typed_per_filter_config.insert("cors".into(), cors))),
        &["filter_enabled"],
    );
    let header = |key: &str, value: &str| core::HeaderValueOption {
        header: Some(core::HeaderValue {
            key: key.into(),
            value: value.into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    for (key, value) in [("", "x"), ("a b", "x"), (":path", "/"), ("x", "a\r\nb: c")] {
        let option = header(key, value);
        refused(routed(|r| r.request_headers_to_add.push(option)), &["header"]);
    }
    let count = |option: core::HeaderValueOption| {
        let lowered = routed(|r| r.request_headers_to_add.push(option)).unwrap();
        lowered.virtual_hosts[0].routes[0].headers.request.len()
    };
    assert_eq!(count(header("x", "")), 0);
    assert_eq!(count(core::HeaderValueOption { keep_empty_value: true, ..header("x", "") }), 1);
}

#[test]
fn parts_of_clusters_without_effect_are_refused() {
    use cluster::cluster::{CommonLbConfig, LbConfig, LbPolicy};
    refused(
        lowered(|c| {
            c.common_lb_config = Some(CommonLbConfig {
                locality_config_specifier: Some(
                    cluster::cluster::common_lb_config::LocalityConfigSpecifier::LocalityWeightedLbConfig(
                        cluster::cluster::common_lb_config::LocalityWeightedLbConfig::default(),
                    ),
                ),
                ..Default::default()
            });
        }),
        &["common_lb_config.locality_config_specifier"],
    );
    refused(
        lowered(|c| {
            c.lb_policy = LbPolicy::LeastRequest.into();
            c.lb_config =
                Some(LbConfig::LeastRequestLbConfig(cluster::cluster::LeastRequestLbConfig {
                    slow_start_config: Some(cluster::cluster::SlowStartConfig::default()),
                    ..Default::default()
                }));
        }),
        &["lb_config.slow_start_config"],
    );
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
fn shares_of_dropped_requests_are_refused_in_endpoints() {
    use endpoint::cluster_load_assignment::{Policy, policy::DropOverload};
    let drop = DropOverload { category: "x".into(), ..Default::default() };
    let wire = |policy| endpoint::ClusterLoadAssignment {
        cluster_name: "c".into(),
        policy: Some(policy),
        ..Default::default()
    };
    let dropping = wire(Policy { drop_overloads: vec![drop], ..Default::default() });
    let why = lower_endpoints(&dropping.encode_to_vec()).map_err(|e| e.to_string());
    refused(why, &["policy.drop_overloads"]);
    let istio =
        Policy { overprovisioning_factor: Some(UInt32Value { value: 140 }), ..Default::default() };
    assert!(lower_endpoints(&wire(istio).encode_to_vec()).is_ok());
}

#[test]
fn parts_of_connection_managers_without_effect_are_refused() {
    use hcm::http_connection_manager as parts;
    refused(
        http_listener(|m| {
            m.internal_address_config =
                Some(parts::InternalAddressConfig { unix_sockets: true, ..Default::default() });
        }),
        &["internal_address_config"],
    );
    let tracing = |provider| parts::Tracing { provider, ..Default::default() };
    assert!(http_listener(|m| m.tracing = Some(tracing(None))).is_ok());
    let provider = weft_proto::envoy::config::trace::v3::tracing::Http {
        name: "zipkin".into(),
        ..Default::default()
    };
    refused(http_listener(|m| m.tracing = Some(tracing(Some(provider)))), &["tracing.provider"]);
    refused(
        http_listener(|m| {
            m.http_protocol_options = Some(core::Http1ProtocolOptions {
                allow_absolute_url: Some(BoolValue { value: false }),
                ..Default::default()
            });
        }),
        &["allow_absolute_url"],
    );
    refused(
        http_listener(|m| {
            m.common_http_protocol_options = Some(core::HttpProtocolOptions {
                headers_with_underscores_action: 1,
                ..Default::default()
            });
        }),
        &["headers_with_underscores_action"],
    );
    let details = http_listener(|m| {
        m.set_current_client_cert_details =
            Some(parts::SetCurrentClientCertDetails { uri: true, dns: true, ..Default::default() });
    });
    assert!(details.is_ok());
}

#[test]
fn names_to_look_up_keep_what_is_said_of_their_endpoints() {
    use proxy_config::cluster::{Discovery, Family};
    let host = |name: &str, priority: u32| endpoint::LocalityLbEndpoints {
        priority,
        lb_endpoints: vec![endpoint::LbEndpoint {
            load_balancing_weight: Some(UInt32Value { value: 7 }),
            host_identifier: Some(endpoint::lb_endpoint::HostIdentifier::Endpoint(
                endpoint::Endpoint {
                    address: Some(core::Address {
                        address: Some(core::address::Address::SocketAddress(core::SocketAddress {
                            address: name.into(),
                            port_specifier: Some(core::socket_address::PortSpecifier::PortValue(
                                443,
                            )),
                            ..Default::default()
                        })),
                    }),
                    ..Default::default()
                },
            )),
            ..Default::default()
        }],
        ..Default::default()
    };
    let with = |hosts: Vec<endpoint::LocalityLbEndpoints>| {
        lowered(|c| {
            c.cluster_discovery_type = Some(cluster::cluster::ClusterDiscoveryType::Type(
                cluster::cluster::DiscoveryType::StrictDns.into(),
            ));
            c.dns_lookup_family = cluster::cluster::DnsLookupFamily::V4Only.into();
            c.load_assignment =
                Some(endpoint::ClusterLoadAssignment { endpoints: hosts, ..Default::default() });
        })
    };
    let found = with(vec![host("b.example", 1), host("a.example", 0)]).unwrap();
    let Discovery::Dns(names) = found.discovery else { panic!("{:?}", found.discovery) };
    assert_eq!(names.family, Family::V4);
    let all: Vec<_> = names.hosts.iter().map(|h| (&*h.name, h.endpoint.priority)).collect();
    assert_eq!(all, [("a.example", 0), ("b.example", 1)]);
    assert!(names.hosts.iter().all(|h| h.endpoint.weight == 7 && h.endpoint.address.port() == 443));
    refused(with(vec![host("", 0)]), &["load_assignment", "host name"]);
}
