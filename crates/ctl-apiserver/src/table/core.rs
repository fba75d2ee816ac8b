//! The rows of services, namespaces, nodes, secrets, config maps, events, endpoint slices and definitions.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::{AGE, Column, NAME, age, count, list, name, or, pairs};
use crate::moment;

pub(super) const SERVICE: &[Column] = &[
    NAME,
    ("Type", "string", false),
    ("Cluster-IP", "string", false),
    ("External-IP", "string", false),
    ("Port(s)", "string", false),
    AGE,
    ("Selector", "string", true),
];

pub(super) fn service(object: &Value, now: SystemTime) -> Vec<Value> {
    let spec = &object["spec"];
    let port = |port: &Value| {
        let (number, protocol) = (count(&port["port"]), or(&port["protocol"], "TCP"));
        match port["nodePort"].as_i64() {
            Some(node) => format!("{number}:{node}/{protocol}"),
            None => format!("{number}/{protocol}"),
        }
    };
    let ports: Vec<String> = list(&spec["ports"]).iter().map(port).collect();
    let ports = if ports.is_empty() { "<none>".to_owned() } else { ports.join(",") };
    vec![
        name(object),
        json!(or(&spec["type"], "ClusterIP")),
        json!(or(&spec["clusterIP"], "<none>")),
        json!(external(object)),
        json!(ports),
        age(object, now),
        json!(pairs(&spec["selector"])),
    ]
}

fn external(object: &Value) -> String {
    let spec = &object["spec"];
    let ingress = list(&object["status"]["loadBalancer"]["ingress"]).iter();
    let given = ingress.map(|i| or(&i["ip"], or(&i["hostname"], "")));
    let own = list(&spec["externalIPs"]).iter().filter_map(Value::as_str);
    let all: Vec<&str> = given.chain(own).filter(|a| !a.is_empty()).collect();
    match spec["type"].as_str() {
        Some("ExternalName") => or(&spec["externalName"], "<none>").to_owned(),
        Some("LoadBalancer") if all.is_empty() => "<pending>".to_owned(),
        _ if all.is_empty() => "<none>".to_owned(),
        _ => all.join(","),
    }
}

pub(super) const NAMESPACE: &[Column] = &[NAME, ("Status", "string", false), AGE];

pub(super) fn namespace(object: &Value, now: SystemTime) -> Vec<Value> {
    vec![name(object), json!(or(&object["status"]["phase"], "Active")), age(object, now)]
}

pub(super) const NODE: &[Column] = &[
    NAME,
    ("Status", "string", false),
    ("Roles", "string", false),
    AGE,
    ("Version", "string", false),
    ("Internal-IP", "string", true),
    ("External-IP", "string", true),
    ("OS-Image", "string", true),
    ("Kernel-Version", "string", true),
    ("Container-Runtime", "string", true),
];

pub(super) fn node(object: &Value, now: SystemTime) -> Vec<Value> {
    let status = &object["status"];
    let ready = list(&status["conditions"]).iter().find(|c| c["type"] == "Ready");
    let state = match ready.map(|c| or(&c["status"], "Unknown")) {
        Some("True") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    };
    let address = |kind: &str| {
        let found = list(&status["addresses"]).iter().find(|a| a["type"] == kind);
        json!(found.map_or("<none>", |a| or(&a["address"], "<none>")))
    };
    let labels = object["metadata"]["labels"].as_object();
    let roles = labels
        .into_iter()
        .flatten()
        .filter_map(|(k, _)| k.strip_prefix("node-role.kubernetes.io/"));
    let roles: Vec<&str> = roles.collect();
    let roles = if roles.is_empty() { "<none>".to_owned() } else { roles.join(",") };
    let info = &status["nodeInfo"];
    let told = |field: &str| json!(or(&info[field], "<unknown>"));
    vec![
        name(object),
        json!(state),
        json!(roles),
        age(object, now),
        json!(or(&info["kubeletVersion"], "")),
        address("InternalIP"),
        address("ExternalIP"),
        told("osImage"),
        told("kernelVersion"),
        told("containerRuntimeVersion"),
    ]
}

fn size(value: &Value) -> usize {
    value.as_object().map_or(0, serde_json::Map::len)
}

pub(super) const SECRET: &[Column] =
    &[NAME, ("Type", "string", false), ("Data", "string", false), AGE];

pub(super) fn secret(object: &Value, now: SystemTime) -> Vec<Value> {
    let data = json!(size(&object["data"]));
    vec![name(object), json!(or(&object["type"], "Opaque")), data, age(object, now)]
}

pub(super) const CONFIG_MAP: &[Column] = &[NAME, ("Data", "string", false), AGE];

pub(super) fn config_map(object: &Value, now: SystemTime) -> Vec<Value> {
    let data = size(&object["data"]) + size(&object["binaryData"]);
    vec![name(object), json!(data), age(object, now)]
}

pub(super) const EVENT: &[Column] = &[
    ("Last Seen", "string", false),
    ("Type", "string", false),
    ("Reason", "string", false),
    ("Object", "string", false),
    ("Subobject", "string", true),
    ("Source", "string", true),
    ("Message", "string", false),
    ("First Seen", "string", true),
    ("Count", "string", true),
    ("Name", "string", true),
];

pub(super) fn event(object: &Value, now: SystemTime) -> Vec<Value> {
    let told = |field: &str| object[field].as_str();
    let created = object["metadata"]["creationTimestamp"].as_str();
    let last = told("lastTimestamp").or(told("eventTime")).or(created);
    let first = told("firstTimestamp").or(told("eventTime")).or(created);
    let about = &object["involvedObject"];
    let target = format!("{}/{}", or(&about["kind"], "").to_lowercase(), or(&about["name"], ""));
    let source = or(&object["source"]["component"], or(&object["reportingComponent"], ""));
    vec![
        json!(moment::age(last, now)),
        json!(or(&object["type"], "Normal")),
        json!(or(&object["reason"], "")),
        json!(target),
        json!(or(&about["fieldPath"], "")),
        json!(source),
        json!(or(&object["message"], "").trim()),
        json!(moment::age(first, now)),
        json!(object["count"].as_i64().unwrap_or(1)),
        name(object),
    ]
}

pub(super) const SLICE: &[Column] = &[
    NAME,
    ("AddressType", "string", false),
    ("Ports", "string", false),
    ("Endpoints", "string", false),
    AGE,
];

pub(super) fn slice(object: &Value, now: SystemTime) -> Vec<Value> {
    let ports = list(&object["ports"]).iter().map(|p| count(&p["port"]).to_string());
    let addresses = list(&object["endpoints"]).iter().flat_map(|e| list(&e["addresses"]));
    let addresses = addresses.filter_map(Value::as_str).map(str::to_owned);
    vec![
        name(object),
        json!(or(&object["addressType"], "IPv4")),
        json!(few(ports.collect())),
        json!(few(addresses.collect())),
        age(object, now),
    ]
}

/// The first three, and how many more there are.
fn few(mut texts: Vec<String>) -> String {
    let more = texts.len().saturating_sub(3);
    texts.truncate(3);
    match (texts.is_empty(), more) {
        (true, _) => "<unset>".to_owned(),
        (false, 0) => texts.join(","),
        (false, more) => format!("{} + {more} more...", texts.join(",")),
    }
}

pub(super) const DEFINITION: &[Column] = &[NAME, ("Created At", "date", false)];

pub(super) fn definition(object: &Value, _: SystemTime) -> Vec<Value> {
    vec![name(object), object["metadata"]["creationTimestamp"].clone()]
}

pub(super) const LEASE: &[Column] = &[NAME, ("Holder", "string", false), AGE];

pub(super) fn lease(object: &Value, now: SystemTime) -> Vec<Value> {
    vec![name(object), object["spec"]["holderIdentity"].clone(), age(object, now)]
}

pub(super) const INGRESS: &[Column] = &[
    NAME,
    ("Class", "string", false),
    ("Hosts", "string", false),
    ("Address", "string", false),
    ("Ports", "string", false),
    AGE,
];

pub(super) fn ingress(object: &Value, now: SystemTime) -> Vec<Value> {
    let list =
        |pointer: &str| object.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
    let hosts = list("/spec/rules").filter_map(|rule| rule["host"].as_str());
    let hosts: Vec<&str> = hosts.filter(|host| !host.is_empty()).collect();
    let addresses = list("/status/loadBalancer/ingress");
    let addresses = addresses.filter_map(|one| one["ip"].as_str().or(one["hostname"].as_str()));
    let addresses: Vec<&str> = addresses.collect();
    let class = object["spec"]["ingressClassName"].as_str().unwrap_or("<none>");
    let ports = if list("/spec/tls").next().is_some() { "80, 443" } else { "80" };
    vec![
        name(object),
        json!(class),
        if hosts.is_empty() { json!("*") } else { json!(hosts.join(",")) },
        json!(addresses.join(",")),
        json!(ports),
        age(object, now),
    ]
}

pub(super) const INGRESS_CLASS: &[Column] =
    &[NAME, ("Controller", "string", false), ("Parameters", "string", false), AGE];

pub(super) fn ingress_class(object: &Value, now: SystemTime) -> Vec<Value> {
    let parameters = &object["spec"]["parameters"];
    let text = |field: &str| parameters[field].as_str().unwrap_or_default();
    let group = parameters["apiGroup"].as_str().map(|group| format!(".{group}"));
    let parameters = match text("kind") {
        "" => "<none>".to_owned(),
        kind => format!("{kind}{}/{}", group.unwrap_or_default(), text("name")),
    };
    vec![name(object), object["spec"]["controller"].clone(), json!(parameters), age(object, now)]
}
