//! The definitions that our types give, held against the rules of structural schemas and against Istio's test objects.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that fails panics")]

use std::path::Path;

use serde_json::Value;
use weft_schema::Schema;

#[expect(clippy::panic, reason = "a helper of tests")]
fn schema(crd: &Value, version: usize) -> Schema {
    let schema = &crd["spec"]["versions"][version]["schema"]["openAPIV3Schema"];
    Schema::parse(schema)
        .unwrap_or_else(|faults| panic!("{}: {faults:#?}", crd["metadata"]["name"]))
}

#[test]
fn every_schema_is_structural() {
    for crd in weft_api::crds() {
        for version in 0..crd["spec"]["versions"].as_array().unwrap().len() {
            schema(&crd, version);
        }
    }
}

#[test]
fn kinds_of_kubernetes_itself_are_known_and_have_no_definition() {
    for kind in ["Ingress", "IngressClass"] {
        assert!(weft_api::crd::find("networking.k8s.io", kind).is_some());
        assert!(weft_api::crds().iter().all(|crd| crd["spec"]["names"]["kind"] != kind));
    }
}

#[test]
fn definitions_say_scope_scale_and_typed_columns() {
    let crd = |group, kind| weft_api::crd::find(group, kind).unwrap().crd();
    let class = crd("gateway.networking.k8s.io", "GatewayClass");
    assert_eq!(class["spec"]["scope"], "Cluster");
    // A server refuses definitions in this group without it.
    assert!(class["metadata"]["annotations"]["api-approved.kubernetes.io"].is_string());
    let rollout = crd("argoproj.io", "Rollout");
    assert_eq!(rollout["spec"]["scope"], "Namespaced");
    let version = &rollout["spec"]["versions"][0];
    assert_eq!(version["subresources"]["scale"]["specReplicasPath"], ".spec.replicas");
    assert_eq!(version["additionalPrinterColumns"][0]["type"], "integer");
    let canary = crd("flagger.app", "Canary");
    let columns = canary["spec"]["versions"][0]["additionalPrinterColumns"].as_array().unwrap();
    assert!(columns.iter().any(|column| column["name"] == "Interval" && column["priority"] == 1));
}

#[test]
fn a_server_fills_in_what_an_absent_field_means() {
    let crd = weft_api::crd::find("gateway.networking.k8s.io", "HTTPRoute").unwrap().crd();
    let mut route = serde_json::json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": {"name": "a"}, "spec": {"parentRefs": [{"name": "g"}], "rules": [{"backendRefs": [{"name": "b", "port": 80}]}]}});
    schema(&crd, 0).apply_defaults(&mut route);
    assert_eq!(route["spec"]["parentRefs"][0]["kind"], "Gateway");
    let rule = &route["spec"]["rules"][0];
    assert_eq!(rule["matches"][0]["path"]["type"], "PathPrefix");
    assert_eq!(rule["backendRefs"][0]["weight"], 1);
    assert_eq!(rule["backendRefs"][0]["kind"], "Service");
}

/// What Istio's whole admission accepts, our definitions accept; so that a Kubernetes with them refuses nothing that it took
/// before.
#[test]
fn definitions_take_what_istio_accepts() {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/istio-cases/validation.json");
    let Ok(text) = std::fs::read_to_string(&file) else {
        assert!(!file.parent().is_some_and(Path::exists), "{} cannot be read", file.display());
        return;
    };
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    let mut differ = Vec::new();
    for kind in weft_api::crd::KINDS {
        let schema = schema(&kind.crd(), 0);
        let mine = cases.iter().filter(|case| {
            let of_group = |version: &str| version.starts_with(&format!("{}/", kind.group));
            case["kind"] == kind.kind && case["object"]["apiVersion"].as_str().is_some_and(of_group)
        });
        for case in mine.filter(|case| case["expect"] == "accept") {
            let faults = schema.check(&case["object"]);
            if !faults.is_empty() {
                differ.push(format!("{} {}: {faults:?}", case["id"], kind.kind));
            }
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}
