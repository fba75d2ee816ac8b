//! What weft-proxy reads of limits of rates, and what it refuses.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first surprise")]

use std::time::Duration;

use prost::{Message, Name};
use proxy_config::http::HttpFilter;
use proxy_config::limit::{Bucket, Key, Limit};
use proxy_config::listener::NetworkFilter;
use proxy_config::matcher::Fraction;
use proxy_lower::{Rejected, lower_listener};
use serde_json::{Value, json};
use weft_proto::envoy::config::core::v3 as core;
use weft_proto::envoy::config::listener::v3 as listener;
use weft_proto::envoy::config::route::v3 as route;
use weft_proto::envoy::extensions::filters::http::router::v3::Router;
use weft_proto::envoy::extensions::filters::network::http_connection_manager::v3 as hcm;
use weft_proto::google::protobuf::Any;

const KIND: &str = "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit";

fn any<M: Message + Name>(message: &M) -> Any {
    Any { type_url: M::type_url(), value: message.encode_to_vec() }
}

fn lower(written: &Value) -> Result<Limit, Rejected> {
    let config = weft_proto::json::from_json(KIND, written).unwrap();
    let config = Any { type_url: config.type_url, value: config.value.to_vec() };
    let filter = |config| hcm::HttpFilter {
        name: "envoy.filters.http.local_ratelimit".into(),
        config_type: Some(hcm::http_filter::ConfigType::TypedConfig(config)),
        ..Default::default()
    };
    let routes = route::RouteConfiguration { name: "r".into(), ..Default::default() };
    let manager = hcm::HttpConnectionManager {
        http_filters: vec![filter(config), filter(any(&Router::default()))],
        route_specifier: Some(hcm::http_connection_manager::RouteSpecifier::RouteConfig(routes)),
        ..Default::default()
    };
    let config_type = Some(listener::filter::ConfigType::TypedConfig(any(&manager)));
    let filters = vec![listener::Filter { name: "f".into(), config_type }];
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
    let found = lower_listener(&wire.encode_to_vec())?;
    let NetworkFilter::Http(manager) = &found.filter_chains[0].filters[0] else { panic!() };
    let HttpFilter::Limit(limit) = &manager.filters[0] else { panic!("{manager:?}") };
    Ok((**limit).clone())
}

#[test]
fn what_is_not_said_is_as_with_envoy() {
    let found = lower(&json!({ "stat_prefix": "a",
        "token_bucket": { "max_tokens": 5, "fill_interval": "2s" } }));
    let found = found.unwrap();
    let bucket = Bucket { most: 5, fill: 1, every: Duration::from_secs(2) };
    assert_eq!((found.bucket, found.status, found.most), (Some(bucket), 429, 20));
    assert_eq!((found.enabled, found.enforced), (Fraction(0), Fraction(0)));
    assert!(found.by_route && found.both && !found.tells && !found.tells_when);
}

#[test]
fn kinds_of_requests_have_buckets_of_their_own() {
    let found = lower(&json!({ "stat_prefix": "a", "status": { "code": "ServiceUnavailable" },
        "rate_limits": [{ "actions": [
            { "request_headers": { "header_name": "X-User", "descriptor_key": "user" } },
            { "remote_address": {} }, { "generic_key": { "descriptor_value": "v" } },
            { "masked_remote_address": { "v4_prefix_mask_len": 24 } } ] }],
        "descriptors": [{ "entries": [{ "key": "user" }, { "key": "b", "value": "c" }],
            "token_bucket": { "max_tokens": 1, "fill_interval": "60s" } }] }));
    let found = found.unwrap();
    assert_eq!((found.status, found.bucket), (503, None));
    let entries = &found.kinds[0].entries;
    assert_eq!(*entries, [("user".into(), None), ("b".into(), Some("c".into()))]);
    let [Key::Field { name, .. }, Key::Address, Key::Fixed(key, _), Key::Network(24, 128)] =
        &found.keys[0][..]
    else {
        panic!("{found:?}")
    };
    assert_eq!((&**name, &**key), ("x-user", "generic_key"));
}

#[test]
fn what_would_not_be_honoured_is_refused() {
    let bucket = json!({ "max_tokens": 5, "fill_interval": "2s" });
    for (more, path) in [
        (json!({ "stat_prefix": "" }), "stat_prefix"),
        (json!({ "token_bucket": { "max_tokens": 5, "fill_interval": "0.01s" } }), "fill_interval"),
        (json!({ "local_rate_limit_per_downstream_connection": true }), "per_downstream"),
        (json!({ "stage": 1 }), "stage"),
        (
            json!({ "descriptors": [{ "entries": [{ "key": "a" }], "token_bucket": bucket }] }),
            "descriptors",
        ),
        (
            json!({ "rate_limits": [{ "actions": [{ "destination_cluster": {} }] }] }),
            "rate_limits[0].actions[0]",
        ),
        (json!({ "rate_limits": [{ "stage": 1 }] }), "rate_limits[0].stage"),
        (
            json!({ "response_headers_to_add": [{ "header": { "key": "a", "value": "%A%" } }] }),
            "response_headers_to_add[0]",
        ),
    ] {
        let mut written = json!({ "stat_prefix": "a", "token_bucket": bucket });
        for (key, value) in more.as_object().unwrap() {
            written[key] = value.clone();
        }
        let refused = lower(&written).unwrap_err();
        assert!(refused.path.contains(path), "{written}: {refused}");
    }
}
