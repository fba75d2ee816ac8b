//! Endpoints that are no pods of a Service: those that ServiceEntries list or select, and WorkloadEntries behind Services.
//!
//! In: services, WorkloadEntries, pods. Out: endpoints per port.
//! Holds: an endpoint's own port comes before the service's target port, and that before the service's port; an endpoint
//! takes the mesh's TLS when its label says so, or, without a label, when it has a service account.

use std::collections::BTreeMap;

use weft_model::api::core::{Pod, PortRef};
use weft_model::api::service_entry::ServiceEntry;
use weft_model::api::workload::WorkloadEntry;
use weft_model::{MeshModel, Object};

use crate::localities::{self, Localities, Locality};
use crate::workloads::{Address, Backing, Endpoint};
use crate::{Config, MeshSettings, Mtls, Port, Service};

const MODE: &str = "security.istio.io/tlsMode";

/// What endpoints are made from.
pub(crate) struct Machines<'a> {
    pub(crate) settings: &'a MeshSettings,
    pub(crate) config: &'a Config,
    pub(crate) model: &'a MeshModel,
    pub(crate) localities: &'a Localities,
}

impl Machines<'_> {
    /// Everything behind a service but what slices list.
    pub(crate) fn fill(&self, service: &Service, backing: &mut Backing) {
        match &service.entry {
            Some(entry) => {
                for object in &entry.objects {
                    self.of_entry(service, &object.spec, backing);
                }
            }
            None if !service.selector.is_empty() => {
                for object in &self.model.workload_entries {
                    let entry = &object.spec;
                    if service.selects(&object.meta.namespace, &labels(object)) {
                        let port = |port: &Port| port_of_service(entry, port);
                        self.machine(service, (entry, &labels(object)), port, backing);
                    }
                }
            }
            None => {}
        }
    }

    fn of_entry(&self, service: &Service, spec: &ServiceEntry, backing: &mut Backing) {
        if let Some(selector) = &spec.workload_selector {
            self.selected(service, &selector.labels, backing);
            return;
        }
        let listed = spec.endpoints.as_deref().unwrap_or_default();
        for entry in listed {
            let port = |port: &Port| port_of_entry(entry, port);
            self.machine(service, (entry, &entry.labels), port, backing);
        }
        if listed.is_empty() && service.resolution.is_dns() {
            self.itself(service, backing);
        }
    }

    /// The name of the service is what is looked up.
    fn itself(&self, service: &Service, backing: &mut Backing) {
        for port in &service.ports {
            backing.insert(
                &port.name,
                Endpoint {
                    address: Address::Name(service.host.as_str().into()),
                    port: target(port),
                    mtls: false,
                    labels: BTreeMap::new(),
                    pod: None,
                    locality: Locality::default(),
                    weight: 1,
                    unready: false,
                },
            );
        }
    }

    fn selected(&self, service: &Service, wanted: &BTreeMap<String, String>, into: &mut Backing) {
        let means = |labels: &BTreeMap<String, String>| {
            !wanted.is_empty() && wanted.iter().all(|(key, value)| labels.get(key) == Some(value))
        };
        for object in &self.model.workload_entries {
            let own = labels(object);
            if object.meta.namespace == service.namespace && means(&own) {
                let port = |port: &Port| port_of_entry(&object.spec, port);
                self.machine(service, (&object.spec, &own), port, into);
            }
        }
        for pod in &self.model.pods {
            let local = pod.meta.namespace == service.namespace && !pod.spec.host_network;
            if local && means(&pod.meta.labels) {
                self.pod(service, pod, into);
            }
        }
    }

    fn machine(
        &self,
        service: &Service,
        (entry, labels): (&WorkloadEntry, &BTreeMap<String, String>),
        port_of: impl Fn(&Port) -> u16,
        backing: &mut Backing,
    ) {
        let Some(address) = Address::of(&entry.address) else { return };
        if !entry.service_account.is_empty() {
            backing.identify(self.settings, &service.namespace, &entry.service_account);
        }
        let meshed = match labels.get(MODE) {
            Some(mode) => mode == "istio",
            None => !entry.service_account.is_empty(),
        };
        let place = Locality::of(&entry.locality);
        let mut told = labels.clone();
        localities::add_labels(&mut told, &place, "");
        if !entry.network.is_empty() {
            told.insert(localities::NETWORK.to_owned(), entry.network.clone());
        }
        for port in &service.ports {
            let number = port_of(port);
            backing.insert(
                &port.name,
                Endpoint {
                    address: address.clone(),
                    port: number,
                    mtls: meshed && self.accepts(service, labels, number),
                    labels: told.clone(),
                    pod: None,
                    locality: place.clone(),
                    weight: entry.weight.max(1),
                    unready: false,
                },
            );
        }
    }

    fn pod(&self, service: &Service, pod: &Object<Pod>, backing: &mut Backing) {
        backing.identify(self.settings, &pod.meta.namespace, &pod.spec.service_account);
        let labels = &pod.meta.labels;
        let meshed = labels.get(MODE).is_some_and(|mode| mode == "istio");
        let place = self.localities.of_pod(pod);
        let mut told = labels.clone();
        localities::add_labels(&mut told, &place, &pod.spec.node);
        for port in &service.ports {
            if let Some(ip) = pod.spec.ips.first() {
                backing.insert(
                    &port.name,
                    Endpoint {
                        address: Address::Ip(*ip),
                        port: target(port),
                        mtls: meshed && self.accepts(service, labels, target(port)),
                        labels: told.clone(),
                        pod: Some((pod.meta.namespace.clone(), pod.meta.name.clone())),
                        locality: place.clone(),
                        weight: 1,
                        unready: false,
                    },
                );
            }
        }
    }

    fn accepts(&self, service: &Service, labels: &BTreeMap<String, String>, port: u16) -> bool {
        self.config.mtls(&service.namespace, labels, port) != Mtls::Disable
    }
}

/// Labels of the object count beside those of what it says.
fn labels(object: &Object<WorkloadEntry>) -> BTreeMap<String, String> {
    let mut labels = object.meta.labels.clone();
    labels.extend(object.spec.labels.clone());
    labels
}

fn own_port(entry: &WorkloadEntry, name: &str) -> Option<u16> {
    entry.ports.get(name).and_then(|port| u16::try_from(*port).ok()).filter(|port| *port != 0)
}

fn port_of_entry(entry: &WorkloadEntry, port: &Port) -> u16 {
    own_port(entry, &port.name).unwrap_or_else(|| target(port))
}

fn port_of_service(entry: &WorkloadEntry, port: &Port) -> u16 {
    let named = match &port.target {
        PortRef::Name(name) => own_port(entry, name),
        PortRef::Number(_) => None,
    };
    named.unwrap_or_else(|| port_of_entry(entry, port))
}

fn target(port: &Port) -> u16 {
    match port.target {
        PortRef::Number(number) => number,
        PortRef::Name(_) => port.number,
    }
}
