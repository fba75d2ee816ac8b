//! Pods, and the endpoints behind each service.
//!
//! Holds: an endpoint is ready, or its service asked for unready ones; the order follows from addresses alone.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use weft_model::api::core::Pod;
use weft_model::{Host, MeshModel, Object};

use crate::{Config, MeshSettings, Mtls, Service, Subset};

/// One address of a service's port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// Address of the pod.
    pub address: IpAddr,
    /// Port of the pod.
    pub port: u16,
    /// Accepts the mesh's mutual TLS.
    pub mtls: bool,
    /// Labels of the pod.
    pub labels: BTreeMap<String, String>,
    /// Namespace and name of the pod, when there is one.
    pub pod: Option<(String, String)>,
    /// Zone.
    pub zone: Option<String>,
}

/// What runs.
#[derive(Debug, Default)]
pub struct Workloads {
    pods: HashMap<IpAddr, Arc<Object<Pod>>>,
    /// By host, then by name of the service's port.
    endpoints: BTreeMap<Host, BTreeMap<String, Vec<Endpoint>>>,
    identities: BTreeMap<Host, BTreeSet<String>>,
}

impl Workloads {
    pub(crate) fn build(settings: &MeshSettings, config: &Config, model: &MeshModel) -> Self {
        let mut found = Self::default();
        let mut by_name: HashMap<(&str, &str), &Arc<Object<Pod>>> = HashMap::new();
        for pod in &model.pods {
            by_name.insert((&pod.meta.namespace, &pod.meta.name), pod);
            // Pods on the host's network share its address, and are no workloads of their own.
            if !pod.spec.host_network {
                pod.spec.ips.iter().for_each(|ip| drop(found.pods.insert(*ip, Arc::clone(pod))));
            }
        }
        for slice in &model.slices {
            let namespace = slice.meta.namespace.as_str();
            let host = Host::of_service(&slice.spec.service, namespace, &settings.domain);
            let Some(service) = config.service(&host) else { continue };
            let ready =
                slice.spec.endpoints.iter().filter(|e| e.ready || service.publish_not_ready);
            for written in ready {
                let named = written.pod.as_deref().and_then(|pod| by_name.get(&(namespace, pod)));
                let pod = named.copied().or_else(|| found.pods.get(&written.address)).cloned();
                if let Some(pod) = &pod {
                    let (place, account) = (&pod.meta.namespace, &pod.spec.service_account);
                    let id = format!("spiffe://{}/ns/{place}/sa/{account}", settings.trust_domain);
                    found.identities.entry(host.clone()).or_default().insert(id);
                }
                for (name, port) in &slice.spec.ports {
                    let labels = pod.as_ref().map(|p| p.meta.labels.clone()).unwrap_or_default();
                    let meshed = labels.get("security.istio.io/tlsMode");
                    let accepts = || config.mtls(namespace, &labels, *port) != Mtls::Disable;
                    let endpoint = Endpoint {
                        address: written.address,
                        port: *port,
                        mtls: meshed.is_some_and(|mode| mode == "istio") && accepts(),
                        pod: pod.as_ref().map(|p| (p.meta.namespace.clone(), p.meta.name.clone())),
                        zone: written.zone.clone(),
                        labels,
                    };
                    let ports = found.endpoints.entry(host.clone()).or_default();
                    ports.entry(name.clone()).or_default().push(endpoint);
                }
            }
        }
        for ports in found.endpoints.values_mut() {
            for endpoints in ports.values_mut() {
                endpoints.sort();
                endpoints.dedup_by_key(|endpoint| (endpoint.address, endpoint.port));
            }
        }
        found
    }

    /// The pod of an address.
    #[must_use]
    pub fn pod(&self, ip: IpAddr) -> Option<&Arc<Object<Pod>>> {
        self.pods.get(&ip)
    }

    /// Endpoints of a port of a service, or of a subset of it.
    pub fn endpoints<'a>(
        &'a self,
        service: &Service,
        port_name: &str,
        subset: Option<&'a Subset>,
    ) -> impl Iterator<Item = &'a Endpoint> + use<'a> {
        let ports = self.endpoints.get(&service.host);
        let all = ports.and_then(|ports| ports.get(port_name)).into_iter().flatten();
        all.filter(move |endpoint| {
            subset.is_none_or(|subset| {
                subset.labels.iter().all(|(key, value)| endpoint.labels.get(key) == Some(value))
            })
        })
    }

    /// Who answers for a service: the identities of the pods behind it.
    pub fn identities(&self, host: &Host) -> impl Iterator<Item = &str> {
        self.identities.get(host).into_iter().flatten().map(String::as_str)
    }
}
