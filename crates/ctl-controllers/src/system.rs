//! The objects that every mesh has: system namespaces, the control plane's Service, DNS, the ingress gateway.
//!
//! In: nothing but the addresses of ARCHITECTURE.md. Out: JSON objects, created when they are absent.
//! Holds: what a user changed in them stays.

use ctl_source::{Source, SourceError, kinds};
use serde_json::{Value, json};

/// Where the control plane and the API server listen in the mesh namespace.
pub const NODE_ADDRESS: &str = "10.244.0.1";

/// All of them, in the order of creation.
#[must_use]
pub fn objects() -> Vec<Value> {
    let mut all: Vec<Value> =
        ["default", "kube-system", "kube-public", "istio-system"].map(namespace).into();
    let control = [
        ("grpc-xds", 15010, 15010),
        ("https-dns", 15012, 15012),
        ("https-webhook", 443, 15017),
        ("http-monitoring", 15014, 15014),
    ];
    all.extend(service_at("istio-system", "istiod", &control));
    all.extend(dns());
    all.extend(ingress());
    all
}

/// Creates what is absent; `settings` after the namespaces and before any pod that they are for.
///
/// # Errors
/// The first failure that is not "already exists".
pub async fn ensure(source: &dyn Source, settings: Option<Value>) -> Result<(), SourceError> {
    let mut all = objects();
    let namespaces = all.iter().take_while(|object| object["kind"] == "Namespace").count();
    all.splice(namespaces..namespaces, settings);
    for object in all {
        let (group, kind) = group_and_kind(&object);
        let Some(info) = kinds::find(group, kind) else {
            return Err(SourceError::Invalid(format!("no kind {kind} in group {group:?}")));
        };
        match source.create(&info.resource(), object).await {
            Ok(_) | Err(SourceError::AlreadyExists(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn group_and_kind(object: &Value) -> (&str, &str) {
    let version = object["apiVersion"].as_str().unwrap_or_default();
    let group = version.split_once('/').map_or("", |(group, _)| group);
    (group, object["kind"].as_str().unwrap_or_default())
}

fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}}})
}

/// A Service without selector whose one endpoint is the node.
fn service_at(namespace: &str, name: &str, ports: &[(&str, u16, u16)]) -> [Value; 2] {
    let service_ports: Vec<Value> = ports
        .iter()
        .map(|(name, port, target)| json!({"name": name, "port": port, "targetPort": target, "protocol": "TCP"}))
        .collect();
    let slice_ports: Vec<Value> = ports
        .iter()
        .map(|(name, _, target)| json!({"name": name, "port": target, "protocol": "TCP"}))
        .collect();
    let service = json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "spec": {"ports": service_ports}});
    let slice = json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {"name": name, "namespace": namespace, "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4", "ports": slice_ports,
        "endpoints": [{"addresses": [NODE_ADDRESS], "conditions": {"ready": true, "serving": true, "terminating": false}}]});
    [service, slice]
}

/// The node answers on this address itself; the Service only shows it.
fn dns() -> [Value; 1] {
    [json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "kube-dns", "namespace": "kube-system", "labels": {"k8s-app": "kube-dns"}},
        "spec": {"clusterIP": "10.96.0.10", "ports": [
            {"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53, "protocol": "TCP"}]}})]
}

fn ingress() -> [Value; 3] {
    let name = "istio-ingressgateway";
    let labels = json!({"app": name, "istio": "ingressgateway"});
    let mut pod_labels = labels.clone();
    pod_labels["sidecar.istio.io/inject"] = json!("true");
    let port = |name: &str, port: u16, target: u16| json!({"name": name, "port": port, "targetPort": target, "protocol": "TCP"});
    let meta = |name: &str| json!({"name": name, "namespace": "istio-system", "labels": labels});
    [
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta("istio-ingressgateway-service-account")}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": meta(name), "spec": {"type": "LoadBalancer",
            "selector": labels, "ports": [port("status-port", 15021, 15021), port("http2", 80, 8080), port("https", 443, 8443)]}}),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta(name), "spec": {
            "replicas": 1, "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": pod_labels, "annotations": {"inject.istio.io/templates": "gateway"}},
                "spec": {"serviceAccountName": "istio-ingressgateway-service-account",
                    "containers": [{"name": "istio-proxy", "image": "auto",
                        "ports": [{"containerPort": 8080}, {"containerPort": 8443}, {"containerPort": 15021}]}]}}}}),
    ]
}
