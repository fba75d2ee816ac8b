//! Gateways: ports, hosts, and the VirtualServices bound to them.

use serde_json::json;

use crate::everything::both_take;
use crate::fixture::Mesh;
use crate::words;
use crate::world::Served;

const PROXY: &str = "istio-ingressgateway.istio-system";

fn gateway(name: &str, namespace: &str, servers: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: {name}, namespace: {namespace}}}\n\
         spec: {{selector: {{istio: ingressgateway}}, servers: [{servers}]}}\n"
    )
}

fn http(hosts: &str) -> String {
    format!("{{port: {{number: 80, name: http, protocol: HTTP}}, hosts: [{hosts}]}}")
}

/// A VirtualService of `east` that is bound to `gateways`, whose one route answers with its name.
fn answers(name: &str, hosts: &str, gateways: &str, found: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: {name}, namespace: east}}\n\
         spec: {{hosts: [{hosts}], gateways: [{gateways}], \
         http: [{{{found}directResponse: {{status: 200, body: {{string: {name}}}}}}}]}}\n"
    )
}

#[track_caller]
fn served(mesh: &Mesh) -> Served {
    let (snapshot, _) = mesh.snapshot_with_problems();
    let served = mesh.served_from(&snapshot, PROXY);
    both_take("gateway", &served.0);
    served
}

fn hosts(served: &Served) -> Vec<String> {
    let routes = served.routes("http.8080");
    let all = routes["virtual_hosts"].as_array().cloned().unwrap_or_default();
    let named = all.iter().filter(|host| host["name"] != "blackhole:80");
    let names = named.flat_map(|host| host["domains"].as_array().cloned().unwrap_or_default());
    let mut names: Vec<String> =
        names.map(|name| format!("{}:80", name.as_str().unwrap())).collect();
    names.sort();
    names
}

#[test]
fn browsers_may_call_grpc_where_a_server_or_a_port_says_so() {
    let filters =
        |listener: &serde_json::Value| listener.to_string().matches("grpc_web.v3.GrpcWeb").count();
    let server = |protocol: &str| {
        format!("{{port: {{number: 80, name: p, protocol: {protocol}}}, hosts: ['*']}}")
    };
    for (protocol, found) in [("GRPC-WEB", 1), ("GRPC", 0)] {
        let served = served(&Mesh::small().and(&gateway("g", "east", &server(protocol))));
        assert_eq!(filters(&served.listener("0.0.0.0_8080")), found, "{protocol}");
    }
    let port = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: east}\n\
                spec: {selector: {app: web}, clusterIP: 10.96.0.7, ports: [{name: grpc-web, port: 80, targetPort: 8080}]}\n";
    let served = Mesh::small().and(port).served("web-v1.east");
    assert_eq!(
        filters(&served.listener("virtualInbound")),
        2,
        "in plaintext and in the mesh's TLS"
    );
}

#[test]
fn routes_may_ask_for_claims_and_are_looked_for_behind_the_tokens() {
    let keys = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    let tokens = format!(
        "apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {{name: r, namespace: istio-system}}\n\
         spec: {{selector: {{matchLabels: {{istio: ingressgateway}}}}, jwtRules: [{{issuer: i, jwks: '{keys}'}}]}}\n"
    );
    let found = "match: [{headers: {'@request.auth.claims[a][b.c]': {regex: 'x.*'}}, \
                 withoutHeaders: {'@request.auth.claims.d.e': {}, x-f: {exact: g}}}], ";
    let mesh = Mesh::small()
        .and(&gateway("g", "east", &http("'*.example'")))
        .and(&answers("v", "shop.example", "g", found))
        .and(&tokens);
    let served = served(&mesh);
    let routes = served.routes("http.8080");
    let host = routes["virtual_hosts"].as_array().unwrap().iter();
    let wanted = host.map(|host| &host["routes"][0]["match"]);
    let wanted = wanted.into_iter().find(|wanted| wanted["dynamic_metadata"].is_array()).unwrap();
    let claims = &wanted["dynamic_metadata"];
    let path = |at: usize| {
        let all = claims[at]["path"].as_array().unwrap().iter();
        all.map(|part| part["key"].as_str().unwrap()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!((path(0), path(1)), ("payload a b.c".to_owned(), "payload d e".to_owned()));
    let either = &claims[0]["value"]["or_match"]["value_matchers"];
    let pattern = |value: &serde_json::Value| value["string_match"]["safe_regex"]["regex"].clone();
    assert_eq!(pattern(&either[0]["list_match"]["one_of"]), "x.*");
    assert_eq!(pattern(&either[1]), "x.*");
    assert_eq!(
        (&claims[1]["value"]["present_match"], &claims[1]["invert"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(wanted["headers"][0]["name"], "x-f", "a claim is no field");
    let listener = served.listener("0.0.0.0_8080").to_string();
    assert!(listener.contains("\"clear_route_cache\":true"), "{listener}");
}

#[test]
fn a_server_is_opened_on_the_port_of_the_pod_behind_the_service() {
    let mesh = Mesh::small().and(&gateway("g", "east", &http("'*.example'"))).and(&answers(
        "v",
        "shop.example",
        "g",
        "",
    ));
    let served = served(&mesh);
    assert_eq!(served.names(weft_proto::type_url::LISTENER), ["0.0.0.0_8080"]);
    assert_eq!(hosts(&served), ["shop.example:80"]);
    let host = served.host("http.8080", "shop.example:80");
    assert_eq!(host["domains"], json!(["shop.example"]));
    assert_eq!(words::routes(&host), ["/*; answer 200 v"]);
    let clusters = served.clusters();
    assert!(clusters.contains(&"outbound|80||web.east.svc.cluster.local"));
    assert!(!clusters.contains(&"PassthroughCluster"), "a gateway passes nothing through");
}

#[test]
fn a_port_without_routes_answers_not_found() {
    let served = served(&Mesh::small().and(&gateway("g", "east", &http("'*'"))));
    assert!(hosts(&served).is_empty());
}

#[test]
fn hosts_are_what_gateway_and_virtual_service_have_in_common() {
    let mesh = Mesh::small()
        .and(&gateway("g", "east", &http("'*.shop.example', exact.example")))
        .and(&answers("v", "'*.example', other.test", "g", ""));
    assert_eq!(hosts(&served(&mesh)), ["*.shop.example:80", "exact.example:80"]);
}

#[test]
fn a_host_may_be_offered_to_one_namespace_only() {
    let mesh = |offered: &str| {
        Mesh::small().and(&gateway("g", "west", &http(offered))).and(&answers(
            "v",
            "a.example",
            "west/g",
            "",
        ))
    };
    assert_eq!(hosts(&served(&mesh("east/a.example"))), ["a.example:80"]);
    assert_eq!(hosts(&served(&mesh("'*/a.example'"))), ["a.example:80"]);
    assert!(hosts(&served(&mesh("./a.example"))).is_empty());
    assert!(hosts(&served(&mesh("other/a.example"))).is_empty());
}

#[test]
fn a_virtual_service_names_its_gateways() {
    let mesh = |gateways: &str| {
        Mesh::small().and(&gateway("g", "west", &http("'*'"))).and(&answers(
            "v",
            "a.example",
            gateways,
            "",
        ))
    };
    assert_eq!(hosts(&served(&mesh("west/g"))), ["a.example:80"]);
    assert!(hosts(&served(&mesh("g"))).is_empty(), "east/g is another");
    assert!(hosts(&served(&mesh("mesh"))).is_empty());
    assert!(hosts(&served(&mesh(""))).is_empty(), "none means the mesh");
}

#[test]
fn what_is_not_exported_to_the_gateways_namespace_is_not_served() {
    let mesh = |export: &str| {
        let object = answers("v", "a.example", "g", "")
            .replace("hosts:", &format!("exportTo: [{export}], hosts:"));
        Mesh::small().and(&gateway("g", "east", &http("'*'"))).and(&object)
    };
    assert!(hosts(&served(&mesh("."))).is_empty());
    assert_eq!(hosts(&served(&mesh("istio-system"))), ["a.example:80"]);
}

#[test]
fn routes_of_several_virtual_services_for_one_host_stand_together_and_what_takes_all_goes_last() {
    let mesh = Mesh::small()
        .and(&gateway("g", "east", &http("'*'")))
        .and(&answers("a", "a.example", "g", ""))
        .and(&answers("b", "a.example", "g", "match: [{uri: {prefix: /b}}], "));
    let host = served(&mesh).host("http.8080", "a.example:80");
    assert_eq!(words::routes(&host), ["/b*; answer 200 b", "/*; answer 200 a"]);
}

#[test]
fn conditions_may_name_the_gateway_and_the_port() {
    let first = |found: &str| {
        let object = answers("v", "a.example", "g, mesh", &format!("match: [{{{found}}}], "));
        let mesh = Mesh::small().and(&gateway("g", "east", &http("'*'"))).and(&object);
        !hosts(&served(&mesh)).is_empty()
    };
    assert!(first("gateways: [g]") && first("gateways: [east/g]") && !first("gateways: [mesh]"));
    assert!(first("port: 80") && !first("port: 8080"));
    assert!(
        first("sourceLabels: {istio: ingressgateway}") && !first("sourceLabels: {app: client}")
    );
}

#[test]
fn a_redirect_to_https_takes_every_host_of_the_server() {
    let server = "{port: {number: 80, name: http, protocol: HTTP}, hosts: [a.example, b.example], tls: {httpsRedirect: true}}";
    let mesh =
        Mesh::small().and(&gateway("g", "east", server)).and(&answers("v", "a.example", "g", ""));
    let served = served(&mesh);
    assert_eq!(hosts(&served), ["a.example:80", "b.example:80"]);
    for host in ["a.example:80", "b.example:80"] {
        let routes = words::routes(&served.host("http.8080", host));
        assert_eq!(routes, ["/*; redirect MOVED_PERMANENTLY; https"]);
    }
}

#[test]
fn a_server_whose_secret_is_missing_breaks_no_other() {
    let secure = "{port: {number: 443, name: https, protocol: HTTPS}, hosts: ['*'], tls: {mode: SIMPLE, credentialName: c}}";
    let both = format!("{secure}, {}", http("'*'"));
    let mesh =
        Mesh::small().and(&gateway("g", "east", &both)).and(&answers("v", "a.example", "g", ""));
    let served = served(&mesh);
    let listeners = served.names(weft_proto::type_url::LISTENER);
    assert_eq!(listeners, ["0.0.0.0_8080", "0.0.0.0_8443"]);
    assert!(served.names(weft_proto::type_url::SECRET).is_empty());
    assert_eq!(hosts(&served), ["a.example:80"]);
}

#[test]
fn gateways_of_several_objects_share_a_port() {
    let mesh = Mesh::small()
        .and(&gateway("g", "east", &http("a.example")))
        .and(&gateway("h", "west", &http("b.example")))
        .and(&answers("v", "a.example, b.example", "g, west/h", ""));
    assert_eq!(hosts(&served(&mesh)), ["a.example:80", "b.example:80"]);
}
