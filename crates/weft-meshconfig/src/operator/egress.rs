//! The gateways for what goes out that an IstioOperator asks for.
//!
//! In: the document. Out: a ServiceAccount, a Service and a Deployment for each that is enabled, as Istio's chart names them.
//! Holds: what the document says of a Service or a pod stands over what is ours. Never: the gateway for what comes in, which
//! every mesh has.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use weft_api::install::{GatewayComponent, IstioOperator, KubernetesResources};

use super::over;
use crate::document::NAMESPACE;
use crate::normal;
use crate::report::Report;
use weft_model::{ObjectRef, Severity};

/// Name of a gateway that says none.
const NAME: &str = "istio-egressgateway";

/// The objects of all enabled egress gateways of an IstioOperator; none for any other object.
#[must_use]
pub fn egress_gateways_of(operator: &Value) -> Vec<Value> {
    if !crate::is_istio_operator(operator) {
        return Vec::new();
    }
    let mut unheard = Report::new(ObjectRef::default(), "");
    let (read, _) = normal::read::<IstioOperator>(operator, Severity::Error, &mut unheard);
    let components = read.spec.components.iter();
    let all = components.flat_map(|components| &components.egress_gateways);
    all.filter(|gateway| gateway.enabled == Some(true)).flat_map(objects).collect()
}

fn objects(gateway: &GatewayComponent) -> [Value; 3] {
    let or = |text: &str, default: &str| if text.is_empty() { default } else { text }.to_owned();
    let name = or(&gateway.name, NAME);
    let namespace = or(&gateway.namespace, NAMESPACE);
    let account = format!("{name}-service-account");
    let mut labels: BTreeMap<&str, &str> =
        BTreeMap::from([("app", name.as_str()), ("istio", "egressgateway")]);
    labels.extend(gateway.label.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    let meta = |name: &str| json!({"name": name, "namespace": namespace, "labels": labels});
    let none = KubernetesResources::default();
    let k8s = gateway.k8s.as_ref().unwrap_or(&none);
    let port = |name: &str, port: u16, target: u16| json!({"name": name, "port": port, "targetPort": target, "protocol": "TCP"});
    let ours = json!({"type": "ClusterIP", "selector": labels,
        "ports": [port("http2", 80, 8080), port("https", 443, 8443)]});
    let mut service = json!({"apiVersion": "v1", "kind": "Service", "metadata": meta(&name),
        "spec": over(ours, k8s.service.as_deref().cloned().unwrap_or(Value::Null))});
    if !k8s.service_annotations.is_empty() {
        service["metadata"]["annotations"] = json!(k8s.service_annotations);
    }
    [
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta(&account)}),
        service,
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta(&name), "spec": {
            "replicas": k8s.replica_count.max(1), "selector": {"matchLabels": labels},
            "template": template(&labels, &account, k8s)}}),
    ]
}

fn template(labels: &BTreeMap<&str, &str>, account: &str, k8s: &KubernetesResources) -> Value {
    let mut marks = json!(labels);
    marks["sidecar.istio.io/inject"] = json!("true");
    let mut annotations = json!(k8s.pod_annotations);
    annotations["inject.istio.io/templates"] = json!("gateway");
    json!({
        "metadata": {"labels": marks, "annotations": annotations},
        "spec": {"serviceAccountName": account,
            "containers": [{"name": "istio-proxy", "image": "auto", "env": k8s.env,
                "ports": [{"containerPort": 8080}, {"containerPort": 8443}]}]},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(gateways: &Value) -> Vec<Value> {
        egress_gateways_of(&json!({"apiVersion": "install.istio.io/v1alpha1",
            "kind": "IstioOperator", "spec": {"components": {"egressGateways": gateways}}}))
    }

    #[test]
    fn an_enabled_gateway_is_an_account_a_service_and_pods_under_istios_names() {
        let made = of(&json!([{"name": "istio-egressgateway", "enabled": true}]));
        let name = |object: &Value| format!("{} {}", object["kind"], object["metadata"]["name"]);
        assert_eq!(
            made.iter().map(name).collect::<Vec<_>>(),
            [
                r#""ServiceAccount" "istio-egressgateway-service-account""#,
                r#""Service" "istio-egressgateway""#,
                r#""Deployment" "istio-egressgateway""#
            ]
        );
        assert!(made.iter().all(|object| object["metadata"]["namespace"] == "istio-system"));
        let pod = &made[2]["spec"]["template"];
        assert_eq!(pod["metadata"]["labels"]["istio"], "egressgateway");
        assert_eq!(pod["metadata"]["annotations"]["inject.istio.io/templates"], "gateway");
        assert_eq!(made[1]["spec"]["ports"][1]["targetPort"], 8443);
    }

    #[test]
    fn a_gateway_that_is_not_enabled_is_not_made() {
        assert_eq!(of(&json!([{"name": "a"}, {"name": "b", "enabled": false}])), [json!(null); 0]);
        assert_eq!(egress_gateways_of(&json!({"kind": "Service"})), [json!(null); 0]);
    }

    #[test]
    fn what_the_document_says_stands_over_what_is_ours() {
        let ports = json!([{"name": "tls", "port": 443, "targetPort": 9443}]);
        let made = of(&json!([{"name": "out", "namespace": "edge", "enabled": true,
            "label": {"istio": "out"}, "k8s": {"replicaCount": 2, "service": {"ports": ports},
            "podAnnotations": {"a": "b"}, "env": [{"name": "X", "value": "y"}]}}]));
        assert_eq!(made[1]["spec"]["ports"], ports);
        assert_eq!(made[1]["spec"]["selector"], json!({"app": "out", "istio": "out"}));
        let (spec, pod) = (&made[2]["spec"], &made[2]["spec"]["template"]);
        assert_eq!(
            (&spec["replicas"], &pod["metadata"]["annotations"]["a"]),
            (&json!(2), &json!("b"))
        );
        assert_eq!(pod["spec"]["containers"][0]["env"][0]["name"], "X");
        assert_eq!(made[2]["metadata"]["namespace"], "edge");
    }
}
