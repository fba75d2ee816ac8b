//! Verdicts on IstioOperators: input and what is told of it, side by side.

use serde_json::{Value, json};
use weft_meshconfig::{
    config_map_of, is_mesh_config_map, judge, validate_config_map, validate_istio_operator,
};

fn document(spec: &Value) -> Value {
    json!({
        "apiVersion": "install.istio.io/v1alpha1", "kind": "IstioOperator",
        "metadata": {"name": "mesh", "namespace": "istio-system"}, "spec": spec,
    })
}

#[track_caller]
fn check(spec: &Value, fields: &[&str]) {
    let (_, _, problems) = validate_istio_operator(&document(spec));
    let found: Vec<String> =
        problems.iter().filter(|p| p.is_error()).map(|p| p.field.to_string()).collect();
    assert_eq!(found, fields, "{problems:#?}");
}

#[test]
fn an_empty_document_means_the_defaults() {
    let (_, mesh, problems) = validate_istio_operator(&document(&json!({})));
    assert_eq!(problems, []);
    assert_eq!((mesh.trust_domain.as_str(), mesh.proxy_listen_port), ("cluster.local", 15001));
    assert_eq!(mesh.extension_providers.len(), 3);
}

#[test]
fn unknown_fields_are_errors_except_in_the_mesh_config() {
    let spec = json!({
        "profil": "demo",
        "components": {"pilot": {"enabld": true}},
        "values": {"global": {"prxy": {}}, "pilot": {"autoscale_min": 2}, "gateways": {"istio-ingressgateway": {"x": 1}}},
        "meshConfig": {"acessLogFile": "x"},
        "unvalidatedValues": {"anything": {"goes": 1}},
    });
    check(
        &spec,
        &[
            "spec.profil",
            "spec.components.pilot.enabld",
            "spec.values.gateways[\"istio-ingressgateway\"].x",
            "spec.values.global.prxy",
        ],
    );
    let (_, _, problems) = validate_istio_operator(&document(&spec));
    assert!(problems.iter().any(|p| p.code == "WEFT0001" && !p.is_error()), "{problems:#?}");
}

#[test]
fn both_mesh_configs_are_judged_and_the_upper_one_wins() {
    let spec = json!({
        "profile": "demo",
        "values": {
            "meshConfig": {"trustDomain": "low", "defaultConfig": {"concurrency": 1, "statusPort": 1}},
            "global": {"meshID": "m", "istioNamespace": "mesh-root"},
        },
        "meshConfig": {"trustDomain": "high", "defaultConfig": {"concurrency": 2}},
    });
    let (_, mesh, problems) = validate_istio_operator(&document(&spec));
    assert!(!problems.iter().any(weft_meshconfig::Problem::is_error), "{problems:#?}");
    let proxy = mesh.default_config.unwrap();
    assert_eq!((mesh.trust_domain.as_str(), mesh.root_namespace.as_str()), ("high", "mesh-root"));
    assert_eq!((proxy.concurrency, proxy.status_port), (Some(2), 1));
    assert_eq!((proxy.mesh_id.as_str(), mesh.access_log_file.as_str()), ("m", "/dev/stdout"));
    check(
        &json!({"meshConfig": {"trustDomain": "a_b"}, "values": {"meshConfig": {"connectTimeout": "0s"}}}),
        &["spec.values.meshConfig.connectTimeout", "spec.meshConfig.trustDomain"],
    );
}

#[test]
fn names_and_addresses_are_checked() {
    let spec = json!({
        "profile": "dmo", "hub": "not a hub", "tag": "bad/tag", "revision": "1.23",
        "components": {"ingressGateways": [{"name": "Gateway_1"}, {"name": "fine"}]},
        "values": {"global": {
            "proxy": {"includeIPRanges": "10.0.0.0/8,1.2.3.4", "excludeInboundPorts": "15020,70000"},
            "meshNetworks": {"n": {"gateways": [{"address": "1.1.1.1", "port": 0}]}},
        }},
    });
    check(
        &spec,
        &[
            "spec.profile",
            "spec.hub",
            "spec.tag",
            "spec.revision",
            "spec.values.global.meshNetworks.n.gateways[0].port",
            "spec.values.global.proxy.includeIPRanges",
            "spec.values.global.proxy.excludeInboundPorts",
            "spec.components.ingressGateways[0].name",
        ],
    );
    let fine = json!({
        "profile": "/my/profile.yaml", "hub": "registry.example.com:5000/mesh/istio", "tag": 1.7,
        "revision": "1-23", "values": {"global": {"proxy": {"includeIPRanges": "*", "includeInboundPorts": "*"}}},
    });
    check(&fine, &[]);
}

#[test]
fn a_gateway_without_root_opens_no_system_port() {
    let ports = json!([
        {"name": "a", "port": 80}, {"name": "b", "port": 80, "targetPort": 8080}, {"name": "c", "port": 8080},
        {"name": "d", "port": 443, "targetPort": "https"}, {"name": "e", "port": 443, "targetPort": 443},
    ]);
    let components = json!({"ingressGateways": [{"k8s": {"service": {"ports": ports}}}]});
    let place =
        |index| format!("spec.components.ingressGateways[0].k8s.service.ports[{index}].targetPort");
    check(&json!({"components": components}), &[&place(0), &place(4)]);
    let values = json!({"gateways": {"istio-ingressgateway": {"runAsRoot": true}}});
    check(&json!({"components": components, "values": values}), &[]);
}

#[test]
fn fixed_replicas_beside_an_autoscaler_are_doubted() {
    let spec = json!({
        "components": {"pilot": {"k8s": {"replicaCount": 2}}},
        "values": {"pilot": {"autoscaleEnabled": true}},
    });
    let (_, _, problems) = validate_istio_operator(&document(&spec));
    let doubted = problems.iter().find(|p| p.code == "IST0133").unwrap();
    assert_eq!(doubted.field.to_string(), "spec.components.pilot.k8s.replicaCount");
}

#[test]
fn the_config_map_of_a_document_means_the_same() {
    let operator = document(&json!({
        "profile": "demo",
        "values": {"global": {"meshID": "m", "meshNetworks": {"n": {"endpoints": [{"fromCidr": "10.0.0.0/8"}]}}}},
        "meshConfig": {"trust_domain": "mesh.example", "defaultConfig": {"drainDuration": "20s", "concurrency": "2"}},
    }));
    let (_, expected, _) = validate_istio_operator(&operator);
    let map = config_map_of(&operator);
    assert!(is_mesh_config_map(&map));
    let (found, networks, problems) = validate_config_map(&map);
    assert!(!problems.iter().any(weft_meshconfig::Problem::is_error), "{problems:#?}");
    assert_eq!(found, expected);
    assert_eq!(found.trust_domain, "mesh.example");
    assert_eq!(networks.networks.keys().collect::<Vec<_>>(), ["n"]);
}

#[test]
fn a_config_map_is_judged_down_to_the_fields_of_its_text() {
    let map = |mesh: &str| {
        json!({
            "kind": "ConfigMap", "metadata": {"name": "istio", "namespace": "istio-system"},
            "data": {"mesh": mesh, "meshNetworks": "networks: {n: {gateways: [{address: 1.1.1.1}]}}"},
        })
    };
    let errors = |mesh: &str| -> Vec<String> {
        let (_, _, problems) = validate_config_map(&map(mesh));
        problems.iter().filter(|p| p.is_error()).map(|p| p.field.to_string()).collect()
    };
    let networks = "data.meshNetworks.networks.n.gateways[0].port";
    assert_eq!(errors("connectTimeout: 0s"), ["data.mesh.connectTimeout", networks]);
    assert_eq!(errors("a: [1"), ["data.mesh", networks]);
    assert_eq!(errors("[]"), ["data.mesh", networks]);
    assert_eq!(errors(""), [networks]);
}

#[test]
fn only_objects_with_settings_are_judged() {
    let other = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "istio", "namespace": "x"}});
    assert_eq!(judge(&other), None);
    let mut operator = document(&json!({}));
    assert_eq!(judge(&operator), Some(vec![]));
    operator["apiVersion"] = json!("install.istio.io/v1");
    let told: Vec<String> = judge(&operator).unwrap().iter().map(|p| p.field.to_string()).collect();
    assert_eq!(told, ["apiVersion"]);
}
