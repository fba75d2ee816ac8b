//! What a sidecar accepts: PeerAuthentication and the protocol of a port decide the chains of `virtualInbound`.

use crate::everything::both_take;
use crate::fixture::Mesh;
use crate::words;

const HTTP: u16 = 8080;
const TCP: u16 = 9000;
const AUTO: u16 = 9100;

fn mesh() -> Mesh {
    Mesh::small().and(
        "
apiVersion: v1
kind: Service
metadata: {name: web-more, namespace: east}
spec:
  selector: {app: web}
  ports:
    - {name: tcp, port: 9000, targetPort: 9000}
    - {name: anything, port: 9100, targetPort: 9100}
    - {name: dns, port: 53, targetPort: 53, protocol: UDP}
",
    )
}

fn peers(name: &str, namespace: &str, spec: &str) -> String {
    format!(
        "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n\
         metadata: {{name: {name}, namespace: {namespace}}}\nspec: {spec}\n"
    )
}

#[track_caller]
fn chains(mesh: &Mesh, port: Option<u16>) -> Vec<String> {
    let served = mesh.served("web-v1.east");
    both_take("inbound", &served.0);
    words::chains(&served.listener("virtualInbound"), port)
}

const MESH: &str = "istio-peer-exchange istio istio-http/1.0 istio-http/1.1 istio-h2";

#[test]
fn by_default_a_port_accepts_both() {
    let mesh = mesh();
    let both = [format!("tls {MESH}: mtls http"), "raw_buffer: http".into()];
    assert_eq!(chains(&mesh, Some(HTTP)), both);
    let bytes = [format!("tls {MESH}: mtls tcp"), "tls: tcp".into(), "raw_buffer: tcp".into()];
    assert_eq!(chains(&mesh, Some(TCP)), bytes);
    let detected = [
        "tls istio-http/1.0 istio-http/1.1 istio-h2: mtls http",
        "tls istio-peer-exchange istio: mtls tcp",
        "tls: tcp",
        "raw_buffer http/1.1 h2c: http",
        "raw_buffer: tcp",
    ];
    assert_eq!(chains(&mesh, Some(AUTO)), detected);
    assert_eq!(chains(&mesh, None), detected, "ports that no service names");
    assert!(chains(&mesh, Some(53)).is_empty(), "UDP is not ours");
}

#[test]
fn strict_takes_mutual_tls_only_and_disable_plaintext_only() {
    let strict = mesh().and(&peers("default", "east", "{mtls: {mode: STRICT}}"));
    assert_eq!(chains(&strict, Some(HTTP)), ["tls: mtls http"]);
    assert_eq!(chains(&strict, Some(TCP)), ["tls: mtls tcp"]);
    let detected = ["tls istio-http/1.0 istio-http/1.1 istio-h2: mtls http", "tls: mtls tcp"];
    assert_eq!(chains(&strict, Some(AUTO)), detected);
    assert_eq!(chains(&strict, None), detected);
    let off = mesh().and(&peers("default", "east", "{mtls: {mode: DISABLE}}"));
    assert_eq!(chains(&off, Some(HTTP)), ["all: http"]);
    assert_eq!(chains(&off, Some(TCP)), ["all: tcp"]);
    assert_eq!(chains(&off, Some(AUTO)), ["raw_buffer http/1.1 h2c: http", "all: tcp"]);
}

#[test]
fn the_workloads_policy_comes_before_the_namespaces_and_that_before_the_meshs() {
    let strict = |mesh: &Mesh| chains(mesh, Some(HTTP)) == ["tls: mtls http"];
    let everywhere = mesh().and(&peers("default", "istio-system", "{mtls: {mode: STRICT}}"));
    assert!(strict(&everywhere));
    let here = everywhere.clone().and(&peers("default", "east", "{mtls: {mode: PERMISSIVE}}"));
    assert!(!strict(&here));
    let selector = "selector: {matchLabels: {app: web}}";
    let own = here.and(&peers("web", "east", &format!("{{{selector}, mtls: {{mode: STRICT}}}}")));
    assert!(strict(&own));
    let unset = everywhere.and(&peers("default", "east", "{mtls: {mode: UNSET}}"));
    assert!(strict(&unset), "UNSET inherits");
    let others = "{selector: {matchLabels: {app: shop}}, mtls: {mode: STRICT}}";
    assert!(!strict(&mesh().and(&peers("shop", "east", others))));
}

#[test]
fn a_selector_in_the_root_namespace_selects_nobody_elsewhere() {
    let spec = "{selector: {matchLabels: {app: web}}, mtls: {mode: STRICT}}";
    let mesh = mesh().and(&peers("web", "istio-system", spec));
    assert_eq!(chains(&mesh, Some(HTTP)).len(), 2);
}

#[test]
fn a_port_may_differ_and_an_unset_port_inherits() {
    let spec = "{selector: {matchLabels: {app: web}}, mtls: {mode: STRICT}, \
                portLevelMtls: {8080: {mode: DISABLE}, 9000: {mode: UNSET}}}";
    let mesh = mesh().and(&peers("web", "east", spec));
    assert_eq!(chains(&mesh, Some(HTTP)), ["all: http"]);
    assert_eq!(chains(&mesh, Some(TCP)), ["tls: mtls tcp"]);
}

#[test]
fn a_port_that_no_service_names_may_differ_too() {
    let spec = "{selector: {matchLabels: {app: web}}, mtls: {mode: STRICT}, \
                portLevelMtls: {9999: {mode: DISABLE}}}";
    let mesh = mesh().and(&peers("web", "east", spec));
    assert_eq!(chains(&mesh, Some(9999)), ["raw_buffer http/1.1 h2c: http", "all: tcp"]);
    assert_eq!(chains(&mesh, None).len(), 2, "STRICT");
}

#[test]
fn of_two_policies_of_one_scope_the_oldest_counts() {
    let aged = |name: &str, created: &str, mode: &str| {
        format!(
            "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {{name: {name}, namespace: east, \
             creationTimestamp: '{created}'}}\nspec: {{mtls: {{mode: {mode}}}}}\n"
        )
    };
    let old = aged("b", "2020-01-01T00:00:00Z", "STRICT");
    let young = aged("a", "2021-01-01T00:00:00Z", "DISABLE");
    assert_eq!(chains(&mesh().and(&young).and(&old), Some(HTTP)), ["tls: mtls http"]);
}

#[test]
fn clients_learn_who_accepts_mutual_tls() {
    let modes = |mesh: &Mesh| {
        let served = mesh.served("client.east");
        let found = served.assignment("outbound|80||web.east.svc.cluster.local");
        let first = &found["endpoints"][0]["lb_endpoints"][0]["metadata"]["filter_metadata"];
        first["envoy.transport_socket_match"]["tlsMode"].clone()
    };
    assert_eq!(modes(&mesh()), "istio");
    let off = peers("default", "east", "{mtls: {mode: DISABLE}}");
    assert!(modes(&mesh().and(&off)).is_null());
}

#[test]
fn a_gateway_is_called_in_plaintext() {
    let served = Mesh::small().served("client.east");
    let found =
        served.assignment("outbound|80||istio-ingressgateway.istio-system.svc.cluster.local");
    let first = &found["endpoints"][0]["lb_endpoints"][0]["metadata"]["filter_metadata"];
    assert!(first["envoy.transport_socket_match"].is_null(), "{first}");
}

#[test]
fn the_listener_names_the_policies_that_it_was_made_from() {
    let mesh = mesh().and(&peers("default", "istio-system", "{mtls: {mode: STRICT}}")).and(&peers(
        "shop",
        "east",
        "{selector: {matchLabels: {app: shop}}, mtls: {mode: STRICT}}",
    ));
    let listener = mesh.served("web-v1.east").listener("virtualInbound");
    let path = "/apis/security.istio.io/v1/namespaces/istio-system/peer-authentication/default";
    assert_eq!(
        listener["filter_chains"][0]["metadata"]["filter_metadata"]["istio"]["config"],
        path
    );
}

#[test]
fn a_pod_without_a_service_has_only_the_chains_for_all_ports() {
    let served = mesh().served("caller.west");
    let listener = served.listener("virtualInbound");
    assert_eq!(words::chains(&listener, None).len(), 5);
    let ports: Vec<_> = listener["filter_chains"]
        .as_array()
        .unwrap()
        .iter()
        .map(|chain| chain["filter_chain_match"]["destination_port"].clone())
        .filter(|port| !port.is_null())
        .collect();
    assert_eq!(ports, [15006], "only the guard against circles");
    assert!(served.clusters().contains(&"InboundPassthroughCluster"));
}

#[test]
fn requests_for_the_pod_have_no_timeout_and_are_retried_only_unseen() {
    let served = mesh().served("web-v1.east");
    let listener = served.listener("virtualInbound");
    let chains = listener["filter_chains"].as_array().unwrap();
    let http = chains.iter().find(|c| c["filter_chain_match"]["destination_port"] == HTTP).unwrap();
    let routes = &http["filters"][0]["typed_config"]["route_config"];
    assert_eq!(routes["name"], "inbound|8080||");
    assert_eq!(routes["virtual_hosts"][0]["name"], "inbound|http|80");
    let route = words::routes(&routes["virtual_hosts"][0]);
    assert_eq!(route, ["/*; -> inbound|8080||; retry 2 on reset-before-request at any host"]);
    assert_eq!(served.cluster("inbound|8080||")["type"], "ORIGINAL_DST");
}

#[test]
fn of_several_services_with_one_port_the_oldest_says_what_it_speaks() {
    let mesh = |year: u16| {
        mesh().and(&format!(
            "
apiVersion: v1
kind: Service
metadata: {{name: a-web, namespace: east, creationTimestamp: '{year}-01-01T00:00:00Z'}}
spec: {{selector: {{app: web}}, ports: [{{name: tcp, port: 81, targetPort: 8080}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: web, namespace: east, creationTimestamp: '2022-01-01T00:00:00Z'}}
spec: {{selector: {{app: web}}, ports: [{{name: http, port: 80, targetPort: 8080}}]}}
"
        ))
    };
    assert_eq!(chains(&mesh(2021), Some(HTTP)).len(), 3, "TCP");
    assert_eq!(chains(&mesh(2023), Some(HTTP)).len(), 2, "HTTP");
}
