//! Pods, and the endpoints behind each service.
//!
//! Holds: an endpoint is ready, or its service asked for unready ones; the order follows from addresses alone; what did
//! not change from one version to the next is the same allocation.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use weft_model::api::core::{EndpointSlice, Pod, SliceEndpoint};
use weft_model::{Host, MeshModel, Object};

use crate::{Config, MeshSettings, Mtls, Service, Subset};

/// Annotation of pods that are gateways.
const GATEWAY: &str = "gateway.istio.io/status";

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

/// What is behind one service.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Backing {
    /// By name of the service's port.
    ports: BTreeMap<String, Vec<Endpoint>>,
    identities: BTreeSet<String>,
}

/// What runs.
#[derive(Debug, Default)]
pub struct Workloads {
    pods: HashMap<IpAddr, Arc<Object<Pod>>>,
    backing: BTreeMap<Host, Arc<Backing>>,
}

impl Workloads {
    pub(crate) fn build(
        settings: &MeshSettings,
        config: &Config,
        model: &MeshModel,
        before: Option<&Self>,
    ) -> Self {
        let mut pods = HashMap::new();
        let mut by_name: HashMap<(&str, &str), &Arc<Object<Pod>>> = HashMap::new();
        for pod in &model.pods {
            by_name.insert((&pod.meta.namespace, &pod.meta.name), pod);
            // Pods on the host's network share its address, and are no workloads of their own.
            if !pod.spec.host_network {
                pod.spec.ips.iter().for_each(|ip| drop(pods.insert(*ip, Arc::clone(pod))));
            }
        }
        let mut backing: BTreeMap<Host, Backing> = BTreeMap::new();
        for slice in &model.slices {
            let namespace = slice.meta.namespace.as_str();
            let host = Host::of_service(&slice.spec.service, namespace, &settings.domain);
            let Some(service) = config.service(&host) else { continue };
            let found = backing.entry(host).or_default();
            for one in &slice.spec.endpoints {
                let named = one.pod.as_deref().and_then(|pod| by_name.get(&(namespace, pod)));
                let pod = named.copied().or_else(|| pods.get(&one.address)).map(|pod| &**pod);
                // Those that are not ready yet count, so that clients need not learn of them when they are.
                found.identify(settings, pod);
                if one.ready || service.publish_not_ready {
                    found.add(config, slice, one, pod);
                }
            }
        }
        let backing = backing.into_iter().map(|(host, mut found)| {
            found.sort();
            let known = before.and_then(|before| before.backing.get(&host));
            let same = known.filter(|known| ***known == found).cloned();
            (host, same.unwrap_or_else(|| Arc::new(found)))
        });
        Self { backing: backing.collect(), pods }
    }

    /// The pod of an address.
    #[must_use]
    pub fn pod(&self, ip: IpAddr) -> Option<&Arc<Object<Pod>>> {
        self.pods.get(&ip)
    }

    /// What is behind a host; the same allocation for as long as it does not change.
    #[must_use]
    pub fn behind(&self, host: &Host) -> Option<&Arc<Backing>> {
        self.backing.get(host)
    }

    /// Endpoints of a port of a service, or of a subset of it.
    pub fn endpoints<'a>(
        &'a self,
        service: &Service,
        port_name: &str,
        subset: Option<&'a Subset>,
    ) -> impl Iterator<Item = &'a Endpoint> + use<'a> {
        let backing = self.backing.get(&service.host);
        let all = backing.and_then(|found| found.ports.get(port_name)).into_iter().flatten();
        all.filter(move |endpoint| {
            subset.is_none_or(|subset| {
                subset.labels.iter().all(|(key, value)| endpoint.labels.get(key) == Some(value))
            })
        })
    }

    /// Who answers for a service: the identities of the pods behind it.
    pub fn identities(&self, host: &Host) -> impl Iterator<Item = &str> {
        let backing = self.backing.get(host);
        backing.into_iter().flat_map(|found| &found.identities).map(String::as_str)
    }
}

impl Backing {
    fn identify(&mut self, settings: &MeshSettings, pod: Option<&Object<Pod>>) {
        if let Some(pod) = pod {
            let (place, account) = (&pod.meta.namespace, &pod.spec.service_account);
            let id = format!("spiffe://{}/ns/{place}/sa/{account}", settings.trust_domain);
            self.identities.insert(id);
        }
    }

    fn add(
        &mut self,
        config: &Config,
        slice: &Object<EndpointSlice>,
        written: &SliceEndpoint,
        pod: Option<&Object<Pod>>,
    ) {
        let labels = pod.map(|pod| pod.meta.labels.clone()).unwrap_or_default();
        // A gateway takes the mesh's TLS on no port that a Service has.
        let gateway = pod.is_some_and(|pod| pod.meta.annotations.contains_key(GATEWAY));
        let mode = labels.get("security.istio.io/tlsMode").filter(|_| !gateway);
        let meshed = mode.is_some_and(|mode| mode == "istio");
        let accepts = |port| config.mtls(&slice.meta.namespace, &labels, port) != Mtls::Disable;
        for (name, port) in &slice.spec.ports {
            self.ports.entry(name.clone()).or_default().push(Endpoint {
                address: written.address,
                port: *port,
                mtls: meshed && accepts(*port),
                pod: pod.map(|pod| (pod.meta.namespace.clone(), pod.meta.name.clone())),
                zone: written.zone.clone(),
                labels: labels.clone(),
            });
        }
    }

    fn sort(&mut self) {
        for endpoints in self.ports.values_mut() {
            endpoints.sort();
            endpoints.dedup_by_key(|endpoint| (endpoint.address, endpoint.port));
        }
    }
}
