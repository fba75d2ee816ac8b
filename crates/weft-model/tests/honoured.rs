//! What is valid and not honoured is told of at its field; what is honoured is not.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use serde_json::{Value, json};
use weft_model::{Problem, Severity, validate_object};

fn problems(kind: &str, spec: &str) -> Vec<Problem> {
    let group = if kind.ends_with("Policy") || kind.starts_with("Peer") {
        "security"
    } else {
        "networking"
    };
    let spec = weft_model::api::yaml::read(spec, "inline").unwrap().remove(0).value;
    let object = json!({ "apiVersion": format!("{group}.istio.io/v1"), "kind": kind,
        "metadata": { "name": "x", "namespace": "istio-system" }, "spec": spec });
    validate_object(&object).1
}

/// Warns of exactly these fields.
#[track_caller]
fn warns(kind: &str, spec: &str, fields: &[&str]) {
    let found = problems(kind, spec);
    let told: Vec<String> = found.iter().map(|problem| problem.field.to_string()).collect();
    assert_eq!(told, fields, "{spec}: {found:?}");
    assert!(found.iter().all(|problem| problem.severity == Severity::Warning), "{found:?}");
}

/// A VirtualService with one route and this in it.
#[track_caller]
fn route(more: &str, fields: &[&str]) {
    let spec = format!("{{hosts: [a], http: [{{route: [{{destination: {{host: a}}}}], {more}}}]}}");
    let fields: Vec<String> = fields.iter().map(|field| format!("spec.http[0].{field}")).collect();
    warns("VirtualService", &spec, &fields.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn fields_of_routes() {
    route("timeout: 5s", &[]);
    route("match: [{statPrefix: p}]", &["match[0].statPrefix"]);
    route("retries: {attempts: 1, retryRemoteLocalities: true}", &[]);
    route("fault: {delay: {fixedDelay: 1s}}", &["fault.delay.percentage"]);
    route("fault: {abort: {httpStatus: 500}}", &["fault.abort.percentage"]);
    route("fault: {abort: {grpcStatus: UNAVAILABLE, percentage: {value: 1}}}", &[]);
    let beyond = "fault: {abort: {httpStatus: 600, percentage: {value: 1}}}";
    route(beyond, &["fault.abort.httpStatus"]);
    let claims = "match: [{headers: {'@request.auth.claims.a': {exact: b}}}]";
    let gateway = format!(
        "{{hosts: [a], gateways: [g], http: [{{route: [{{destination: {{host: a}}}}], {claims}}}]}}"
    );
    warns("VirtualService", &gateway, &[]);
}

#[test]
fn groups_of_machines_act_and_do_not_probe() {
    warns("WorkloadGroup", "{template: {ports: {http: 80}}, metadata: {labels: {a: b}}}", &[]);
    let probed = "{template: {address: 10.0.0.1}, probe: {tcpSocket: {port: 80}}}";
    warns("WorkloadGroup", probed, &["spec.probe", "spec.template.address"]);
}

#[test]
fn hosts_that_are_looked_up_are_honoured() {
    let with = |port: &str| {
        format!(
            "{{hosts: ['*.a.example'], resolution: DYNAMIC_DNS, ports: [{{name: a, number: 80, protocol: HTTP{port}}}]}}"
        )
    };
    warns("ServiceEntry", &with(""), &[]);
    warns("ServiceEntry", &with(", targetPort: 81"), &["spec.ports[0].targetPort"]);
}

#[test]
fn the_authority_of_one_of_several_destinations_is_honoured() {
    let host = "headers: {request: {set: {host: b}}}";
    let spec = format!(
        "{{hosts: [a], http: [{{route: [{{destination: {{host: a}}, weight: 50, {host}}}, {{destination: {{host: b}}, weight: 50}}]}}]}}"
    );
    warns("VirtualService", &spec, &[]);
    warns(
        "VirtualService",
        &format!("{{hosts: [a], http: [{{route: [{{destination: {{host: a}}, {host}}}]}}]}}"),
        &[],
    );
}

#[test]
fn connections_and_delegation() {
    let tcp = |found: &str| {
        format!(
            "{{hosts: [a], tcp: [{{match: [{{{found}}}], route: [{{destination: {{host: a}}}}]}}]}}"
        )
    };
    warns(
        "VirtualService",
        &tcp("sourceSubnet: 10.0.0.0/8"),
        &["spec.tcp[0].match[0].sourceSubnet"],
    );
    warns(
        "VirtualService",
        &tcp("destinationSubnets: [10.0.0.0/8], sourceLabels: {a: b}, sourceNamespace: c"),
        &[],
    );
    let tls =
        "{hosts: [a.b], tls: [{match: [{sniHosts: [a.b]}], route: [{destination: {host: a}}]}]}";
    warns("VirtualService", tls, &[]);
    warns("VirtualService", "{hosts: [a], http: [{delegate: {name: b}}]}", &[]);
    warns("VirtualService", "{http: [{route: [{destination: {host: a}}]}]}", &[]);
}

/// A DestinationRule with this traffic policy.
#[track_caller]
fn policy(policy: &str, fields: &[&str]) {
    for (spec, before) in [
        (format!("{{host: a, trafficPolicy: {{{policy}}}}}"), "spec.trafficPolicy"),
        (
            format!("{{host: a, subsets: [{{name: s, trafficPolicy: {{{policy}}}}}]}}"),
            "spec.subsets[0].trafficPolicy",
        ),
    ] {
        let fields: Vec<String> = fields.iter().map(|field| format!("{before}.{field}")).collect();
        warns("DestinationRule", &spec, &fields.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

#[test]
fn fields_of_traffic_policies() {
    policy("loadBalancer: {simple: RANDOM}", &[]);
    policy("loadBalancer: {localityLbSetting: {enabled: true}}", &[]);
    policy("loadBalancer: {zoneAwareLbSetting: {}}", &["loadBalancer.zoneAwareLbSetting"]);
    policy("loadBalancer: {backendUtilization: {}}", &["loadBalancer.backendUtilization"]);
    policy("loadBalancer: {warmup: {duration: 1s}}", &[]);
    policy("loadBalancer: {warmupDurationSecs: 1s}", &[]);
    let cookie =
        "loadBalancer: {consistentHash: {httpCookie: {name: a, ttl: 1s, attributes: [{name: b}]}}}";
    policy(cookie, &[]);
    policy("connectionPool: {tcp: {idleTimeout: 1s}}", &[]);
    policy("connectionPool: {tcp: {maxConnectionDuration: 1s}}", &[]);
    policy("connectionPool: {http: {maxConcurrentStreams: 1}}", &[]);
    let keepalive = "connectionPool: {http: {http2KeepAlive: {interval: 1s, timeout: 1s}}}";
    policy(keepalive, &[]);
    let codes = "outlierDetection: {outlierDetectionHttpErrorCodes: [500]}";
    policy(codes, &[]);
    policy("tls: {mode: SIMPLE}", &[]);
    policy("tls: {mode: ISTIO_MUTUAL, sni: a, subjectAltNames: [b]}", &[]);
    policy("tls: {mode: ISTIO_MUTUAL, caCertificates: a}", &["tls.caCertificates"]);
    policy("tls: {mode: DISABLE, sni: a}", &["tls.sni"]);
    policy("tunnel: {targetHost: a.b, targetPort: 1}", &[]);
    policy("proxyProtocol: {version: V1}", &[]);
    policy("retryBudget: {percent: 1}", &[]);
    policy("retryBudget: {budgetInterval: 1s}", &[]);
    let selected = "{host: a, workloadSelector: {matchLabels: {a: b}}}";
    warns("DestinationRule", selected, &[]);
}

#[test]
fn fields_of_gateways() {
    let server = |protocol: &str, more: &str| {
        format!(
            "{{servers: [{{port: {{number: 1, name: a, protocol: {protocol}}}, hosts: ['*'], {more}}}]}}"
        )
    };
    warns("Gateway", &server("HTTP", "tls: {httpsRedirect: true}"), &[]);
    warns("Gateway", &server("HTTP", "bind: 10.0.0.1"), &[]);
    warns(
        "Gateway",
        &server("HTTP", "defaultEndpoint: '127.0.0.1:1'"),
        &["spec.servers[0].defaultEndpoint"],
    );
    warns("Gateway", &server("TCP", ""), &[]);
    let simple = "tls: {mode: SIMPLE, credentialName: c}";
    warns("Gateway", &server("HTTPS", simple), &[]);
}

#[test]
fn fields_of_sidecars() {
    let ingress = |more: &str| {
        format!("{{ingress: [{{port: {{number: 9080, protocol: HTTPS, name: a}}, {more}}}]}}")
    };
    let sidecar = |more: &str, fields: &[&str]| warns("Sidecar", &ingress(more), fields);
    sidecar("bind: 10.0.0.1, connectionPool: {tcp: {maxConnections: 1}}", &[]);
    sidecar("captureMode: NONE, defaultEndpoint: '127.0.0.1:9080'", &[]);
    let own = ["spec.ingress[0].defaultEndpoint"];
    sidecar("captureMode: NONE, defaultEndpoint: '0.0.0.0:9080'", &own);
    sidecar("defaultEndpoint: 'unix:///a'", &own);
    let tls = "tls: {mode: SIMPLE, serverCertificate: /a, privateKey: /b}";
    sidecar(tls, &["spec.ingress[0].tls"]);
    warns("Sidecar", "{inboundConnectionPool: {tcp: {maxConnections: 1}}}", &[]);
    let egress = "{egress: [{port: {number: 3128, protocol: HTTP_PROXY}, hosts: ['*/*']}]}";
    warns("Sidecar", egress, &[]);
}

#[test]
fn a_selector_of_peers_in_the_root_namespace() {
    let spec = "{selector: {matchLabels: {a: b}}, mtls: {mode: STRICT}}";
    warns("PeerAuthentication", spec, &["spec.selector"]);
    warns("PeerAuthentication", "{mtls: {mode: STRICT}}", &[]);
}

#[test]
fn what_access_policies_can_and_cannot_judge() {
    let rule = |rule: &str| format!("{{rules: [{{{rule}}}]}}");
    let policy = "AuthorizationPolicy";
    let source = "from: [{source: {requestPrincipals: [a], notRequestPrincipals: [b]}}]";
    warns(policy, &rule(source), &[]);
    let key = ["spec.rules[0].when[0].key"];
    warns(policy, &rule("when: [{key: 'request.auth.claims[a]', values: [b]}]"), &[]);
    warns(policy, &rule("when: [{key: 'experimental.envoy.filters.a[b]', values: [c]}]"), &key);
    warns(policy, &rule("when: [{key: source.trustDomain, values: [a]}]"), &[]);
    warns(policy, "{action: AUDIT, rules: [{}]}", &["spec.action"]);
    warns(policy, "{action: CUSTOM, provider: {name: p}, rules: [{}]}", &[]);
    let target = "targetRefs: [{kind: Service, group: '', name: a}]";
    warns(policy, &format!("{{{target}, rules: [{{}}]}}"), &["spec.targetRefs"]);
    let metadata = "when: [{key: 'experimental.envoy.filters.a[b]', values: [c]}]";
    let denied = &problems(policy, &format!("{{action: DENY, rules: [{{{metadata}}}]}}"))[0];
    assert!(denied.fix.contains("denies without regard"), "{denied}");
}

#[test]
fn a_policy_that_is_tried_out() {
    let object: Value = json!({ "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
        "metadata": { "name": "x", "annotations": { "istio.io/dry-run": "true" } }, "spec": {} });
    assert_eq!(validate_object(&object).1, []);
}

#[test]
fn a_rule_for_tokens_that_cannot_be_read_lets_nobody_in_and_says_so() {
    use weft_model::{Checked, api::request_authentication::Presence};
    let object = json!({ "apiVersion": "security.istio.io/v1", "kind": "RequestAuthentication",
        "metadata": { "name": "x", "namespace": "a" },
        "spec": { "selector": { "matchLabels": { "app": "web" } },
            "jwtRules": [{ "issuer": "i", "jwks": "garbage" }] } });
    let (found, problems) = validate_object(&object);
    assert!(problems.iter().any(|problem| problem.what.contains("denies all")), "{problems:?}");
    let Some(Checked::RequestAuthentication(found)) = found else { unreachable!("it is kept") };
    let rules = &found.spec.jwt_rules;
    assert_eq!(
        (rules.len(), rules[0].presence, rules[0].jwks.as_ref()),
        (1, Presence::Required, None)
    );
    assert!(found.spec.selector.is_some(), "for whom it was meant");
}

#[test]
fn patches_that_limit_rates_act_and_others_are_told() {
    let local = |name: &str, more: &str| {
        let kind =
            "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit";
        format!(
            "{{applyTo: HTTP_FILTER, patch: {{operation: INSERT_FIRST, value: {{name: l, typed_config: {{'@type': {kind}, \
             stat_prefix: {name}, filter_enabled: {{}}, {more}}}}}}}}}"
        )
    };
    let cluster = "{applyTo: CLUSTER, patch: {operation: ADD, value: {name: c}}}";
    let enforced = "filter_enforced: {}";
    let suspicious = "spec";
    let all = |patches: &[String]| format!("{{configPatches: [{}]}}", patches.join(", "));
    warns("EnvoyFilter", &all(&[local("a", enforced)]), &[suspicious]);
    let config = "patch.value.typed_config";
    let unsaid = format!("spec.configPatches[0].{config}.filter_enforced");
    warns("EnvoyFilter", &all(&[local("a", "")]), &[suspicious, &unsaid]);
    let both = all(&[local("a", enforced), cluster.to_owned()]);
    warns("EnvoyFilter", &both, &[suspicious, "spec.configPatches[1]"]);
    let none = problems("EnvoyFilter", &all(&[cluster.to_owned()]));
    assert!(none.iter().any(|p| p.code == "WEFT0002" && p.field.0.is_empty()), "{none:?}");
    let of_route = "{applyTo: HTTP_ROUTE, patch: {operation: MERGE, value: {typed_per_filter_config: {envoy.filters.http.local_ratelimit: \
                    {'@type': type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit, stat_prefix: a, \
                    token_bucket: {max_tokens: 1, fill_interval: 1s}, filter_enabled: {}, filter_enforced: {}}}}}}";
    warns("EnvoyFilter", &all(&[of_route.to_owned()]), &[suspicious]);
    let remote = "{applyTo: VIRTUAL_HOST, patch: {operation: MERGE, value: {rate_limits: [{actions: [{remote_address: {}}]}]}}}";
    let both = all(&[of_route.to_owned(), remote.to_owned()]);
    warns("EnvoyFilter", &both, &[suspicious, "spec.configPatches[1]"]);
    let fast = local("a", "token_bucket: {max_tokens: 1, fill_interval: 0.01s}");
    let found = problems("EnvoyFilter", &all(&[fast]));
    let errors: Vec<String> =
        found.iter().filter(|p| p.is_error()).map(|p| p.field.to_string()).collect();
    assert_eq!(errors, [format!("spec.configPatches[0].{config}.token_bucket.fill_interval")]);
}
