//! Fills in what a cluster gives to manifests: addresses of services, pods of workloads, endpoints of services.
//!
//! In: objects as people write them. Out: the same, and what is missing. Holds: what is written stays; equal objects get
//! equal addresses; an address that is written is not given again.
//! Why: a folder of manifests has no addresses yet, and captured calls are told apart by address.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use serde_json::{Value, json};

/// Fills in.
pub(crate) fn complete(mut objects: Vec<Value>) -> Vec<Value> {
    let mut services = Addresses::new([10, 96, 0, 1], &objects);
    for service in objects.iter_mut().filter(|object| is(object, "Service")) {
        let external = service["spec"]["type"] == "ExternalName";
        let given = service["spec"]["clusterIP"].as_str().is_some_and(|ip| !ip.is_empty());
        let many = service["spec"]["clusterIPs"].as_array().is_some_and(|ips| !ips.is_empty());
        if !external && !given && !many && service["spec"].is_object() {
            service["spec"]["clusterIP"] = json!(services.next());
        }
    }
    let mut pods = Addresses::new([10, 244, 0, 1], &objects);
    for pod in objects.iter_mut().filter(|object| is(object, "Pod")) {
        let many = pod["status"]["podIPs"].as_array().is_some_and(|ips| !ips.is_empty());
        if pod["status"]["podIP"].is_null() && !many && pod.is_object() {
            pod["status"]["podIP"] = json!(pods.next());
        }
    }
    let missing: Vec<Value> =
        objects.iter().filter_map(|object| pod_of(object, &objects)).collect();
    for mut pod in missing {
        pod["status"] = json!({"podIP": pods.next()});
        objects.push(pod);
    }
    let slices: Vec<Value> =
        objects.iter().filter_map(|object| slice_of(object, &objects)).collect();
    objects.extend(slices);
    objects
}

fn is(object: &Value, kind: &str) -> bool {
    object["kind"] == kind && object["apiVersion"] == "v1"
}

/// Addresses that nobody has.
struct Addresses {
    next: u32,
    taken: BTreeSet<String>,
}

impl Addresses {
    fn new(first: [u8; 4], objects: &[Value]) -> Self {
        let written = objects.iter().flat_map(|object| {
            let many = [&object["spec"]["clusterIPs"], &object["status"]["podIPs"]];
            let one = [&object["spec"]["clusterIP"], &object["status"]["podIP"]];
            let many = many.into_iter().filter_map(Value::as_array).flatten();
            many.map(|ip| ip.get("ip").unwrap_or(ip)).chain(one).filter_map(Value::as_str)
        });
        Self { next: u32::from(Ipv4Addr::from(first)), taken: written.map(str::to_owned).collect() }
    }

    fn next(&mut self) -> String {
        loop {
            let address = Ipv4Addr::from(self.next).to_string();
            self.next += 1;
            if !self.taken.contains(&address) {
                return address;
            }
        }
    }
}

const WORKLOADS: [&str; 7] = [
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "Rollout",
    "Job",
    "ReplicationController",
];

/// The pod that a workload would have, when no pod of its labels is there.
fn pod_of(workload: &Value, objects: &[Value]) -> Option<Value> {
    WORKLOADS.contains(&workload["kind"].as_str()?).then_some(())?;
    let template = workload["spec"].get("template")?;
    let labels = template["metadata"]["labels"].as_object()?;
    let (namespace, name) = (namespace(workload), workload["metadata"]["name"].as_str()?);
    let has = |pod: &&Value| {
        let own = &pod["metadata"]["labels"];
        self::namespace(pod) == namespace
            && labels.iter().all(|(key, value)| own.get(key) == Some(value))
    };
    if objects.iter().filter(|object| is(object, "Pod")).any(|pod| has(&pod)) {
        return None;
    }
    let mut metadata = template["metadata"].clone();
    metadata["name"] = json!(name);
    metadata["namespace"] = json!(namespace);
    Some(json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}))
}

/// The endpoints of a service, when none are written.
fn slice_of(service: &Value, objects: &[Value]) -> Option<Value> {
    is(service, "Service").then_some(())?;
    let selector = service["spec"]["selector"].as_object().filter(|labels| !labels.is_empty())?;
    let (namespace, name) = (namespace(service), service["metadata"]["name"].as_str()?);
    let written = objects.iter().any(|object| {
        object["kind"] == "EndpointSlice"
            && self::namespace(object) == namespace
            && object["metadata"]["labels"]["kubernetes.io/service-name"] == name
    });
    if written {
        return None;
    }
    let pods: Vec<&Value> = objects.iter().filter(|object| is(object, "Pod")).collect();
    let chosen = pods.into_iter().filter(|pod| {
        let labels = &pod["metadata"]["labels"];
        self::namespace(pod) == namespace
            && selector.iter().all(|(key, value)| labels.get(key) == Some(value))
    });
    let chosen: Vec<&Value> = chosen.collect();
    let first = chosen.first()?;
    let ports: Vec<Value> = service["spec"]["ports"].as_array()?.iter().filter_map(|port| {
        Some(json!({"name": port["name"].as_str().unwrap_or_default(), "port": target(port, first)?,
            "protocol": port["protocol"].as_str().unwrap_or("TCP")}))
    }).collect();
    let endpoints: Vec<Value> = chosen
        .iter()
        .map(|pod| {
            json!({"addresses": [pod["status"]["podIP"]], "conditions": {"ready": true},
            "targetRef": {"kind": "Pod", "name": pod["metadata"]["name"], "namespace": namespace}})
        })
        .collect();
    Some(
        json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"name": name, "namespace": namespace,
            "labels": {"kubernetes.io/service-name": name}},
        "ports": ports, "endpoints": endpoints}),
    )
}

fn target(port: &Value, pod: &Value) -> Option<u64> {
    match &port["targetPort"] {
        Value::Null => port["port"].as_u64(),
        Value::Number(number) => number.as_u64(),
        Value::String(name) => {
            let containers = pod["spec"]["containers"].as_array()?;
            let mut ports =
                containers.iter().filter_map(|container| container["ports"].as_array()).flatten();
            let named = ports.find(|port| port["name"].as_str() == Some(name));
            named.and_then(|port| port["containerPort"].as_u64()).or_else(|| name.parse().ok())
        }
        _ => None,
    }
}

pub(crate) fn namespace(object: &Value) -> &str {
    object["metadata"]["namespace"].as_str().unwrap_or("default")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_get_what_a_cluster_gives_and_keep_what_they_have() {
        let objects = complete(vec![
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"},
                "spec": {"clusterIP": "10.96.0.1", "ports": [{"port": 80}]}}),
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "b"},
                "spec": {"selector": {"app": "b"}, "ports": [{"port": 80, "targetPort": "web"}]}}),
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "b"},
                "spec": {"template": {"metadata": {"labels": {"app": "b"}},
                    "spec": {"containers": [{"ports": [{"name": "web", "containerPort": 8080}]}]}}}}),
        ]);
        assert_eq!(objects[1]["spec"]["clusterIP"], "10.96.0.2");
        assert_eq!(objects[3]["kind"], "Pod");
        assert_eq!(objects[4]["ports"][0]["port"], 8080);
        assert_eq!(
            objects[4]["endpoints"][0]["addresses"],
            objects[3]["status"]["podIP"].as_str().map_or(json!(null), |ip| json!([ip]))
        );
    }
}
