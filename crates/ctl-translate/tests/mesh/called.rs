//! Services whose hosts are looked up when they are called.

use serde_json::Value;

use crate::everything::both_data_planes_take;
use crate::fixture::Mesh;

const WILD: &str = "
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: wild, namespace: east}
spec:
  hosts: ['*.wild.example']
  location: MESH_EXTERNAL
  resolution: DYNAMIC_DNS
  ports:
  - {number: 80, name: http, protocol: HTTP}
  - {number: 443, name: tls, protocol: TLS}
";

const KIND: &str = "envoy.clusters.dynamic_forward_proxy";
const REQUESTS: &str = "envoy.filters.http.dynamic_forward_proxy";
const NAMES: &str = "envoy.filters.network.sni_dynamic_forward_proxy";

fn rule(tls: &str) -> String {
    format!(
        "
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: wild, namespace: east}}
spec: {{host: '*.wild.example', subsets: [{{name: all}}], trafficPolicy: {{loadBalancer: {{simple: RANDOM}}, tls: {tls}}}}}
"
    )
}

/// How often something stands in a value.
fn times(value: &Value, what: &str) -> usize {
    value.to_string().matches(&format!("\"{what}\"")).count()
}

#[test]
fn called_hosts_are_looked_up_by_the_cluster_and_by_filters_before_it() {
    let mesh = Mesh::small().and(WILD);
    let client = mesh.served("client.east");
    for port in [80, 443] {
        let cluster = client.cluster(&format!("outbound|{port}||*.wild.example"));
        assert_eq!(cluster["cluster_type"]["name"], KIND, "{cluster}");
        assert_eq!(cluster["lb_policy"], "CLUSTER_PROVIDED");
    }
    let requests = client.listener("0.0.0.0_80");
    assert!(times(&requests, REQUESTS) > 0, "{requests}");
    let bytes = client.listener("0.0.0.0_443");
    let chains = bytes["filter_chains"].as_array().unwrap();
    let names = |chain: &&Value| chain["filter_chain_match"]["server_names"][0] == "*.wild.example";
    let chain = chains.iter().find(names).unwrap();
    assert_eq!(chain["filters"][0]["name"], NAMES, "{chain}");
    assert_eq!(chain["filters"][0]["typed_config"]["port_value"], 443);
    both_data_planes_take("called hosts", &mesh);
}

#[test]
fn nobody_looks_up_hosts_where_no_service_asks_for_it() {
    let client = Mesh::small().served("client.east");
    assert_eq!(times(&client.listener("0.0.0.0_80"), REQUESTS), 0);
}

#[test]
fn the_called_host_counts_in_tls_unless_the_rule_names_another() {
    for (tls, sni, san) in [
        ("{mode: SIMPLE}", true, true),
        ("{mode: SIMPLE, insecureSkipVerify: true}", true, false),
        ("{mode: SIMPLE, sni: one.example}", false, false),
        ("{mode: ISTIO_MUTUAL}", true, true),
        ("{mode: ISTIO_MUTUAL, subjectAltNames: [a.example]}", true, false),
        ("{mode: DISABLE}", true, true),
    ] {
        let mesh = Mesh::small().and(&format!("{WILD}---{}", rule(tls)));
        let client = mesh.served("client.east");
        let cluster = client.cluster("outbound|80|all|*.wild.example");
        let options = &cluster["typed_extension_protocol_options"];
        assert_eq!(times(options, "auto_sni") > 0, sni, "{tls}: {cluster}");
        assert_eq!(times(options, "auto_san_validation") > 0, san, "{tls}: {cluster}");
        let kind = &cluster["cluster_type"]["typed_config"];
        assert_eq!(kind["allow_insecure_cluster_options"] == true, !(sni && san), "{tls}: {kind}");
        both_data_planes_take("called hosts with TLS", &mesh);
    }
}

#[test]
fn an_entry_may_name_its_servers_or_leave_their_names_unproven() {
    let any_name =
        "namespace: east, annotations: {networking.istio.io/disableAutoSanValidation: 'true'}}";
    let entries = [
        (WILD.to_owned(), true),
        (WILD.replace("namespace: east}", any_name), false),
        (WILD.replace("  ports:", "  subjectAltNames: [a.example]\n  ports:"), false),
    ];
    for (entry, san) in entries {
        let mesh = Mesh::small().and(&format!("{entry}---{}", rule("{mode: ISTIO_MUTUAL}")));
        let cluster = mesh.served("client.east").cluster("outbound|80|all|*.wild.example");
        let options = &cluster["typed_extension_protocol_options"];
        assert_eq!(times(options, "auto_san_validation") > 0, san, "{entry}: {cluster}");
        both_data_planes_take("servers of called hosts", &mesh);
    }
}

/// Names of the caches of looked-up hosts anywhere in a value.
fn caches(value: &Value) -> Vec<&Value> {
    let inner: Vec<&Value> = match value {
        Value::Object(fields) => fields.values().collect(),
        Value::Array(items) => items.iter().collect(),
        _ => Vec::new(),
    };
    let own = value.get("dns_cache_config").map(|cache| &cache["name"]);
    own.into_iter().chain(inner.into_iter().flat_map(caches)).collect()
}

#[test]
fn what_fills_the_cache_of_hosts_and_what_reads_it_name_the_same() {
    let client = Mesh::small().and(WILD).served("client.east");
    let cluster = client.cluster("outbound|80||*.wild.example");
    let (requests, bytes) = (client.listener("0.0.0.0_80"), client.listener("0.0.0.0_443"));
    let found = [&cluster, &requests, &bytes].map(caches);
    assert!(found.iter().all(|names| !names.is_empty()), "{found:?}");
    assert!(found.iter().flatten().all(|name| *name == found[0][0]), "{found:?}");
}

#[test]
fn a_gateway_looks_up_the_hosts_that_its_routes_lead_to() {
    let mesh = Mesh::small().and(WILD).and(
        "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: out, namespace: east}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 80, name: http, protocol: HTTP}, hosts: ['*.wild.example']}
  - {port: {number: 443, name: tls, protocol: TLS}, hosts: ['*.wild.example'], tls: {mode: PASSTHROUGH}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: out, namespace: east}
spec:
  hosts: ['*.wild.example']
  gateways: [out]
  http: [{route: [{destination: {host: '*.wild.example', port: {number: 80}}}]}]
  tls: [{match: [{sniHosts: ['*.wild.example']}], route: [{destination: {host: '*.wild.example', port: {number: 443}}}]}]
",
    );
    let gateway = mesh.served("istio-ingressgateway.istio-system");
    assert!(times(&gateway.listener("0.0.0.0_8080"), REQUESTS) > 0);
    assert!(times(&gateway.listener("0.0.0.0_8443"), NAMES) > 0);
    both_data_planes_take("called hosts at a gateway", &mesh);
}
