//! AuthorizationPolicies: who may do what, on HTTP and on plain connections.

use crate::everything::both_take;
use crate::fixture::Mesh;
use crate::words;
use crate::world::Served;

/// A mesh in which `web` of `east` is called by HTTP on 8080 and by TCP on 9000.
pub(crate) fn mesh() -> Mesh {
    Mesh::small().and(
        "
apiVersion: v1
kind: Service
metadata: {name: web-bytes, namespace: east}
spec: {selector: {app: web}, ports: [{name: tcp, port: 9000, targetPort: 9000}]}
",
    )
}

pub(crate) fn policy(name: &str, namespace: &str, spec: &str) -> String {
    format!(
        "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n\
         metadata: {{name: {name}, namespace: {namespace}}}\nspec: {spec}\n"
    )
}

/// The access filters of the first chain of a port of `web`.
#[track_caller]
pub(crate) fn filters(served: &Served, port: u16) -> Vec<Vec<String>> {
    let listener = served.listener("virtualInbound");
    let chains = listener["filter_chains"].as_array().unwrap();
    let found = chains.iter().find(|c| c["filter_chain_match"]["destination_port"] == port);
    words::filters(found.unwrap_or_else(|| panic!("no chain for {port}")))
}

/// One policy in `east`, and the rules that HTTP and plain connections get.
#[track_caller]
fn check(spec: &str, http: &[&str], tcp: &[&str]) {
    let mesh = mesh().and(&policy("p", "east", spec));
    let served = mesh.served("web-v1.east");
    let one = |rules: &[&str]| {
        let rules: Vec<String> =
            rules.iter().map(|rule| rule.replace("p[", "ns[east]-policy[p]-rule[")).collect();
        if rules.is_empty() { Vec::new() } else { vec![rules] }
    };
    assert_eq!(filters(&served, 8080), one(http), "HTTP, {spec}");
    assert_eq!(filters(&served, 9000), one(tcp), "TCP, {spec}");
    both_take(spec, &served.0);
}

/// One rule of an ALLOW policy, which reads the same on HTTP and TCP.
#[track_caller]
fn allows(rule: &str, expected: &str) {
    let expected = ["ALLOW", &format!("p[0]: {expected}")];
    check(&format!("{{rules: [{rule}]}}"), &expected, &expected);
}

/// One rule of an ALLOW policy that only HTTP can judge.
#[track_caller]
fn allows_http(rule: &str, expected: &str) {
    check(&format!("{{rules: [{rule}]}}"), &["ALLOW", &format!("p[0]: {expected}")], &["ALLOW"]);
}

#[test]
fn nothing_written_allows_nothing_and_an_empty_rule_allows_all() {
    check("{}", &["ALLOW"], &["ALLOW"]);
    allows("{}", "any: any");
    check("{action: DENY, rules: [{}]}", &["DENY", "p[0]: any: any"], &["DENY", "p[0]: any: any"]);
}

#[test]
fn principals_exactly_and_by_either_end() {
    let from = |principal: &str| format!("{{from: [{{source: {{principals: ['{principal}']}}}}]}}");
    allows(
        &from("cluster.local/ns/west/sa/caller"),
        "id=spiffe://cluster.local/ns/west/sa/caller: any",
    );
    allows(&from("*"), "id~.+: any");
    allows(&from("*/sa/caller"), "id=*/sa/caller: any");
    allows(&from("cluster.local/ns/west/*"), "id=spiffe://cluster.local/ns/west/*: any");
}

#[test]
fn the_name_cluster_local_means_the_meshs_own_trust_domain() {
    let mut mesh = mesh().and(&policy(
        "p",
        "east",
        "{rules: [{from: [{source: {principals: [cluster.local/ns/a/sa/b, other/ns/a/sa/b]}}]}]}",
    ));
    mesh.settings.trust_domain = "shop.example".into();
    let ids = "(id=spiffe://shop.example/ns/a/sa/b or id=spiffe://other/ns/a/sa/b)";
    let rules = format!("ns[east]-policy[p]-rule[0]: {ids}: any");
    assert_eq!(filters(&mesh.served("web-v1.east"), 8080), [["ALLOW".to_owned(), rules]]);
}

#[test]
fn sources_by_namespace_account_trust_domain_and_address() {
    let from = |source: &str| format!("{{from: [{{source: {{{source}}}}}]}}");
    allows(&from("namespaces: [west]"), "id~spiffe://[^/]+/ns/west/.*: any");
    allows(&from("namespaces: ['we*']"), "id~spiffe://[^/]+/ns/we.*/.*: any");
    // An account alone is one of the policy's own namespace.
    allows(&from("serviceAccounts: [client]"), "id~spiffe://[^/]+/ns/east/sa/client: any");
    allows(&from("serviceAccounts: [west/caller]"), "id~spiffe://[^/]+/ns/west/sa/caller: any");
    allows(&from("trustDomains: [other.example]"), r"id~spiffe://other\.example/.*: any");
    allows(
        &from("ipBlocks: [10.0.0.0/8, 1.2.3.4]"),
        "(direct_remote_ip=10.0.0.0/8 or direct_remote_ip=1.2.3.4/32): any",
    );
    allows(&from("remoteIpBlocks: [10.0.0.0/8]"), "remote_ip=10.0.0.0/8: any");
}

#[test]
fn all_fields_of_a_source_must_hold_and_none_of_the_negated_ones() {
    allows(
        "{from: [{source: {namespaces: [west], notPrincipals: [a/b, c/d]}}, {source: {ipBlocks: [::1]}}]}",
        "(not (id=spiffe://a/b or id=spiffe://c/d) and id~spiffe://[^/]+/ns/west/.*) \
         or direct_remote_ip=::1/128: any",
    );
}

#[test]
fn operations_by_method_path_host_and_port() {
    let to = |operation: &str| format!("{{to: [{{operation: {{{operation}}}}}]}}");
    allows_http(&to("methods: [GET, 'P*']"), "any: (:method=GET or :method=P*)");
    allows_http(&to("paths: ['/api/*']"), "any: path=/api/*");
    allows_http(&to("paths: ['*/end']"), "any: path=*/end");
    allows_http(&to("paths: ['*']"), "any: path~.+");
    allows_http(&to("hosts: [a.example]"), "any: :authority=a.example in any case");
    allows_http(&to("notPaths: [/admin]"), "any: not path=/admin");
    allows(&to("ports: ['8080']"), "any: port=8080");
    allows(&to("notPorts: ['8080']"), "any: not port=8080");
}

/// Read off the bytes: Envoy's JSON of a template is not among the messages that weft-proto knows.
#[test]
fn paths_by_template() {
    let spec = "{rules: [{to: [{operation: {paths: ['/a/{*}/b/{**}']}}]}]}";
    let served = mesh().and(&policy("p", "east", spec)).served("web-v1.east");
    let listeners = served.0.of(weft_proto::type_url::LISTENER).iter();
    let inbound = listeners.filter(|listener| &*listener.name == "virtualInbound");
    let wanted = b"/a/*/b/**";
    let mut bodies = inbound.map(|listener| listener.body.windows(wanted.len()));
    assert!(bodies.any(|mut windows| windows.any(|window| window == wanted)));
    both_take(spec, &served.0);
}

#[test]
fn who_and_what_must_both_hold() {
    let spec = "{rules: [{from: [{source: {principals: [cluster.local/ns/west/sa/caller]}}], \
                to: [{operation: {methods: [GET, POST], paths: ['/api/v1/payments*']}}]}]}";
    let rule = "p[0]: id=spiffe://cluster.local/ns/west/sa/caller: \
                ((:method=GET or :method=POST) and path=/api/v1/payments*)";
    check(spec, &["ALLOW", rule], &["ALLOW"]);
}

#[test]
fn conditions_of_when() {
    let when =
        |key: &str, value: &str| format!("{{when: [{{key: '{key}', values: ['{value}']}}]}}");
    allows(&when("source.namespace", "west"), "id~spiffe://[^/]+/ns/west/.*: any");
    allows(&when("source.principal", "a/b"), "id=spiffe://a/b: any");
    allows(&when("source.serviceAccount", "client"), "id~spiffe://[^/]+/ns/east/sa/client: any");
    allows(&when("source.trustDomain", "td"), "id~spiffe://td/.*: any");
    allows(&when("source.ip", "10.0.0.0/8"), "direct_remote_ip=10.0.0.0/8: any");
    allows(&when("remote.ip", "10.0.0.0/8"), "remote_ip=10.0.0.0/8: any");
    allows(&when("destination.ip", "10.0.0.0/8"), "any: destination_ip=10.0.0.0/8");
    allows(&when("destination.port", "80"), "any: port=80");
    allows(&when("connection.sni", "a.example"), "any: sni=a.example");
    allows_http(&when("request.headers[x-a]", "b"), "x-a=b: any");
    allows_http(&when("request.headers[x-a]", "*"), "x-a?: any");
    allows(
        "{when: [{key: source.namespace, notValues: [west]}]}",
        "not id~spiffe://[^/]+/ns/west/.*: any",
    );
}

#[test]
fn on_plain_connections_http_conditions_allow_nobody_and_deny_everybody() {
    // One part that cannot be judged spoils the whole ALLOW rule, not the others.
    check(
        "{rules: [{to: [{operation: {ports: ['9000']}}, {operation: {methods: [GET]}}]}, \
         {to: [{operation: {ports: ['9000']}}]}]}",
        &["ALLOW", "p[0]: any: port=9000 or :method=GET", "p[1]: any: port=9000"],
        &["ALLOW", "p[1]: any: port=9000"],
    );
    // In a DENY rule it is left out.
    check(
        "{action: DENY, rules: [{to: [{operation: {methods: [GET], ports: ['9000']}}]}]}",
        &["DENY", "p[0]: any: (:method=GET and port=9000)"],
        &["DENY", "p[0]: any: port=9000"],
    );
    check(
        "{action: DENY, rules: [{from: [{source: {namespaces: [west]}}], when: [{key: 'request.headers[a]', values: [b]}]}]}",
        &["DENY", "p[0]: (id~spiffe://[^/]+/ns/west/.* and a=b): any"],
        &["DENY", "p[0]: id~spiffe://[^/]+/ns/west/.*: any"],
    );
}

#[test]
fn who_asks_by_a_token_is_asked_of_its_claims() {
    let from =
        |principal: &str| format!("from: [{{source: {{requestPrincipals: ['{principal}']}}}}]");
    for (principal, both) in [
        ("*", "(iss~.+ and sub~.+)"),
        ("https://i.example/ann", "(iss=https://i.example and sub=ann)"),
        ("https://i.example/*", "(iss=https://i.example and sub~.+)"),
        ("https://i.example/a*", "(iss=https://i.example and sub=a*)"),
        ("*/ann", "(iss~.+ and sub=ann)"),
        ("*.example/ann", "(iss=*.example and sub=ann)"),
    ] {
        allows_http(&format!("{{{}}}", from(principal)), &format!("{both}: any"));
    }
    // A plain connection shows no token: what only a token decides allows nobody, and denies all.
    let denied = ["DENY", "p[0]: (iss~.+ and sub~.+): any"];
    let spec = format!("{{action: DENY, rules: [{{{}}}]}}", from("*"));
    check(&spec, &denied, &["DENY", "p[0]: any: any"]);
    let not = "{from: [{source: {notRequestPrincipals: ['*']}}]}";
    allows_http(not, "not (iss~.+ and sub~.+): any");
}

#[test]
fn conditions_on_claims_take_texts_and_members_of_lists() {
    let when =
        |key: &str, value: &str| format!("{{when: [{{key: '{key}', values: ['{value}']}}]}}");
    allows_http(&when("request.auth.claims[a]", "b"), "(any a=b or a=b): any");
    allows_http(&when("request.auth.claims[a][b.c]", "x*"), "(any a.b.c=x* or a.b.c=x*): any");
    allows_http(&when("request.auth.audiences", "web"), "(any aud=web or aud=web): any");
    allows_http(&when("request.auth.presenter", "p"), "(any azp=p or azp=p): any");
    allows_http(&when("request.auth.principal", "i/s"), "(iss=i and sub=s): any");
}

#[test]
fn what_is_only_watched_decides_nothing() {
    check("{action: AUDIT, rules: [{}]}", &[], &[]);
}

#[test]
fn a_policy_for_named_targets_is_not_for_sidecars() {
    let spec = "{action: DENY, targetRefs: [{kind: Service, group: '', name: web}], rules: [{}]}";
    check(spec, &[], &[]);
}

#[test]
fn denials_come_before_permissions_and_the_meshs_policies_apply_everywhere() {
    let deny = "{action: DENY, rules: [{to: [{operation: {ports: ['1']}}]}]}";
    let mesh = mesh()
        .and(&policy("a", "east", "{rules: [{}]}"))
        .and(&policy("b", "east", deny))
        .and(&policy("c", "istio-system", deny))
        .and(&policy("elsewhere", "west", "{}"))
        .and(&policy("others", "east", "{selector: {matchLabels: {app: shop}}}"))
        .and(&policy("own", "east", "{selector: {matchLabels: {app: web}}, rules: [{}]}"));
    let expected = [
        vec![
            "DENY",
            "ns[east]-policy[b]-rule[0]: any: port=1",
            "ns[istio-system]-policy[c]-rule[0]: any: port=1",
        ],
        vec![
            "ALLOW",
            "ns[east]-policy[a]-rule[0]: any: any",
            "ns[east]-policy[own]-rule[0]: any: any",
        ],
    ];
    assert_eq!(filters(&mesh.served("web-v1.east"), 8080), expected);
}

#[test]
fn a_policy_in_the_root_namespace_selects_workloads_of_all_namespaces() {
    let mesh = mesh().and(&policy("p", "istio-system", "{selector: {matchLabels: {app: web}}}"));
    assert_eq!(filters(&mesh.served("web-v1.east"), 8080), [["ALLOW"]]);
    assert!(filters(&mesh.served("shop.east"), 8080).is_empty());
}

#[test]
fn policies_apply_to_gateways_too() {
    let gateway = "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: g, namespace: east}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]
";
    let select = "{action: DENY, selector: {matchLabels: {istio: ingressgateway}}, \
                  rules: [{to: [{operation: {paths: [/admin]}}]}]}";
    let mesh = mesh().and(gateway).and(&policy("p", "istio-system", select));
    let served = mesh.served("istio-ingressgateway.istio-system");
    let chain = &served.listener("0.0.0.0_8080")["filter_chains"][0];
    let rule = "ns[istio-system]-policy[p]-rule[0]: any: path=/admin";
    assert_eq!(words::filters(chain), [["DENY", rule]]);
    both_take("gateway", &served.0);
}

#[test]
fn a_listener_names_the_policies_that_it_was_made_from() {
    let mesh = mesh().and(&policy("a", "east", "{}")).and(&policy("b", "istio-system", "{}"));
    let listener = mesh.served("web-v1.east").listener("virtualInbound");
    let named = &listener["filter_chains"][0]["metadata"]["filter_metadata"]["istio"]["config"];
    let path = |ns: &str, name: &str| {
        format!("/apis/security.istio.io/v1/namespaces/{ns}/authorization-policy/{name}")
    };
    assert_eq!(*named, serde_json::json!([path("istio-system", "b"), path("east", "a")]));
}
