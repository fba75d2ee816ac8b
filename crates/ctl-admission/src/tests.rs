use serde_json::{Value, json};

use super::*;

fn pod(labels: Value, annotations: Value) -> Value {
    json!({
        "metadata": {"generateName": "web-6d5f-", "labels": labels, "annotations": annotations,
            "ownerReferences": [{"controller": true, "kind": "ReplicaSet", "name": "web-6d5f", "apiVersion": "apps/v1"}]},
        "spec": {"containers": [{"name": "web", "image": "weft/echo"}]},
    })
}

#[track_caller]
fn check(pod_labels: Value, namespace_labels: Value, expected: bool) {
    let mut pod = pod(pod_labels, json!({}));
    let decision = inject(&mut pod, "shop", &namespace_labels, &MeshSettings::default()).unwrap();
    assert_eq!(matches!(decision, Decision::Inject(_)), expected, "{decision:?}");
    assert_eq!(pod["spec"]["containers"].as_array().unwrap().len(), 1);
    assert_eq!(pod["spec"]["initContainers"].is_array(), expected);
}

#[test]
fn the_pods_wish_beats_its_namespaces() {
    let on = json!({"istio-injection": "enabled"});
    check(json!({}), on.clone(), true);
    check(json!({}), json!({}), false);
    check(json!({}), json!({"istio-injection": "disabled"}), false);
    check(json!({"sidecar.istio.io/inject": "false"}), on, false);
    check(json!({"sidecar.istio.io/inject": "true"}), json!({}), true);
    check(json!({}), json!({"istio.io/rev": "default"}), true);
    check(json!({}), json!({"istio.io/rev": "canary"}), false);
}

#[test]
fn an_injected_pod_names_its_workload_and_is_not_injected_twice() {
    let mut pod =
        pod(json!({"app": "web", "version": "v2", "pod-template-hash": "6d5f"}), json!({}));
    let labels = json!({"istio-injection": "enabled"});
    inject(&mut pod, "shop", &labels, &MeshSettings::default()).unwrap();
    let proxy = &pod["spec"]["initContainers"][0];
    assert_eq!(proxy["name"], "istio-proxy");
    assert_eq!(proxy["restartPolicy"], "Always");
    let env = proxy["env"].as_array().unwrap();
    let value = |name: &str| env.iter().find(|e| e["name"] == name).unwrap()["value"].clone();
    assert_eq!(value("ISTIO_META_WORKLOAD_NAME"), "web");
    assert_eq!(
        value("ISTIO_META_OWNER"),
        "kubernetes://apis/apps/v1/namespaces/shop/deployments/web"
    );
    assert_eq!(pod["metadata"]["labels"]["service.istio.io/canonical-revision"], "v2");
    let again = inject(&mut pod, "shop", &labels, &MeshSettings::default()).unwrap();
    assert!(matches!(again, Decision::Skip(_)));
}

#[test]
fn annotations_choose_the_data_plane_and_add_proxy_metadata() {
    let annotations = json!({
        "weft.dev/dataplane": "envoy",
        "proxy.istio.io/config": "proxyMetadata:\n  SECRET_TTL: 20s\n",
    });
    let mut pod = pod(json!({}), annotations);
    let labels = json!({"istio-injection": "enabled"});
    inject(&mut pod, "shop", &labels, &MeshSettings::default()).unwrap();
    let proxy = &pod["spec"]["initContainers"][0];
    assert_eq!(proxy["args"], json!(["agent", "sidecar"]));
    assert!(
        proxy["env"].as_array().unwrap().contains(&json!({"name": "SECRET_TTL", "value": "20s"}))
    );
}

#[test]
fn the_proxy_is_an_ordinary_container_when_the_pod_asks_for_it() {
    let mut pod = pod(json!({}), json!({"sidecar.istio.io/nativeSidecar": "false"}));
    let labels = json!({"istio-injection": "enabled"});
    inject(&mut pod, "shop", &labels, &MeshSettings::default()).unwrap();
    assert_eq!(pod["spec"]["containers"][0]["name"], "istio-proxy");
    assert!(pod["spec"]["containers"][0]["restartPolicy"].is_null());
    assert!(pod["spec"]["initContainers"].is_null());
}

#[test]
fn an_unknown_data_plane_is_refused_and_changes_nothing() {
    let mut pod = pod(json!({}), json!({"weft.dev/dataplane": "nginx"}));
    let before = pod.clone();
    let labels = json!({"istio-injection": "enabled"});
    let refused = inject(&mut pod, "shop", &labels, &MeshSettings::default()).unwrap_err();
    assert!(refused.to_string().contains("nginx"));
    assert_eq!(pod, before);
}

#[test]
fn a_gateway_keeps_what_its_container_sets() {
    let mut pod = pod(
        json!({"sidecar.istio.io/inject": "true"}),
        json!({"inject.istio.io/templates": "gateway"}),
    );
    pod["spec"]["containers"] =
        json!([{"name": "istio-proxy", "image": "auto", "ports": [{"containerPort": 8080}]}]);
    inject(&mut pod, "istio-system", &json!({}), &MeshSettings::default()).unwrap();
    let containers = pod["spec"]["containers"].as_array().unwrap();
    assert_eq!(containers.len(), 1);
    assert_eq!(containers[0]["args"], json!(["router"]));
    assert_eq!(containers[0]["ports"].as_array().unwrap().len(), 2);
    assert!(pod["metadata"]["annotations"]["sidecar.istio.io/status"].is_null());
}

/// Injects with what an operator set for all proxies, and what the pod says itself.
fn configured(mesh: Value, annotations: Value) -> Value {
    let Value::Object(proxy) = mesh else { panic!("a map") };
    let settings = MeshSettings { proxy, ..MeshSettings::default() };
    let mut pod = pod(json!({}), annotations);
    inject(&mut pod, "shop", &json!({"istio-injection": "enabled"}), &settings).unwrap();
    pod
}

fn env(pod: &Value) -> std::collections::BTreeMap<String, String> {
    let env = pod["spec"]["initContainers"][0]["env"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    env.iter().map(|entry| (text(&entry["name"]), text(&entry["value"]))).collect()
}

#[test]
fn what_the_mesh_sets_for_all_proxies_goes_under_a_pods_own_wish() {
    let mesh = json!({
        "concurrency": 3, "terminationDrainDuration": "9s", "meshId": "m",
        "proxyMetadata": {"A": "mesh", "B": "mesh"},
    });
    let own = "concurrency: 1\nproxyMetadata:\n  B: pod\n";
    let env = env(&configured(mesh, json!({"proxy.istio.io/config": own})));
    let config: Value = serde_json::from_str(&env["PROXY_CONFIG"]).unwrap();
    assert_eq!(config["concurrency"], 1);
    assert_eq!(config["terminationDrainDuration"], "9s");
    assert_eq!((env["A"].as_str(), env["B"].as_str()), ("mesh", "pod"));
    assert_eq!(env["ISTIO_META_MESH_ID"], "m");
}

#[test]
fn a_drain_has_what_the_grace_of_the_pod_leaves_where_nobody_says_more() {
    let drain = |grace: Value, mesh: Value| {
        let Value::Object(proxy) = mesh else { panic!("a map") };
        let settings = MeshSettings { proxy, ..MeshSettings::default() };
        let mut pod = pod(json!({}), json!({}));
        pod["spec"]["terminationGracePeriodSeconds"] = grace;
        inject(&mut pod, "shop", &json!({"istio-injection": "enabled"}), &settings).unwrap();
        let config: Value = serde_json::from_str(&env(&pod)["PROXY_CONFIG"]).unwrap();
        config["terminationDrainDuration"].as_str().unwrap().to_owned()
    };
    assert_eq!(drain(Value::Null, json!({})), "25000ms");
    assert_eq!(drain(json!(600), json!({})), "595000ms");
    assert_eq!(drain(json!(4), json!({})), "2000ms");
    assert_eq!(drain(json!(0), json!({})), "0ms");
    assert_eq!(drain(json!(600), json!({"terminationDrainDuration": "7s"})), "7s");
}

#[test]
fn who_wants_to_wait_for_the_proxy_gets_a_native_sidecar() {
    let ordinary = json!({"sidecar.istio.io/nativeSidecar": "false"});
    let native =
        |mesh: Value| configured(mesh, ordinary.clone())["spec"]["initContainers"].is_array();
    assert!(!native(json!({})));
    assert!(!native(json!({"holdApplicationUntilProxyStarts": false})));
    assert!(native(json!({"holdApplicationUntilProxyStarts": true})));
}

#[test]
fn prometheus_is_told_only_when_metrics_are_served_together() {
    let told = |merge: bool| {
        let settings = MeshSettings { prometheus_merge: merge, ..MeshSettings::default() };
        let mut pod = pod(json!({}), json!({}));
        inject(&mut pod, "shop", &json!({"istio-injection": "enabled"}), &settings).unwrap();
        pod["metadata"]["annotations"]["prometheus.io/scrape"] == "true"
    };
    assert!(told(true) && !told(false));
}

#[test]
fn applications_are_held_until_no_proxy_sends_to_them() {
    let hook = |grace: Value, annotations: Value, own: Value| {
        let mut pod = pod(json!({}), annotations);
        pod["spec"]["terminationGracePeriodSeconds"] = grace;
        pod["spec"]["containers"][0]["lifecycle"] = own;
        let labels = json!({"istio-injection": "enabled"});
        inject(&mut pod, "shop", &labels, &MeshSettings::default()).unwrap();
        assert!(pod["spec"]["initContainers"][0]["lifecycle"].is_null());
        pod["spec"]["containers"][0]["lifecycle"]["preStop"].clone()
    };
    let asks = |within: &str| json!({"httpGet": {"path": format!("/withdrawn?within={within}"), "port": 15021, "scheme": "HTTP"}});
    let starts = json!({"postStart": {"exec": {"command": ["true"]}}});
    assert_eq!(hook(json!(null), json!({}), json!(null)), asks("15000ms"));
    assert_eq!(hook(json!(600), json!({}), starts), asks("15000ms"));
    assert_eq!(hook(json!(3), json!({}), json!(null)), asks("1500ms"));
    let own = json!({"sleep": {"seconds": 2}});
    assert_eq!(hook(json!(30), json!({}), json!({"preStop": own})), own);
    let off = json!({"weft.dev/hold-until-withdrawn": "false"});
    assert_eq!(hook(json!(30), off, json!(null)), json!(null));
}
