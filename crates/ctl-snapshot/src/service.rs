//! A service of the mesh.

use std::collections::BTreeMap;
use std::net::IpAddr;

use weft_model::api::core::{PortRef, Service as Written};
use weft_model::{Host, Object, Protocol};

use crate::{Entry, MeshSettings, Preference, Resolution, Visibility};

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
    /// The address that it was given because its author named none; only proxies that answer name questions use it.
    pub allocated: Option<IpAddr>,
    /// Ranges of virtual addresses, such as `10.0.0.0/8`.
    pub ranges: Vec<String>,
    /// Whose pods it selects; empty for a service without selector.
    pub selector: BTreeMap<String, String>,
    /// Ports that carry TCP.
    pub ports: Vec<Port>,
    /// Endpoints count before they are ready.
    pub publish_not_ready: bool,
    /// Which endpoints clients prefer, where no rule says so.
    pub preference: Option<Preference>,
    /// Only endpoints of the client's own node count.
    pub node_local: bool,
    /// Who sees it.
    pub visibility: Visibility,
    /// How the addresses behind it are found.
    pub resolution: Resolution,
    /// What it was made of, when it is no Kubernetes Service.
    pub entry: Option<Entry>,
    /// Another service of the same host, in another namespace, comes first.
    pub second: bool,
    /// When it was made, RFC 3339; of two for one place the older counts.
    pub created: String,
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
    /// Clients begin with TLS, which names the server.
    pub sni: bool,
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
    /// Its own ports; it means those of its target.
    pub ports: Vec<Port>,
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
            ports: ports(spec),
        })
    }

    /// Whether requests are told apart on a port.
    #[must_use]
    pub fn carries_requests(&self, number: u16) -> bool {
        let port = self.ports.iter().find(|port| port.number == number);
        port.is_some_and(|port| port.protocol.is_http() || port.protocol == Protocol::Auto)
    }
}

/// Its ports that carry TCP.
fn ports(spec: &Written) -> Vec<Port> {
    let all = spec.ports.iter().map(|port| Port {
        name: port.name.clone(),
        number: port.number,
        target: port.target.clone(),
        protocol: Protocol::of_port(
            port.app_protocol.as_deref(),
            &port.name,
            port.number,
            port.not_tcp,
        ),
        sni: false,
    });
    all.filter(|port| port.protocol != Protocol::Udp).collect()
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
        Some(Self {
            host: Host::of_service(&meta.name, &meta.namespace, &settings.domain),
            name: meta.name.clone(),
            namespace: meta.namespace.clone(),
            addresses: spec.cluster_ips.clone(),
            allocated: None,
            ranges: Vec::new(),
            selector: spec.selector.clone(),
            ports: ports(spec),
            publish_not_ready: spec.publish_not_ready,
            preference: Preference::of(&spec.traffic_distribution, &meta.annotations),
            node_local: spec.node_local,
            visibility: exported(object, settings),
            resolution: Resolution::Listed,
            entry: None,
            second: false,
            created: meta.created.clone(),
        })
    }

    /// What services are sorted by where the first counts.
    pub(crate) fn age(&self) -> (&str, &str, &str) {
        (&self.created, &self.name, &self.namespace)
    }

    /// No virtual address: clients connect to pods.
    #[must_use]
    pub fn is_headless(&self) -> bool {
        self.entry.is_none() && self.addresses.is_empty()
    }

    /// It has no address of its own, or ranges of them, so that its listeners are those of every address.
    #[must_use]
    pub fn is_called_anywhere(&self, captures_names: bool) -> bool {
        let none = self.reached_at(captures_names).is_empty();
        self.entry.is_some() && (none || !self.ranges.is_empty())
    }

    /// Clients connect to the workloads that it selects.
    #[must_use]
    pub fn is_selected_where_called(&self) -> bool {
        let called = self.resolution == Resolution::Called && !self.selector.is_empty();
        self.entry.is_some() && called && self.addresses.is_empty() && self.ranges.is_empty()
    }

    /// Addresses that a client connects to; with the one that it was given, when the client's proxy answers name questions.
    #[must_use]
    pub fn reached_at(&self, captures_names: bool) -> &[IpAddr] {
        match &self.allocated {
            Some(address) if captures_names && self.addresses.is_empty() => {
                std::slice::from_ref(address)
            }
            _ => &self.addresses,
        }
    }

    /// Outside of the mesh, so that nobody there has its certificates.
    #[must_use]
    pub fn is_external(&self) -> bool {
        self.entry.as_ref().is_some_and(|entry| entry.external)
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
