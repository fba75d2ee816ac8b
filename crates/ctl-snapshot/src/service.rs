//! A service of the mesh.

use std::collections::BTreeMap;
use std::net::IpAddr;

use weft_model::api::core::{PortRef, Service as Written};
use weft_model::{Host, Object, Protocol};

use crate::{MeshSettings, Visibility};

/// A service.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// `metadata.name`
    pub name: String,
    /// `metadata.namespace`
    pub namespace: String,
    /// Full name.
    pub host: Host,
    /// Virtual addresses; none for a headless service.
    pub addresses: Vec<IpAddr>,
    /// Whose pods it selects; empty for a service without selector.
    pub selector: BTreeMap<String, String>,
    /// Ports that carry TCP.
    pub ports: Vec<Port>,
    /// Endpoints count before they are ready.
    pub publish_not_ready: bool,
    /// Who sees it.
    pub visibility: Visibility,
}

/// A port of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Name, as endpoints refer to it.
    pub name: String,
    /// Number that clients use.
    pub number: u16,
    /// Port of the pods.
    pub target: PortRef,
    /// What it speaks.
    pub protocol: Protocol,
}

/// Another name of a service: a Service of type ExternalName.
#[derive(Debug, Clone, PartialEq)]
pub struct Alias {
    /// `metadata.name`
    pub name: String,
    /// `metadata.namespace`
    pub namespace: String,
    /// Full name.
    pub host: Host,
    /// What it stands for.
    pub target: Host,
    /// Who sees it.
    pub visibility: Visibility,
}

impl Alias {
    pub(crate) fn of(object: &Object<Written>, settings: &MeshSettings) -> Option<Self> {
        let (meta, spec) = (&object.meta, &object.spec);
        let target = spec.external_name.as_ref()?;
        Some(Self {
            host: Host::of_service(&meta.name, &meta.namespace, &settings.domain),
            name: meta.name.clone(),
            namespace: meta.namespace.clone(),
            target: Host::new(target.strip_suffix('.').unwrap_or(target)),
            visibility: exported(object, settings),
        })
    }
}

fn exported(object: &Object<Written>, settings: &MeshSettings) -> Visibility {
    let exported = object.meta.annotations.get("networking.istio.io/exportTo");
    let entries = exported.into_iter().flat_map(|text| text.split(',')).map(str::trim);
    let entries: Vec<String> = entries.map(str::to_owned).collect();
    Visibility::of(&entries, &settings.exports.services, &object.meta.namespace)
}

impl Service {
    pub(crate) fn of(object: &Object<Written>, settings: &MeshSettings) -> Option<Self> {
        let (meta, spec) = (&object.meta, &object.spec);
        if spec.external_name.is_some() {
            return None;
        }
        let ports = spec.ports.iter().map(|port| Port {
            name: port.name.clone(),
            number: port.number,
            target: port.target.clone(),
            protocol: Protocol::of_port(
                port.app_protocol.as_deref(),
                &port.name,
                port.number,
                port.not_tcp,
            ),
        });
        Some(Self {
            host: Host::of_service(&meta.name, &meta.namespace, &settings.domain),
            name: meta.name.clone(),
            namespace: meta.namespace.clone(),
            addresses: spec.cluster_ips.clone(),
            selector: spec.selector.clone(),
            ports: ports.filter(|port| port.protocol != Protocol::Udp).collect(),
            publish_not_ready: spec.publish_not_ready,
            visibility: exported(object, settings),
        })
    }

    /// No virtual address: clients connect to pods.
    #[must_use]
    pub fn is_headless(&self) -> bool {
        self.addresses.is_empty()
    }

    /// The port of a number.
    #[must_use]
    pub fn port(&self, number: u16) -> Option<&Port> {
        self.ports.iter().find(|port| port.number == number)
    }

    /// Whether pods with these labels are behind it.
    #[must_use]
    pub fn selects(&self, namespace: &str, labels: &BTreeMap<String, String>) -> bool {
        let all = || self.selector.iter().all(|(key, value)| labels.get(key) == Some(value));
        self.namespace == namespace && !self.selector.is_empty() && all()
    }
}
