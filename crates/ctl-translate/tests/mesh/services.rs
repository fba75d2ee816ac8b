//! Services of every kind: protocols, headless ones, plain connections, addresses.

use weft_proto::type_url;

use crate::everything::both_take;
use crate::fixture::Mesh;
use crate::world::Served;

/// A service of `east` over the pods of `web`.
fn service(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: east}}\n\
         spec: {{selector: {{app: web}}, {spec}}}\n"
    )
}

#[track_caller]
fn served(mesh: &Mesh) -> Served {
    let served = mesh.served("client.east");
    both_take("services", &served.0);
    served
}

/// Where plain connections of a listener go.
#[track_caller]
fn bytes(served: &Served, listener: &str) -> Vec<String> {
    let found = served.listener(listener);
    let chain = found.get("default_filter_chain").unwrap_or(&found["filter_chains"][0]);
    let proxy = &chain["filters"][0]["typed_config"];
    match proxy["cluster"].as_str() {
        Some(cluster) => vec![cluster.to_owned()],
        None => proxy["weighted_clusters"]["clusters"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| format!("{} {}", one["weight"], one["name"].as_str().unwrap()))
            .collect(),
    }
}

#[test]
fn the_name_or_application_protocol_of_a_port_says_what_it_speaks() {
    let spoken = |port: &str| {
        let spec =
            format!("clusterIP: 10.96.9.9, ports: [{{port: 7000, targetPort: 8080, {port}}}]");
        let served = served(&Mesh::small().and(&service("s", &spec)));
        let listeners = served.names(type_url::LISTENER);
        let routes = served.names(type_url::ROUTE);
        match () {
            () if routes.contains(&"s.east.svc.cluster.local:7000") => "detected",
            () if listeners.contains(&"10.96.9.9_7000") => "tcp",
            () if routes.contains(&"7000") => {
                let cluster = served.cluster("outbound|7000||s.east.svc.cluster.local");
                let options = cluster["typed_extension_protocol_options"].to_string();
                if options.contains("http2_protocol_options") { "http2" } else { "http" }
            }
            () => "nothing",
        }
    };
    assert_eq!(spoken("name: http"), "http");
    assert_eq!(spoken("name: http-web"), "http");
    assert_eq!(spoken("name: grpc-web-x"), "http2");
    assert_eq!(spoken("name: grpc-x"), "http2");
    assert_eq!(spoken("name: http2"), "http2");
    assert_eq!(spoken("name: tcp-x"), "tcp");
    assert_eq!(spoken("name: https"), "tcp");
    assert_eq!(spoken("name: web"), "detected");
    assert_eq!(spoken("name: web, appProtocol: http"), "http");
    assert_eq!(spoken("name: tcp, appProtocol: kubernetes.io/h2c"), "http2");
    assert_eq!(spoken("name: dns, protocol: UDP"), "nothing");
}

#[test]
fn a_port_that_is_not_declared_is_http_or_bytes_by_its_first_bytes() {
    let spec = "clusterIP: 10.96.9.9, ports: [{name: web, port: 7000, targetPort: 8080}]";
    let served = served(&Mesh::small().and(&service("s", spec)));
    let listener = served.listener("10.96.9.9_7000");
    assert_eq!(crate::words::chains(&listener, None), ["raw_buffer http/1.1 h2c: http"]);
    let cluster = "outbound|7000||s.east.svc.cluster.local";
    assert_eq!(bytes(&served, "10.96.9.9_7000"), [format!("{cluster}|tcp")]);
    // A server tells requests from bytes by what is offered in TLS.
    let offered = |name: &str| {
        let found = served.cluster(name);
        let context = &found["transport_socket_matches"][0]["transport_socket"]["typed_config"];
        let endpoints = found["eds_cluster_config"]["service_name"].clone();
        (context["common_tls_context"]["alpn_protocols"].clone(), endpoints)
    };
    let requests = serde_json::json!(["istio-http/1.1", "istio-h2", "istio"]);
    assert_eq!(offered(cluster), (requests, cluster.into()));
    let plain = serde_json::json!(["istio-peer-exchange", "istio"]);
    assert_eq!(offered(&format!("{cluster}|tcp")), (plain, cluster.into()));
    let host = served.host("s.east.svc.cluster.local:7000", "s.east.svc.cluster.local:7000");
    assert_eq!(host["domains"], serde_json::json!(["*"]));
}

#[test]
fn a_headless_service_is_called_pod_by_pod() {
    let spec = "clusterIP: None, ports: [{name: http, port: 8080}, {name: tcp, port: 9000}]";
    let mesh = Mesh::small().and(&service("pods", spec));
    let served = served(&mesh);
    let cluster = served.cluster("outbound|8080||pods.east.svc.cluster.local");
    assert_eq!(cluster["type"], "ORIGINAL_DST");
    let pods = served.endpoints("outbound|9000||pods.east.svc.cluster.local");
    assert_eq!(pods.len(), 2);
    for pod in pods {
        let listener = pod.replace(':', "_");
        assert_eq!(bytes(&served, &listener), ["outbound|9000||pods.east.svc.cluster.local"]);
    }
    let domains = served.host("8080", "pods.east.svc.cluster.local:8080")["domains"].to_string();
    assert!(domains.contains(r#""*.pods.east.svc.cluster.local""#), "{domains}");
    let gateway = mesh.served("istio-ingressgateway.istio-system");
    let at_gateway = gateway.cluster("outbound|8080||pods.east.svc.cluster.local");
    assert_eq!(at_gateway["type"], "EDS", "a gateway has no original destination");
}

#[test]
fn several_services_may_have_one_port_and_one_address_only_one_owner() {
    let spec = "clusterIP: 10.96.9.9, ports: [{name: tcp, port: 7000, targetPort: 8080}]";
    let mesh =
        Mesh::small().and(&service("a", spec)).and(&service("b", &spec.replace("9.9", "9.8")));
    let served = served(&mesh);
    assert_eq!(bytes(&served, "10.96.9.9_7000"), ["outbound|7000||a.east.svc.cluster.local"]);
    assert_eq!(bytes(&served, "10.96.9.8_7000"), ["outbound|7000||b.east.svc.cluster.local"]);
}

#[test]
fn tcp_routes_choose_by_port_caller_and_range() {
    let spec = "clusterIP: 10.96.9.9, ports: [{name: tcp, port: 7000, targetPort: 8080}]";
    let to = |found: &str| {
        let object = format!(
            "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: v, namespace: east}}\n\
             spec: {{hosts: [s], tcp: [{{match: [{{{found}}}], route: [{{destination: {{host: web}}, weight: 90}}, \
             {{destination: {{host: shop, port: {{number: 81}}}}, weight: 10}}]}}]}}\n"
        );
        let mesh = Mesh::small().and(&service("s", spec)).and(&object);
        bytes(&served(&mesh), "10.96.9.9_7000").len() == 2
    };
    assert!(to("port: 7000") && !to("port: 7001"));
    assert!(to("sourceLabels: {app: client}") && !to("sourceLabels: {app: other}"));
    assert!(to("gateways: [mesh]") && !to("gateways: [g]"));
    assert!(!to("gateways: [mesh], sourceLabels: {app: other}"), "both count for connections");
}

/// Conditions of the chains of a listener, with the first cluster of each.
fn chains(listener: &serde_json::Value) -> Vec<String> {
    let list = |value: &serde_json::Value| {
        let texts = value.as_array().into_iter().flatten().map(|text| match text.as_str() {
            Some(text) => text.to_owned(),
            None => format!("{}/{}", text["address_prefix"].as_str().unwrap(), text["prefix_len"]),
        });
        texts.collect::<Vec<_>>().join(",")
    };
    let one = |chain: &serde_json::Value| {
        let asked = &chain["filter_chain_match"];
        let proxy = &chain["filters"][0]["typed_config"];
        let first = &proxy["weighted_clusters"]["clusters"][0]["name"];
        let cluster = proxy["cluster"].as_str().or(first.as_str()).unwrap_or("requests");
        let parts = [list(&asked["prefix_ranges"]), list(&asked["server_names"]), cluster.into()];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    };
    let chains = listener["filter_chains"].as_array().unwrap().iter();
    let fallback = Some(&listener["default_filter_chain"]).filter(|chain| !chain.is_null());
    chains.chain(fallback).map(one).collect()
}

/// The chains of a service with this port under a VirtualService with these routes.
#[track_caller]
fn connections(port: &str, routes: &str) -> Vec<String> {
    let spec = format!("clusterIP: 10.96.9.9, ports: [{{name: {port}, port: 7000}}]");
    let object = format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: v, namespace: east}}\n\
         spec: {{hosts: [s.east.svc.cluster.local], {routes}}}\n"
    );
    let mesh = Mesh::small().and(&service("s", &spec)).and(&object);
    let served = served(&mesh);
    chains(&served.listener("10.96.9.9_7000"))
}

#[test]
fn a_tcp_route_for_some_addresses_is_a_chain_beside_the_services_own() {
    let to = "route: [{destination: {host: web}}]";
    let found = connections(
        "tcp",
        &format!("tcp: [{{match: [{{destinationSubnets: [10.96.0.0/16, 10.1.2.3]}}], {to}}}]"),
    );
    let own = "outbound|7000||s.east.svc.cluster.local";
    assert_eq!(found, ["10.1.2.3/32,10.96.0.0/16 outbound|80||web.east.svc.cluster.local", own]);
}

#[test]
fn tls_routes_choose_by_server_name_on_ports_of_tls_only() {
    let to = "route: [{destination: {host: web}}]";
    let name = "sniHosts: [s.east.svc.cluster.local]";
    let own = "outbound|7000||s.east.svc.cluster.local";
    let routes = format!(
        "tls: [{{match: [{{{name}, sourceLabels: {{app: other}}}}], {to}}}, {{match: [{{{name}}}], {to}}}, \
         {{match: [{{{name}}}], route: [{{destination: {{host: s}}}}]}}]"
    );
    let web = "s.east.svc.cluster.local outbound|80||web.east.svc.cluster.local";
    assert_eq!(connections("tls", &routes), [web, "PassthroughCluster"]);
    assert_eq!(connections("tcp", &routes), [own]);
    let elsewhere = format!("tls: [{{match: [{{{name}, port: 1}}], {to}}}]");
    assert_eq!(connections("https", &elsewhere), [own]);
}

#[test]
fn a_route_of_bytes_stands_beside_detected_requests() {
    let routes = "tcp: [{route: [{destination: {host: web}}]}]";
    let web = "outbound|80||web.east.svc.cluster.local";
    assert_eq!(connections("any", routes), ["requests", web]);
}

#[test]
fn idle_connections_end_when_the_rule_says_so() {
    let spec = "clusterIP: 10.96.9.9, ports: [{name: tcp, port: 7000, targetPort: 8080}]";
    let rule = "
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: s, namespace: east}
spec: {host: s, trafficPolicy: {connectionPool: {tcp: {idleTimeout: 90s}}}}
";
    let served = served(&Mesh::small().and(&service("s", spec)).and(rule));
    let listener = served.listener("10.96.9.9_7000");
    let proxy = &listener["filter_chains"][0]["filters"][0]["typed_config"];
    assert_eq!(proxy["idle_timeout"], "90s");
}

#[test]
fn connections_to_unknown_places_pass_through() {
    let served = served(&Mesh::small());
    let listener = served.listener("virtualOutbound");
    let chains = listener["filter_chains"].as_array().unwrap();
    let cluster = |name: &str| {
        let chain = chains.iter().find(|chain| chain["name"] == name).unwrap();
        chain["filters"][0]["typed_config"]["cluster"].clone()
    };
    assert_eq!(cluster("virtualOutbound-catchall-tcp"), "PassthroughCluster");
    assert_eq!(cluster("virtualOutbound-blackhole"), "BlackHoleCluster");
    assert_eq!(served.cluster("PassthroughCluster")["type"], "ORIGINAL_DST");
}

#[test]
fn unready_pods_are_left_out_unless_the_service_asks_for_them() {
    let slice = "
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: more, namespace: east, labels: {kubernetes.io/service-name: web}}
ports: [{name: http, port: 8080}]
endpoints: [{addresses: [10.9.9.9], conditions: {ready: false}}]
";
    let mesh = Mesh::small().and(slice);
    let web = "outbound|80||web.east.svc.cluster.local";
    assert_eq!(served(&mesh).endpoints(web).len(), 2);
    let all = service(
        "web",
        "publishNotReadyAddresses: true, ports: [{name: http, port: 80, targetPort: 8080}]",
    );
    assert_eq!(served(&mesh.and(&all)).endpoints(web).len(), 3);
}
