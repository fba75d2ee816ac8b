//! Routes and their actions.

use prost::Message;
use proxy_lower::lower_routes;
use weft_proto::envoy::config::core::v3 as core;
use weft_proto::envoy::config::route::v3 as route;
use weft_proto::envoy::extensions::filters::http::cors::v3::CorsPolicy;
use weft_proto::envoy::r#type::matcher::v3::metadata_matcher::PathSegment;
use weft_proto::envoy::r#type::matcher::v3::metadata_matcher::path_segment::Segment;
use weft_proto::envoy::r#type::matcher::v3::value_matcher::MatchPattern;
use weft_proto::envoy::r#type::matcher::v3::{MetadataMatcher, RegexMatcher, ValueMatcher};
use weft_proto::google::protobuf::Duration;

use crate::{any, refused};

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
fn metadata_that_is_no_claim_refuses_the_route() {
    let with = |filter: &str, path: &[&str], pattern: Option<MatchPattern>| {
        let key = |name: &&str| PathSegment { segment: Some(Segment::Key((*name).to_owned())) };
        let wanted = MetadataMatcher {
            filter: filter.to_owned(),
            path: path.iter().map(key).collect(),
            value: Some(ValueMatcher { match_pattern: pattern }),
            invert: true,
        };
        routed(|r| r.r#match.as_mut().unwrap().dynamic_metadata = vec![wanted])
    };
    let tokens = "envoy.filters.http.jwt_authn";
    let given = || Some(MatchPattern::PresentMatch(true));
    let config = with(tokens, &["payload", "a", "b"], given()).unwrap();
    let [claim] = config.virtual_hosts[0].routes[0].matches.claims.as_slice() else { panic!() };
    assert!(claim.invert && claim.path.iter().map(|name| &**name).eq(["a", "b"]));
    let words = &["dynamic_metadata[0]", "claim of a token"];
    refused(with("other", &["payload", "a"], given()), words);
    refused(with(tokens, &["header", "a"], given()), words);
    refused(with(tokens, &["payload"], given()), words);
    refused(with(tokens, &["payload", "a"], None), &["value"]);
    refused(with(tokens, &["payload", "a"], Some(MatchPattern::BoolMatch(true))), &["value"]);
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
