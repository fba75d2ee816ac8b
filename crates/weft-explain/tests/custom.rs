//! What an explanation says where somebody else decides, and of policies that are only tried out.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::collections::BTreeMap;

use ctl_snapshot::MeshSettings;
use serde_json::{Value, json};
use weft_explain::{Answer, Call, Mesh, Outcome, Proxies};
use weft_model::api::mesh_config::{ExtAuthzGrpc, ExtensionProvider};
use weft_model::api::yaml;

const MESH: &str = "
- {apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {istio-injection: enabled}}}
- {apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop, labels: {app: web}}, status: {podIP: 10.244.0.10}}
- apiVersion: v1
  kind: Service
  metadata: {name: web, namespace: shop}
  spec: {selector: {app: web}, ports: [{name: http, port: 8080}, {name: tcp, port: 9000}]}
- apiVersion: v1
  kind: Service
  metadata: {name: judge, namespace: shop}
  spec: {selector: {app: judge}, ports: [{name: grpc, port: 9000}]}
- apiVersion: security.istio.io/v1
  kind: AuthorizationPolicy
  metadata: {name: ask, namespace: shop}
  spec: {action: CUSTOM, provider: {name: judge}, rules: [{to: [{operation: {ports: ['9000']}}]}, {to: [{operation: {paths: [/ask]}}]}]}
- apiVersion: security.istio.io/v1
  kind: AuthorizationPolicy
  metadata: {name: never, namespace: shop}
  spec: {action: DENY, rules: [{to: [{operation: {paths: [/never]}}]}]}
- apiVersion: security.istio.io/v1
  kind: AuthorizationPolicy
  metadata: {name: tried, namespace: shop, annotations: {istio.io/dry-run: 'true'}}
  spec: {action: DENY, rules: [{to: [{operation: {paths: [/tried]}}]}]}
";

fn mesh(known: bool) -> Mesh {
    let grpc = ExtAuthzGrpc {
        service: "judge.shop.svc.cluster.local".into(),
        port: 9000,
        ..ExtAuthzGrpc::default()
    };
    let provider = ExtensionProvider {
        name: "judge".into(),
        envoy_ext_authz_grpc: Some(grpc),
        ..ExtensionProvider::default()
    };
    let authorizers = known.then_some(provider).into_iter().collect();
    let settings = MeshSettings { authorizers, ..MeshSettings::default() };
    let objects = yaml::read(MESH, "file").unwrap().remove(0).value;
    let objects: Vec<Value> = objects.as_array().unwrap().clone();
    let (mesh, problems) = Mesh::new(objects, BTreeMap::new(), settings);
    assert_eq!(problems.iter().filter(|problem| problem.is_error()).count(), 0);
    mesh
}

fn asked(mesh: &Mesh, call: Value) -> (Answer, String) {
    let mut whole = json!({"inbound": "web.shop", "to": "web.shop:8080"});
    whole.as_object_mut().unwrap().extend(call.as_object().unwrap().clone());
    let answer = Proxies::of(mesh).explain(&Call::read(&whole).unwrap()).unwrap();
    let steps = answer.trace.iter().filter(|step| step.step == "policy");
    let steps: Vec<String> = steps.map(|step| step.why.clone()).collect();
    (answer, steps.join("\n"))
}

#[test]
fn who_is_asked_is_told_and_an_answer_can_be_supposed() {
    let mesh = mesh(true);
    let (answer, steps) = asked(&mesh, json!({"path": "/ask"}));
    assert_eq!(answer.outcome, Outcome::Routed, "{steps}");
    assert!(steps.contains("provider judge is asked, and decides"), "{steps}");
    assert!(steps.contains("rule 1 matches"), "{steps}");
    let (answer, steps) = asked(&mesh, json!({"path": "/ask", "custom": "deny"}));
    assert_eq!((answer.outcome, answer.status), (Outcome::Denied, Some(403)), "{steps}");
    let (answer, steps) = asked(&mesh, json!({"path": "/other", "custom": "deny"}));
    assert_eq!(answer.outcome, Outcome::Routed, "{steps}");
    let (answer, steps) = asked(&mesh, json!({"path": "/never", "custom": "allow"}));
    assert_eq!((answer.outcome, answer.policy.as_deref()), (Outcome::Denied, Some("shop/never")));
    assert!(!steps.contains("supposed"), "{steps}");
    let bytes = json!({"to": "web.shop:9000", "tcp": true, "custom": "deny"});
    let (answer, steps) = asked(&mesh, bytes);
    assert_eq!((answer.outcome, answer.status), (Outcome::Denied, None), "{steps}");
    assert!(Call::read(&json!({"inbound": "a.b", "to": "c:1", "custom": "maybe"})).is_err());
}

#[test]
fn a_provider_that_nobody_knows_denies_and_says_so() {
    let (answer, steps) = asked(&mesh(false), json!({"path": "/ask"}));
    assert_eq!((answer.outcome, answer.rule), (Outcome::Denied, Some(1)), "{steps}");
    assert_eq!(answer.policy.as_deref(), Some("shop/ask"));
    assert!(steps.contains("there is none that can be asked"), "{steps}");
}

#[test]
fn what_is_tried_out_is_told_and_decides_nothing() {
    let mesh = mesh(true);
    let (answer, steps) = asked(&mesh, json!({"path": "/tried"}));
    assert_eq!((answer.outcome, answer.policy), (Outcome::Routed, None), "{steps}");
    let told = "what is tried out (dry run) would deny: rule 0 of shop/tried";
    assert!(steps.contains(told), "{steps}");
    let (_, steps) = asked(&mesh, json!({"path": "/other"}));
    assert!(steps.contains("(dry run) would not deny it"), "{steps}");
}
