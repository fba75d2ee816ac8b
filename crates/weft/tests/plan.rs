//! `weft plan` as people start it: what a change of the sample shop would do.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::path::Path;
use std::process::Command;

use serde_json::Value;

const CHANGE: &str = "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: payment-service, namespace: payments}
spec:
  hosts: [payment-service]
  http:
    - match: [{uri: {prefix: /old/}}]
      route: [{destination: {host: order-service.orders.svc.cluster.local}}]
    - match: [{uri: {regex: '/[0-9]+'}}]
      route: [{destination: {host: payment-service}}]
    - route: [{destination: {host: payment-service}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: callers, namespace: payments}
spec:
  rules:
    - from: [{source: {principals: [cluster.local/ns/checkout/sa/checkout-service]}}]
      to: [{operation: {methods: [GET]}}]
";

const TOKENS: &str = "
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: users, namespace: payments}
spec: {jwtRules: [{issuer: 'https://issuer.example', jwksUri: 'https://issuer.example/keys'}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: users, namespace: payments}
spec:
  rules:
    - from: [{source: {requestPrincipals: ['https://issuer.example/*']}}]
      when: [{key: 'request.auth.claims[realm][role]', values: [admin]}]
";

fn weft(arguments: &[&str]) -> String {
    let done = Command::new(env!("CARGO_BIN_EXE_weft"))
        .args(arguments)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

#[test]
fn calls_are_made_for_users_that_rules_ask_for() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens.yaml");
    std::fs::write(&file, TOKENS).unwrap();
    let change = file.to_str().unwrap();
    let asked =
        ["plan", "--against", "samples/shop", "-f", "samples/shop", "-f", change, "-o", "json"];
    let plan: Value = serde_json::from_str(&weft(&asked)).unwrap();
    let calls = plan["calls"].as_array().unwrap();
    let after = |part: &str| {
        let found = calls.iter().find(|one| one["call"].as_str().unwrap().contains(part));
        found.map(|one| one["fields"].to_string()).unwrap_or_default()
    };
    let stranger = "into payment-service-v1.payments as weft-plan/stranger";
    let foreign =
        format!("{stranger} with a token that claims {{\"iss\":\"https://weft-plan.example\"");
    assert!(after(&foreign).contains("401"), "{plan:#}");
    assert!(after(&format!("{stranger}: GET")).contains("403"), "{plan:#}");
    let admin = after("admin");
    assert!(admin.contains("request_principal") && !admin.contains("denied"), "{plan:#}");
}

#[test]
fn a_change_is_told_with_the_proxies_and_the_calls_that_it_meets() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("change.yaml");
    std::fs::write(&file, CHANGE).unwrap();
    let change = file.to_str().unwrap();
    let asked = ["plan", "--against", "samples/shop", "-f", "samples/shop", "-f", change];
    let plan: Value = serde_json::from_str(&weft(&[&asked[..], &["-o", "json"]].concat())).unwrap();
    let objects = [
        "adding AuthorizationPolicy payments/callers",
        "adding VirtualService payments/payment-service",
    ];
    assert_eq!(plan["objects"], serde_json::json!(objects));
    let proxies = plan["proxies"].as_array().unwrap();
    let gets = |proxy: &str, kind: &str| {
        let found = proxies.iter().find(|one| one["proxy"].as_str().unwrap().starts_with(proxy));
        let resources = found.map(|one| one["resources"].as_array().unwrap().clone());
        resources
            .unwrap_or_default()
            .iter()
            .any(|one| one["kind"] == kind && one["what"] == "changed")
    };
    assert!(gets("sleep.checkout", "route"), "{plan:#}");
    assert!(gets("payment-service-v1.payments", "listener"), "{plan:#}");
    assert!(!gets("sleep.checkout", "listener"), "{plan:#}");
    let calls = plan["calls"].as_array().unwrap();
    let about =
        |part: &str| calls.iter().find(|one| one["call"].as_str().unwrap().contains(part)).unwrap();
    let routed = about("from checkout-service.checkout: GET payment-service.payments:8080/old/");
    assert!(routed.to_string().contains("order-service.orders"), "{routed:#}");
    assert_eq!(routed["because"][0], "VirtualService payments/payment-service");
    let denied = about("into payment-service-v1.payments as weft-plan/stranger: GET");
    assert_eq!(denied["fields"][0]["after"], "denied", "{denied:#}");
    assert!(plan["not_asked"][0].as_str().unwrap().contains("a pattern for uri"));
    let told = weft(&asked);
    assert!(told.contains("calls: ") && told.contains("outcome: routed -> denied"), "{told}");
}

#[test]
fn the_same_configuration_changes_nothing() {
    let told = weft(&["plan", "--against", "samples/shop", "-f", "samples/shop"]);
    let nothing = ["proxies: 0 of ", "calls: 0 of "];
    assert!(nothing.iter().all(|part| told.contains(part)) && told.lines().count() == 2, "{told}");
}
