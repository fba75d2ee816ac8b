//! Listeners, their filters and connection managers.

use prost::Message;
use proxy_config::listener::NetworkFilter;
use proxy_lower::lower_listener;
use weft_proto::envoy::config::core::v3 as core;
use weft_proto::envoy::config::listener::v3 as listener;
use weft_proto::envoy::config::route::v3 as route;
use weft_proto::envoy::extensions::common::dynamic_forward_proxy::v3::DnsCacheConfig;
use weft_proto::envoy::extensions::filters::http::dynamic_forward_proxy::v3 as dynamic_forward_proxy;
use weft_proto::envoy::extensions::filters::http::fault::v3 as fault;
use weft_proto::envoy::extensions::filters::http::router::v3::Router;
use weft_proto::envoy::extensions::filters::listener::proxy_protocol::v3::ProxyProtocol;
use weft_proto::envoy::extensions::filters::network::http_connection_manager::v3 as hcm;
use weft_proto::envoy::extensions::filters::network::sni_dynamic_forward_proxy::v3 as sni_dynamic_forward_proxy;
use weft_proto::envoy::extensions::filters::network::tcp_proxy::v3 as tcp;
use weft_proto::envoy::r#type::v3::Int32Range;
use weft_proto::google::protobuf::{Any, BoolValue};

use crate::protocols::kept_case;
use crate::{any, refused};

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
fn who_introduces_clients_is_expected_as_the_filter_says() {
    let with = |config: ProxyProtocol| {
        let name = "envoy.filters.listener.proxy_protocol".into();
        let config_type = Some(listener::listener_filter::ConfigType::TypedConfig(any(&config)));
        let filter = listener::ListenerFilter { name, config_type, ..Default::default() };
        listener(|l| l.listener_filters = vec![filter])
    };
    assert!(with(ProxyProtocol::default()).unwrap().introduced);
    assert!(!listener(|_| {}).unwrap().introduced);
    let lenient =
        ProxyProtocol { allow_requests_without_proxy_protocol: true, ..Default::default() };
    refused(with(lenient), &["listener_filters[0]", "allow_requests_without_proxy_protocol"]);
}

#[test]
fn filters_that_count_on_every_port_cannot_be_disabled_on_some() {
    use listener::listener_filter_chain_match_predicate::Rule;
    let with = |name: &str| {
        let range = Rule::DestinationPortRange(Int32Range { start: 80, end: 81 });
        let some = listener::ListenerFilterChainMatchPredicate { rule: Some(range) };
        let name = format!("envoy.filters.listener.{name}");
        let filter =
            listener::ListenerFilter { name, filter_disabled: Some(some), ..Default::default() };
        listener(|l| l.listener_filters = vec![filter])
    };
    for name in ["original_dst", "proxy_protocol"] {
        refused(with(name), &["listener_filters[0]", "filter_disabled"]);
    }
    for name in ["tls_inspector", "http_inspector"] {
        assert!(with(name).is_ok());
    }
}

#[test]
fn connections_that_are_looked_up_by_name_go_on_to_a_port() {
    use sni_dynamic_forward_proxy::filter_config::PortSpecifier;
    let with = |port: Option<u32>| {
        let config = any(&sni_dynamic_forward_proxy::FilterConfig {
            port_specifier: port.map(PortSpecifier::PortValue),
            ..Default::default()
        });
        let onward = any(&tcp::TcpProxy {
            cluster_specifier: Some(tcp::tcp_proxy::ClusterSpecifier::Cluster("c".into())),
            ..Default::default()
        });
        let filter = |config| listener::Filter {
            name: "f".into(),
            config_type: Some(listener::filter::ConfigType::TypedConfig(config)),
        };
        let filters = vec![filter(config), filter(onward)];
        let chain = listener::FilterChain { filters, ..Default::default() };
        listener(|l| l.filter_chains = vec![chain])
    };
    for (given, port) in [(None, 443), (Some(8443), 8443)] {
        let found = with(given).unwrap();
        let filter = &found.filter_chains[0].filters[0];
        assert!(matches!(filter, NetworkFilter::Called(to) if *to == port), "{filter:?}");
    }
    refused(with(Some(65_536)), &["filter_chains[0]", "port_value"]);
}

#[test]
fn a_connection_manager_takes_connect_in_http_2_and_keeps_names_as_it_is_told() {
    let manager = |change: fn(&mut hcm::HttpConnectionManager)| {
        let found = http_listener(change).unwrap();
        let NetworkFilter::Http(manager) = &found.filter_chains[0].filters[0] else {
            panic!("{found:?}")
        };
        (manager.http2_connect, manager.keep_case)
    };
    assert_eq!(manager(|_| {}), (false, false));
    let connect = manager(|m| {
        m.http2_protocol_options =
            Some(core::Http2ProtocolOptions { allow_connect: true, ..Default::default() });
    });
    assert_eq!(connect, (true, false));
    let cased = manager(|m| m.http_protocol_options = Some(kept_case()));
    assert_eq!(cased, (false, true));
}

#[test]
fn the_filter_that_looks_up_the_host_of_a_request_is_read_as_the_cluster_is() {
    use dynamic_forward_proxy::filter_config::ImplementationSpecifier;
    let with = |specifier| {
        let config = dynamic_forward_proxy::FilterConfig {
            implementation_specifier: specifier,
            ..Default::default()
        };
        http_listener(|m| {
            let config_type = Some(hcm::http_filter::ConfigType::TypedConfig(any(&config)));
            m.http_filters.insert(0, hcm::HttpFilter { config_type, ..Default::default() });
        })
    };
    let cache = |before: bool| {
        let preresolve_hostnames = Vec::from_iter(before.then(Default::default));
        let cache = DnsCacheConfig { name: "c".into(), preresolve_hostnames, ..Default::default() };
        Some(ImplementationSpecifier::DnsCacheConfig(cache))
    };
    assert!(with(cache(false)).is_ok());
    refused(with(cache(true)), &["http_filters[0]", "dns_cache_config", "preresolve_hostnames"]);
    refused(with(None), &["http_filters[0]", "dns_cache_config", "is missing"]);
}
