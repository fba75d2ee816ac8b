//! Services that ServiceEntries describe: what is behind them, and how it is called.

use crate::everything::both_data_planes_take;
use crate::fixture::Mesh;

const MACHINES: &str = "
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ledger, namespace: east}
spec:
  hosts: [ledger.internal]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}, {number: 90, name: tcp, protocol: TCP}]
  workloadSelector: {labels: {app: ledger}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: one, namespace: east}
spec:
  address: 192.168.7.1
  labels: {app: ledger}
  ports: {tcp: 9999}
  locality: here/a/rack1
  weight: 3
  serviceAccount: ledger
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: elsewhere, namespace: west}
spec: {address: 192.168.7.2, labels: {app: ledger}}
";

#[test]
fn a_selector_takes_machines_of_its_namespace_with_their_ports_weights_and_places() {
    let mesh = Mesh::small().and(MACHINES);
    let client = mesh.served("client.east");
    assert_eq!(client.endpoints("outbound|80||ledger.internal"), ["192.168.7.1:8080"]);
    assert_eq!(client.endpoints("outbound|90||ledger.internal"), ["192.168.7.1:9999"]);
    let group = client.assignment("outbound|80||ledger.internal")["endpoints"][0].clone();
    assert_eq!(group["locality"]["sub_zone"], "rack1");
    assert_eq!(group["lb_endpoints"][0]["load_balancing_weight"], 3);
    // Who has a service account has the mesh's certificates.
    let mode = &group["lb_endpoints"][0]["metadata"]["filter_metadata"];
    assert_eq!(mode["envoy.transport_socket_match"]["tlsMode"], "istio");
    assert_eq!(client.cluster("outbound|80||ledger.internal")["type"], "EDS");
    both_data_planes_take("machines", &mesh);
}

#[test]
fn a_service_has_the_machines_that_it_selects_beside_its_pods() {
    let mesh = Mesh::small().and(
        "{apiVersion: networking.istio.io/v1, kind: WorkloadEntry, metadata: {name: web, namespace: east},
        spec: {address: 192.168.7.9, labels: {app: web}, ports: {http: 7000}}}",
    );
    let endpoints = mesh.served("client.east").endpoints("outbound|80||web.east.svc.cluster.local");
    assert_eq!(endpoints.len(), 3);
    assert!(endpoints.contains(&"192.168.7.9:7000".to_owned()), "{endpoints:?}");
}

const OUTSIDE: &str = "
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: weather, namespace: east}
spec:
  hosts: [weather.example]
  resolution: DNS
  ports: [{number: 80, name: http, protocol: HTTP}, {number: 443, name: tls, protocol: TLS}]
  endpoints: [{address: a.weather.example, labels: {v: '1'}}, {address: b.weather.example, ports: {http: 8080}}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: bank, namespace: east}
spec:
  hosts: [bank.example]
  ports: [{number: 443, name: https, protocol: HTTPS}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: weather, namespace: east}
spec: {host: weather.example, subsets: [{name: one, labels: {v: '1'}}, {name: none, labels: {v: '2'}}]}
";

#[test]
fn names_are_looked_up_by_the_proxy_and_nobody_outside_is_asked_for_the_meshs_certificates() {
    let mesh = Mesh::small().and(OUTSIDE);
    let client = mesh.served("client.east");
    let whole = client.cluster("outbound|80||weather.example");
    assert_eq!(whole["type"], "STRICT_DNS");
    assert!(whole["transport_socket_matches"].as_array().is_none_or(Vec::is_empty));
    let endpoints = whole["load_assignment"]["endpoints"][0]["lb_endpoints"].as_array().unwrap();
    let address = |index: usize| &endpoints[index]["endpoint"]["address"]["socket_address"];
    assert_eq!(
        (&address(0)["address"], &address(0)["port_value"]),
        (&"a.weather.example".into(), &80.into())
    );
    assert_eq!(
        (&address(1)["address"], &address(1)["port_value"]),
        (&"b.weather.example".into(), &8080.into())
    );
    // A subset with nobody in it has nothing to look up.
    assert!(client.clusters().contains(&"outbound|80|one|weather.example"));
    assert!(!client.clusters().contains(&"outbound|80|none|weather.example"));
    both_data_planes_take("outside", &mesh);
}

#[test]
fn services_of_one_port_without_addresses_are_told_apart_by_server_name() {
    let listener = Mesh::small().and(OUTSIDE).served("client.east").listener("0.0.0.0_443");
    let chains = listener["filter_chains"].as_array().unwrap();
    let names: Vec<&str> = chains
        .iter()
        .map(|chain| chain["filter_chain_match"]["server_names"][0].as_str().unwrap())
        .collect();
    assert_eq!(names, ["bank.example", "weather.example"]);
    assert!(listener["default_filter_chain"].is_object());
}
