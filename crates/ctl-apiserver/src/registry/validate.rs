//! The rules of built-in kinds that others count on: required fields, and fields that never change.
//!
//! In: an object with its defaults, and the one before. Out: problems, each with its path.
//! Never: the mesh kinds; their rules come through [`crate::admission::Admission`].

use crate::kind::Kind;
use serde_json::Value;

type Problems = Vec<(String, String)>;

pub(super) fn problems(kind: &Kind, object: &Value, old: Option<&Value>) -> Problems {
    let mut found = Vec::new();
    let labels = label_problems(object).into_iter();
    found.extend(labels.map(|(name, why)| (format!("metadata.labels.{name}"), why)));
    match (kind.group.as_str(), kind.kind.as_str()) {
        ("", "Pod") => {
            pod(&object["spec"], "spec", &mut found);
            if let Some(old) = old {
                pod_is_stable(object, old, &mut found);
            }
        }
        ("", "Service") => service(&object["spec"], &mut found),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            found.extend(crate::definition::problems(object, old));
        }
        (crate::webhook::GROUP, _) => found.extend(crate::webhook::problems(object)),
        ("apps", "Deployment" | "ReplicaSet") => workload(object, &mut found),
        ("batch", "Job") => {
            pod(&object["spec"]["template"]["spec"], "spec.template.spec", &mut found)
        }
        _ => {}
    }
    if let Some(old) = old {
        for path in immutable(kind) {
            if object.pointer(path) != old.pointer(path) {
                let field = path.trim_start_matches('/').replace('/', ".");
                found.push((
                    field,
                    "cannot be changed; delete the object and create it anew".into(),
                ));
            }
        }
    }
    found
}

fn immutable(kind: &Kind) -> &'static [&'static str] {
    match (kind.group.as_str(), kind.kind.as_str()) {
        ("apps", "Deployment" | "ReplicaSet") => &["/spec/selector"],
        ("batch", "Job") => &["/spec/selector", "/spec/template"],
        ("", "Secret") => &["/type"],
        ("", "Service") => &[],
        _ => &[],
    }
}

/// Labels with values that are none, each by its name.
pub(super) fn label_problems(object: &Value) -> Problems {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let ends = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
    let wrong = |value: &Value| match value.as_str() {
        None => Some("must be a string; put it in quotes".to_owned()),
        Some(text)
            if text.len() > 63
                || !text.chars().all(fits)
                || !ends(text.chars().next())
                || !ends(text.chars().last()) =>
        {
            Some(format!(
                "{text:?} is not a label value: use up to 63 of A-Z, a-z, 0-9, '-', '_', '.'"
            ))
        }
        Some(_) => None,
    };
    let labels = object["metadata"]["labels"].as_object().into_iter().flatten();
    labels.filter_map(|(name, value)| Some((name.clone(), wrong(value)?))).collect()
}

fn pod(spec: &Value, path: &str, found: &mut Problems) {
    let containers = spec["containers"].as_array().map(Vec::as_slice).unwrap_or_default();
    if containers.is_empty() {
        found.push((format!("{path}.containers"), "needs at least one container".into()));
    }
    let mut names = std::collections::HashSet::new();
    for list in ["initContainers", "containers"] {
        for (at, container) in spec[list].as_array().into_iter().flatten().enumerate() {
            let path = format!("{path}.{list}[{at}]");
            match container["name"].as_str().filter(|n| !n.is_empty()) {
                None => found.push((format!("{path}.name"), "is required".into())),
                Some(name) if !names.insert(name) => {
                    found.push((format!("{path}.name"), format!("{name:?} is used twice")));
                }
                Some(_) => {}
            }
            if container["image"].as_str().is_none_or(str::is_empty) {
                found.push((format!("{path}.image"), "is required".into()));
            }
            mounts(spec, container, &path, found);
        }
    }
}

fn mounts(spec: &Value, container: &Value, path: &str, found: &mut Problems) {
    for (at, mount) in container["volumeMounts"].as_array().into_iter().flatten().enumerate() {
        let volumes = spec["volumes"].as_array().map(Vec::as_slice).unwrap_or_default();
        if !volumes.iter().any(|v| v["name"] == mount["name"]) {
            let why = format!("no volume has the name {}", mount["name"]);
            found.push((format!("{path}.volumeMounts[{at}].name"), why));
        }
    }
}

/// Of a pod that exists only images and a few times may change; its node is given once.
fn pod_is_stable(object: &Value, old: &Value, found: &mut Problems) {
    let stripped = |pod: &Value| {
        let mut spec = pod["spec"].clone();
        if let Some(spec) = spec.as_object_mut() {
            spec.remove("activeDeadlineSeconds");
            spec.remove("tolerations");
            spec.remove("terminationGracePeriodSeconds");
            if old["spec"]["nodeName"].is_null() {
                spec.remove("nodeName");
            }
        }
        for list in ["containers", "initContainers"] {
            for container in spec[list].as_array_mut().into_iter().flatten() {
                container["image"] = Value::Null;
                container["imagePullPolicy"] = Value::Null;
            }
        }
        if spec["initContainers"].is_null() {
            spec["initContainers"] = Value::Null;
        }
        spec
    };
    if stripped(object) != stripped(old) {
        let why = "of a running pod only images, tolerations and deadlines can be changed; change the owner, or delete the pod";
        found.push(("spec".into(), why.into()));
    }
}

fn service(spec: &Value, found: &mut Problems) {
    let headless = spec["clusterIP"] == "None" || spec["type"] == "ExternalName";
    let ports = spec["ports"].as_array().map(Vec::as_slice).unwrap_or_default();
    if ports.is_empty() && !headless {
        found.push(("spec.ports".into(), "needs at least one port".into()));
    }
    for (at, port) in ports.iter().enumerate() {
        let number = port["port"].as_i64().unwrap_or_default();
        if !(1..=65_535).contains(&number) {
            found.push((format!("spec.ports[{at}].port"), "must be between 1 and 65535".into()));
        }
        if ports.len() > 1 && port["name"].as_str().is_none_or(str::is_empty) {
            let why = "is required when there is more than one port".into();
            found.push((format!("spec.ports[{at}].name"), why));
        }
    }
}

fn workload(object: &Value, found: &mut Problems) {
    let spec = &object["spec"];
    if spec["selector"].as_object().is_none_or(serde_json::Map::is_empty) {
        found.push(("spec.selector".into(), "is required".into()));
    }
    let labels = &spec["template"]["metadata"]["labels"];
    for (name, value) in spec["selector"]["matchLabels"].as_object().into_iter().flatten() {
        if labels.get(name) != Some(value) {
            let value = value.as_str().unwrap_or_default();
            let why = format!("must carry {name}={value}, which the selector asks for");
            found.push(("spec.template.metadata.labels".into(), why));
        }
    }
    pod(&spec["template"]["spec"], "spec.template.spec", found);
}
