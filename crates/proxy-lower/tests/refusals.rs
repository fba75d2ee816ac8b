//! What is refused, and how it is said; what is accepted, and what comes out.

use prost::{Message, Name};
use proxy_config::cluster::{Balancer, Discovery, Protocol};
use proxy_config::listener::NetworkFilter;
use proxy_lower::{lower_cluster, lower_endpoints, lower_listener, lower_routes};
use weft_proto::envoy::config::cluster::v3 as cluster;
use weft_proto::envoy::config::core::v3 as core;
use weft_proto::envoy::config::endpoint::v3 as endpoint;
use weft_proto::envoy::config::listener::v3 as listener;
use weft_proto::envoy::config::route::v3 as route;
use weft_proto::envoy::extensions::filters::http::router::v3::Router;
use weft_proto::envoy::extensions::filters::network::http_connection_manager::v3 as hcm;
use weft_proto::google::protobuf::{Any, Duration, UInt32Value};

fn any<M: Message + Name>(message: &M) -> Any {
    Any { type_url: M::type_url(), value: message.encode_to_vec() }
}

fn address(ip: &str, port: u32) -> Option<core::Address> {
    let socket = core::SocketAddress {
        address: ip.into(),
        port_specifier: Some(core::socket_address::PortSpecifier::PortValue(port)),
        ..Default::default()
    };
    Some(core::Address { address: Some(core::address::Address::SocketAddress(socket)) })
}

fn http_listener(filters: Vec<hcm::HttpFilter>) -> listener::Listener {
    let manager = hcm::HttpConnectionManager {
        stat_prefix: "outbound_0.0.0.0_8080;".into(),
        http_filters: filters,
        route_specifier: Some(hcm::http_connection_manager::RouteSpecifier::RouteConfig(
            route::RouteConfiguration { name: "8080".into(), ..Default::default() },
        )),
        ..Default::default()
    };
    let filter = listener::Filter {
        name: "envoy.filters.network.http_connection_manager".into(),
        config_type: Some(listener::filter::ConfigType::TypedConfig(any(&manager))),
    };
    listener::Listener {
        name: "0.0.0.0_8080".into(),
        address: address("0.0.0.0", 8080),
        filter_chains: vec![listener::FilterChain { filters: vec![filter], ..Default::default() }],
        ..Default::default()
    }
}

fn http_filter(config: Any) -> hcm::HttpFilter {
    let config_type = Some(hcm::http_filter::ConfigType::TypedConfig(config));
    hcm::HttpFilter { name: "f".into(), config_type, ..Default::default() }
}

#[test]
fn an_http_listener_is_accepted() {
    let wire = http_listener(vec![http_filter(any(&Router::default()))]);
    let lowered = lower_listener(&wire.encode_to_vec()).unwrap();
    assert_eq!(&*lowered.name, "0.0.0.0_8080");
    assert!(lowered.bind_to_port);
    assert!(matches!(lowered.filter_chains[0].filters[0], NetworkFilter::Http(_)));
}

#[test]
fn an_unknown_filter_is_refused_with_its_path() {
    let lua = Any {
        type_url: "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua".into(),
        value: Vec::new(),
    };
    let wire = http_listener(vec![http_filter(lua), http_filter(any(&Router::default()))]);
    let refused = lower_listener(&wire.encode_to_vec()).unwrap_err();
    assert_eq!(refused.path, "filter_chains[0].filters[0].http_filters[0].typed_config");
    assert!(refused.why.contains("lua"), "{refused}");
}

#[test]
fn a_field_that_is_not_honoured_is_refused_by_name() {
    let mut wire = http_listener(vec![http_filter(any(&Router::default()))]);
    wire.filter_chains[0].filter_chain_match =
        Some(listener::FilterChainMatch { source_ports: vec![80], ..Default::default() });
    let refused = lower_listener(&wire.encode_to_vec()).unwrap_err();
    assert_eq!(refused.path, "filter_chains[0].filter_chain_match.source_ports");
}

#[test]
fn bytes_that_are_no_message_are_refused() {
    assert!(lower_routes(&[0xff, 0xff]).unwrap_err().why.contains("cannot be read"));
}

#[test]
fn a_cluster_gets_its_names_limits_and_outlier_detection() {
    let wire = cluster::Cluster {
        name: "outbound|8080|v1|host".into(),
        cluster_discovery_type: Some(cluster::cluster::ClusterDiscoveryType::Type(
            cluster::cluster::DiscoveryType::Eds.into(),
        )),
        lb_policy: cluster::cluster::LbPolicy::LeastRequest.into(),
        connect_timeout: Some(Duration { seconds: 10, nanos: 0 }),
        outlier_detection: Some(cluster::OutlierDetection {
            consecutive_gateway_failure: Some(UInt32Value { value: 5 }),
            enforcing_consecutive_gateway_failure: Some(UInt32Value { value: 100 }),
            enforcing_consecutive_5xx: Some(UInt32Value { value: 0 }),
            ..Default::default()
        }),
        ..Default::default()
    };
    let lowered = lower_cluster(&wire.encode_to_vec()).unwrap();
    assert_eq!(lowered.balancer, Balancer::LeastRequest { choices: 2 });
    assert_eq!(lowered.protocol, Protocol::Http1);
    assert!(
        matches!(&lowered.discovery, Discovery::Eds(name) if &**name == "outbound|8080|v1|host")
    );
    let outlier = lowered.outlier.unwrap();
    assert_eq!((outlier.consecutive_gateway, outlier.consecutive_5xx), (5, 0));
    assert_eq!(lowered.limits.max_connections, 1024);
}

#[test]
fn endpoints_are_sorted_by_priority() {
    let group = |priority: u32, ip: &str| endpoint::LocalityLbEndpoints {
        priority,
        lb_endpoints: vec![endpoint::LbEndpoint {
            host_identifier: Some(endpoint::lb_endpoint::HostIdentifier::Endpoint(
                endpoint::Endpoint { address: address(ip, 80), ..Default::default() },
            )),
            ..Default::default()
        }],
        ..Default::default()
    };
    let wire = endpoint::ClusterLoadAssignment {
        cluster_name: "c".into(),
        endpoints: vec![group(1, "10.0.0.2"), group(0, "10.0.0.1")],
        ..Default::default()
    };
    let lowered = lower_endpoints(&wire.encode_to_vec()).unwrap();
    let addresses: Vec<String> = lowered.endpoints.iter().map(|e| e.address.to_string()).collect();
    assert_eq!(addresses, ["10.0.0.1:80", "10.0.0.2:80"]);
    assert_eq!(lowered.endpoints[0].weight, 1);
}
