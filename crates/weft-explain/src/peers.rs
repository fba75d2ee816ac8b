//! Pods of a mesh, as logs name them: by address, or by name without a namespace.
//!
//! In: a mesh. Out: the pod of an address or of a name.
//! Holds: addresses are those that somebody wrote down; one that was filled in to make a mesh of manifests is nobody's, because
//! in the cluster that wrote the log another pod has it. A name that two namespaces have is no answer.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use serde_json::Value;

use crate::workload::Workload;
use crate::{Mesh, Origin};

/// A pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// The name in its certificate.
    pub identity: String,
    /// A proxy stands beside its application, or it is a gateway.
    pub meshed: bool,
    /// Its proxy is all that it runs.
    pub gateway: bool,
    /// What is written for it, and all like it are the same but for their addresses.
    sort: String,
}

impl Peer {
    /// Calls that its application makes, or that a gateway takes.
    #[must_use]
    pub fn origin(&self) -> Origin {
        let (name, namespace) = (self.name.clone(), self.namespace.clone());
        if self.gateway { Origin::Gateway(name, namespace) } else { Origin::From(name, namespace) }
    }

    /// Calls that come in.
    #[must_use]
    pub fn inbound(&self) -> Origin {
        Origin::Inbound(self.name.clone(), self.namespace.clone())
    }
}

/// All pods of a mesh.
#[derive(Debug)]
pub struct Peers {
    all: Vec<Peer>,
    /// The first pod of the same sort; its proxy decides as theirs do.
    alike: Vec<usize>,
    at: HashMap<IpAddr, usize>,
    named: HashMap<String, Vec<usize>>,
    services: bool,
}

impl Peers {
    /// Looks at all pods once.
    #[must_use]
    pub fn of(mesh: &Mesh) -> Self {
        let mut peers = Self {
            all: Vec::new(),
            alike: Vec::new(),
            at: HashMap::new(),
            named: HashMap::new(),
            services: false,
        };
        let selectors = selectors(mesh);
        let mut sorts = HashMap::new();
        for pod in mesh.objects().iter().filter(|object| object["kind"] == "Pod") {
            let workload = Workload::of(mesh, pod, false);
            let number = peers.all.len();
            // Of an address that was given again, the pod that lives has it.
            if let Some(address) = workload.address().filter(|ip| mesh.is_written(*ip))
                && (!has_ended(pod) || !peers.at.contains_key(&address))
            {
                peers.at.insert(address, number);
            }
            let peer = Peer::of(mesh, pod, &workload, &selectors);
            for name in std::iter::once(peer.name.as_str()).chain(workload_of(&peer, pod)) {
                peers.named.entry(name.to_owned()).or_default().push(number);
            }
            peers.alike.push(*sorts.entry(peer.sort.clone()).or_insert(number));
            peers.all.push(peer);
        }
        let mut services = mesh.snapshot().config().services();
        peers.services =
            services.any(|one| one.reached_at(false).iter().any(|ip| mesh.is_written(*ip)));
        peers
    }

    /// The pod of an address.
    #[must_use]
    pub fn at(&self, address: IpAddr) -> Option<usize> {
        self.at.get(&address).copied()
    }

    /// The pod of a name, or else a pod of the workload that such a pod belongs to.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<usize> {
        let one = |found: &Vec<usize>| {
            let namespace = |number: usize| self.get(number).map(|peer| &peer.namespace);
            let (first, others) = found.split_first()?;
            others.iter().all(|other| namespace(*other) == namespace(*first)).then_some(*first)
        };
        let mut ends =
            std::iter::once(name.len()).chain(name.rmatch_indices('-').map(|(at, _)| at));
        let found = ends.find_map(|end| self.named.get(&name[..end]));
        found.and_then(one)
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, number: usize) -> Option<&Peer> {
        self.all.get(number)
    }

    /// The pod whose proxy is asked in place of this one's.
    #[must_use]
    pub fn representative(&self, number: usize) -> usize {
        self.alike.get(number).copied().unwrap_or(number)
    }

    /// Whether addresses of services are known at all.
    #[must_use]
    pub const fn knows_services(&self) -> bool {
        self.services
    }
}

impl Peer {
    fn of(mesh: &Mesh, pod: &Value, workload: &Workload, selectors: &Selectors) -> Self {
        let gateway = is_gateway(pod, workload.labels(), selectors);
        let (metadata, namespace) = (&pod["metadata"], workload.namespace().to_owned());
        let identity = workload.identity(&mesh.snapshot().settings().trust_domain);
        let started = &metadata["annotations"]["proxy.istio.io/config"];
        let sort = format!("{identity} {} {started} {gateway}", metadata["labels"]);
        let meshed = gateway || workload.is_meshed();
        Self { name: workload.name().to_owned(), namespace, identity, meshed, gateway, sort }
    }
}

/// The name of the Deployment that made a pod, as far as the pod shows it.
fn workload_of<'a>(peer: &'a Peer, pod: &Value) -> Option<&'a str> {
    let hash = pod["metadata"]["labels"]["pod-template-hash"].as_str()?;
    let (name, _) = peer.name.split_once(&format!("-{hash}-"))?;
    Some(name)
}

type Selectors = Vec<BTreeMap<String, String>>;

/// Labels that Gateways ask for.
fn selectors(mesh: &Mesh) -> Selectors {
    let gateways = mesh.objects().iter().filter(|one| {
        one["kind"] == "Gateway"
            && one["apiVersion"].as_str().is_some_and(|version| version.contains("istio.io/"))
    });
    let labels = gateways.filter_map(|gateway| gateway["spec"]["selector"].as_object());
    let text = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
    let labels = labels.map(|labels| labels.iter().filter_map(text).collect());
    labels.filter(|labels: &BTreeMap<_, _>| !labels.is_empty()).collect()
}

fn is_gateway(pod: &Value, labels: &BTreeMap<String, String>, selectors: &Selectors) -> bool {
    let selected = |wanted: &BTreeMap<String, String>| {
        wanted.iter().all(|(key, value)| labels.get(key) == Some(value))
    };
    let containers = pod["spec"]["containers"].as_array();
    let router = |container: &Value| {
        let words = container["args"].as_array().into_iter().flatten();
        container["name"] == "istio-proxy" && words.into_iter().any(|word| word == "router")
    };
    let template = pod["metadata"]["annotations"]["inject.istio.io/templates"].as_str();
    labels.contains_key("gateway.networking.k8s.io/gateway-name")
        || template.is_some_and(|names| names.split(',').any(|name| name.trim() == "gateway"))
        || containers.is_some_and(|all| all.iter().any(router))
        || selectors.iter().any(selected)
}

fn has_ended(pod: &Value) -> bool {
    ["Succeeded", "Failed"].iter().any(|phase| pod["status"]["phase"] == *phase)
}
