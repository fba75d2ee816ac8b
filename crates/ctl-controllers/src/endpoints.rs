//! EndpointSlices: which addresses serve a Service.
//!
//! In: a Service, the pods of its namespace, its slices. Out: slices to create, update or delete.
//! Holds: one slice per set of resolved ports; a pod that is going away stays listed as terminating, not ready.
//! Source of the shape: Kubernetes' discovery.k8s.io/v1.

use std::collections::BTreeMap;

use ctl_source::{Object, ObjectKey};
use serde_json::{Value, json};

use crate::action::Action;
use crate::deployment::fnv;
use crate::pods;
use crate::world::{World, name_of, reference, resource, selects, terminating};

const SERVICE: &str = "kubernetes.io/service-name";
const MANAGER: &str = "endpointslice.kubernetes.io/managed-by";
const OURS: &str = "endpointslice-controller.k8s.io";

pub(crate) fn reconcile(service: &Object, world: &World) -> Vec<Action> {
    let selector = &service["spec"]["selector"];
    if terminating(service) || selector.as_object().is_none_or(serde_json::Map::is_empty) {
        return Vec::new();
    }
    let (namespace, _) = name_of(service);
    let pods = world.within("Pod", &namespace).filter(|pod| {
        selects(selector, &pod["metadata"]["labels"])
            && pod["status"]["podIP"].is_string()
            && !pods::finished(pod)
    });
    let mut groups: BTreeMap<String, (Value, Vec<Value>)> = BTreeMap::new();
    groups.insert(
        ports(service, &Value::Null).to_string(),
        (ports(service, &Value::Null), Vec::new()),
    );
    for pod in pods {
        let ports = ports(service, pod);
        let group = groups.entry(ports.to_string()).or_insert_with(|| (ports, Vec::new()));
        group.1.push(endpoint(service, pod));
    }
    if groups.len() > 1 {
        groups.retain(|_, (_, endpoints)| !endpoints.is_empty());
    }
    write(
        service,
        groups.into_values().map(|(ports, endpoints)| slice(service, &ports, endpoints)),
        world,
    )
}

/// Ports with named targets resolved in this pod; a name that the pod does not have is left out.
fn ports(service: &Value, pod: &Value) -> Value {
    let all = service["spec"]["ports"].as_array().map(Vec::as_slice).unwrap_or_default();
    let found = all.iter().filter_map(|port| {
        let target = match &port["targetPort"] {
            Value::Null => port["port"].as_u64(),
            Value::Number(number) => number.as_u64(),
            Value::String(name) => named(pod, name),
            _ => None,
        }?;
        let protocol = port["protocol"].as_str().unwrap_or("TCP");
        let mut entry = json!({"name": port["name"].as_str().unwrap_or(""), "port": target, "protocol": protocol});
        if port["appProtocol"].is_string() {
            entry["appProtocol"] = port["appProtocol"].clone();
        }
        Some(entry)
    });
    Value::Array(found.collect())
}

fn named(pod: &Value, name: &str) -> Option<u64> {
    let containers = pod["spec"]["containers"].as_array()?;
    let mut ports = containers.iter().filter_map(|c| c["ports"].as_array()).flatten();
    ports.find(|port| port["name"] == name)?["containerPort"].as_u64()
}

fn endpoint(service: &Value, pod: &Value) -> Value {
    let published = service["spec"]["publishNotReadyAddresses"] == true;
    let ready = pods::ready(pod);
    // A pod that is going away may still serve what it has; its Ready condition says so.
    let serving = pods::condition(pod, "Ready").is_some_and(|c| c["status"] == "True");
    let mut endpoint = json!({
        "addresses": [pod["status"]["podIP"]],
        "conditions": {"ready": ready || published, "serving": serving, "terminating": terminating(pod)},
        "nodeName": pod["spec"]["nodeName"],
        "targetRef": {"kind": "Pod", "namespace": pod["metadata"]["namespace"],
            "name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"]},
    });
    let same_domain = pod["spec"]["subdomain"] == service["metadata"]["name"];
    if same_domain && pod["spec"]["hostname"].is_string() {
        endpoint["hostname"] = pod["spec"]["hostname"].clone();
    }
    endpoint
}

fn slice(service: &Value, ports: &Value, endpoints: Vec<Value>) -> Value {
    let name = service["metadata"]["name"].as_str().unwrap_or_default();
    let suffix = fnv(ports.to_string().as_bytes(), 0) & 0xff_ffff;
    let mut labels = service["metadata"]["labels"].as_object().cloned().unwrap_or_default();
    labels.insert(SERVICE.to_owned(), json!(name));
    labels.insert(MANAGER.to_owned(), json!(OURS));
    if service["spec"]["clusterIP"] == "None" {
        labels.insert("service.kubernetes.io/headless".to_owned(), json!(""));
    }
    json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {"name": format!("{name}-{suffix:06x}"), "namespace": service["metadata"]["namespace"],
            "labels": labels, "ownerReferences": [reference(service)]},
        "addressType": "IPv4", "endpoints": endpoints, "ports": ports,
    })
}

fn write(service: &Object, wanted: impl Iterator<Item = Value>, world: &World) -> Vec<Action> {
    let kind = || resource("EndpointSlice");
    let mut known: BTreeMap<String, &Object> =
        world.owned("EndpointSlice", service).map(|slice| (name_of(slice).1, slice)).collect();
    let mut actions = Vec::new();
    for fresh in wanted {
        match known.remove(&name_of(&fresh).1) {
            None => actions.push(Action::Create(kind(), fresh)),
            Some(old) => {
                actions.extend(changed(old, &fresh).map(|new| Action::Update(kind(), new)))
            }
        }
    }
    actions.extend(known.into_values().map(|stale| {
        let (namespace, name) = name_of(stale);
        Action::Delete(ObjectKey { resource: kind(), namespace: Some(namespace), name })
    }));
    actions
}

fn changed(old: &Object, fresh: &Value) -> Option<Value> {
    let same = ["endpoints", "ports"].iter().all(|key| old[*key] == fresh[*key])
        && old["metadata"]["labels"] == fresh["metadata"]["labels"];
    if same {
        return None;
    }
    let mut new = Value::clone(old);
    for key in ["endpoints", "ports"] {
        new[key] = fresh[key].clone();
    }
    new["metadata"]["labels"] = fresh["metadata"]["labels"].clone();
    Some(new)
}
