//! The objects by which an API server learns to ask port 15017.
//!
//! In: the certificate of the mesh's root. Out: a validating and a mutating webhook configuration.
//! Holds: which pods get a proxy is decided as [`ctl_admission::decide`] does; the selectors only save needless questions.
//! Source of names and selectors: Istio's, so that tools which look for them find these.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use weft_model::api::crd;

const INJECT: &str = "sidecar.istio.io/inject";
const INJECTION: &str = "istio-injection";
const REVISION: &str = "istio.io/rev";
/// The revision that this control plane is.
const OURS: &str = "default";

/// The Service that an API server asks.
pub(super) const SERVICE: (&str, &str) = ("istio-system", "istiod");

/// Both configurations, trusting this root.
#[must_use]
pub fn objects(root_pem: &str) -> [Value; 2] {
    [validating(root_pem), mutating(root_pem)]
}

/// What `caBundle` holds.
pub(super) fn bundle(root_pem: &str) -> String {
    BASE64.encode(root_pem)
}

fn metadata(name: &str) -> Value {
    json!({"name": name, "labels": {"app": "istiod", REVISION: OURS}})
}

fn client(path: &str, root_pem: &str) -> Value {
    let (namespace, name) = SERVICE;
    json!({"service": {"namespace": namespace, "name": name, "path": path, "port": 443},
        "caBundle": bundle(root_pem)})
}

fn validating(root_pem: &str) -> Value {
    let groups: BTreeSet<&str> = crd::KINDS.iter().map(|kind| kind.group).collect();
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": metadata("istio-validator-istio-system"),
        "webhooks": [{
            "name": "rev.validation.istio.io", "clientConfig": client("/validate", root_pem),
            "rules": [{"operations": ["CREATE", "UPDATE"], "apiGroups": groups,
                "apiVersions": ["*"], "resources": ["*"]}],
            "failurePolicy": "Fail", "sideEffects": "None", "admissionReviewVersions": ["v1"],
        }],
    })
}

fn mutating(root_pem: &str) -> Value {
    let absent = |key: &str| json!({"key": key, "operator": "DoesNotExist"});
    let is = |key: &str, value: &str| json!({"key": key, "operator": "In", "values": [value]});
    let stays = json!({"key": INJECT, "operator": "NotIn", "values": ["false"]});
    let hooks = [
        ("rev.namespace", [is(REVISION, OURS), absent(INJECTION)], vec![stays.clone()]),
        (
            "rev.object",
            [absent(REVISION), absent(INJECTION)],
            vec![stays.clone(), is(REVISION, OURS)],
        ),
        ("namespace", [is(INJECTION, "enabled"), json!(null)], vec![stays]),
        (
            "object",
            [absent(INJECTION), absent(REVISION)],
            vec![is(INJECT, "true"), absent(REVISION)],
        ),
    ];
    let webhook = |(name, namespace, object): (&str, [Value; 2], Vec<Value>)| {
        let namespace: Vec<Value> = namespace.into_iter().filter(|term| !term.is_null()).collect();
        json!({
            "name": format!("{name}.sidecar-injector.istio.io"),
            "clientConfig": client("/inject", root_pem),
            "rules": [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"],
                "resources": ["pods"]}],
            "namespaceSelector": {"matchExpressions": namespace},
            "objectSelector": {"matchExpressions": object},
            "failurePolicy": "Fail", "reinvocationPolicy": "Never", "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
        })
    };
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
        "metadata": metadata("istio-sidecar-injector"),
        "webhooks": hooks.map(webhook),
    })
}
