//! Every object that Istio accepts among its own test inputs, bent so that it concerns our mesh: both data planes must
//! take what is made of it. The inputs stand beside the repository, not in it.

use serde_json::{Value, json};

use crate::everything::objections;
use crate::fixture::{self, Mesh};

const KINDS: [&str; 8] = [
    "VirtualService",
    "DestinationRule",
    "Gateway",
    "PeerAuthentication",
    "AuthorizationPolicy",
    "ServiceEntry",
    "WorkloadEntry",
    "Sidecar",
];

/// The object as one of `east` that concerns `web`, its callers, or the ingress.
fn bent(object: &Value) -> Value {
    let mut object = object.clone();
    object["metadata"]["namespace"] = json!("east");
    object["metadata"]["name"] = json!("case");
    let spec = &mut object["spec"];
    if spec.is_null() {
        *spec = json!({});
    }
    let fields = spec.as_object_mut().unwrap();
    for field in ["exportTo", "gateways", "selector", "targetRef", "targetRefs", "workloadSelector"]
    {
        fields.remove(field);
    }
    match object["kind"].as_str().unwrap() {
        "VirtualService" => {
            object["spec"]["hosts"] = json!(["web", "bytes", "far.example"]);
            for part in ["http", "tcp"] {
                for route in object["spec"][part].as_array_mut().into_iter().flatten() {
                    for found in route["match"].as_array_mut().into_iter().flatten() {
                        let found = found.as_object_mut().unwrap();
                        ["gateways", "port", "sourceLabels", "sourceNamespace"]
                            .into_iter()
                            .for_each(|field| drop(found.remove(field)));
                    }
                }
            }
        }
        "DestinationRule" => object["spec"]["host"] = json!("*.cluster.local"),
        "Gateway" => object["spec"]["selector"] = json!({ "istio": "ingressgateway" }),
        _ => {}
    }
    object
}

const MORE: &str = "
apiVersion: v1
kind: Service
metadata: {name: bytes, namespace: east}
spec: {selector: {app: web}, ports: [{name: tcp, port: 9000, targetPort: 9000}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: bound, namespace: east}
spec:
  hosts: ['*']
  gateways: [case]
  http: [{route: [{destination: {host: web}}]}]
";

#[test]
fn both_data_planes_take_what_istio_accepts() {
    let Some(file) = fixture::shared("istio-cases/validation.json") else { return };
    let cases: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let base = Mesh::small().and(MORE);
    let mut failed = Vec::new();
    let mut judged = 0;
    for case in &cases {
        let kind = case["kind"].as_str().unwrap();
        if !KINDS.contains(&kind) || case["expect"] != "accept" {
            continue;
        }
        let object = bent(&case["object"]);
        let (snapshot, problems) = base.clone().with(object.clone()).snapshot_with_problems();
        let proxies: &[&str] = match kind {
            "Gateway" => &["istio-ingressgateway.istio-system"],
            "PeerAuthentication" | "AuthorizationPolicy" => &["web-v1.east"],
            _ => &["client.east"],
        };
        judged += 1;
        for proxy in proxies {
            let resources = base.served_from(&snapshot, proxy).0;
            for objection in objections(&resources) {
                failed.push(format!(
                    "{}: {objection}\n  {}\n  {problems:?}",
                    case["id"], object["spec"]
                ));
            }
        }
    }
    assert!(judged > 150, "only {judged} cases");
    assert!(failed.is_empty(), "{} of {judged}:\n{}", failed.len(), failed.join("\n"));
}
