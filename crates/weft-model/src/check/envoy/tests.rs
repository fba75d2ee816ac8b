use serde_json::json;

use super::*;
use crate::ObjectRef;

const CLUSTER: &str = "envoy.config.cluster.v3.Cluster";
const FILTER: &str = "envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter";

#[track_caller]
fn told(name: &str, value: Value) -> Vec<String> {
    let mut findings = Findings::new(ObjectRef::default());
    message(name, &value, &mut findings);
    let problems = findings.into_problems(false);
    problems.into_iter().map(|p| format!("{} {}: {}", p.severity, p.field, p.what)).collect()
}

#[test]
fn fields_have_their_names_in_both_forms_and_their_types() {
    let good = json!({"name": "a", "connect_timeout": "0.25s", "dnsLookupFamily": "V4_ONLY",
        "lb_policy": 1, "per_connection_buffer_limit_bytes": "32768", "metadata": {"filter_metadata": {"a": {"b": 1}}},
        "circuitBreakers": {"thresholds": [{"max_connections": 1024.0}]}, "typed_extension_protocol_options": {"x":
        {"@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"}}});
    assert_eq!(told(CLUSTER, good), Vec::<String>::new());
    let bad = json!({"name": true, "connect_timeout": "soon", "lb_policy": "RANDOMLY", "circuit_breakers": [],
        "health_checks": {}, "respect_dns_ttl": "true", "max_requests_per_connection": -1});
    assert_eq!(told(CLUSTER, bad).len(), 7);
}

#[test]
fn unknown_fields_and_packages_are_told_of_and_taken() {
    let value = json!({"name": "a", "connect_timout": "1s"});
    assert_eq!(
        told(CLUSTER, value),
        [format!("warning connect_timout: {CLUSTER} has no such field")]
    );
    let value = json!({"name": "a", "typed_config": {"@type": "type.googleapis.com/envoy.new.v3.Thing", "a": 1}});
    assert_eq!(told(FILTER, value).len(), 1);
    assert!(told(FILTER, json!({"name": "a"}))[0].starts_with("warning typed_config: is missing"));
}

#[test]
fn types_are_those_of_the_third_api() {
    let of = |name: &str| {
        told(
            FILTER,
            json!({"name": "a", "typed_config": {"@type": format!("type.googleapis.com/{name}")}}),
        )
    };
    assert_eq!(of("envoy.extensions.filters.http.lua.v3.Lua"), Vec::<String>::new());
    assert_eq!(of("udpa.type.v1.TypedStruct"), Vec::<String>::new());
    assert!(of("envoy.extensions.filters.http.lua.v3.Luo")[0].starts_with("error"));
    assert!(of("envoy.config.filter.http.lua.v2.Lua")[0].contains("second version"));
    assert!(told(FILTER, json!({"typed_config": {"name": "a"}}))[0].contains("is missing"));
}
