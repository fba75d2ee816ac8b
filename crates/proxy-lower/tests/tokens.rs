//! Envoy's JWT authentication as we read it: what comes out, and what is refused.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first surprise")]

use std::sync::Arc;

use prost::{Message, Name};
use proxy_config::http::HttpFilter;
use proxy_config::listener::NetworkFilter;
use proxy_config::tokens::{Need, Place, Tokens};
use proxy_lower::{Rejected, lower_listener};
use weft_proto::envoy::config::core::v3 as core;
use weft_proto::envoy::config::listener::v3 as listener;
use weft_proto::envoy::config::route::v3 as route;
use weft_proto::envoy::extensions::filters::http::jwt_authn::v3 as wire;
use weft_proto::envoy::extensions::filters::http::router::v3::Router;
use weft_proto::envoy::extensions::filters::network::http_connection_manager::v3 as hcm;
use weft_proto::google::protobuf::Any;
use wire::jwt_provider::JwksSourceSpecifier;
use wire::jwt_requirement::RequiresType;
use wire::requirement_rule::RequirementType;

const KEYS: &str =
    r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

fn any<M: Message + Name>(message: &M) -> Any {
    Any { type_url: M::type_url(), value: message.encode_to_vec() }
}

fn keys(text: &str) -> Option<JwksSourceSpecifier> {
    let specifier = Some(core::data_source::Specifier::InlineString(text.into()));
    Some(JwksSourceSpecifier::LocalJwks(core::DataSource { specifier, ..Default::default() }))
}

fn provider() -> wire::JwtProvider {
    wire::JwtProvider {
        issuer: "i".into(),
        payload_in_metadata: "payload".into(),
        jwks_source_specifier: keys(KEYS),
        ..Default::default()
    }
}

fn needs(name: &str) -> wire::RequirementRule {
    let path = route::route_match::PathSpecifier::Prefix("/".into());
    let requires = RequiresType::ProviderName(name.into());
    wire::RequirementRule {
        r#match: Some(route::RouteMatch { path_specifier: Some(path), ..Default::default() }),
        requirement_type: Some(RequirementType::Requires(wire::JwtRequirement {
            requires_type: Some(requires),
        })),
    }
}

fn lower(
    provider: wire::JwtProvider,
    rule: wire::RequirementRule,
) -> Result<Arc<Tokens>, Rejected> {
    let config = wire::JwtAuthentication {
        providers: [("p".to_owned(), provider)].into(),
        rules: vec![rule],
        ..Default::default()
    };
    let filter = |config| hcm::HttpFilter {
        name: "f".into(),
        config_type: Some(hcm::http_filter::ConfigType::TypedConfig(config)),
        ..Default::default()
    };
    let routes = route::RouteConfiguration { name: "r".into(), ..Default::default() };
    let manager = hcm::HttpConnectionManager {
        http_filters: vec![filter(any(&config)), filter(any(&Router::default()))],
        route_specifier: Some(hcm::http_connection_manager::RouteSpecifier::RouteConfig(routes)),
        ..Default::default()
    };
    let filter = listener::Filter {
        name: "envoy.filters.network.http_connection_manager".into(),
        config_type: Some(listener::filter::ConfigType::TypedConfig(any(&manager))),
    };
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
        filter_chains: vec![listener::FilterChain { filters: vec![filter], ..Default::default() }],
        ..Default::default()
    };
    let lowered = lower_listener(&wire.encode_to_vec())?;
    let NetworkFilter::Http(manager) = &lowered.filter_chains[0].filters[0] else {
        panic!("{lowered:?}")
    };
    let HttpFilter::Tokens(tokens) = &manager.filters[0] else { panic!("{manager:?}") };
    Ok(Arc::clone(tokens))
}

#[test]
fn tokens_stand_in_the_usual_places_unless_others_are_named() {
    let tokens = lower(provider(), needs("p")).unwrap();
    assert_eq!(tokens.needs, Need::Provider(0));
    let usual = Place::Header { name: "authorization".into(), prefix: "Bearer ".into() };
    assert_eq!(tokens.providers[0].places, [usual, Place::Param("access_token".into())]);
    assert!(tokens.providers[0].keys.is_some() && !tokens.providers[0].forward);
    let named = wire::JwtProvider { from_cookies: vec!["c".into()], ..provider() };
    let tokens = lower(named, needs("p")).unwrap();
    assert_eq!(tokens.providers[0].places, [Place::Cookie("c".into())]);
}

#[test]
fn unusable_keys_are_no_keys_and_not_a_refused_listener() {
    for text in ["garbage", "{\"keys\":[]}", r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#] {
        let without = wire::JwtProvider { jwks_source_specifier: keys(text), ..provider() };
        assert!(lower(without, needs("p")).unwrap().providers[0].keys.is_none(), "{text}");
    }
}

#[test]
fn what_would_not_be_honoured_is_refused() {
    let refused = |change: fn(&mut wire::JwtProvider)| {
        let mut provider = provider();
        change(&mut provider);
        lower(provider, needs("p")).unwrap_err().path
    };
    let inside =
        |name: &str| format!("filter_chains[0].filters[0].http_filters[0].providers[p].{name}");
    assert_eq!(refused(|p| p.payload_in_metadata = "x".into()), inside("payload_in_metadata"));
    assert_eq!(refused(|p| p.jwks_source_specifier = None), inside("jwks_source_specifier"));
    assert_eq!(refused(|p| p.clock_skew_seconds = 5), inside("clock_skew_seconds"));
    assert!(lower(provider(), needs("q")).unwrap_err().why.contains("no provider"));
    let elsewhere = wire::RequirementRule { r#match: None, ..needs("p") };
    assert!(lower(provider(), elsewhere).unwrap_err().why.contains("prefix /"));
}
