//! Services and configuration, indexed by who asks.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use weft_model::api::authorization_policy::AuthorizationPolicy;
use weft_model::api::envoy_filter::{EnvoyFilter, PatchContext};
use weft_model::api::gateway::Gateway;
use weft_model::api::meta::Metadata;
use weft_model::api::peer_authentication::PeerAuthentication;
use weft_model::api::request_authentication::RequestAuthentication;
use weft_model::api::secret::Credential;
use weft_model::api::virtual_service::VirtualService;
use weft_model::{Host, MeshModel, Object, Objects};

use crate::aspects::Marks;
use crate::authn::{self, Mtls, Peers};
use crate::rules::{Client, Rule, Rules};
use crate::sidecars::{self, Sidecars};
use crate::{Alias, Aspect, MeshSettings, Near, Scope, Service, all_same, delegates, entry};

/// Everything that users wrote and that is no endpoint.
#[derive(Debug)]
pub struct Config {
    root: String,
    /// Of several for one host Kubernetes' own comes first, then the oldest.
    services: BTreeMap<Host, Vec<Arc<Service>>>,
    by_namespace: HashMap<String, Vec<Arc<Service>>>,
    listing: Vec<Arc<Service>>,
    aliases: HashMap<Host, Host>,
    aliases_of: HashMap<Host, Vec<Alias>>,
    virtual_services: Vec<delegates::Visible>,
    rules: Rules,
    gateways: Objects<Gateway>,
    patches: Objects<EnvoyFilter>,
    peers: Peers,
    sidecars: Sidecars,
    policies: HashMap<String, Objects<AuthorizationPolicy>>,
    tokens: HashMap<String, Objects<RequestAuthentication>>,
    /// By namespace and name.
    secrets: Named<Credential>,
    config_maps: Named<Credential>,
    selector_keys: BTreeSet<String>,
    source_keys: BTreeSet<String>,
    rule_keys: BTreeSet<String>,
    near: Near,
    marks: Marks,
}

impl Config {
    /// Indexes a model. What is the same as in an older configuration, under the same settings, stays the same allocation.
    pub(crate) fn build(settings: &MeshSettings, model: &MeshModel, before: Option<&Self>) -> Self {
        let mut fresh = Self::indexed(settings, model, before);
        if let Some(before) = before {
            fresh.marks = fresh.marks.carried(&before.marks, |aspect| fresh.has(aspect, before));
        }
        fresh
    }

    fn indexed(settings: &MeshSettings, model: &MeshModel, before: Option<&Self>) -> Self {
        let (services, by_namespace) = services(settings, model, before);
        let (mut aliases, mut aliases_of) = (HashMap::new(), HashMap::<Host, Vec<Alias>>::new());
        let all: Vec<Alias> =
            model.services.iter().filter_map(|object| Alias::of(object, settings)).collect();
        let direct: HashMap<&Host, &Host> = all.iter().map(|a| (&a.host, &a.target)).collect();
        for alias in &all {
            let Some(target) = meant(&alias.target, &direct) else { continue };
            aliases.insert(alias.host.clone(), target.clone());
            aliases_of.entry(target.clone()).or_default().push(alias.clone());
        }
        let near = Near::of(settings, model, services.values().flatten().map(|service| &**service));
        let mut policies: HashMap<String, Objects<AuthorizationPolicy>> = HashMap::new();
        for object in &model.authorization_policies {
            policies.entry(object.meta.namespace.clone()).or_default().push(Arc::clone(object));
        }
        let mut tokens: HashMap<String, Objects<RequestAuthentication>> = HashMap::new();
        for object in &model.request_authentications {
            tokens.entry(object.meta.namespace.clone()).or_default().push(Arc::clone(object));
        }
        Self {
            root: settings.root_namespace.clone(),
            listing: services
                .values()
                .flatten()
                .filter(|service| lists(service))
                .cloned()
                .collect(),
            services,
            by_namespace,
            aliases,
            aliases_of,
            virtual_services: delegates::resolved(
                settings,
                &model.virtual_services,
                before.map_or(&[], |before| &before.virtual_services),
            ),
            rules: Rules::build(
                settings,
                &model.destination_rules,
                before.map(|before| &before.rules),
            ),
            gateways: model.gateways.clone(),
            patches: model.envoy_filters.clone(),
            sidecars: Sidecars::build(&model.sidecars, &settings.root_namespace),
            peers: Peers::build(&model.peer_authentications, &settings.root_namespace),
            policies,
            tokens,
            secrets: named(&model.secrets),
            config_maps: named(&model.config_maps),
            selector_keys: selector_keys(model),
            source_keys: source_keys(model),
            rule_keys: rule_keys(model),
            near,
            marks: Marks::default(),
        }
    }

    /// Whether an aspect is that of another configuration. Marks tell, which go from one version to the next for as long as
    /// nothing changes; so this costs nothing, and is `false` of configurations that were made apart.
    #[must_use]
    pub fn same(&self, other: &Self, aspect: Aspect) -> bool {
        self.marks.same(&other.marks, aspect)
    }

    /// Looks whether it has all of an aspect from an older one.
    fn has(&self, aspect: Aspect, before: &Self) -> bool {
        match aspect {
            Aspect::Services => {
                let pairs = self.services.iter().zip(&before.services);
                let mut pairs = pairs.map(|((a, one), (b, other))| a == b && all_same(one, other));
                self.services.len() == before.services.len()
                    && pairs.all(|same| same)
                    && self.aliases == before.aliases
                    && self.aliases_of == before.aliases_of
            }
            Aspect::Routes => delegates::all_same(&self.virtual_services, &before.virtual_services),
            Aspect::Rules => self.rules.is(&before.rules),
            Aspect::Sidecars => self.sidecars.is(&before.sidecars),
            Aspect::Credentials => {
                all_named(&self.secrets, &before.secrets)
                    && all_named(&self.config_maps, &before.config_maps)
            }
            Aspect::Held => {
                all_held(&self.secrets, &before.secrets)
                    && all_held(&self.config_maps, &before.config_maps)
            }
            Aspect::Peers => self.peers.is(&before.peers),
            Aspect::Gateways => all_same(&self.gateways, &before.gateways),
            Aspect::Patches => all_same(&self.patches, &before.patches),
            Aspect::Labels => {
                self.selector_keys == before.selector_keys
                    && self.source_keys == before.source_keys
                    && self.rule_keys == before.rule_keys
                    && self.near == before.near
            }
        }
    }

    /// Every service, by host.
    pub fn services(&self) -> impl Iterator<Item = &Arc<Service>> {
        self.services.values().flatten()
    }

    /// The services that do not select pods of their namespace by labels alone, by host.
    pub fn listing(&self) -> impl Iterator<Item = &Service> {
        self.listing.iter().map(|service| &**service)
    }

    /// The services that proxies of a namespace see, by host.
    pub fn services_for<'a>(
        &'a self,
        namespace: &'a str,
    ) -> impl Iterator<Item = &'a Arc<Service>> + 'a {
        self.services.values().filter_map(move |all| nearest(all, namespace, |_| true))
    }

    /// The service that a host means for proxies of a namespace.
    #[must_use]
    pub fn service_for(&self, namespace: &str, host: &Host) -> Option<&Arc<Service>> {
        nearest(self.services.get(host)?, namespace, |_| true)
    }

    /// The services that proxies of a namespace see and that are meant, one per host: the namespace's private ones, those
    /// that are exported to it by name, everybody's; oldest first.
    pub fn imported(
        &self,
        namespace: &str,
        meant: impl Fn(&Service) -> bool,
    ) -> Vec<&Arc<Service>> {
        let all = self.services.values();
        let mut found: Vec<_> = all.filter_map(|all| nearest(all, namespace, &meant)).collect();
        let rank = |one: &Service| one.visibility.distance(&one.namespace, namespace);
        found.sort_by(|one, other| (rank(one), one.age()).cmp(&(rank(other), other.age())));
        found
    }

    /// Namespace and name of the Sidecar that holds for a workload.
    #[must_use]
    pub fn sidecar(
        &self,
        namespace: &str,
        labels: &BTreeMap<String, String>,
    ) -> Option<(String, String)> {
        let found = self.sidecars.of(namespace, labels)?;
        Some((found.meta.namespace.clone(), found.meta.name.clone()))
    }

    /// What the Sidecar of a name lets workloads of a namespace know.
    #[must_use]
    pub fn scope(&self, sidecar: &(String, String), namespace: &str) -> Option<Scope> {
        self.sidecars.scope(sidecar, namespace)
    }

    /// The service of a host in a namespace.
    #[must_use]
    pub fn service_in(&self, host: &Host, namespace: &str) -> Option<&Arc<Service>> {
        self.services.get(host)?.iter().find(|service| service.namespace == namespace)
    }

    /// The services of a host, one per namespace.
    pub fn services_called<'a>(
        &'a self,
        host: &Host,
    ) -> impl Iterator<Item = &'a Arc<Service>> + use<'a> {
        self.services.get(host).into_iter().flatten()
    }

    /// A service by its full name.
    #[must_use]
    pub fn service(&self, host: &Host) -> Option<&Arc<Service>> {
        self.services.get(host)?.first()
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

    /// The other name of a service that a host is.
    #[must_use]
    pub fn alias(&self, host: &Host) -> Option<&Alias> {
        self.aliases_of(self.aliases.get(host)?).find(|alias| alias.host == *host)
    }

    /// Other names of a service.
    pub fn aliases_of(&self, host: &Host) -> impl Iterator<Item = &Alias> {
        self.aliases_of.get(host).into_iter().flatten()
    }

    /// The VirtualServices that proxies of a namespace see, in precedence: the namespace's private ones, those that are
    /// exported to it by name, everybody's; oldest first, and those that delegate behind the others.
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

    /// The rule that a client uses for a service.
    #[must_use]
    pub fn rule(&self, client: Client<'_>, service: &Service) -> Option<&Arc<Rule>> {
        self.rules.find(client, service, &self.root)
    }

    /// Every rule that some client may use for a service, by namespace.
    pub fn rules<'a>(&'a self, service: &'a Service) -> impl Iterator<Item = &'a Arc<Rule>> {
        self.rules.all(&service.host)
    }

    /// The Gateways that gateway pods of a namespace with these labels serve, oldest first. One that was made of the Gateway
    /// API means pods of its own namespace.
    pub fn gateways_for<'a>(
        &'a self,
        namespace: &'a str,
        labels: &'a BTreeMap<String, String>,
    ) -> impl Iterator<Item = &'a Arc<Object<Gateway>>> + 'a {
        self.gateways.iter().filter(move |object| {
            (!object.meta.derived || object.meta.namespace == namespace)
                && object.spec.selector.iter().all(|(key, value)| labels.get(key) == Some(value))
        })
    }

    /// Whether gateways of a namespace may have the key of a Secret of another one: a ReferenceGrant gave it to their Gateway.
    #[must_use]
    pub fn is_granted(&self, namespace: &str, secret: &str) -> bool {
        let own = |object: &&Arc<Object<Gateway>>| {
            object.meta.derived && object.meta.namespace == namespace
        };
        let mut tls = self.gateways.iter().filter(own).flat_map(|object| &object.spec.servers);
        tls.any(|server| {
            let names = server.tls.iter();
            let mut names = names.flat_map(|tls| {
                tls.credential_names.iter().flatten().chain(Some(&tls.credential_name))
            });
            names.any(|name| name.strip_prefix("kubernetes://") == Some(secret))
        })
    }

    /// The EnvoyFilters of which something acts for a workload: the mesh's, then its namespace's.
    #[must_use]
    pub fn patches(
        &self,
        namespace: &str,
        labels: &BTreeMap<String, String>,
    ) -> Vec<&Arc<Object<EnvoyFilter>>> {
        let own = Some(namespace).filter(|own| *own != self.root);
        let places = [Some(self.root.as_str()), own].into_iter().flatten();
        let found = places.flat_map(|place| {
            self.patches.iter().filter(move |object| object.meta.namespace == place)
        });
        let selects = |object: &&Arc<Object<EnvoyFilter>>| {
            let wanted = object.spec.workload_selector.as_ref().map(|wanted| &wanted.labels);
            let carries = |(key, value)| labels.get(key) == Some(value);
            object.spec.target_refs.is_empty()
                && wanted.is_none_or(|wanted| wanted.iter().all(carries))
        };
        found.filter(selects).collect()
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

    /// The rules for tokens that apply to a workload: the mesh's, then its namespace's, oldest first.
    #[must_use]
    pub fn request_authentications(
        &self,
        namespace: &str,
        labels: &BTreeMap<String, String>,
    ) -> Vec<&Arc<Object<RequestAuthentication>>> {
        let own = Some(namespace).filter(|own| *own != self.root);
        let places = [Some(self.root.as_str()), own].into_iter().flatten();
        let found = places.filter_map(|place| self.tokens.get(place)).flatten();
        // One that names its targets is for gateways and waypoints of the Gateway API, of which there are none.
        let local = found.filter(|object| {
            object.spec.target_ref.is_none() && object.spec.target_refs.is_empty()
        });
        local.filter(|object| authn::selects(object.spec.selector.as_ref(), labels)).collect()
    }

    /// What a Secret holds of certificates and authorities.
    #[must_use]
    pub fn secret(&self, namespace: &str, name: &str) -> Option<&Credential> {
        let found = self.secrets.get(&(namespace.to_owned(), name.to_owned()));
        found.map(|object| &object.spec)
    }

    /// What a ConfigMap holds of authorities.
    #[must_use]
    pub fn config_map(&self, namespace: &str, name: &str) -> Option<&Credential> {
        let found = self.config_maps.get(&(namespace.to_owned(), name.to_owned()));
        found.map(|object| &object.spec)
    }

    /// Labels that some selector looks at; others make no difference to a workload's configuration.
    #[must_use]
    pub fn selector_keys(&self) -> &BTreeSet<String> {
        &self.selector_keys
    }

    /// Labels that some DestinationRule looks at in clients.
    #[must_use]
    pub fn rule_keys(&self) -> &BTreeSet<String> {
        &self.rule_keys
    }

    /// What of a client's place makes a difference to it.
    #[must_use]
    pub fn near(&self) -> &Near {
        &self.near
    }

    /// Labels that some VirtualService looks at in clients.
    #[must_use]
    pub fn source_keys(&self) -> &BTreeSet<String> {
        &self.source_keys
    }
}

fn named<T>(objects: &Objects<T>) -> Named<T> {
    let key = |meta: &Metadata| (meta.namespace.clone(), meta.name.clone());
    objects.iter().map(|object| (key(&object.meta), Arc::clone(object))).collect()
}

type Named<T> = HashMap<(String, String), Arc<Object<T>>>;

fn all_named<T>(one: &Named<T>, other: &Named<T>) -> bool {
    let known = |key, object| other.get(key).is_some_and(|known| Arc::ptr_eq(known, object));
    one.len() == other.len() && one.iter().all(|(key, object)| known(key, object))
}

/// Whether both have the same ones, each with a certificate for the same names where the other has one.
fn all_held(one: &Named<Credential>, other: &Named<Credential>) -> bool {
    let holds = |object: &Object<Credential>| {
        (object.spec.has_certificate(), object.spec.has_authorities())
    };
    let alike = |one: &Object<Credential>, other: &Object<Credential>| {
        one.spec.names == other.spec.names && holds(one) == holds(other)
    };
    let known = |key, object: &Arc<Object<Credential>>| {
        other.get(key).is_some_and(|known| Arc::ptr_eq(known, object) || alike(known, object))
    };
    one.len() == other.len() && one.iter().all(|(key, object)| known(key, object))
}

type ByHost = BTreeMap<Host, Vec<Arc<Service>>>;

/// Whether what stands behind it is said by more than labels of pods.
fn lists(service: &Service) -> bool {
    service.entry.is_some() || service.selector.is_empty()
}

/// All services, by host and by namespace.
fn services(
    settings: &MeshSettings,
    model: &MeshModel,
    before: Option<&Config>,
) -> (ByHost, HashMap<String, Vec<Arc<Service>>>) {
    let shared = |service: Service| {
        let known = before.and_then(|old| old.service_in(&service.host, &service.namespace));
        let known = known.filter(|known| ***known == service).cloned();
        known.unwrap_or_else(|| Arc::new(service))
    };
    let mut by_namespace: HashMap<String, Vec<Arc<Service>>> = HashMap::new();
    let mut all: ByHost = BTreeMap::new();
    for service in model.services.iter().filter_map(|object| Service::of(object, settings)) {
        let service = shared(service);
        let place = service.namespace.clone();
        by_namespace.entry(place).or_default().push(Arc::clone(&service));
        all.insert(service.host.clone(), vec![service]);
    }
    for mut service in entry::services(settings, &model.service_entries) {
        let known = all.entry(service.host.clone()).or_default();
        // A Kubernetes Service of the same namespace keeps the name.
        if known.iter().all(|known| known.namespace != service.namespace) {
            service.second = !known.is_empty();
            let service = shared(service);
            by_namespace.entry(service.namespace.clone()).or_default().push(Arc::clone(&service));
            known.push(service);
        }
    }
    (all, by_namespace)
}

/// What an alias of aliases stands for in the end; nothing, when they go round in circles.
fn meant<'a>(host: &'a Host, direct: &HashMap<&Host, &'a Host>) -> Option<&'a Host> {
    let mut found = host;
    for _ in 0..=direct.len() {
        match direct.get(found) {
            Some(next) => found = next,
            None => return Some(found),
        }
    }
    None
}

/// Of those that a namespace sees its own, else Kubernetes' own, else the first of those that are exported to it by name,
/// else the first.
fn nearest<'a>(
    all: &'a [Arc<Service>],
    namespace: &str,
    meant: impl Fn(&Service) -> bool,
) -> Option<&'a Arc<Service>> {
    let seen = all.iter().filter(|one| one.visibility.includes(namespace) && meant(one));
    seen.min_by_key(|one| {
        let distance = one.visibility.distance(&one.namespace, namespace);
        (one.namespace != namespace, one.entry.is_some(), distance)
    })
}

fn selector_keys(model: &MeshModel) -> BTreeSet<String> {
    let peers = model.peer_authentications.iter().filter_map(|o| o.spec.selector.as_ref());
    let policies = model.authorization_policies.iter().filter_map(|o| o.spec.selector.as_ref());
    let tokens = model.request_authentications.iter().filter_map(|o| o.spec.selector.as_ref());
    let workloads =
        peers.chain(policies).chain(tokens).flat_map(|selector| selector.match_labels.keys());
    let gateways = model.gateways.iter().flat_map(|gateway| gateway.spec.selector.keys());
    let sidecars = model.sidecars.iter().filter_map(|object| sidecars::wanted(object));
    let sidecars = sidecars.flat_map(BTreeMap::keys);
    let patches = model.envoy_filters.iter().flat_map(|object| wanted(object));
    workloads.chain(gateways).chain(sidecars).chain(patches).cloned().collect()
}

fn rule_keys(model: &MeshModel) -> BTreeSet<String> {
    let selectors =
        model.destination_rules.iter().filter_map(|o| o.spec.workload_selector.as_ref());
    let selectors = selectors.flat_map(|selector| selector.match_labels.keys());
    let outbound = |object: &&Arc<Object<EnvoyFilter>>| {
        let contexts = object.spec.config_patches.iter().map(|patch| {
            patch.matches.as_ref().map_or(PatchContext::Any, |matches| matches.context)
        });
        contexts
            .into_iter()
            .any(|context| matches!(context, PatchContext::Any | PatchContext::SidecarOutbound))
    };
    let patches = model.envoy_filters.iter().filter(outbound).flat_map(|object| wanted(object));
    selectors.chain(patches).cloned().collect()
}

/// Labels that an EnvoyFilter looks at.
fn wanted(object: &Object<EnvoyFilter>) -> impl Iterator<Item = &String> {
    object.spec.workload_selector.iter().flat_map(|selector| selector.labels.keys())
}

fn source_keys(model: &MeshModel) -> BTreeSet<String> {
    let specs = || model.virtual_services.iter().map(|object| &object.spec);
    let http = specs().flat_map(|spec| &spec.http).flat_map(|route| &route.matches);
    let tls = specs().flat_map(|spec| &spec.tls).flat_map(|route| &route.matches);
    let tcp = specs().flat_map(|spec| &spec.tcp).flat_map(|route| &route.matches);
    let http = http.flat_map(|found| found.source_labels.keys());
    let tls = tls.flat_map(|found| found.source_labels.keys());
    let tcp = tcp.flat_map(|found| found.source_labels.keys());
    http.chain(tls).chain(tcp).cloned().collect()
}
