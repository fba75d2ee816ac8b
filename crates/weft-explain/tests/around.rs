//! Which objects act on a pod and on a service.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::collections::BTreeMap;

use ctl_snapshot::MeshSettings;
use serde_json::json;
use weft_explain::Mesh;
use weft_explain::around::{PodAround, ServiceAround};
use weft_model::api::yaml;

const OBJECTS: &str = r#"
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: http}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web-1, namespace: shop, labels: {app: web, version: v1}}
spec: {serviceAccountName: web, containers: [{name: web, ports: [{name: http, containerPort: 8080}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web-2, namespace: shop, labels: {app: web, version: v2}}
spec: {containers: [{name: web, ports: [{name: http, containerPort: 8080}]}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec: {host: web, subsets: [{name: one, labels: {version: v1}}, {name: three, labels: {version: v3}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http: [{route: [{destination: {host: web, subset: one}, weight: 9}, {destination: {host: other}, weight: 1}]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: elsewhere, namespace: shop}
spec: {hosts: [other], http: [{route: [{destination: {host: other}}]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: secret, namespace: office}
spec: {hosts: [web.shop.svc.cluster.local], exportTo: ["."], http: [{route: [{destination: {host: web.shop.svc.cluster.local}}]}]}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: open, namespace: shop}
spec: {selector: {matchLabels: {app: web}}, rules: [{}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: closed, namespace: shop, annotations: {istio.io/dry-run: "true"}}
spec: {action: DENY, rules: [{}, {}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: others, namespace: shop}
spec: {selector: {matchLabels: {app: other}}}
"#;

fn mesh() -> Mesh {
    let documents = yaml::read(OBJECTS, "file").unwrap();
    let objects = documents.into_iter().map(|document| document.value).collect();
    Mesh::new(objects, BTreeMap::new(), MeshSettings::default()).0
}

#[test]
fn a_pod_has_ports_policies_and_services() {
    let pod = PodAround::of(&mesh(), "web-1", "shop").unwrap();
    let found = json!(pod);
    assert_eq!(found["identity"], "spiffe://cluster.local/ns/shop/sa/web");
    assert_eq!(
        found["ports"],
        json!([{"port": 8080, "host": "web.shop.svc.cluster.local:80", "mtls": "STRICT", "because_of": "shop/default"}])
    );
    assert_eq!(
        found["policies"],
        json!([
            {"policy": "shop/closed", "action": "DENY", "rules": 2, "dry_run": true},
            {"policy": "shop/open", "action": "ALLOW", "rules": 1, "dry_run": false},
        ])
    );
    assert_eq!(found["services"][0]["service"], "shop/web");
    let names: Vec<String> = pod.objects().iter().map(ToString::to_string).collect();
    assert!(names.contains(&"PeerAuthentication shop/default".to_owned()), "{names:?}");
    assert!(names.contains(&"DestinationRule shop/web".to_owned()), "{names:?}");
}

#[test]
fn a_service_has_subsets_and_the_routes_that_its_clients_see() {
    let mesh = mesh();
    let found = json!(ServiceAround::of(&mesh, "web", "shop", None).unwrap());
    assert_eq!(found["pods"], json!(["web-1", "web-2"]));
    assert_eq!(
        found["rules"]["subsets"],
        json!([
            {"name": "one", "labels": {"version": "v1"}, "pods": ["web-1"]},
            {"name": "three", "labels": {"version": "v3"}, "pods": []},
        ])
    );
    assert_eq!(
        found["routes"],
        json!([{"object": "shop/web", "takes": true, "hosts": ["web"], "gateways": ["mesh"],
            "sends": ["subset one, weight 9"]}])
    );
    let there = json!(ServiceAround::of(&mesh, "web", "shop", Some("office")).unwrap());
    let routes: Vec<&str> = there["routes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["object"].as_str().unwrap())
        .collect();
    assert_eq!(routes, ["office/secret", "shop/web"]);
    let told = ServiceAround::of(&mesh, "wed", "shop", None).unwrap_err();
    assert_eq!(told.fix, "did you mean web.shop?");
}
