//! Verdicts on mesh-wide settings: input and what is told of it, side by side.

use serde_json::{Value, json};
use weft_meshconfig::{
    Problem, validate_mesh_config, validate_mesh_networks, validate_proxy_config,
};
use weft_model::Severity;

/// Fields with an error.
fn errors(problems: &[Problem]) -> Vec<String> {
    problems.iter().filter(|p| p.is_error()).map(|p| p.field.to_string()).collect()
}

#[track_caller]
fn check(config: &Value, fields: &[&str]) {
    let (_, problems) = validate_mesh_config(config);
    assert_eq!(errors(&problems), fields, "{problems:#?}");
}

#[test]
fn every_fault_is_told_with_its_place() {
    let config = json!({
        "connectTimeout": "2h",
        "trustDomain": "a b",
        "proxyListenPort": 0,
        "serviceSettings": [{"hosts": ["ok.example.com", "no*.example.com"]}],
        "defaultConfig": {"drainDuration": "1500ms", "tracing": {"zipkin": {"address": "here"}}},
        "localityLbSetting": {"failover": [{"from": "a", "to": "a"}]},
    });
    check(
        &config,
        &[
            "proxyListenPort",
            "connectTimeout",
            "defaultConfig.drainDuration",
            "defaultConfig.tracing.zipkin.address",
            "localityLbSetting.failover[0]",
            "serviceSettings[0].hosts[1]",
            "trustDomain",
        ],
    );
}

#[test]
fn values_of_another_type_are_told_once() {
    let config = json!({
        "connectTimeout": 5, "defaultConfig": {"statusPort": "x", "drainDuration": true},
        "accessLogEncoding": "JSONN", "extensionProviders": {},
    });
    check(
        &config,
        &[
            "connectTimeout",
            "accessLogEncoding",
            "defaultConfig.drainDuration",
            "defaultConfig.statusPort",
            "extensionProviders",
        ],
    );
    let (mesh, problems) = validate_mesh_config(&config);
    assert_eq!(mesh.default_config.unwrap().status_port, 15020);
    assert!(problems.iter().any(|p| p.fix.contains("did you mean JSON?")), "{problems:#?}");
}

#[test]
fn an_unknown_field_is_a_warning_that_names_the_one_that_was_meant() {
    let (_, problems) = validate_mesh_config(&json!({"acessLogFile": "/dev/stdout"}));
    assert_eq!(problems.len(), 1);
    assert_eq!((problems[0].severity, problems[0].code), (Severity::Warning, "WEFT0001"));
    assert_eq!(problems[0].fix, "did you mean `accessLogFile`?");
}

#[test]
fn a_bad_provider_is_a_warning_since_nobody_may_use_it() {
    let providers = json!({"extensionProviders": [
        {"name": "a", "envoyExtAuthzHttp": {"service": "x:1", "port": 70000, "statusOnError": "99", "pathPrefix": "p"}},
        {"name": "a", "lightstep": {"service": "ns/host.example", "port": 1}},
        {"zipkin": {"service": "short/name", "port": 9411}, "datadog": {"service": "d", "port": 1}},
        {"name": "none"},
    ]});
    let (_, problems) = validate_mesh_config(&providers);
    assert_eq!(errors(&problems), [""; 0]);
    let told: Vec<String> = problems
        .iter()
        .filter(|p| p.code == "IST0133")
        .map(|p| p.field.to_string().replace("extensionProviders", ""))
        .collect();
    let expected = [
        "[0].envoyExtAuthzHttp.service",
        "[0].envoyExtAuthzHttp.port",
        "[0].envoyExtAuthzHttp.statusOnError",
        "[0].envoyExtAuthzHttp.pathPrefix",
        "[1].name",
        "[1].lightstep.accessToken",
        "[2].name",
        "[2]",
        "[2].zipkin.service",
        "[3]",
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_field_without_effect_is_told_of_once_at_its_top() {
    let config = json!({"ca": {"address": "ca:1", "requestTimeout": "1s"}});
    let (_, problems) = validate_mesh_config(&config);
    assert_eq!(problems.len(), 1);
    assert_eq!((problems[0].code, problems[0].field.to_string().as_str()), ("WEFT0002", "ca"));
    assert_eq!(problems[0].what, "accepted, no effect yet");
}

#[test]
fn networks_are_checked_one_by_one() {
    let networks = json!({"networks": {"n": {
        "endpoints": [{"fromCidr": "10.0.0.0/33"}, {"fromRegistry": "a.b"}, {"fromCidr": "10.0.0.1"}],
        "gateways": [{"address": "a_b", "port": 443}, {"registryServiceName": "gw.ns.svc"}],
    }}});
    let (_, problems) = validate_mesh_networks(&networks);
    let expected = [
        "networks.n.endpoints[0].fromCidr",
        "networks.n.endpoints[1].fromRegistry",
        "networks.n.gateways[0].address",
        "networks.n.gateways[1].port",
    ];
    assert_eq!(errors(&problems), expected);
}

#[test]
fn the_config_of_a_pod_is_judged_like_that_of_the_mesh() {
    let config = json!({"drainDuration": "0s", "concurency": 1, "statsdUdpAddress": "x:1", "tracing": {"sampling": "a"}});
    let (proxy, problems) = validate_proxy_config(&config);
    assert_eq!(errors(&problems), ["tracing.sampling", "drainDuration"]);
    let warned: Vec<String> =
        problems.iter().filter(|p| !p.is_error()).map(|p| p.field.to_string()).collect();
    assert_eq!(warned, ["concurency", "statsdUdpAddress", "tracing"]);
    assert_eq!(proxy.status_port, 15020);
}

#[test]
fn what_is_not_done_to_the_letter_is_told() {
    let told = |config: Value| -> Vec<(String, &'static str)> {
        let (_, problems) = validate_mesh_config(&config);
        problems.iter().map(|p| (p.field.to_string(), p.code)).collect()
    };
    assert_eq!(told(json!({"trustDomain": "Shop.Example"})), [("trustDomain".into(), "IST0133")]);
    assert_eq!(told(json!({"accessLogFile": "/x"})), [("accessLogFile".into(), "WEFT0002")]);
    let mode = json!({"outboundTrafficPolicy": {"mode": "ALLOW_ANY_DYNAMIC_DNS"}});
    assert_eq!(told(mode), []);
    let tls =
        |mode: &str| json!({"outboundTrafficPolicy": {"mode": mode, "tls": {"mode": "SIMPLE"}}});
    assert_eq!(told(tls("ALLOW_ANY_DYNAMIC_DNS")), []);
    assert_eq!(told(tls("ALLOW_ANY")), [("outboundTrafficPolicy.tls".into(), "WEFT0002")]);
    assert_eq!(told(json!({"trustDomain": "shop.example", "accessLogFile": "/dev/stdout"})), []);
}
