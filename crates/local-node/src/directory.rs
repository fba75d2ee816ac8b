//! The mesh's services and their endpoints, as the node's DNS and service addresses see them.
//!
//! In: Service and EndpointSlice objects. Out: an immutable directory.
//! Holds: only ready endpoints serve; a service that publishes not-ready addresses gives all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddrV4};

use serde_json::Value;
use weft_netns::{ServicePort, ServiceTable, Transport};

use crate::config::{KUBERNETES_SERVICE, NodeConfig};

/// Namespace and name.
pub(crate) type Name = (String, String);

/// Objects by namespace and name.
pub(crate) type Objects = BTreeMap<Name, ctl_source::Object>;

/// One service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Service {
    /// Its address; none for headless services.
    pub(crate) address: Option<Ipv4Addr>,
    /// `ExternalName` target.
    pub(crate) external: Option<String>,
    pub(crate) ports: Vec<Port>,
    pub(crate) endpoints: BTreeSet<Endpoint>,
}

/// One port of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Port {
    pub(crate) name: String,
    pub(crate) number: u16,
    pub(crate) transport: Transport,
}

/// One address behind one port of a service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Endpoint {
    pub(crate) port_name: String,
    pub(crate) transport: Transport,
    pub(crate) address: SocketAddrV4,
    pub(crate) hostname: Option<String>,
}

/// Everything, at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Directory {
    pub(crate) services: BTreeMap<Name, Service>,
}

impl Directory {
    pub(crate) fn build(config: &NodeConfig, services: &Objects, slices: &Objects) -> Self {
        let mut directory = Self::default();
        for (name, object) in services {
            directory.services.insert(name.clone(), service(object));
        }
        for ((namespace, _), slice) in slices {
            let Some(owner) = slice["metadata"]["labels"]["kubernetes.io/service-name"].as_str()
            else {
                continue;
            };
            let of = (namespace.clone(), owner.to_owned());
            let Some(service) = directory.services.get_mut(&of) else { continue };
            let all =
                services.get(&of).is_some_and(|s| s["spec"]["publishNotReadyAddresses"] == true);
            service.endpoints.extend(endpoints(slice, all));
        }
        directory.add_api_server(config);
        directory
    }

    /// Pods reach the API server by its well-known name even before the API says so.
    fn add_api_server(&mut self, config: &NodeConfig) {
        let name = ("default".to_owned(), "kubernetes".to_owned());
        let service = self.services.entry(name).or_default();
        if service.ports.is_empty() {
            let number = 443;
            service.ports.push(Port { name: "https".into(), number, transport: Transport::Tcp });
        }
        service.address = service.address.or(Some(KUBERNETES_SERVICE));
        if service.endpoints.is_empty() {
            service.endpoints.insert(Endpoint {
                port_name: service.ports[0].name.clone(),
                transport: Transport::Tcp,
                address: SocketAddrV4::new(config.address, config.api_port),
                hostname: None,
            });
        }
    }

    /// What the kernel is to do.
    pub(crate) fn table(&self, config: &NodeConfig) -> ServiceTable {
        let mut ports = Vec::new();
        for service in self.services.values() {
            let Some(address) = service.address.filter(|address| *address != config.dns) else {
                continue;
            };
            for port in &service.ports {
                let endpoints = service.ready(&port.name, port.transport).collect();
                let (transport, port) = (port.transport, port.number);
                ports.push(ServicePort { address, port, transport, endpoints });
            }
        }
        ServiceTable { network: config.services, local: config.dns, ports }
    }

    /// The variables by which Kubernetes tells pods of the services in their namespace.
    pub(crate) fn environment(&self, namespace: &str) -> Vec<(String, String)> {
        let mut env = Vec::new();
        for ((of, name), service) in &self.services {
            let visible = of == namespace || (of == "default" && name == "kubernetes");
            let (Some(address), true) = (service.address, visible) else { continue };
            let Some(first) = service.ports.first() else { continue };
            let prefix = variable(name);
            env.push((format!("{prefix}_SERVICE_HOST"), address.to_string()));
            env.push((format!("{prefix}_SERVICE_PORT"), first.number.to_string()));
            for port in service.ports.iter().filter(|port| !port.name.is_empty()) {
                let name = format!("{prefix}_SERVICE_PORT_{}", variable(&port.name));
                env.push((name, port.number.to_string()));
            }
        }
        env
    }
}

impl Service {
    /// The ready endpoints of one port.
    pub(crate) fn ready<'a>(
        &'a self,
        port: &'a str,
        transport: Transport,
    ) -> impl Iterator<Item = SocketAddrV4> + 'a {
        let of_port = move |e: &&Endpoint| e.port_name == port && e.transport == transport;
        self.endpoints.iter().filter(of_port).map(|e| e.address)
    }
}

fn variable(name: &str) -> String {
    name.to_uppercase().replace('-', "_")
}

fn transport(value: &Value) -> Option<Transport> {
    match value.as_str() {
        None | Some("TCP") => Some(Transport::Tcp),
        Some("UDP") => Some(Transport::Udp),
        Some(_) => None,
    }
}

fn number(value: &Value) -> Option<u16> {
    value.as_u64().and_then(|n| u16::try_from(n).ok())
}

fn service(object: &Value) -> Service {
    let spec = &object["spec"];
    let ports = spec["ports"].as_array().into_iter().flatten().filter_map(|port| {
        Some(Port {
            name: port["name"].as_str().unwrap_or_default().to_owned(),
            number: number(&port["port"])?,
            transport: transport(&port["protocol"])?,
        })
    });
    let external = (spec["type"] == "ExternalName").then(|| spec["externalName"].as_str());
    Service {
        address: spec["clusterIP"].as_str().and_then(|ip| ip.parse().ok()),
        external: external.flatten().map(str::to_owned),
        ports: ports.collect(),
        endpoints: BTreeSet::new(),
    }
}

fn endpoints(slice: &Value, all: bool) -> Vec<Endpoint> {
    let mut found = Vec::new();
    for endpoint in slice["endpoints"].as_array().into_iter().flatten() {
        if !all && endpoint["conditions"]["ready"] == false {
            continue;
        }
        let addresses = endpoint["addresses"].as_array().into_iter().flatten();
        for ip in addresses.filter_map(|ip| ip.as_str()?.parse().ok()) {
            for port in slice["ports"].as_array().into_iter().flatten() {
                let (Some(number), Some(transport)) =
                    (number(&port["port"]), transport(&port["protocol"]))
                else {
                    continue;
                };
                found.push(Endpoint {
                    port_name: port["name"].as_str().unwrap_or_default().to_owned(),
                    transport,
                    address: SocketAddrV4::new(ip, number),
                    hostname: endpoint["hostname"].as_str().map(str::to_owned),
                });
            }
        }
    }
    found
}
