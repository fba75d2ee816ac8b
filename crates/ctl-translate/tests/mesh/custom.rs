//! CUSTOM, where somebody else decides, and policies that are only tried out.

use serde_json::{Value, json};
use weft_model::api::mesh_config::{ExtAuthzBody, ExtAuthzGrpc, ExtAuthzHttp, ExtensionProvider};

use crate::access::{filters, mesh, policy};
use crate::everything::both_take;
use crate::fixture::Mesh;
use crate::world::Served;

const ASK: &str =
    "{action: CUSTOM, provider: {name: ask}, rules: [{to: [{operation: {paths: [/a]}}]}]}";
const STORE: &str = "outbound|80||store.west.svc.cluster.local";

fn by_grpc(service: &str) -> ExtensionProvider {
    let grpc = ExtAuthzGrpc { service: service.into(), port: 80, ..ExtAuthzGrpc::default() };
    ExtensionProvider {
        name: "ask".into(),
        envoy_ext_authz_grpc: Some(grpc),
        ..ExtensionProvider::default()
    }
}

fn by_request() -> ExtensionProvider {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let http = ExtAuthzHttp {
        service: "west/store.west.svc.cluster.local".into(),
        port: 80,
        path_prefix: "/check".into(),
        fail_open: true,
        clear_route_cache: true,
        status_on_error: "503".into(),
        include_request_headers_in_check: names(&["x-id", "x-a*", "*-b"]),
        include_additional_headers_in_check: [("x-by".to_owned(), "weft".to_owned())].into(),
        include_request_body_in_check: Some(ExtAuthzBody {
            max_request_bytes: 1024,
            allow_partial_message: true,
            pack_as_bytes: false,
        }),
        headers_to_upstream_on_allow: names(&["x-user"]),
        headers_to_downstream_on_deny: names(&["x-why"]),
        headers_to_downstream_on_allow: names(&["set-cookie"]),
        ..ExtAuthzHttp::default()
    };
    ExtensionProvider {
        name: "ask".into(),
        envoy_ext_authz_http: Some(http),
        ..ExtensionProvider::default()
    }
}

fn served(providers: Vec<ExtensionProvider>, policies: &[String]) -> Served {
    let mut mesh = policies.iter().fold(mesh(), |mesh: Mesh, policy| mesh.and(policy));
    mesh.settings.authorizers = providers;
    let served = mesh.served("web-v1.east");
    both_take("custom", &served.0);
    served
}

fn asking() -> Vec<String> {
    vec![policy("p", "east", ASK)]
}

/// The filter that asks about requests.
fn filter(served: &Served) -> Value {
    let listener = served.listener("virtualInbound");
    let chains = listener["filter_chains"].as_array().unwrap();
    let chain = chains.iter().find(|c| c["filter_chain_match"]["destination_port"] == 8080);
    let filters = chain.unwrap()["filters"][0]["typed_config"]["http_filters"].as_array().unwrap();
    let found = filters.iter().find(|one| one["name"] == "envoy.filters.http.ext_authz");
    found.unwrap()["typed_config"].clone()
}

#[test]
fn a_provider_of_grpc_is_asked_about_requests_and_connections() {
    let served = served(vec![by_grpc("store.west.svc.cluster.local")], &asking());
    let rule = "istio-ext-authz-ask-ns[east]-policy[p]-rule[0]";
    let asks = |what: &str| {
        let rule = format!("{rule}: any: {what}");
        let watched = vec!["watched istio_ext_authz_".to_owned(), "DENY".to_owned(), rule];
        vec![watched, vec![format!("ask {STORE}")]]
    };
    assert_eq!(filters(&served, 8080), asks("path=/a"));
    // What only a request shows is left out, so that every connection is asked about.
    assert_eq!(filters(&served, 9000), asks("any"));
    let filter = filter(&served);
    assert_eq!(filter["grpc_service"]["timeout"], "600s");
    assert_eq!(
        filter["filter_enabled_metadata"],
        json!({ "filter": "envoy.filters.http.rbac",
            "path": [{"key": "istio_ext_authz_shadow_effective_policy_id"}],
            "value": {"string_match": {"prefix": "istio-ext-authz-ask-ns["}} })
    );
}

#[test]
fn a_provider_of_http_is_asked_about_requests_as_it_is_written() {
    let served = served(vec![by_request()], &asking());
    assert_eq!(filters(&served, 8080)[1], [format!("ask {STORE}")]);
    assert!(filters(&served, 9000).is_empty(), "it has no say about connections, as in Istio");
    let name = |kind: &str, name: &str| json!({kind: name, "ignore_case": true});
    let filter = filter(&served);
    assert_eq!(
        filter["http_service"],
        json!({
            "path_prefix": "/check",
            "server_uri": {"cluster": STORE, "timeout": "600s",
                "uri": "http://store.west.svc.cluster.local"},
            "authorization_request": {
                "allowed_headers": {"patterns":
                    [name("exact", "x-id"), name("prefix", "x-a"), name("suffix", "-b")]},
                "headers_to_add": [{"key": "x-by", "value": "weft"}],
            },
            "authorization_response": {
                "allowed_upstream_headers": {"patterns": [name("exact", "x-user")]},
                "allowed_client_headers": {"patterns": [name("exact", "x-why")]},
                "allowed_client_headers_on_success": {"patterns": [name("exact", "set-cookie")]},
            },
        })
    );
    let body = json!({"max_request_bytes": 1024, "allow_partial_message": true});
    assert_eq!(filter["with_request_body"], body);
    assert_eq!(filter["status_on_error"]["code"], "ServiceUnavailable");
    assert_eq!(
        (&filter["failure_mode_allow"], &filter["clear_route_cache"]),
        (&json!(true), &json!(true))
    );
}

#[test]
fn where_nobody_can_be_asked_it_is_no() {
    let bad = |provider: &str, what: &str| {
        let rule = format!(
            "istio-ext-authz-{provider}-ns[east]-policy[p]-rule[0]-deny-due-to-bad-CUSTOM-action"
        );
        vec![vec!["DENY".to_owned(), format!("{rule}: any: {what}")]]
    };
    let known = || by_grpc("store.west.svc.cluster.local");
    let mut both = known();
    both.envoy_ext_authz_http = by_request().envoy_ext_authz_http;
    let mut odd = by_request();
    if let Some(http) = &mut odd.envoy_ext_authz_http {
        http.include_request_headers_in_check = vec!["*".to_owned()];
    }
    for providers in [
        Vec::new(),
        vec![by_grpc("nobody.west.svc.cluster.local")],
        vec![by_grpc("east/store.west.svc.cluster.local")],
        vec![known(), known()],
        vec![both],
        vec![odd],
    ] {
        let served = served(providers.clone(), &asking());
        assert_eq!(filters(&served, 8080), bad("ask", "path=/a"), "{providers:?}");
        assert_eq!(filters(&served, 9000), bad("ask", "any"), "{providers:?}");
    }
    let mut second = known();
    second.name = "other".into();
    let other = policy("q", "east", &ASK.replace("ask", "other"));
    let served = served(vec![known(), second], &[asking(), vec![other]].concat());
    let found = filters(&served, 8080).concat();
    assert_eq!((found.len(), found[0].as_str()), (3, "DENY"), "{found:?}");
    assert!(found[1..].iter().all(|rule| rule.contains("bad-CUSTOM-action")), "{found:?}");
}

#[test]
fn who_is_asked_comes_before_what_is_denied_and_allowed() {
    let others = ["{action: DENY, rules: [{}]}", "{rules: [{}]}"];
    let others = others.iter().zip(["d", "a"]).map(|(spec, name)| policy(name, "east", spec));
    let policies: Vec<String> = asking().into_iter().chain(others).collect();
    let served = served(vec![by_grpc("store.west.svc.cluster.local")], &policies);
    let first: Vec<String> =
        filters(&served, 8080).into_iter().map(|filter| filter[0].clone()).collect();
    assert_eq!(first, ["watched istio_ext_authz_", &format!("ask {STORE}"), "DENY", "ALLOW"]);
}

#[test]
fn what_is_tried_out_is_watched() {
    let tried = |name: &str, spec: &str| {
        let text = policy(name, "east", spec);
        text.replace(
            "namespace: east}",
            "namespace: east, annotations: {istio.io/dry-run: 'true'}}",
        )
    };
    let deny = "{action: DENY, rules: [{to: [{operation: {ports: ['1']}}]}]}";
    let policies = [tried("a", "{}"), tried("d", deny), policy("e", "east", deny)];
    let served = served(Vec::new(), &policies);
    let rule = |name: &str| format!("ns[east]-policy[{name}]-rule[0]: any: port=1");
    let expected = [
        vec!["watched istio_dry_run_deny_".to_owned(), "DENY".to_owned(), rule("d")],
        vec!["DENY".to_owned(), rule("e")],
        vec!["watched istio_dry_run_allow_".to_owned(), "ALLOW".to_owned()],
    ];
    assert_eq!(filters(&served, 8080), expected);
    assert_eq!(filters(&served, 9000), expected);
}
