//! What an explanation says of limits of rates.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::collections::BTreeMap;

use ctl_snapshot::MeshSettings;
use serde_json::{Value, json};
use weft_explain::{Call, Mesh, Outcome, Proxies};
use weft_model::api::yaml;

const MESH: &str = "
- {apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {istio-injection: enabled}}}
- {apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop, labels: {app: web}}, status: {podIP: 10.244.0.10}}
- apiVersion: v1
  kind: Service
  metadata: {name: web, namespace: shop}
  spec: {selector: {app: web}, ports: [{name: http, port: 8080}]}
- apiVersion: networking.istio.io/v1alpha3
  kind: EnvoyFilter
  metadata: {name: limit, namespace: shop}
  spec:
    configPatches:
      - applyTo: HTTP_FILTER
        match: {context: SIDECAR_INBOUND}
        patch:
          operation: INSERT_FIRST
          value:
            name: envoy.filters.http.local_ratelimit
            typed_config:
              '@type': type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit
              stat_prefix: of_web
              token_bucket: {max_tokens: 100, tokens_per_fill: 10, fill_interval: 60s}
              filter_enabled: {default_value: {numerator: 100}}
              rate_limits: [{actions: [{request_headers: {header_name: x-user, descriptor_key: user}}]}]
              descriptors: [{entries: [{key: user}], token_bucket: {max_tokens: 3, tokens_per_fill: 3, fill_interval: 1s}}]
";

fn told(call: Value) -> String {
    let objects = yaml::read(MESH, "file").unwrap().remove(0).value;
    let objects: Vec<Value> = objects.as_array().unwrap().clone();
    let (mesh, problems) = Mesh::new(objects, BTreeMap::new(), MeshSettings::default());
    assert_eq!(problems.iter().filter(|problem| problem.is_error()).count(), 0, "{problems:?}");
    let mut whole = json!({"inbound": "web.shop", "to": "web.shop:8080"});
    whole.as_object_mut().unwrap().extend(call.as_object().unwrap().clone());
    let answer = Proxies::of(&mesh).explain(&Call::read(&whole).unwrap()).unwrap();
    assert_eq!(answer.outcome, Outcome::Routed);
    let steps = answer.trace.iter().filter(|step| step.step == "limit");
    steps.map(|step| step.why.clone()).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_limit_that_a_request_may_meet_is_named() {
    let all = "10 per 60s, 100 at once";
    let then = "what is beyond it gets 429";
    assert_eq!(told(json!({})), format!("may be limited by of_web: {all}; {then}"));
    let user = told(json!({"headers": {"x-user": "ann"}}));
    assert_eq!(user, format!("may be limited by of_web: 3 per 1s for ann, and {all}; {then}"));
}
