//! Settings of the whole mesh, each seen in what proxies get.

use std::time::Duration;

use ctl_snapshot::{MeshSettings, PathNormalization, UnknownDestinations};
use serde_json::{Value, json};
use weft_model::api::mesh_config::LabelSelector;
use weft_model::api::traffic_policy::{
    ClientTls, ClientTlsMode, ConnectionPool, HttpPool, OutlierDetection, TcpKeepalive, TcpPool,
};
use weft_model::api::virtual_service::Retries;
use weft_model::api::{Read as _, Reader};

use crate::everything::both_data_planes_take;
use crate::fixture::Mesh;
use crate::started::{GATEWAY, INGRESS};
use crate::world::Served;

/// A small mesh with other settings.
fn mesh(set: impl FnOnce(&mut MeshSettings)) -> Mesh {
    let mut mesh = Mesh::small();
    set(&mut mesh.settings);
    mesh
}

fn object(kind: &str, namespace: &str, spec: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: {kind}\n\
         metadata: {{name: x, namespace: {namespace}}}\nspec: {spec}\n"
    )
}

const WEB: &str = "outbound|80||web.east.svc.cluster.local";
const STORE: &str = "outbound|80||store.west.svc.cluster.local";

#[test]
fn services_that_say_nothing_are_exported_as_the_mesh_says() {
    let own = mesh(|settings| settings.exports.services = vec![".".into()]);
    assert!(!own.served("client.east").clusters().contains(&STORE));
    assert!(own.served("caller.west").clusters().contains(&STORE));
    let named = mesh(|settings| settings.exports.services = vec![".".into(), "east".into()]);
    assert!(named.served("client.east").clusters().contains(&STORE));
    let said = own.and(
        "apiVersion: v1\nkind: Service\nmetadata: {name: store, namespace: west, \
         annotations: {networking.istio.io/exportTo: '*'}}\n\
         spec: {selector: {app: store}, ports: [{name: http, port: 80}]}\n",
    );
    assert!(said.served("client.east").clusters().contains(&STORE));
}

#[test]
fn virtual_services_that_say_nothing_are_exported_as_the_mesh_says() {
    let spec = |more: &str| {
        let host = "store.west.svc.cluster.local";
        format!(
            "{{hosts: [{host}], http: [{{timeout: 7s, route: [{{destination: {{host: {host}}}}}]}}]{more}}}"
        )
    };
    let timeout = |mesh: Mesh| -> Value {
        let host = mesh.served("client.east").host("80", "store.west.svc.cluster.local:80");
        host["routes"][0]["route"]["timeout"].clone()
    };
    let private = || mesh(|settings| settings.exports.virtual_services = vec![".".into()]);
    assert_eq!(timeout(private().and(&object("VirtualService", "west", &spec("")))), "0s");
    assert_eq!(timeout(mesh(|_| {}).and(&object("VirtualService", "west", &spec("")))), "7s");
    let said = spec(", exportTo: ['*']");
    assert_eq!(timeout(private().and(&object("VirtualService", "west", &said))), "7s");
}

#[test]
fn destination_rules_that_say_nothing_are_exported_as_the_mesh_says() {
    let rule = "{host: store, trafficPolicy: {connectionPool: {tcp: {connectTimeout: 3s}}}}";
    let rule = object("DestinationRule", "west", rule);
    let timeout = |mesh: Mesh| mesh.served("client.east").cluster(STORE)["connect_timeout"].clone();
    assert_eq!(timeout(mesh(|_| {}).and(&rule)), "3s");
    let private = mesh(|settings| settings.exports.destination_rules = vec![".".into()]);
    assert_eq!(timeout(private.and(&rule)), "10s");
    both_data_planes_take("exports", &mesh(|s| s.exports.services = vec!["~".into()]));
}

#[test]
fn connections_are_as_the_mesh_says_where_no_rule_says_otherwise() {
    let rule = object(
        "DestinationRule",
        "west",
        "{host: store, trafficPolicy: {connectionPool: {tcp: {maxConnections: 5}}}}",
    );
    let mesh = mesh(|settings| {
        settings.connect_timeout = Duration::from_secs(4);
        settings.tcp_keepalive = Some(TcpKeepalive { probes: 3, ..TcpKeepalive::default() });
        let tcp = TcpPool { max_connections: 7, ..TcpPool::default() };
        let http = HttpPool { http2_max_requests: 9, ..HttpPool::default() };
        settings.connection_pool = Some(ConnectionPool { tcp: Some(tcp), http: Some(http) });
        let ejection = OutlierDetection { max_ejection_percent: 30, ..Default::default() };
        settings.outlier_detection = Some(ejection);
    })
    .and(&rule);
    let served = mesh.served("client.east");
    let limits = |name: &str| {
        let cluster = served.cluster(name);
        assert_eq!(cluster["connect_timeout"], "4s");
        let probes = &cluster["upstream_connection_options"]["tcp_keepalive"]["keepalive_probes"];
        assert_eq!(probes, 3);
        let limits = &cluster["circuit_breakers"]["thresholds"][0];
        let ejects = cluster["outlier_detection"]["max_ejection_percent"].clone();
        (limits["max_connections"].clone(), limits["max_requests"].clone(), ejects)
    };
    assert_eq!(limits(STORE), (json!(5), json!(9), json!(30)));
    assert_eq!(limits(WEB), (json!(7), json!(9), json!(30)));
    assert_eq!(limits("PassthroughCluster"), (json!(7), json!(9), json!(null)));
    both_data_planes_take("connections", &mesh);
}

#[test]
fn the_mesh_upgrades_to_http2_where_no_rule_says_otherwise_and_never_towards_the_pod() {
    let rule = object(
        "DestinationRule",
        "west",
        "{host: store, trafficPolicy: {connectionPool: {http: {h2UpgradePolicy: DO_NOT_UPGRADE}}}}",
    );
    let mesh = mesh(|settings| settings.h2_upgrade = true).and(&rule);
    let explicit = |workload: &str, name: &str| {
        let cluster = mesh.served(workload).cluster(name);
        cluster["typed_extension_protocol_options"]
            .to_string()
            .contains("explicit_http_config\":{\"http2")
    };
    assert!(explicit("client.east", WEB));
    assert!(!explicit("client.east", STORE));
    assert!(!explicit("client.east", "PassthroughCluster"));
    assert!(!explicit("web-v1.east", "inbound|8080||"));
}

#[test]
fn routes_that_say_nothing_retry_as_the_mesh_says() {
    let host = "store.west.svc.cluster.local";
    let own = format!(
        "{{hosts: [{host}], http: [{{retries: {{attempts: 1}}, route: [{{destination: {{host: {host}}}}}]}}]}}"
    );
    let retries = |attempts, on: &str| {
        Some(Retries { attempts, retry_on: on.to_owned(), ..Retries::default() })
    };
    let mesh = mesh(|settings| {
        settings.retries = retries(4, "5xx");
        settings.inbound_retries = retries(0, "");
    })
    .and(&object("VirtualService", "west", &own));
    let served = mesh.served("client.east");
    let policy = |host: &str| served.host("80", host)["routes"][0]["route"]["retry_policy"].clone();
    let web = policy("web.east.svc.cluster.local:80");
    assert_eq!((&web["num_retries"], &web["retry_on"]), (&json!(4), &json!("5xx")));
    assert_eq!(policy("store.west.svc.cluster.local:80")["num_retries"], 1);
    let inbound = mesh.served("web-v1.east").listener("virtualInbound").to_string();
    assert!(!inbound.contains("retry_policy"));
    both_data_planes_take("retries", &mesh);
}

#[test]
fn a_mesh_of_known_destinations_refuses_others() {
    let refusing = mesh(|settings| settings.unknown = UnknownDestinations::Refused);
    let served = refusing.served("client.east");
    assert!(!served.has_host("80", "allow_any"));
    let route = served.host("80", "block_all")["routes"][0].clone();
    assert_eq!(route["direct_response"]["status"], 502);
    let bytes = |served: &Served| {
        let listener = served.listener("virtualOutbound");
        let chains = listener["filter_chains"].as_array().unwrap();
        chains.last().unwrap()["filters"][0]["typed_config"]["cluster"].clone()
    };
    assert_eq!(bytes(&served), "BlackHoleCluster");
    let open = mesh(|_| {}).served("client.east");
    assert_eq!(bytes(&open), "PassthroughCluster");
    assert!(open.has_host("80", "allow_any") && !open.has_host("80", "block_all"));
    both_data_planes_take("known destinations only", &refusing);
}

#[test]
fn without_automatic_mtls_only_rules_ask_for_it() {
    let asks = "{host: store, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}";
    let mesh =
        mesh(|settings| settings.auto_mtls = false).and(&object("DestinationRule", "west", asks));
    let served = mesh.served("client.east");
    let web = served.cluster(WEB);
    assert!(web["transport_socket"].is_null() && web["transport_socket_matches"].is_null());
    assert_eq!(served.cluster(STORE)["transport_socket"]["name"], "envoy.transport_sockets.tls");
    both_data_planes_take("no automatic mTLS", &mesh);
}

#[test]
fn paths_are_made_uniform_as_the_mesh_says() {
    let check = |paths: PathNormalization, normalize: bool, merge: bool, escaped: &str| {
        let mesh = mesh(|settings| settings.paths = paths);
        for (workload, listener) in
            [("client.east", "0.0.0.0_80"), ("web-v1.east", "virtualInbound")]
        {
            let found = mesh.served(workload).listener(listener).to_string();
            let has = |text: &str| found.contains(text);
            assert!(has(&format!(r#""normalize_path":{normalize}"#)), "{paths:?} {found}");
            assert_eq!(has(r#""merge_slashes":true"#), merge, "{paths:?}");
            assert!(has(escaped), "{paths:?} {found}");
        }
        both_data_planes_take("paths", &mesh);
    };
    check(PathNormalization::None, false, false, "KEEP_UNCHANGED");
    check(PathNormalization::Base, true, false, "KEEP_UNCHANGED");
    check(PathNormalization::MergeSlashes, true, true, "KEEP_UNCHANGED");
    check(PathNormalization::DecodeAndMergeSlashes, true, true, "UNESCAPE_AND_FORWARD");
}

#[test]
fn the_first_bytes_are_waited_for_as_long_as_the_mesh_says() {
    let mesh = mesh(|settings| settings.detection_timeout = Duration::from_millis(1500));
    let listener = mesh.served("web-v1.east").listener("virtualInbound");
    assert_eq!(listener["listener_filters_timeout"], "1.500s");
    both_data_planes_take("detection", &mesh);
}

#[test]
fn further_names_of_the_trust_domain_are_the_same_to_peers_and_policies() {
    let policy = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n\
                  metadata: {name: p, namespace: east}\n\
                  spec: {rules: [{from: [{source: {principals: [old.example/ns/west/sa/caller]}}]}]}\n";
    let mesh = mesh(|settings| {
        settings.trust_domain = "new.example".into();
        settings.trust_domain_aliases = vec!["old.example".into()];
    })
    .and(policy);
    let inbound = mesh.served("web-v1.east").listener("virtualInbound").to_string();
    for name in ["new.example", "old.example"] {
        assert!(inbound.contains(&format!(r#""prefix":"spiffe://{name}/""#)), "{name}");
        assert!(inbound.contains(&format!("spiffe://{name}/ns/west/sa/caller")), "{name}");
    }
    let client = mesh.served("client.east").cluster(WEB).to_string();
    for name in ["new.example", "old.example"] {
        assert!(client.contains(&format!("spiffe://{name}/ns/east/sa/web")), "{name}: {client}");
    }
    both_data_planes_take("aliases", &mesh);
}

#[test]
fn a_mesh_is_made_of_the_namespaces_that_it_selects_and_its_own() {
    let selecting = |expression: Value| {
        let selector = json!({ "matchExpressions": [expression] });
        let selector = LabelSelector::read(&selector, &mut Reader::default());
        mesh(|settings| settings.discovery = vec![selector])
            .and("apiVersion: v1\nkind: Namespace\nmetadata: {name: west, labels: {tier: back, istio-injection: enabled}}\n")
            .and(GATEWAY)
    };
    let known = |mesh: &Mesh| {
        let served = mesh.served("client.east");
        (served.clusters().contains(&WEB), served.clusters().contains(&STORE))
    };
    let back = selecting(json!({"key": "tier", "operator": "In", "values": ["back"]}));
    assert_eq!(known(&back), (false, true));
    let front = selecting(json!({"key": "tier", "operator": "DoesNotExist"}));
    assert_eq!(known(&front), (true, false));
    assert_eq!(known(&mesh(|_| {})), (true, true));
    let ingress = front.served(INGRESS);
    assert!(
        ingress.names(weft_proto::type_url::LISTENER).contains(&"0.0.0.0_8080"),
        "its own counts"
    );
    both_data_planes_take("discovery", &back);
}

#[test]
fn requests_for_hosts_that_nobody_knows_are_looked_up_where_the_mesh_says_so() {
    let tls = ClientTls { mode: ClientTlsMode::Simple, ..ClientTls::default() };
    let called = mesh(|settings| {
        settings.unknown = UnknownDestinations::Called;
        settings.unknown_tls = Some(tls);
    });
    let client = called.served("client.east");
    let host = client.host("80", "allow_any_dynamic_dns");
    assert_eq!(host["routes"][0]["route"]["cluster"], "AllowAnyDynamicDNSCluster");
    let cluster = client.cluster("AllowAnyDynamicDNSCluster");
    assert_eq!(cluster["cluster_type"]["name"], "envoy.clusters.dynamic_forward_proxy");
    assert_eq!(cluster["transport_socket"]["name"], "envoy.transport_sockets.tls");
    both_data_planes_take("unknown hosts are looked up", &called);
    // A Sidecar's own word goes over the mesh's.
    let spec = "{outboundTrafficPolicy: {mode: ALLOW_ANY}}";
    let own = called.and(&object("Sidecar", "east", spec)).served("client.east");
    let host = own.host("80", "allow_any");
    assert_eq!(host["routes"][0]["route"]["cluster"], "PassthroughCluster");
    assert!(!own.clusters().contains(&"AllowAnyDynamicDNSCluster"));
}
