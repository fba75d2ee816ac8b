//! Services and configuration, indexed by who asks.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use weft_model::api::authorization_policy::AuthorizationPolicy;
use weft_model::api::gateway::Gateway;
use weft_model::api::peer_authentication::PeerAuthentication;
use weft_model::api::virtual_service::VirtualService;
use weft_model::{Host, MeshModel, Object, Objects};

use crate::authn::{self, Mtls, Peers};
use crate::rules::{Rule, Rules};
use crate::{Alias, MeshSettings, Service, Visibility};

/// Everything that users wrote and that is no endpoint.
#[derive(Debug)]
pub struct Config {
    root: String,
    services: BTreeMap<Host, Arc<Service>>,
    by_namespace: HashMap<String, Vec<Arc<Service>>>,
    aliases: HashMap<Host, Host>,
    aliases_of: HashMap<Host, Vec<Alias>>,
    virtual_services: Vec<(Visibility, Arc<Object<VirtualService>>)>,
    rules: Rules,
    gateways: Objects<Gateway>,
    peers: Peers,
    policies: HashMap<String, Objects<AuthorizationPolicy>>,
    selector_keys: BTreeSet<String>,
    source_keys: BTreeSet<String>,
}

impl Config {
    pub(crate) fn build(settings: &MeshSettings, model: &MeshModel) -> Self {
        let services: BTreeMap<Host, Arc<Service>> = model
            .services
            .iter()
            .filter_map(|object| Service::of(object, settings))
            .map(|service| (service.host.clone(), Arc::new(service)))
            .collect();
        let mut by_namespace: HashMap<String, Vec<Arc<Service>>> = HashMap::new();
        for object in &model.services {
            let meta = &object.meta;
            let host = Host::of_service(&meta.name, &meta.namespace, &settings.domain);
            if let Some(service) = services.get(&host) {
                by_namespace.entry(meta.namespace.clone()).or_default().push(Arc::clone(service));
            }
        }
        let (mut aliases, mut aliases_of) = (HashMap::new(), HashMap::<Host, Vec<Alias>>::new());
        for alias in model.services.iter().filter_map(|object| Alias::of(object, settings)) {
            aliases.insert(alias.host.clone(), alias.target.clone());
            aliases_of.entry(alias.target.clone()).or_default().push(alias);
        }
        let virtual_services = model.virtual_services.iter().map(|object| {
            let otherwise = &settings.exports.virtual_services;
            let own = &object.meta.namespace;
            (Visibility::of(&object.spec.export_to, otherwise, own), Arc::clone(object))
        });
        let mut policies: HashMap<String, Objects<AuthorizationPolicy>> = HashMap::new();
        for object in &model.authorization_policies {
            policies.entry(object.meta.namespace.clone()).or_default().push(Arc::clone(object));
        }
        Self {
            root: settings.root_namespace.clone(),
            services,
            by_namespace,
            aliases,
            aliases_of,
            virtual_services: virtual_services.collect(),
            rules: Rules::build(settings, &model.destination_rules),
            gateways: model.gateways.clone(),
            peers: Peers::build(&model.peer_authentications, &settings.root_namespace),
            policies,
            selector_keys: selector_keys(model),
            source_keys: source_keys(model),
        }
    }

    /// Every service, by host.
    pub fn services(&self) -> impl Iterator<Item = &Arc<Service>> {
        self.services.values()
    }

    /// The services that proxies of a namespace see, by host.
    pub fn services_for<'a>(
        &'a self,
        namespace: &'a str,
    ) -> impl Iterator<Item = &'a Arc<Service>> + 'a {
        self.services.values().filter(move |service| service.visibility.includes(namespace))
    }

    /// A service by its full name.
    #[must_use]
    pub fn service(&self, host: &Host) -> Option<&Arc<Service>> {
        self.services.get(host)
    }

    /// The services of a namespace, oldest first.
    pub fn services_in(&self, namespace: &str) -> impl Iterator<Item = &Arc<Service>> {
        self.by_namespace.get(namespace).into_iter().flatten()
    }

    /// What a host stands for, when it is another name of a service; else itself.
    #[must_use]
    pub fn aliased<'a>(&'a self, host: &'a Host) -> &'a Host {
        self.aliases.get(host).unwrap_or(host)
    }

    /// Other names of a service.
    pub fn aliases_of(&self, host: &Host) -> impl Iterator<Item = &Alias> {
        self.aliases_of.get(host).into_iter().flatten()
    }

    /// The VirtualServices that proxies of a namespace see, in precedence: the namespace's private ones, those that are
    /// exported to it by name, everybody's; oldest first.
    pub fn virtual_services_for<'a>(
        &'a self,
        namespace: &'a str,
    ) -> impl Iterator<Item = &'a Arc<Object<VirtualService>>> + 'a {
        let visible = self.virtual_services.iter().filter(move |(to, _)| to.includes(namespace));
        let mut found: Vec<_> = visible
            .map(|(to, object)| (to.distance(&object.meta.namespace, namespace), object))
            .collect();
        found.sort_by_key(|(distance, _)| *distance);
        found.into_iter().map(|(_, object)| object)
    }

    /// The rule that a client of a namespace uses for a service.
    #[must_use]
    pub fn rule(&self, client: &str, service: &Service) -> Option<&Arc<Rule>> {
        self.rules.find(client, service, &self.root)
    }

    /// Every rule that some client may use for a service, by namespace.
    pub fn rules<'a>(&'a self, service: &'a Service) -> impl Iterator<Item = &'a Arc<Rule>> {
        self.rules.all(&service.host)
    }

    /// The Gateways that gateway pods with these labels serve, oldest first.
    pub fn gateways_for<'a>(
        &'a self,
        labels: &'a BTreeMap<String, String>,
    ) -> impl Iterator<Item = &'a Arc<Object<Gateway>>> + 'a {
        self.gateways.iter().filter(move |object| {
            object.spec.selector.iter().all(|(key, value)| labels.get(key) == Some(value))
        })
    }

    /// What a port of a workload accepts.
    #[must_use]
    pub fn mtls(&self, namespace: &str, labels: &BTreeMap<String, String>, port: u16) -> Mtls {
        self.peers.mode(namespace, labels, port)
    }

    /// Ports of a workload for which its own policy says something.
    #[must_use]
    pub fn mtls_ports(&self, namespace: &str, labels: &BTreeMap<String, String>) -> Vec<u16> {
        self.peers.ports(namespace, labels)
    }

    /// The policies that say what the ports of a workload accept.
    pub fn peer_authentications<'a>(
        &'a self,
        namespace: &'a str,
        labels: &'a BTreeMap<String, String>,
    ) -> impl Iterator<Item = &'a Arc<Object<PeerAuthentication>>> + 'a {
        self.peers.in_scope(namespace, labels)
    }

    /// The policies that apply to a workload: the mesh's, then its namespace's.
    #[must_use]
    pub fn policies(
        &self,
        namespace: &str,
        labels: &BTreeMap<String, String>,
    ) -> Vec<&Arc<Object<AuthorizationPolicy>>> {
        let mut places = vec![self.root.as_str()];
        if namespace != self.root {
            places.push(namespace);
        }
        let found = places.into_iter().filter_map(|place| self.policies.get(place)).flatten();
        // One that names its targets is for gateways and waypoints of the Gateway API, of which there are none.
        let local = found.filter(|object| {
            object.spec.target_ref.is_none() && object.spec.target_refs.is_empty()
        });
        local.filter(|object| authn::selects(object.spec.selector.as_ref(), labels)).collect()
    }

    /// Labels that some selector looks at; others make no difference to a workload's configuration.
    #[must_use]
    pub fn selector_keys(&self) -> &BTreeSet<String> {
        &self.selector_keys
    }

    /// Labels that some VirtualService looks at in clients.
    #[must_use]
    pub fn source_keys(&self) -> &BTreeSet<String> {
        &self.source_keys
    }
}

fn selector_keys(model: &MeshModel) -> BTreeSet<String> {
    let peers = model.peer_authentications.iter().filter_map(|o| o.spec.selector.as_ref());
    let policies = model.authorization_policies.iter().filter_map(|o| o.spec.selector.as_ref());
    let workloads = peers.chain(policies).flat_map(|selector| selector.match_labels.keys());
    let gateways = model.gateways.iter().flat_map(|gateway| gateway.spec.selector.keys());
    workloads.chain(gateways).cloned().collect()
}

fn source_keys(model: &MeshModel) -> BTreeSet<String> {
    let specs = || model.virtual_services.iter().map(|object| &object.spec);
    let http = specs().flat_map(|spec| &spec.http).flat_map(|route| &route.matches);
    let tcp = specs().flat_map(|spec| &spec.tcp).flat_map(|route| &route.matches);
    let http = http.flat_map(|found| found.source_labels.keys());
    let tcp = tcp.flat_map(|found| found.source_labels.keys());
    http.chain(tcp).cloned().collect()
}
