//! Pods, and the endpoints behind each service.
//!
//! Holds: an endpoint is ready, or its service asked for unready ones; the order follows from addresses alone; what did
//! not change from one version to the next is the same allocation.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use foldhash::fast::RandomState;
use weft_model::api::core::{EndpointSlice, Pod, SliceEndpoint};
use weft_model::api::workload::WorkloadEntry;
use weft_model::{Host, MeshModel, Object, Objects};

use crate::by_service::ByService;
use crate::localities::{self, Localities, Locality};
use crate::machines::Machines;
use crate::{Aspect, Config, MeshSettings, MeshSnapshot, Mtls, Service, Subset, all_same};

/// Annotation that injection gives to pods that are gateways.
pub const GATEWAY: &str = "gateway.istio.io/status";

/// One address of a service's port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// Where it is.
    pub address: Address,
    /// Port there.
    pub port: u16,
    /// Accepts the mesh's mutual TLS.
    pub mtls: bool,
    /// Labels of the pod, and those that tell its place.
    pub labels: BTreeMap<String, String>,
    /// Namespace and name of the pod, when there is one.
    pub pod: Option<(String, String)>,
    /// Place.
    pub locality: Locality,
    /// Share of requests, compared to others.
    pub weight: u32,
    /// Not ready: it takes no requests, and is told of only where clients weigh how many are.
    pub unready: bool,
}

/// Where an endpoint is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Address {
    /// At an address.
    Ip(IpAddr),
    /// Where DNS says.
    Name(Arc<str>),
}

impl Address {
    /// Reads an address or a name; a unix socket is neither.
    pub(crate) fn of(written: &str) -> Option<Self> {
        if written.is_empty() || written.starts_with("unix://") {
            return None;
        }
        Some(written.parse().map_or_else(|_name| Self::Name(written.into()), Self::Ip))
    }

    /// The address, when it needs no looking up.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ip(ip) => Some(*ip),
            Self::Name(_) => None,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// What is behind one service.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Backing {
    /// By name of the service's port.
    ports: BTreeMap<String, Vec<Endpoint>>,
    /// Apart, because it is the same for longer than the rest.
    identities: Arc<BTreeSet<String>>,
}

/// An endpoint that a slice lists.
struct Listed<'a> {
    written: &'a SliceEndpoint,
    pod: Option<&'a Object<Pod>>,
    place: Locality,
    unready: bool,
}

/// Pods by address.
type ByAddress = HashMap<IpAddr, Arc<Object<Pod>>, RandomState>;

/// What endpoints of a service were made from: the same objects make the same endpoints.
#[derive(Debug, Default)]
struct Source {
    slices: Vec<Arc<Object<EndpointSlice>>>,
    /// One for each endpoint of the slices.
    pods: Vec<Option<Arc<Object<Pod>>>>,
}

impl Source {
    fn is(&self, other: &Self) -> bool {
        let same = |(one, other): (&Option<Arc<_>>, &Option<Arc<_>>)| match (one, other) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        };
        all_same(&self.slices, &other.slices)
            && self.pods.len() == other.pods.len()
            && self.pods.iter().zip(&other.pods).all(same)
    }
}

/// What runs.
#[derive(Debug, Default)]
pub struct Workloads {
    /// The same allocation for as long as no node changes.
    localities: Arc<Localities>,
    pods: ByAddress,
    /// Pods on the network of their node, by namespace and name.
    on_nodes: BTreeMap<(String, String), Arc<Object<Pod>>>,
    machines: Objects<WorkloadEntry>,
    sources: ByService<Source>,
    backing: ByService<Arc<Backing>>,
}

impl Workloads {
    /// Takes over from a version before, which was made under the same settings, what is the same.
    pub(crate) fn build(
        settings: &MeshSettings,
        config: &Config,
        model: &MeshModel,
        before: Option<&MeshSnapshot>,
    ) -> Self {
        let localities = Localities::of(&model.nodes);
        let known = before.map(|before| &before.workloads().localities);
        let known = known.filter(|known| ***known == localities).cloned();
        let localities = known.unwrap_or_else(|| Arc::new(localities));
        let mut pods =
            ByAddress::with_capacity_and_hasher(model.pods.len(), RandomState::default());
        let mut by_name =
            ByName::with_capacity_and_hasher(model.pods.len(), RandomState::default());
        let mut on_nodes = BTreeMap::new();
        for pod in &model.pods {
            by_name.insert((&pod.meta.namespace, &pod.meta.name), pod);
            // Pods on the host's network share its address, and are no workloads of their own.
            if pod.spec.host_network {
                let name = (pod.meta.namespace.clone(), pod.meta.name.clone());
                on_nodes.insert(name, Arc::clone(pod));
            } else {
                pod.spec.ips.iter().for_each(|ip| drop(pods.insert(*ip, Arc::clone(pod))));
            }
        }
        let sources = sources(settings, config, model, &Pods { by_name, by_address: &pods });
        let machines = Machines { settings, config, model, localities: &localities };
        let older = before.map(MeshSnapshot::config);
        let peers = older.is_some_and(|older| config.same(older, Aspect::Peers));
        let before = before.map(|before| &**before.workloads()).filter(|before| {
            Arc::ptr_eq(&before.localities, &localities)
                && all_same(&before.machines, &model.workload_entries)
        });
        let none = Source::default();
        let mut backing = ByService::default();
        for service in config.services() {
            let (host, namespace) = (&service.host, service.namespace.as_str());
            let source = sources.get(host, namespace).unwrap_or(&none);
            let same = older.and_then(|older| older.service_in(host, namespace));
            let same = peers && same.is_some_and(|same| Arc::ptr_eq(same, service));
            // What a ServiceEntry selects is found by labels, and may be other pods than before.
            let known = before.filter(|_| same && service.entry.is_none());
            let known =
                known.filter(|old| old.sources.get(host, namespace).unwrap_or(&none).is(source));
            let found = match known {
                Some(known) => known.backing.get(host, namespace).cloned(),
                None => {
                    let mut found = Backing::default();
                    found.list(settings, config, service, source, &localities);
                    machines.fill(service, &mut found);
                    found.sort();
                    let old = before.and_then(|before| before.backing.get(host, namespace));
                    let same = old.filter(|old| ***old == found).cloned();
                    if let Some(old) = old.filter(|old| old.identities == found.identities) {
                        found.identities = Arc::clone(&old.identities);
                    }
                    let any = found != Backing::default();
                    any.then(|| same.unwrap_or_else(|| Arc::new(found)))
                }
            };
            if let Some(found) = found {
                backing.insert(host.clone(), namespace, found);
            }
        }
        let machines = model.workload_entries.clone();
        Self { localities, backing, sources, machines, pods, on_nodes }
    }

    /// Whether a pod is behind any service that proxies are told of.
    #[must_use]
    pub fn is_behind_any(&self, namespace: &str, name: &str) -> bool {
        let all = self.backing.values().flat_map(|found| found.ports.values().flatten());
        let mut pods = all.filter_map(|endpoint| endpoint.pod.as_ref());
        pods.any(|(place, pod)| place == namespace && pod == name)
    }

    /// All pods that have an address of their own, once for each address.
    pub fn pods(&self) -> impl Iterator<Item = &Arc<Object<Pod>>> {
        self.pods.values()
    }

    /// The pod of an address.
    #[must_use]
    pub fn pod(&self, ip: IpAddr) -> Option<&Arc<Object<Pod>>> {
        self.pods.get(&ip)
    }

    /// The pod of this name that has its address from its node.
    #[must_use]
    pub fn pod_on_node(&self, namespace: &str, name: &str) -> Option<&Arc<Object<Pod>>> {
        self.on_nodes.get(&(namespace.to_owned(), name.to_owned()))
    }

    /// Whether pods with the addresses of their nodes are the same objects.
    #[must_use]
    pub fn same_on_nodes(&self, other: &Self) -> bool {
        self.on_nodes.len() == other.on_nodes.len()
            && self
                .on_nodes
                .iter()
                .zip(&other.on_nodes)
                .all(|((one, pod), (other, same))| one == other && Arc::ptr_eq(pod, same))
    }

    /// Whether pods are where they were, as far as nodes say.
    #[must_use]
    pub fn same_places(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.localities, &other.localities)
    }

    /// Where a pod is.
    #[must_use]
    pub fn locality(&self, pod: &Object<Pod>) -> Locality {
        self.localities.of_pod(pod)
    }

    /// What is behind a service; the same allocation for as long as it does not change.
    #[must_use]
    pub fn behind(&self, service: &Service) -> Option<&Arc<Backing>> {
        self.backing.get(&service.host, &service.namespace)
    }

    /// Endpoints of a port of a service, or of a subset of it.
    pub fn endpoints<'a>(
        &'a self,
        service: &Service,
        port_name: &str,
        subset: Option<&'a Subset>,
    ) -> impl Iterator<Item = &'a Endpoint> + use<'a> {
        let backing = self.behind(service);
        let all = backing.and_then(|found| found.ports.get(port_name)).into_iter().flatten();
        all.filter(move |endpoint| {
            subset.is_none_or(|subset| {
                subset.labels.iter().all(|(key, value)| endpoint.labels.get(key) == Some(value))
            })
        })
    }

    /// Who answers for a service: the identities of the pods behind it.
    pub fn identities(&self, service: &Service) -> impl Iterator<Item = &str> + use<'_> {
        let backing = self.behind(service);
        backing.into_iter().flat_map(|found| &*found.identities).map(String::as_str)
    }

    /// The same, as an allocation that stays for as long as they do; `None` where nothing is behind the service.
    #[must_use]
    pub fn identified(&self, service: &Service) -> Option<&Arc<BTreeSet<String>>> {
        self.behind(service).map(|found| &found.identities)
    }
}

impl Backing {
    pub(crate) fn identify(&mut self, settings: &MeshSettings, place: &str, account: &str) {
        let id = format!("spiffe://{}/ns/{place}/sa/{account}", settings.trust_domain);
        Arc::make_mut(&mut self.identities).insert(id);
    }

    pub(crate) fn insert(&mut self, port: &str, endpoint: Endpoint) {
        self.ports.entry(port.to_owned()).or_default().push(endpoint);
    }

    /// Takes what slices list.
    fn list(
        &mut self,
        settings: &MeshSettings,
        config: &Config,
        service: &Service,
        source: &Source,
        localities: &Localities,
    ) {
        let Source { slices, pods } = source;
        let listed = slices
            .iter()
            .flat_map(|slice| slice.spec.endpoints.iter().map(move |one| (slice, one)));
        for ((slice, one), pod) in listed.zip(pods) {
            let pod = pod.as_deref();
            // Those that are not ready yet count, so that clients need not learn of them when they are.
            if let Some(pod) = pod {
                self.identify(settings, &pod.meta.namespace, &pod.spec.service_account);
            }
            let weighed = service.preference.is_some() && !one.terminating;
            if one.ready || service.publish_not_ready || weighed {
                let place = pod.map(|pod| localities.of_pod(pod)).unwrap_or_default();
                let unready = !one.ready && !service.publish_not_ready;
                self.add(config, slice, &Listed { written: one, pod, place, unready });
            }
        }
    }

    fn add(&mut self, config: &Config, slice: &Object<EndpointSlice>, listed: &Listed<'_>) {
        let Listed { written, pod, place, unready } = listed;
        let own = pod.map(|pod| pod.meta.labels.clone()).unwrap_or_default();
        // A gateway takes the mesh's TLS on no port that a Service has.
        let gateway = pod.is_some_and(|pod| pod.meta.annotations.contains_key(GATEWAY));
        let mode = own.get("security.istio.io/tlsMode").filter(|_| !gateway);
        let meshed = mode.is_some_and(|mode| mode == "istio");
        let accepts = |port| config.mtls(&slice.meta.namespace, &own, port) != Mtls::Disable;
        let node = written.node.as_deref().or(pod.map(|pod| pod.spec.node.as_str()));
        let mut labels = own.clone();
        localities::add_labels(&mut labels, place, node.unwrap_or_default());
        for (name, port) in &slice.spec.ports {
            self.ports.entry(name.clone()).or_default().push(Endpoint {
                address: Address::Ip(written.address),
                port: *port,
                mtls: meshed && accepts(*port),
                pod: pod.map(|pod| (pod.meta.namespace.clone(), pod.meta.name.clone())),
                locality: place.clone(),
                weight: 1,
                unready: *unready,
                labels: labels.clone(),
            });
        }
    }

    fn sort(&mut self) {
        for endpoints in self.ports.values_mut() {
            endpoints.sort();
            endpoints.dedup_by(|a, b| a.address == b.address && a.port == b.port);
        }
    }
}

/// Pods by namespace and name.
type ByName<'a> = HashMap<(&'a str, &'a str), &'a Arc<Object<Pod>>, RandomState>;

/// Pods, by namespace and name and by address.
struct Pods<'a> {
    by_name: ByName<'a>,
    by_address: &'a ByAddress,
}

/// What the slices of each service of Kubernetes list.
fn sources(
    settings: &MeshSettings,
    config: &Config,
    model: &MeshModel,
    pods: &Pods<'_>,
) -> ByService<Source> {
    let mut found = ByService::<Source>::default();
    for slice in &model.slices {
        let namespace = slice.meta.namespace.as_str();
        let host = Host::of_service(&slice.spec.service, namespace, &settings.domain);
        if config.service(&host).is_none_or(|service| service.entry.is_some()) {
            continue;
        }
        let source = found.of(host, namespace);
        source.slices.push(Arc::clone(slice));
        source.pods.extend(slice.spec.endpoints.iter().map(|one| {
            let named = one.pod.as_deref().and_then(|pod| pods.by_name.get(&(namespace, pod)));
            named.copied().or_else(|| pods.by_address.get(&one.address)).cloned()
        }));
    }
    found
}
