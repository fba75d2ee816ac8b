//! Defaults of a pod's specification, alone or in a template.

use serde_json::{Map, Value, json};

use super::{child, each, put};

const PROBES: [&str; 3] = ["livenessProbe", "readinessProbe", "startupProbe"];

pub(super) fn spec(spec: &mut Map<String, Value>) {
    for (field, value) in [
        ("restartPolicy", json!("Always")),
        ("terminationGracePeriodSeconds", json!(30)),
        ("dnsPolicy", json!("ClusterFirst")),
        ("securityContext", json!({})),
        ("schedulerName", json!("default-scheduler")),
    ] {
        put(spec, field, value);
    }
    if let Some(account) = spec.get("serviceAccountName").filter(|a| a.is_string()).cloned() {
        put(spec, "serviceAccount", account);
    } else if let Some(account) = spec.get("serviceAccount").filter(|a| a.is_string()).cloned() {
        put(spec, "serviceAccountName", account);
    }
    for list in ["containers", "initContainers"] {
        each(spec, list).for_each(container);
    }
    each(spec, "volumes").for_each(volume);
}

/// A pod that names no account runs as `default`; a template leaves that to its pods.
pub(super) fn account(spec: &mut Map<String, Value>) {
    put(spec, "serviceAccountName", json!("default"));
    put(spec, "serviceAccount", json!("default"));
}

fn container(container: &mut Map<String, Value>) {
    put(container, "resources", json!({}));
    put(container, "terminationMessagePath", json!("/dev/termination-log"));
    put(container, "terminationMessagePolicy", json!("File"));
    let image = container.get("image").and_then(Value::as_str).unwrap_or_default();
    let last = image.rsplit('/').next().unwrap_or_default();
    let moving = !last.contains('@') && (!last.contains(':') || last.ends_with(":latest"));
    put(container, "imagePullPolicy", json!(if moving { "Always" } else { "IfNotPresent" }));
    for port in each(container, "ports") {
        put(port, "protocol", json!("TCP"));
    }
    for probe in PROBES {
        if let Some(probe) = container.get_mut(probe).and_then(Value::as_object_mut) {
            self::probe(probe);
        }
    }
    for variable in each(container, "env") {
        let source = variable.get_mut("valueFrom").and_then(|v| v.get_mut("fieldRef"));
        if let Some(field) = source.and_then(Value::as_object_mut) {
            put(field, "apiVersion", json!("v1"));
        }
    }
}

fn probe(probe: &mut Map<String, Value>) {
    for (field, value) in [
        ("timeoutSeconds", 1),
        ("periodSeconds", 10),
        ("successThreshold", 1),
        ("failureThreshold", 3),
    ] {
        put(probe, field, json!(value));
    }
    if let Some(get) = probe.get_mut("httpGet").and_then(Value::as_object_mut) {
        put(get, "scheme", json!("HTTP"));
        put(get, "path", json!("/"));
    }
    if let Some(grpc) = probe.get_mut("grpc").and_then(Value::as_object_mut) {
        put(grpc, "service", json!(""));
    }
}

fn volume(volume: &mut Map<String, Value>) {
    for kind in ["configMap", "secret", "projected"] {
        if let Some(source) = volume.get_mut(kind).and_then(Value::as_object_mut) {
            put(source, "defaultMode", json!(420));
            for part in each(source, "sources") {
                if part.contains_key("serviceAccountToken") {
                    put(child(part, "serviceAccountToken"), "expirationSeconds", json!(3600));
                }
            }
        }
    }
}
