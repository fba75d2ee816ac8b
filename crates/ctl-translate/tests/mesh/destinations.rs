//! Clusters and endpoints: DestinationRules, how they are found and merged, and what they set.

use serde_json::{Value, json};

use crate::everything::both_take;
use crate::fixture::Mesh;

const WEB: &str = "outbound|80||web.east.svc.cluster.local";
const V1: &str = "outbound|80|v1|web.east.svc.cluster.local";

fn rule(name: &str, namespace: &str, spec: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\n\
         metadata: {{name: {name}, namespace: {namespace}}}\nspec: {{{spec}}}\n"
    )
}

/// Connection limits tell rules apart.
fn limited(connections: u32) -> String {
    format!("trafficPolicy: {{connectionPool: {{tcp: {{maxConnections: {connections}}}}}}}")
}

#[track_caller]
fn limit(mesh: &Mesh, proxy: &str, cluster: &str) -> Value {
    let served = mesh.served(proxy);
    both_take(cluster, &served.0);
    served.cluster(cluster)["circuit_breakers"]["thresholds"][0]["max_connections"].clone()
}

const NONE: u32 = u32::MAX;

#[test]
fn the_clients_namespace_comes_first_then_the_services_then_the_root() {
    let host = "host: web.east.svc.cluster.local";
    let of = |namespace: &str, n: u32| rule("r", namespace, &format!("{host}, {}", limited(n)));
    let mesh = Mesh::small();
    assert_eq!(limit(&mesh, "caller.west", WEB), NONE);
    let mesh = mesh.and(&of("istio-system", 1));
    assert_eq!(limit(&mesh, "caller.west", WEB), 1);
    let mesh = mesh.and(&of("east", 2));
    assert_eq!(limit(&mesh, "caller.west", WEB), 2);
    let mesh = mesh.and(&of("west", 3));
    assert_eq!(limit(&mesh, "caller.west", WEB), 3);
    assert_eq!(limit(&mesh, "client.east", WEB), 2);
    let gateway = "istio-ingressgateway.istio-system";
    assert_eq!(limit(&mesh, gateway, WEB), 2, "a rule for everybody does not hide the owner's");
}

#[test]
fn a_short_host_means_the_rules_own_namespace() {
    let mesh = Mesh::small().and(&rule("r", "west", &format!("host: web, {}", limited(1))));
    assert_eq!(limit(&mesh, "caller.west", WEB), NONE);
}

#[test]
fn a_private_rule_is_for_its_own_namespace_only() {
    let private = format!("host: web, exportTo: [.], {}", limited(1));
    let mesh = Mesh::small().and(&rule("r", "east", &private));
    assert_eq!(limit(&mesh, "client.east", WEB), 1);
    assert_eq!(limit(&mesh, "caller.west", WEB), NONE);
    let named = format!("host: web, exportTo: [west], {}", limited(1));
    let mesh = Mesh::small().and(&rule("r", "east", &named));
    assert_eq!(limit(&mesh, "caller.west", WEB), 1);
}

#[test]
fn exact_hosts_come_before_wildcards() {
    let wide = rule("wide", "east", &format!("host: '*.cluster.local', {}", limited(1)));
    let near = rule("near", "east", &format!("host: '*.east.svc.cluster.local', {}", limited(2)));
    let exact = rule("exact", "east", &format!("host: web, {}", limited(3)));
    let mesh = Mesh::small().and(&wide);
    assert_eq!(limit(&mesh, "client.east", WEB), 1);
    let mesh = mesh.and(&near);
    assert_eq!(limit(&mesh, "client.east", WEB), 2);
    let mesh = mesh.and(&exact);
    assert_eq!(limit(&mesh, "client.east", WEB), 3);
}

#[test]
fn a_rule_for_others_hides_the_owners_wildcard_and_a_private_one_does_not() {
    let wide = rule(
        "wide",
        "east",
        &format!("host: '*.east.svc.cluster.local', exportTo: ['*'], {}", limited(1)),
    );
    let exact =
        |to: &str| rule("exact", "east", &format!("host: web, exportTo: ['{to}'], {}", limited(2)));
    let mesh = Mesh::small().and(&wide);
    assert_eq!(limit(&mesh.and(&exact("other")), "caller.west", WEB), NONE);
    let mesh = Mesh::small().and(&wide);
    assert_eq!(limit(&mesh.and(&exact(".")), "caller.west", WEB), 1);
}

#[test]
fn several_rules_for_one_host_are_one_with_the_first_policy_and_all_subsets() {
    let subset = |name: &str| format!("subsets: [{{name: {name}, labels: {{version: {name}}}}}]");
    let mesh = Mesh::small()
        .and(&rule("a", "east", &format!("host: web, {}", subset("v1"))))
        .and(&rule(
            "b",
            "east",
            &format!("host: web.east.svc.cluster.local, {}, {}", subset("v2"), limited(7)),
        ))
        .and(&rule("c", "east", &format!("host: web, {}", limited(9))));
    assert_eq!(limit(&mesh, "client.east", WEB), 7);
    assert_eq!(limit(&mesh, "client.east", V1), 7);
    let served = mesh.served("client.east");
    let endpoints = |name: &str| served.endpoints(name);
    assert_eq!(endpoints(WEB).len(), 2);
    assert_eq!(endpoints(V1).len(), 1);
    assert_eq!(endpoints("outbound|80|v2|web.east.svc.cluster.local").len(), 1);
    let parts = &served.cluster(V1)["metadata"]["filter_metadata"]["istio"];
    assert_eq!(parts["subset"], "v1");
    let path = |name: &str| {
        format!("/apis/networking.istio.io/v1/namespaces/east/destination-rule/{name}")
    };
    assert_eq!(parts["config"], json!([path("a"), path("b"), path("c")]));
}

#[test]
fn subsets_of_one_name_may_mean_different_pods_to_different_callers() {
    let subset = |version: &str| {
        format!(
            "host: web.east.svc.cluster.local, subsets: [{{name: v1, labels: {{version: {version}}}}}]"
        )
    };
    let mesh =
        Mesh::small().and(&rule("r", "east", &subset("v1"))).and(&rule("r", "west", &subset("v2")));
    let address = |proxy: &str| {
        let served = mesh.served(proxy);
        let cluster = served.cluster(V1);
        served.endpoints(cluster["eds_cluster_config"]["service_name"].as_str().unwrap())
    };
    assert_ne!(address("client.east"), address("caller.west"));
}

#[test]
fn a_subset_overrides_and_a_port_stands_for_all_that_is_less_precise() {
    let spec = "host: web,
 trafficPolicy: {loadBalancer: {simple: RANDOM}, connectionPool: {tcp: {maxConnections: 1}}},
 subsets: [{name: v1, labels: {version: v1}, trafficPolicy: {connectionPool: {tcp: {maxConnections: 2}}}},
  {name: v2, labels: {version: v2}, trafficPolicy: {connectionPool: {tcp: {maxConnections: 3}},
    portLevelSettings: [{port: {number: 80}, loadBalancer: {simple: ROUND_ROBIN}}]}}]";
    let mesh = Mesh::small().and(&rule("r", "east", spec));
    let served = mesh.served("client.east");
    let of = |name: &str| {
        let cluster = served.cluster(name);
        let limit = cluster["circuit_breakers"]["thresholds"][0]["max_connections"].clone();
        (cluster["lb_policy"].as_str().unwrap_or("ROUND_ROBIN").to_owned(), limit)
    };
    assert_eq!(of(WEB), ("RANDOM".into(), json!(1)));
    assert_eq!(of(V1), ("RANDOM".into(), json!(2)));
    let v2 = "outbound|80|v2|web.east.svc.cluster.local";
    assert_eq!(of(v2), ("ROUND_ROBIN".into(), json!(NONE)), "the port inherits nothing");
}

/// The cluster of `web` under a traffic policy.
#[track_caller]
fn under(policy: &str) -> Value {
    let mesh =
        Mesh::small().and(&rule("r", "east", &format!("host: web, trafficPolicy: {{{policy}}}")));
    let served = mesh.served("client.east");
    both_take(policy, &served.0);
    served.cluster(WEB)
}

#[test]
fn balancers() {
    let balancer =
        |written: &str| under(&format!("loadBalancer: {{{written}}}"))["lb_policy"].clone();
    let unsaid = Mesh::small().served("client.east").cluster(WEB);
    assert_eq!(unsaid["lb_policy"], "LEAST_REQUEST");
    assert_eq!(balancer("simple: LEAST_CONN"), "LEAST_REQUEST");
    assert_eq!(balancer("simple: RANDOM"), "RANDOM");
    assert!(balancer("simple: ROUND_ROBIN").is_null(), "Envoy's own default");
    assert_eq!(balancer("consistentHash: {useSourceIp: true}"), "RING_HASH");
    assert_eq!(
        balancer("consistentHash: {useSourceIp: true, maglev: {tableSize: 65537}}"),
        "MAGLEV"
    );
    let direct = under("loadBalancer: {simple: PASSTHROUGH}");
    assert_eq!(
        (&direct["type"], &direct["lb_policy"]),
        (&json!("ORIGINAL_DST"), &json!("CLUSTER_PROVIDED"))
    );
}

#[test]
fn limits_and_ejection() {
    let plain = Mesh::small().served("client.east").cluster(WEB);
    let limits = &plain["circuit_breakers"]["thresholds"][0];
    for limit in ["max_connections", "max_pending_requests", "max_requests", "max_retries"] {
        assert_eq!(limits[limit], NONE, "{limit}");
    }
    assert_eq!(plain["connect_timeout"], "10s");
    assert!(plain["outlier_detection"].is_null());
    let set = under(
        "connectionPool: {tcp: {maxConnections: 100, connectTimeout: 3s, tcpKeepalive: {time: 7200s, interval: 75s, probes: 9}}, \
         http: {http1MaxPendingRequests: 64, http2MaxRequests: 1000, maxRequestsPerConnection: 10, maxRetries: 3, idleTimeout: 5s}}, \
         outlierDetection: {consecutiveGatewayErrors: 5, consecutive5xxErrors: 0, interval: 10s, baseEjectionTime: 30s, \
         maxEjectionPercent: 50, minHealthPercent: 30}",
    );
    let limits = &set["circuit_breakers"]["thresholds"][0];
    let of = |field: &str| limits[field].clone();
    assert_eq!(
        [of("max_connections"), of("max_pending_requests"), of("max_requests"), of("max_retries")],
        [100, 64, 1000, 3]
    );
    assert_eq!(set["connect_timeout"], "3s");
    assert_eq!(set["upstream_connection_options"]["tcp_keepalive"]["keepalive_time"], 7200);
    assert_eq!(set["common_lb_config"]["healthy_panic_threshold"]["value"], 30.0);
    let outlier = &set["outlier_detection"];
    assert_eq!(outlier["consecutive_gateway_failure"], 5);
    assert_eq!(outlier["enforcing_consecutive_gateway_failure"], 100);
    assert_eq!(outlier["enforcing_consecutive_5xx"], 0, "zero turns it off");
    assert_eq!(
        (&outlier["interval"], &outlier["max_ejection_percent"]),
        (&json!("10s"), &json!(50))
    );
    let options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    let common = &set["typed_extension_protocol_options"][options]["common_http_protocol_options"];
    assert_eq!(
        (&common["idle_timeout"], &common["max_requests_per_connection"]),
        (&json!("5s"), &json!(10))
    );
}

#[test]
fn upgrades_to_http2() {
    let options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    let spoken = |cluster: &Value| {
        let config = cluster["typed_extension_protocol_options"][options].clone();
        let explicit = config["explicit_http_config"].as_object().cloned().unwrap_or_default();
        explicit.keys().next().cloned().unwrap_or_else(|| "the client's".into())
    };
    assert_eq!(spoken(&Mesh::small().served("client.east").cluster(WEB)), "http_protocol_options");
    let http = |written: &str| spoken(&under(&format!("connectionPool: {{http: {{{written}}}}}")));
    assert_eq!(http("h2UpgradePolicy: UPGRADE"), "http2_protocol_options");
    assert_eq!(http("h2UpgradePolicy: DO_NOT_UPGRADE"), "http_protocol_options");
    assert_eq!(http("useClientProtocol: true"), "the client's");
    assert_eq!(http("useClientProtocol: true, h2UpgradePolicy: DO_NOT_UPGRADE"), "the client's");
    // Whichever version comes, neither was promised in TLS.
    let offered = |written: &str| {
        let cluster = under(&format!("connectionPool: {{http: {{{written}}}}}"));
        let socket = &cluster["transport_socket_matches"][0]["transport_socket"];
        socket["typed_config"]["common_tls_context"]["alpn_protocols"].clone()
    };
    let either = json!(["istio-http/1.1", "istio-h2", "istio"]);
    assert_eq!(offered("useClientProtocol: true"), either);
    assert_eq!(offered("h2UpgradePolicy: UPGRADE"), json!(["istio-h2", "istio", "h2"]));
    let plain = json!(["istio-http/1.1", "istio", "http/1.1"]);
    assert_eq!(offered("maxRetries: 1"), plain);
}

/// What a cluster does about TLS.
fn tls(cluster: &Value) -> String {
    let context = |socket: &Value| {
        let config = &socket["typed_config"];
        let checks = &config["common_tls_context"]["combined_validation_context"]["default_validation_context"];
        let peers = checks["match_typed_subject_alt_names"].as_array().into_iter().flatten();
        let peers: Vec<String> = peers
            .map(|peer| peer["matcher"]["exact"].as_str().unwrap_or("prefix").to_owned())
            .collect();
        format!("{} {}", config["sni"].as_str().unwrap_or("-"), peers.join(","))
    };
    let matches = cluster["transport_socket_matches"].as_array();
    if let Some(matches) = matches.filter(|matches| !matches.is_empty()) {
        return format!("by endpoint: {}", context(&matches[0]["transport_socket"]));
    }
    match &cluster["transport_socket"] {
        Value::Null => "plain".to_owned(),
        socket => format!("always: {}", context(socket)),
    }
}

#[test]
fn tls_modes() {
    let own = "outbound_.80_._.web.east.svc.cluster.local spiffe://cluster.local/ns/east/sa/web";
    assert_eq!(
        tls(&Mesh::small().served("client.east").cluster(WEB)),
        format!("by endpoint: {own}")
    );
    assert_eq!(tls(&under("tls: {mode: ISTIO_MUTUAL}")), format!("always: {own}"));
    assert_eq!(tls(&under("tls: {mode: DISABLE}")), "plain");
    let named =
        under("tls: {mode: ISTIO_MUTUAL, sni: a.example, subjectAltNames: ['spiffe://x/y']}");
    assert_eq!(tls(&named), "always: a.example spiffe://x/y");
}

#[test]
fn a_rule_for_selected_clients_goes_before_the_one_for_all() {
    let selecting = |app: &str, n: u32| {
        format!("host: web, workloadSelector: {{matchLabels: {{app: {app}}}}}, {}", limited(n))
    };
    let mesh = Mesh::small().and(&rule("own", "east", &selecting("client", 1)));
    assert_eq!(limit(&mesh, "client.east", WEB), 1);
    assert_eq!(limit(&mesh, "shop.east", WEB), NONE);
    assert_eq!(limit(&mesh, "caller.west", WEB), NONE, "it is private");
    let subset = "subsets: [{name: v1, labels: {version: v1}}]";
    let all = rule("wide", "east", &format!("host: web, {}, {subset}", limited(2)));
    let mesh = mesh.and(&all).and(&rule("shop", "east", &selecting("shop", 3)));
    assert_eq!(limit(&mesh, "client.east", WEB), 1);
    let served = mesh.served("client.east");
    assert!(!served.clusters().contains(&V1), "rules that are exported otherwise stay apart");
    assert_eq!(limit(&mesh, "web-v1.east", V1), 2);
    assert_eq!(limit(&mesh, "shop.east", WEB), 3);
    assert_eq!(limit(&mesh, "web-v1.east", WEB), 2);
}

#[test]
fn new_endpoints_come_to_their_share_slowly() {
    let slow = |balancer: &str, config: &str| {
        let cluster = under(&format!("loadBalancer: {{{balancer}}}"));
        cluster[config]["slow_start_config"].clone()
    };
    let warm = slow("simple: LEAST_REQUEST, warmup: {duration: 60s}", "least_request_lb_config");
    assert_eq!(warm["slow_start_window"], "60s");
    assert_eq!(warm["min_weight_percent"]["value"], 10.0);
    assert_eq!(warm["aggression"]["default_value"], 1.0);
    let steep = "simple: ROUND_ROBIN, warmup: {duration: 5s, minimumPercent: 30, aggression: 2}";
    let warm = slow(steep, "round_robin_lb_config");
    assert_eq!(warm["min_weight_percent"]["value"], 30.0);
    assert_eq!(warm["aggression"]["default_value"], 2.0);
    let old = slow("simple: ROUND_ROBIN, warmupDurationSecs: 7s", "round_robin_lb_config");
    assert_eq!(old["slow_start_window"], "7s");
}

#[test]
fn retries_have_a_budget() {
    let thresholds = |cluster: &Value| cluster["circuit_breakers"]["thresholds"][0].clone();
    let budget = |policy: &str| thresholds(&under(policy))["retry_budget"].clone();
    let usual = thresholds(&Mesh::small().served("client.east").cluster(WEB));
    assert_eq!(usual["retry_budget"]["budget_percent"]["value"], 20.0);
    assert_eq!(usual["retry_budget"]["min_retry_concurrency"], 100);
    let own = budget("retryBudget: {percent: 5, minRetryConcurrency: 7}");
    assert_eq!(
        (&own["budget_percent"]["value"], &own["min_retry_concurrency"]),
        (&json!(5.0), &json!(7))
    );
    let spanned = budget("retryBudget: {budgetInterval: 10s}");
    assert_eq!(
        (&own["budget_interval"], &spanned["budget_interval"]),
        (&json!(null), &json!("10s"))
    );
    let empty = budget("retryBudget: {}");
    assert_eq!(
        (&empty["budget_percent"]["value"], &empty["min_retry_concurrency"]),
        (&json!(20.0), &json!(3))
    );
    let counted = budget("connectionPool: {http: {maxRetries: 5}}");
    assert!(counted.is_null(), "a number that is set is the bound");
}

#[test]
fn the_answers_that_are_failures_may_be_listed() {
    let matcher = |codes: &str| {
        let cluster = under(&format!("outlierDetection: {{{codes}}}"));
        let options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
        cluster["typed_extension_protocol_options"][options]["outlier_detection"].clone()
    };
    let status = |code: &str| {
        json!({"http_response_headers_match": {"headers": [
            {"name": ":status", "string_match": {"exact": code}}
        ]}})
    };
    assert_eq!(matcher("consecutive5xxErrors: 1"), json!(null));
    let one = matcher("outlierDetectionHttpErrorCodes: [404]");
    assert_eq!(one["error_matcher"], status("404"));
    let two = matcher("outlierDetectionHttpErrorCodes: [404, 503]");
    let rules = json!([status("404"), status("503")]);
    assert_eq!(two["error_matcher"]["or_match"]["rules"], rules);
}

#[test]
fn lives_streams_and_pings_of_connections() {
    let options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    let cluster = under(
        "connectionPool: {tcp: {maxConnectionDuration: 30s}, http: {h2UpgradePolicy: UPGRADE, \
         maxConcurrentStreams: 10, http2KeepAlive: {interval: 5s, timeout: 2s}}}",
    );
    let found = &cluster["typed_extension_protocol_options"][options];
    assert_eq!(found["common_http_protocol_options"]["max_connection_duration"], "30s");
    let http2 = &found["explicit_http_config"]["http2_protocol_options"];
    assert_eq!(http2["max_concurrent_streams"], 10);
    assert_eq!(http2["connection_keepalive"]["interval"], "5s");
    assert_eq!(http2["connection_keepalive"]["timeout"], "2s");
}
