//! Fields of a pod that the local node cannot honour, by name.
//!
//! In: the pod. Out: their paths, for one event.
//! Holds: what is not named here is honoured.

use k8s_openapi::api::core::v1::{Container, Pod};
use serde_json::Value;

use crate::pod::volumes::unknown_kind;

const POD: &[&str] = &[
    "activeDeadlineSeconds",
    "affinity",
    "dnsConfig",
    "hostIPC",
    "hostNetwork",
    "hostPID",
    "hostUsers",
    "imagePullSecrets",
    "nodeSelector",
    "os",
    "overhead",
    "preemptionPolicy",
    "priorityClassName",
    "resourceClaims",
    "resources",
    "runtimeClassName",
    "schedulingGates",
    "setHostnameAsFQDN",
    "shareProcessNamespace",
    "topologySpreadConstraints",
];
const CONTAINER: &[&str] = &[
    "resizePolicy",
    "stdin",
    "stdinOnce",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "tty",
    "volumeDevices",
];
const SECURITY: &[&str] = &[
    "appArmorProfile",
    "capabilities",
    "fsGroup",
    "fsGroupChangePolicy",
    "privileged",
    "procMount",
    "readOnlyRootFilesystem",
    "runAsGroup",
    "runAsNonRoot",
    "runAsUser",
    "seLinuxOptions",
    "seccompProfile",
    "supplementalGroups",
    "sysctls",
];

/// Every field that has no effect here.
pub(crate) fn not_honoured(pod: &Pod) -> Vec<String> {
    let Some(spec) = &pod.spec else { return Vec::new() };
    let json = serde_json::to_value(spec).unwrap_or_default();
    let mut found = Vec::new();
    pick(&json, "spec", POD, &mut found);
    pick(&json["securityContext"], "spec.securityContext", SECURITY, &mut found);
    if json["dnsPolicy"].as_str().is_some_and(|p| p != "ClusterFirst") {
        found.push("spec.dnsPolicy".into());
    }
    for volume in spec.volumes.iter().flatten().filter(|v| unknown_kind(v)) {
        found.push(format!("spec.volumes[{}]: an emptyDir stands in its place", volume.name));
    }
    for (list, containers) in [
        ("initContainers", &spec.init_containers.clone().unwrap_or_default()),
        ("containers", &spec.containers),
    ] {
        for container in containers {
            in_container(container, &format!("spec.{list}[{}]", container.name), &mut found);
        }
    }
    found
}

fn in_container(container: &Container, path: &str, found: &mut Vec<String>) {
    let json = serde_json::to_value(container).unwrap_or_default();
    pick(&json, path, CONTAINER, found);
    pick(&json["securityContext"], &format!("{path}.securityContext"), SECURITY, found);
    for kind in ["limits", "requests"] {
        if json["resources"][kind].as_object().is_some_and(|o| !o.is_empty()) {
            found.push(format!("{path}.resources.{kind}"));
        }
    }
    for (name, probe) in [
        ("livenessProbe", &container.liveness_probe),
        ("readinessProbe", &container.readiness_probe),
        ("startupProbe", &container.startup_probe),
    ] {
        let scheme = probe.as_ref().and_then(|p| p.http_get.as_ref()?.scheme.as_deref());
        if probe.as_ref().is_some_and(|p| p.termination_grace_period_seconds.is_some()) {
            found.push(format!("{path}.{name}.terminationGracePeriodSeconds"));
        }
        if scheme == Some("HTTPS") {
            found.push(format!("{path}.{name}.httpGet.scheme HTTPS: only the connection is tried"));
        }
    }
    for mount in json["volumeMounts"].as_array().into_iter().flatten() {
        let name = mount["name"].as_str().unwrap_or_default();
        let path = format!("{path}.volumeMounts[{name}]");
        pick(mount, &path, &["mountPropagation", "recursiveReadOnly", "subPathExpr"], found);
    }
}

fn pick(json: &Value, path: &str, names: &[&str], found: &mut Vec<String>) {
    let empty = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Number(_) | Value::String(_) | Value::Bool(true) => false,
    };
    for name in names.iter().filter(|name| !empty(&json[**name])) {
        // The default of the API server, not a wish of the user's.
        const DEFAULTS: [&str; 3] = ["/dev/termination-log", "PreemptLowerPriority", "File"];
        if json[*name].as_str().is_some_and(|value| DEFAULTS.contains(&value)) {
            continue;
        }
        found.push(format!("{path}.{name}"));
    }
}
