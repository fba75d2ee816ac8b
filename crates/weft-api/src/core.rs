//! The Kubernetes kinds that tell what runs where: Service, EndpointSlice, Pod, Namespace, ServiceAccount.
//!
//! In: JSON of the object. Out: the part that the mesh uses.
//! Why lenient: an API server has checked these objects, and knows more fields than we do.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::Value;

use crate::meta::{text, texts};

/// A port, by number or by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PortRef {
    /// `8080`
    Number(u16),
    /// `http`, as a container port is named.
    Name(String),
}

/// `Service`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Service {
    /// `spec.type` is `ExternalName`: the name it stands for.
    pub external_name: Option<String>,
    /// `spec.clusterIPs` without `None`.
    pub cluster_ips: Vec<IpAddr>,
    /// `spec.clusterIP` is `None`.
    pub headless: bool,
    /// `spec.selector`
    pub selector: BTreeMap<String, String>,
    /// `spec.ports`
    pub ports: Vec<ServicePort>,
    /// `spec.publishNotReadyAddresses`
    pub publish_not_ready: bool,
    /// `spec.trafficDistribution`, such as `PreferClose`; empty when it says nothing.
    pub traffic_distribution: String,
    /// `spec.internalTrafficPolicy` is `Local`: only endpoints of the client's own node count.
    pub node_local: bool,
}

/// One port of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePort {
    /// `name`
    pub name: String,
    /// `port`
    pub number: u16,
    /// `targetPort`; the port itself when absent.
    pub target: PortRef,
    /// `protocol` is `UDP` or `SCTP`.
    pub not_tcp: bool,
    /// `appProtocol`
    pub app_protocol: Option<String>,
}

/// `EndpointSlice`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndpointSlice {
    /// The service that it belongs to, from its label.
    pub service: String,
    /// `endpoints`, one entry per address.
    pub endpoints: Vec<SliceEndpoint>,
    /// `ports`: name and number.
    pub ports: Vec<(String, u16)>,
}

/// One address of an EndpointSlice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SliceEndpoint {
    /// The address.
    pub address: IpAddr,
    /// May get new traffic.
    pub ready: bool,
    /// Is about to end.
    pub terminating: bool,
    /// Name of the pod behind it.
    pub pod: Option<String>,
    /// `zone`
    pub zone: Option<String>,
    /// `nodeName`
    pub node: Option<String>,
}

/// `Pod`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pod {
    /// `status.podIPs`
    pub ips: Vec<IpAddr>,
    /// `spec.serviceAccountName`
    pub service_account: String,
    /// `spec.nodeName`
    pub node: String,
    /// Named container ports.
    pub ports: BTreeMap<String, u16>,
    /// `spec.hostNetwork`
    pub host_network: bool,
}

impl Service {
    /// Reads a Service.
    #[must_use]
    pub fn of(object: &Value) -> Self {
        let spec = object.get("spec").unwrap_or(&Value::Null);
        let kind = text(spec, "type");
        let cluster_ip = text(spec, "clusterIP");
        let many: Vec<IpAddr> =
            list(spec, "clusterIPs").filter_map(Value::as_str).filter_map(address).collect();
        Self {
            external_name: (kind == "ExternalName").then(|| text(spec, "externalName")),
            cluster_ips: if many.is_empty() {
                address(&cluster_ip).into_iter().collect()
            } else {
                many
            },
            headless: cluster_ip == "None",
            selector: texts(spec.get("selector")),
            ports: list(spec, "ports").filter_map(service_port).collect(),
            publish_not_ready: truth(spec, "publishNotReadyAddresses").unwrap_or(false),
            traffic_distribution: text(spec, "trafficDistribution"),
            node_local: text(spec, "internalTrafficPolicy") == "Local",
        }
    }
}

fn service_port(port: &Value) -> Option<ServicePort> {
    let number = number(port, "port")?;
    let target = match port.get("targetPort") {
        Some(Value::String(name)) => match name.parse() {
            Ok(number) => PortRef::Number(number),
            Err(_name) => PortRef::Name(name.clone()),
        },
        Some(Value::Number(_)) => PortRef::Number(self::number(port, "targetPort")?),
        _ => PortRef::Number(number),
    };
    let protocol = text(port, "protocol");
    let app_protocol = text(port, "appProtocol");
    Some(ServicePort {
        name: text(port, "name"),
        number,
        target,
        not_tcp: !matches!(protocol.as_str(), "" | "TCP"),
        app_protocol: (!app_protocol.is_empty()).then_some(app_protocol),
    })
}

impl EndpointSlice {
    /// Reads an EndpointSlice.
    #[must_use]
    pub fn of(object: &Value) -> Self {
        let labels = object.pointer("/metadata/labels").unwrap_or(&Value::Null);
        let ports = list(object, "ports").filter_map(|port| {
            let udp = matches!(text(port, "protocol").as_str(), "UDP" | "SCTP");
            Some((text(port, "name"), number(port, "port")?)).filter(|_| !udp)
        });
        Self {
            service: text(labels, "kubernetes.io/service-name"),
            endpoints: list(object, "endpoints").flat_map(slice_endpoints).collect(),
            ports: ports.collect(),
        }
    }
}

fn slice_endpoints(endpoint: &Value) -> Vec<SliceEndpoint> {
    let conditions = endpoint.get("conditions").unwrap_or(&Value::Null);
    let ready = truth(conditions, "ready").unwrap_or(true);
    let terminating = truth(conditions, "terminating").unwrap_or(false);
    let target = endpoint.get("targetRef").filter(|target| text(target, "kind") == "Pod");
    let some = |name: &str| Some(text(endpoint, name)).filter(|text| !text.is_empty());
    let addresses = list(endpoint, "addresses").filter_map(Value::as_str).filter_map(address);
    let one = |address| SliceEndpoint {
        address,
        ready,
        terminating,
        pod: target.map(|target| text(target, "name")),
        zone: some("zone"),
        node: some("nodeName"),
    };
    addresses.map(one).collect()
}

impl Pod {
    /// Reads a Pod.
    #[must_use]
    pub fn of(object: &Value) -> Self {
        let spec = object.get("spec").unwrap_or(&Value::Null);
        let status = object.get("status").unwrap_or(&Value::Null);
        let account = text(spec, "serviceAccountName");
        let many: Vec<IpAddr> =
            list(status, "podIPs").filter_map(|ip| address(&text(ip, "ip"))).collect();
        let containers = list(spec, "containers").chain(list(spec, "initContainers"));
        let ports = containers.flat_map(|container| list(container, "ports"));
        Self {
            ips: if many.is_empty() {
                address(&text(status, "podIP")).into_iter().collect()
            } else {
                many
            },
            service_account: if account.is_empty() { "default".into() } else { account },
            node: text(spec, "nodeName"),
            ports: ports
                .filter_map(|port| Some((text(port, "name"), number(port, "containerPort")?)))
                .filter(|(name, _)| !name.is_empty())
                .collect(),
            host_network: truth(spec, "hostNetwork").unwrap_or(false),
        }
    }
}

fn list<'a>(object: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    object.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn truth(object: &Value, name: &str) -> Option<bool> {
    object.get(name).and_then(Value::as_bool)
}

fn number(object: &Value, name: &str) -> Option<u16> {
    object.get(name).and_then(Value::as_u64).and_then(|number| u16::try_from(number).ok())
}

fn address(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}
