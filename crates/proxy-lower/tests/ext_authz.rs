//! What weft-proxy reads of the filters that ask somebody else, and what it refuses.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first surprise")]

use std::time::Duration;

use prost::{Message, Name};
use proxy_config::ext_authz::{ExtAuthz, Service};
use proxy_config::http::HttpFilter;
use proxy_config::listener::NetworkFilter;
use proxy_lower::{Rejected, lower_listener};
use weft_proto::envoy::config::core::v3 as core;
use weft_proto::envoy::config::listener::v3 as listener;
use weft_proto::envoy::config::route::v3 as route;
use weft_proto::envoy::extensions::filters::http::ext_authz::v3 as wire;
use weft_proto::envoy::extensions::filters::http::router::v3::Router;
use weft_proto::envoy::extensions::filters::network::ext_authz::v3 as network;
use weft_proto::envoy::extensions::filters::network::http_connection_manager::v3 as hcm;
use weft_proto::google::protobuf::Any;
use wire::ext_authz::Services;

fn any<M: Message + Name>(message: &M) -> Any {
    Any { type_url: M::type_url(), value: message.encode_to_vec() }
}

fn filter(config: Any) -> listener::Filter {
    let config_type = Some(listener::filter::ConfigType::TypedConfig(config));
    listener::Filter { name: "f".into(), config_type }
}

/// The filters of a listener's only chain.
fn chain(filters: Vec<listener::Filter>) -> Result<Vec<NetworkFilter>, Rejected> {
    let port = core::socket_address::PortSpecifier::PortValue(80);
    let address = core::SocketAddress {
        address: "0.0.0.0".into(),
        port_specifier: Some(port),
        ..Default::default()
    };
    let wire = listener::Listener {
        name: "l".into(),
        address: Some(core::Address {
            address: Some(core::address::Address::SocketAddress(address)),
        }),
        filter_chains: vec![listener::FilterChain { filters, ..Default::default() }],
        ..Default::default()
    };
    Ok(lower_listener(&wire.encode_to_vec())?.filter_chains[0].filters.clone())
}

fn manager(config: &wire::ExtAuthz) -> listener::Filter {
    let filter_of = |config| hcm::HttpFilter {
        name: "f".into(),
        config_type: Some(hcm::http_filter::ConfigType::TypedConfig(config)),
        ..Default::default()
    };
    let routes = route::RouteConfiguration { name: "r".into(), ..Default::default() };
    filter(any(&hcm::HttpConnectionManager {
        http_filters: vec![filter_of(any(config)), filter_of(any(&Router::default()))],
        route_specifier: Some(hcm::http_connection_manager::RouteSpecifier::RouteConfig(routes)),
        ..Default::default()
    }))
}

fn lower(config: &wire::ExtAuthz) -> Result<ExtAuthz, Rejected> {
    let filters = chain(vec![manager(config)])?;
    let NetworkFilter::Http(manager) = &filters[0] else { panic!("{filters:?}") };
    let HttpFilter::Ask(filter) = &manager.filters[0] else { panic!("{manager:?}") };
    Ok((**filter).clone())
}

fn service() -> core::GrpcService {
    let to = core::grpc_service::EnvoyGrpc { cluster_name: "c".into(), ..Default::default() };
    core::GrpcService {
        target_specifier: Some(core::grpc_service::TargetSpecifier::EnvoyGrpc(to)),
        ..Default::default()
    }
}

fn by_grpc() -> wire::ExtAuthz {
    wire::ExtAuthz { services: Some(Services::GrpcService(service())), ..Default::default() }
}

#[test]
fn what_is_not_said_is_as_with_envoy() {
    let found = lower(&by_grpc()).unwrap();
    assert_eq!((found.timeout, found.status_on_error), (Some(Duration::from_millis(200)), 403));
    assert!(!found.fail_open && found.gate.is_none() && found.body.is_none());
    let Service::Grpc { cluster, authority } = &found.service else { panic!("{found:?}") };
    assert_eq!((&**cluster, &**authority), ("c", "c"));
}

#[test]
fn what_would_not_be_honoured_is_refused() {
    let refused = |change: fn(&mut wire::ExtAuthz)| {
        let mut config = by_grpc();
        change(&mut config);
        lower(&config).unwrap_err().path
    };
    let inside = |name: &str| format!("filter_chains[0].filters[0].http_filters[0].{name}");
    assert_eq!(refused(|c| c.services = None), inside("services"));
    assert_eq!(refused(|c| c.include_peer_certificate = true), inside("include_peer_certificate"));
    assert_eq!(
        refused(|c| c.filter_enabled_metadata = Some(Default::default())),
        inside("filter_enabled_metadata")
    );
    let nothing = inside("with_request_body.max_request_bytes");
    assert_eq!(refused(|c| c.with_request_body = Some(Default::default())), nothing);
    let http = wire::HttpService::default();
    let config = wire::ExtAuthz { services: Some(Services::HttpService(http)), ..by_grpc() };
    assert_eq!(lower(&config).unwrap_err().path, inside("http_service.server_uri"));
}

#[test]
fn a_connection_of_http_is_not_asked_about() {
    let ask = network::ExtAuthz { grpc_service: Some(service()), ..Default::default() };
    let refused = chain(vec![filter(any(&ask)), manager(&by_grpc())]).unwrap_err();
    assert_eq!(refused.path, "filter_chains[0].filters[0]");
}
