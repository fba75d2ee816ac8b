//! What a proxy was started with, seen in what it gets.

use serde_json::{Value, json};

use crate::fixture::{Mesh, Pod};
use crate::world::Served;

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

#[test]
fn only_an_envoy_is_asked_to_tell_its_agent_who_calls_in_plaintext() {
    use weft_proto::google::protobuf::value::Kind;
    let peers = |mode: &str| {
        let mesh = Mesh::small().and(&format!(
            "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n\
             metadata: {{name: all, namespace: east}}\nspec: {{mtls: {{mode: {mode}}}}}\n"
        ));
        move |plane: &str| {
            let snapshot = mesh.snapshot();
            let own = |pod: &Pod| pod.namespace == "east" && !pod.gateway;
            let mut node = mesh.proxies().into_iter().find(own).unwrap().node();
            if let Some(Kind::StructValue(fields)) = wire(&json!({ "DATAPLANE": plane })).kind {
                node.metadata = Some(fields);
            }
            let view = ctl_translate::view_of(&snapshot, &node);
            let served = Served(ctl_translate::translate(&snapshot, &view));
            assert_eq!(crate::envoy::objection(&served.0), None);
            served.listener("virtualInbound")
        }
    };
    let logs = |listener: &Value, name: &str| {
        listener.to_string().matches(&format!("envoy.access_loggers.{name}_grpc")).count()
    };
    let (permissive, strict) = (peers("PERMISSIVE"), peers("STRICT"));
    assert_eq!(logs(&permissive("weft"), "http") + logs(&permissive("weft"), "tcp"), 0);
    let (open, closed) = (permissive("envoy"), strict("envoy"));
    assert!(logs(&open, "http") > 0 && logs(&open, "tcp") > 1, "{open}");
    assert_eq!((logs(&closed, "http"), logs(&closed, "tcp")), (0, 1), "refusals only: {closed}");
    assert_eq!(open["access_log"], closed["access_log"], "a change of mode changes only chains");
}

/// A gateway that is open for every host.
pub(crate) const GATEWAY: &str = "apiVersion: networking.istio.io/v1\nkind: Gateway\n\
    metadata: {name: g, namespace: east}\n\
    spec: {selector: {istio: ingressgateway}, servers: [\
    {port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}\n";
/// Its pod.
pub(crate) const INGRESS: &str = "istio-ingressgateway.istio-system";

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
    let introduced = opened(json!({"proxyProtocol": {}}));
    assert!(introduced.contains("envoy.filters.listener.proxy_protocol"), "{introduced}");
    let usual = opened(json!({}));
    assert!(!usual.contains("envoy.filters.listener.proxy_protocol"), "{usual}");
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
fn names_of_http_1_keep_their_case_in_both_directions_where_a_proxy_was_started_so() {
    let mesh = Mesh::small().and(GATEWAY);
    let kept = r#""header_key_format":{"stateful_formatter":{"name":"preserve_case""#;
    let options = |served: &Served, cluster: &str| {
        served.cluster(cluster)["typed_extension_protocol_options"].to_string()
    };
    let web = "outbound|80||web.east.svc.cluster.local";
    for wish in [true, false] {
        let config = json!({"proxyHeaders": {"preserveHttp1HeaderCase": wish}});
        let sidecar = started(&mesh, "web-v1.east", &config);
        for name in ["0.0.0.0_80", "virtualInbound"] {
            let found = sidecar.listener(name).to_string();
            assert_eq!(found.contains(kept), wish, "{name}: {found}");
        }
        let inbound = sidecar.clusters().into_iter().find(|name| name.starts_with("inbound|"));
        for name in [web, inbound.unwrap()] {
            assert_eq!(options(&sidecar, name).contains(kept), wish, "{name}");
        }
        let gateway = started(&mesh, INGRESS, &config);
        assert_eq!(gateway.listener("0.0.0.0_8080").to_string().contains(kept), wish);
        assert_eq!(options(&gateway, web).contains(kept), wish);
    }
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
