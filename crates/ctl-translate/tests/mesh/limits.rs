//! Limits of rates that users put into the filters of requests.

use serde_json::Value;

use crate::everything::both_take;
use crate::fixture::{self, Mesh};
use crate::world::Served;

const LOCAL: &str = "envoy.filters.http.local_ratelimit";
const GATEWAY: &str = "istio-ingressgateway.istio-system";

fn door() -> Mesh {
    Mesh::small().and(
        "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: door, namespace: east}
spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}
",
    )
}

fn filter(namespace: &str, spec: &str, patches: &[String]) -> String {
    format!(
        "apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\n\
         metadata: {{name: f, namespace: {namespace}}}\nspec: {{{spec}configPatches: [{}]}}\n",
        patches.join(", ")
    )
}

fn patch(context: &str, sub: &str, name: &str) -> String {
    let kind =
        "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit";
    let config = format!(
        "{{'@type': {kind}, statPrefix: {name}, tokenBucket: {{maxTokens: 5, fillInterval: 1s}}, \
         filterEnabled: {{defaultValue: {{numerator: 100}}}}, filterEnforced: {{defaultValue: {{numerator: 0}}}}}}"
    );
    format!(
        "{{applyTo: HTTP_FILTER, match: {{context: {context}, listener: {{filterChain: {{filter: \
         {{name: envoy.filters.network.http_connection_manager{sub}}}}}}}}}, \
         patch: {{operation: INSERT_BEFORE, value: {{name: {LOCAL}, typedConfig: {config}}}}}}}"
    )
}

/// The filters of the first chain of a listener that reads requests.
fn filters(served: &Served, listener: &str) -> Vec<Value> {
    let listener = served.listener(listener);
    let chains = listener["filter_chains"].as_array().unwrap().iter();
    let mut found = chains.filter_map(|chain| {
        let filters = chain["filters"].as_array()?;
        filters.iter().find_map(|one| one["typed_config"]["http_filters"].as_array())
    });
    found.next().unwrap().clone()
}

/// The names of limits, and where they stand.
fn placed(served: &Served, listener: &str) -> Vec<(usize, String)> {
    let all = filters(served, listener);
    let limits = all.iter().enumerate().filter(|(_, one)| one["name"] == LOCAL);
    let named = |one: &Value| one["typed_config"]["stat_prefix"].as_str().unwrap().to_owned();
    limits.map(|(at, one)| (at, named(one))).collect()
}

#[test]
fn the_seed_limits_a_gateway_and_refuses_what_is_beyond() {
    let Some(folder) = fixture::shared("seed-yaml") else { return };
    let seed = std::fs::read_to_string(folder.join("s3-10-envoyfilter-rate-limit.yaml")).unwrap();
    let served = door().and(&seed).served(GATEWAY);
    both_take("s3-10", &served.0);
    let limit = &filters(&served, "0.0.0.0_8080")[0];
    assert_eq!(limit["name"], LOCAL);
    let config = &limit["typed_config"];
    assert_eq!(config["token_bucket"]["max_tokens"], 100);
    assert_eq!(config["token_bucket"]["fill_interval"], "60s");
    assert_eq!(config["filter_enabled"]["runtime_key"], "local_rate_limit_enabled");
    assert_eq!(config["filter_enforced"]["default_value"]["numerator"], 100);
    let sidecar = door().and(&seed).served("web-v1.east");
    assert_eq!(placed(&sidecar, "virtualInbound"), []);
}

#[test]
fn a_limit_stands_on_its_side_at_its_place() {
    let router = ", subFilter: {name: envoy.filters.http.router}";
    let patches = [
        patch("SIDECAR_INBOUND", "", "front"),
        patch("SIDECAR_INBOUND", "", "ahead"),
        patch("ANY", router, "last"),
        patch("SIDECAR_OUTBOUND", "", "out"),
        patch("GATEWAY", "", "gate"),
    ];
    let of_web = "workloadSelector: {labels: {app: web}}, ";
    let mesh = door().and(&filter("east", of_web, &patches));
    let served = mesh.served("web-v1.east");
    both_take("limits", &served.0);
    let inbound = placed(&served, "virtualInbound");
    let router = filters(&served, "virtualInbound").len() - 1;
    let named = |at: usize, name: &str| (at, name.to_owned());
    assert_eq!(inbound, [named(0, "ahead"), named(1, "front"), named(router - 1, "last")]);
    let names: Vec<String> =
        placed(&served, "0.0.0.0_80").into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["out", "last"]);
    let other = mesh.served(GATEWAY);
    assert_eq!(placed(&other, "0.0.0.0_8080"), []);
}

/// A limit that is merged into virtual hosts or routes.
fn own(apply_to: &str, context: &str, vhost: &str, name: &str) -> String {
    let kind =
        "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit";
    format!(
        "{{applyTo: {apply_to}, match: {{context: {context}, routeConfiguration: {{vhost: {vhost}}}}}, \
         patch: {{operation: MERGE, value: {{typed_per_filter_config: {{{LOCAL}: {{'@type': {kind}, stat_prefix: {name}, \
         token_bucket: {{max_tokens: 5, fill_interval: 1s}}, filter_enabled: {{default_value: {{numerator: 100}}}}}}}}}}}}}}"
    )
}

/// The limit that a virtual host or a route has of its own.
fn limit_of(place: &Value) -> Option<&str> {
    place["typed_per_filter_config"][LOCAL]["stat_prefix"].as_str()
}

#[test]
fn hosts_and_routes_have_limits_of_their_own() {
    const SHOP: &str = "shop.east.svc.cluster.local:80";
    let rules = "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: east}
spec:
  hosts: [shop, web]
  http:
  - {name: old, match: [{uri: {prefix: /old}}], redirect: {uri: /new}}
  - {name: new, route: [{destination: {host: shop}}]}
";
    let patches = [
        own("VIRTUAL_HOST", "SIDECAR_OUTBOUND", &format!("{{name: '{SHOP}'}}"), "shop"),
        own("HTTP_ROUTE", "SIDECAR_OUTBOUND", "{domainName: shop, route: {action: ROUTE}}", "went"),
        own("HTTP_ROUTE", "ANY", "{name: 'inbound|http|80', route: {action: ANY}}", "came"),
        own("VIRTUAL_HOST", "GATEWAY", "{name: ''}", "gate"),
    ];
    let mesh = door().within("east", rules).and(&filter("istio-system", "", &patches));
    let served = mesh.served("web-v1.east");
    both_take("limits of routes", &served.0);
    let shop = served.host("80", SHOP);
    let routes: Vec<Option<&str>> =
        shop["routes"].as_array().unwrap().iter().map(limit_of).collect();
    assert_eq!((limit_of(&shop), routes), (Some("shop"), vec![None, Some("went")]));
    let limit = &shop["typed_per_filter_config"][LOCAL];
    assert_eq!(limit["filter_enforced"]["default_value"]["numerator"], 100, "{limit}");
    let web = served.host("80", "web.east.svc.cluster.local:80");
    assert_eq!((limit_of(&web), limit_of(&web["routes"][1])), (None, None));

    let inbound = served.listener("virtualInbound");
    let chains = inbound["filter_chains"].as_array().unwrap().iter();
    let managers = chains.filter_map(|chain| chain["filters"].as_array()?.last());
    let tables = managers.map(|one| &one["typed_config"]["route_config"]);
    let found: Vec<(String, Option<&str>)> = tables
        .filter_map(|table| table["virtual_hosts"].as_array()?.first())
        .map(|host| (host["name"].to_string(), limit_of(&host["routes"][0])))
        .collect();
    let came: Vec<_> = found.iter().filter(|(_, limit)| *limit == Some("came")).collect();
    assert!(!came.is_empty(), "{found:?}");
    assert!(came.iter().all(|(name, _)| name == "\"inbound|http|80\""), "{found:?}");

    let gateway = mesh.served(GATEWAY);
    both_take("limits of a gateway's routes", &gateway.0);
    let table = gateway.routes("http.8080");
    assert!(
        table["virtual_hosts"].as_array().unwrap().iter().all(|one| limit_of(one) == Some("gate"))
    );
}
