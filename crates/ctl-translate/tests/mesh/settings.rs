//! Settings of the whole mesh, each seen in what proxies get.

use std::time::Duration;

use ctl_snapshot::{MeshSettings, PathNormalization, UnknownDestinations};
use serde_json::{Value, json};
use weft_model::api::mesh_config::LabelSelector;
use weft_model::api::traffic_policy::{
    ConnectionPool, HttpPool, OutlierDetection, TcpKeepalive, TcpPool,
};
use weft_model::api::virtual_service::Retries;
use weft_model::api::{Read as _, Reader};

use crate::everything::both_data_planes_take;
use crate::fixture::{Mesh, Pod};
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

/// A protobuf value of JSON.
fn wire(value: &Value) -> weft_proto::google::protobuf::Value {
    use weft_proto::google::protobuf::{Struct, value::Kind};
    let kind = match value {
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.clone(), wire(value))).collect();
            Kind::StructValue(Struct { fields })
        }
        Value::Bool(truth) => Kind::BoolValue(*truth),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap()),
        Value::String(text) => Kind::StringValue(text.clone()),
        other => panic!("{other} is not needed here"),
    };
    weft_proto::google::protobuf::Value { kind: Some(kind) }
}

/// What a proxy gets that was started with a proxy config.
fn started(mesh: &Mesh, workload: &str, config: &Value) -> Served {
    use weft_proto::google::protobuf::value::Kind;
    let snapshot = mesh.snapshot();
    let (name, namespace) = workload.split_once('.').unwrap();
    let named = |pod: &Pod| pod.namespace == namespace && pod.name == format!("{name}-0");
    let mut node = mesh.proxies().into_iter().find(named).unwrap().node();
    if let Some(Kind::StructValue(fields)) = wire(&json!({ "PROXY_CONFIG": config })).kind {
        node.metadata = Some(fields);
    }
    let view = ctl_translate::view_of(&snapshot, &node);
    let served = Served(ctl_translate::translate(&snapshot, &view));
    crate::everything::both_take("started", &served.0);
    served
}

const GATEWAY: &str = "apiVersion: networking.istio.io/v1\nkind: Gateway\n\
    metadata: {name: g, namespace: east}\n\
    spec: {selector: {istio: ingressgateway}, servers: [\
    {port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}\n";
const INGRESS: &str = "istio-ingressgateway.istio-system";

#[test]
fn a_gateway_believes_the_proxies_before_it_as_it_was_started() {
    let mesh = Mesh::small().and(GATEWAY);
    let opened = |topology: Value| {
        let config = json!({ "gatewayTopology": topology });
        started(&mesh, INGRESS, &config).listener("0.0.0.0_8080").to_string()
    };
    let told = json!({"numTrustedProxies": 2, "forwardClientCertDetails": "APPEND_FORWARD"});
    let found = opened(told);
    assert!(found.contains(r#""xff_num_trusted_hops":2"#), "{found}");
    assert!(found.contains(r#""forward_client_cert_details":"APPEND_FORWARD""#), "{found}");
    let usual = opened(json!({}));
    assert!(!usual.contains("xff_num_trusted_hops"), "{usual}");
    assert!(usual.contains(r#""forward_client_cert_details":"SANITIZE_SET""#), "{usual}");
}

#[test]
fn header_fields_are_added_as_a_proxy_was_started() {
    let mesh = Mesh::small();
    let config = json!({"proxyHeaders": {
        "forwardedClientCert": "SANITIZE", "requestId": {"disabled": true},
        "attemptCount": {"disabled": true}, "server": {"value": "mine"},
    }});
    let served = started(&mesh, "client.east", &config);
    let listener = served.listener("0.0.0.0_80").to_string();
    assert!(listener.contains(r#""generate_request_id":false"#), "{listener}");
    assert!(listener.contains(r#""server_name":"mine""#), "{listener}");
    assert!(!listener.contains("forward_client_cert_details"), "SANITIZE is the default");
    let host = served.host("80", "web.east.svc.cluster.local:80");
    assert!(host["include_request_attempt_count"].is_null());
    let untouched = json!({"proxyHeaders": {"server": {"disabled": true}}});
    let listener = started(&mesh, "client.east", &untouched).listener("0.0.0.0_80").to_string();
    assert!(listener.contains("PASS_THROUGH"), "{listener}");
    let usual = started(&mesh, "client.east", &json!({}));
    let host = usual.host("80", "web.east.svc.cluster.local:80");
    assert_eq!(host["include_request_attempt_count"], true);
}

#[test]
fn connections_are_kept_as_a_proxy_was_started_and_a_profile_is_for_gateways() {
    let mesh = Mesh::small().and(GATEWAY);
    let config = json!({"connectionSettings": {
        "profile": "EDGE", "httpIdleTimeout": "60s", "httpDrainTimeout": "2s", "httpMergeSlashes": true,
    }});
    let sidecar = started(&mesh, "web-v1.east", &config);
    for name in ["0.0.0.0_80", "virtualInbound"] {
        let found = sidecar.listener(name).to_string();
        for part in
            [r#""idle_timeout":"60s""#, r#""drain_timeout":"2s""#, r#""merge_slashes":true"#]
        {
            assert!(found.contains(part), "{name}: {part}");
        }
        assert!(!found.contains("max_concurrent_streams"), "{name}");
    }
    let gateway = started(&mesh, INGRESS, &config).listener("0.0.0.0_8080").to_string();
    for part in [
        r#""idle_timeout":"60s""#,
        r#""request_timeout":"300s""#,
        r#""stream_idle_timeout":"300s""#,
        r#""max_concurrent_streams":100"#,
        "UNESCAPE_AND_REDIRECT",
    ] {
        assert!(gateway.contains(part), "{part}: {gateway}");
    }
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
