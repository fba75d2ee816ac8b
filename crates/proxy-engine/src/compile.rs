//! Makes a plan: every resource compiled, unchanged ones taken over from the last plan.
//!
//! Holds: a resource that cannot be used is left out and named; nothing falls back to less security.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use proxy_config::cluster::Discovery;
use proxy_config::endpoint::{Endpoint, Metadata};
use proxy_config::http::RouteSource;
use proxy_config::listener::{Direction, FilterChain, NetworkFilter};
use proxy_config::tls::{DownstreamTls, UpstreamTls};
use proxy_config::{ProxyConfig, SecretName};
use proxy_route::Routes;
use proxy_upstream::Limits;
use weft_identity::IdentityStore;
use weft_telemetry::{Reporter, Service, Workload};

use crate::limits::Rates;
use crate::plan::{
    Action, Chain, ChainTls, Cluster, Guard, Host, HttpAction, Listener, Plan, TcpAction, Tls,
};
use crate::unserved;

mod tls;

use tls::Settings;

/// What outlives a plan.
#[derive(Debug)]
pub struct Living {
    tls: Settings,
    /// Addresses of the names of clusters.
    resolved: HashMap<Arc<str>, Arc<proxy_config::Endpoints>>,
}

impl Living {
    /// Nothing lives yet.
    #[must_use]
    pub fn new(identity: IdentityStore) -> Self {
        let tls = Settings::new(identity);
        Self { tls, resolved: HashMap::new() }
    }

    /// Takes in the addresses of a cluster's names; true when they are other ones than before.
    pub(crate) fn resolve(&mut self, cluster: &Arc<str>, found: proxy_config::Endpoints) -> bool {
        let same = |old: &Arc<proxy_config::Endpoints>| old.endpoints == found.endpoints;
        if self.resolved.get(cluster).is_some_and(same) {
            return false;
        }
        self.resolved.insert(Arc::clone(cluster), Arc::new(found));
        true
    }
}

pub(crate) fn plan(config: &ProxyConfig, last: &Plan, living: &mut Living) -> (Plan, Vec<String>) {
    let mut problems = Vec::new();
    let mut plan = Plan {
        version: config.version,
        unknown_service: Arc::clone(&last.unknown_service),
        ..Plan::default()
    };
    let own = living.tls.identity.current();
    plan.principal = own.and_then(|own| own.spiffe_id().map(|id| id.to_string().into_boxed_str()));
    living.tls.secrets.take(config, &mut problems);
    for (name, routes) in &config.routes {
        plan.routes.insert(Arc::clone(name), table(last.routes.get(name), routes));
    }
    for (name, cluster) in &config.clusters {
        let compiled =
            compile_cluster(config, cluster, last.clusters.get(name), living, &mut problems);
        plan.clusters.insert(Arc::clone(name), compiled);
    }
    living.resolved.retain(|name, _| config.clusters.contains_key(name));
    for (name, listener) in &config.listeners {
        let stamp = living.tls.secrets.stamp(secrets_of(listener));
        let same = |old: &&Arc<Listener>| Arc::ptr_eq(&old.config, listener) && old.stamp == stamp;
        let same = last.listeners.get(name).filter(same);
        let compiled = same.map_or_else(
            || Arc::new(compile_listener(listener, &living.tls, &mut problems)),
            Arc::clone,
        );
        if !listener.bind_to_port {
            plan.destinations.insert(listener.address, Arc::clone(name));
        }
        plan.listeners.insert(Arc::clone(name), compiled);
    }
    plan.limits = Rates::of(config, &last.limits);
    living.tls.forget();
    (plan, problems)
}

fn table(last: Option<&Arc<Routes>>, config: &Arc<proxy_config::RouteConfig>) -> Arc<Routes> {
    match last {
        Some(old) if Arc::ptr_eq(old.config(), config) => Arc::clone(old),
        _ => Arc::new(Routes::compile(Arc::clone(config))),
    }
}

fn secrets_of(listener: &proxy_config::Listener) -> impl Iterator<Item = &SecretName> {
    let tls = listener.all_chains().filter_map(|chain| chain.tls.as_ref());
    tls.flat_map(DownstreamTls::secrets)
}

fn compile_listener(
    config: &Arc<proxy_config::Listener>,
    settings: &Settings,
    problems: &mut Vec<String>,
) -> Listener {
    let mut compile = |chain: &Arc<FilterChain>| match compile_chain(chain, settings, problems) {
        Ok(chain) => Some(Arc::new(chain)),
        Err(why) => {
            problems.push(format!("listener {}, chain {:?}: {why}", config.name, chain.name));
            None
        }
    };
    let chains: Vec<_> = config.filter_chains.iter().filter_map(&mut compile).collect();
    let fallback = config.default_filter_chain.as_ref().and_then(&mut compile);
    let timeout = config.inspection_timeout;
    Listener {
        name: Arc::clone(&config.name),
        address: config.bind_to_port.then_some(config.address),
        original_destination: config.use_original_dst || config.reads_original_dst,
        hand_over: config.use_original_dst,
        reporter: match config.direction {
            Direction::Inbound => Reporter::Destination,
            Direction::Outbound | Direction::Unspecified => Reporter::Source,
        },
        detection_timeout: (!timeout.is_zero()).then_some(timeout),
        stamp: settings.secrets.stamp(secrets_of(config)),
        config: Arc::clone(config),
        chains,
        fallback,
    }
}

fn compile_chain(
    config: &Arc<FilterChain>,
    settings: &Settings,
    problems: &mut Vec<String>,
) -> Result<Chain, String> {
    let tls = match config.tls.as_ref().map(|tls| settings.server(tls)) {
        None => ChainTls::Plain,
        Some(Ok(pair)) => ChainTls::On(pair),
        // It stays, so that no other chain takes its connections.
        Some(Err(why)) => {
            problems.push(format!("chain {:?} is closed: {why}", config.name));
            ChainTls::Unusable
        }
    };
    let (mut guards, mut called) = (Vec::new(), None);
    for filter in &config.filters {
        let action = match filter {
            NetworkFilter::Rbac(rules) => {
                guards.push(Guard::Rbac(Arc::clone(rules)));
                continue;
            }
            NetworkFilter::Ask(filter) => {
                guards.push(Guard::Ask(Arc::clone(filter)));
                continue;
            }
            NetworkFilter::Called(port) => {
                called = Some(*port);
                continue;
            }
            NetworkFilter::Http(manager) => {
                unserved::in_manager(manager, problems);
                let inline = match &manager.routes {
                    RouteSource::Inline(routes) => Some(table(None, routes)),
                    RouteSource::Named(_) => None,
                };
                let rbac = guards.into_iter().map(|guard| match guard {
                    Guard::Rbac(rules) => Ok(rules),
                    Guard::Ask(_) => Err("a connection of HTTP is not asked about".to_owned()),
                });
                let rbac = rbac.collect::<Result<_, _>>()?;
                Action::Http(HttpAction { manager: Arc::clone(manager), rbac, inline })
            }
            NetworkFilter::Tcp(proxy) => {
                Action::Tcp(Arc::new(TcpAction { proxy: Arc::clone(proxy), called, guards }))
            }
        };
        return Ok(Chain { config: Arc::clone(config), tls, action });
    }
    Err("no terminal filter".into())
}

fn compile_cluster(
    config: &ProxyConfig,
    cluster: &Arc<proxy_config::Cluster>,
    last: Option<&Arc<Cluster>>,
    living: &mut Living,
    problems: &mut Vec<String>,
) -> Arc<Cluster> {
    let endpoints = match &cluster.discovery {
        Discovery::Eds(name) => config.endpoints.get(name).map(Arc::clone),
        Discovery::Static(endpoints) => Some(Arc::clone(endpoints)),
        Discovery::Dns(_) => living.resolved.get(&cluster.name).map(Arc::clone),
        Discovery::OriginalDestination | Discovery::Called(_) => None,
    };
    let own = cluster.transport_matches.iter().map(|found| &found.tls).chain([&cluster.tls]);
    let stamp = living.tls.secrets.stamp(own.flatten().flat_map(|tls| tls.secrets()));
    let same = |old: &&Arc<Cluster>| {
        Arc::ptr_eq(&old.config, cluster)
            && old.stamp == stamp
            && match (&old.endpoints, &endpoints) {
                (Some(old), Some(new)) => Arc::ptr_eq(old, new),
                (None, None) => true,
                _ => false,
            }
    };
    if let Some(old) = last.filter(same) {
        return Arc::clone(old);
    }
    let modes = Modes::new(cluster, &mut living.tls, problems);
    let list = endpoints.as_ref().map_or(&[][..], |e| &e.endpoints);
    let hosts = hosts(cluster, list, last, &modes);
    let default_tls = modes.of(&[]);
    let (load, health) = last
        .map_or_else(Default::default, |last| (Arc::clone(&last.load), Arc::clone(&last.health)));
    health.keep(&list.iter().map(|endpoint| endpoint.address).collect::<Vec<_>>());
    let limits = cluster.limits;
    Arc::new(Cluster {
        name: Arc::clone(&cluster.name),
        stamp,
        config: Arc::clone(cluster),
        hosts,
        original_destination: matches!(cluster.discovery, Discovery::OriginalDestination),
        default_tls,
        load,
        limits: Limits {
            max_connections: limits.max_connections,
            max_pending: limits.max_pending,
            max_requests: limits.max_requests,
            max_retries: limits.max_retries,
        },
        service: service(cluster),
        table: endpoints
            .as_ref()
            .and_then(|list| {
                proxy_balance::Table::new(list, cluster.balancer, cluster.weighs_localities)
            })
            .map(Arc::new),
        calm: endpoints.as_ref().and_then(|list| proxy_balance::Calm::new(list)),
        endpoints,
        health,
    })
}

/// What lives of endpoints: counts and ages are those of the last plan where the address is the same.
fn hosts<'a>(
    cluster: &proxy_config::Cluster,
    list: &'a [Endpoint],
    last: Option<&Arc<Cluster>>,
    modes: &Modes,
) -> Box<[Host]> {
    let members = last.into_iter().flat_map(|last| last.members());
    let known: HashMap<SocketAddr, &Host> =
        members.map(|(endpoint, host)| (endpoint.address, host)).collect();
    let mut workloads: HashMap<&'a str, Option<Arc<Workload>>> = HashMap::new();
    let one = |endpoint: &'a Endpoint| {
        let old = known.get(&endpoint.address);
        let since = old.and_then(|old| old.since.as_ref().map(Arc::clone));
        let about = &endpoint.about;
        let workload = workloads.entry(&about.workload).or_insert_with_key(|text| workload(text));
        Host {
            active: old.map_or_else(Arc::default, |old| Arc::clone(&old.active)),
            since: since.or_else(|| cluster.slow_start.map(|_| Arc::default())),
            tls: modes.of(&about.transport_labels),
            workload: workload.as_ref().map(Arc::clone),
        }
    };
    list.iter().map(one).collect()
}

fn service(cluster: &proxy_config::Cluster) -> Arc<Service> {
    if let Some(known) = &cluster.service {
        return Arc::new(Service {
            host: Arc::clone(&known.host),
            name: Arc::clone(&known.name),
            namespace: Arc::clone(&known.namespace),
        });
    }
    let mut service = Service::default();
    if !cluster.name.contains('|') {
        // PassthroughCluster and the like go by their own name, as in Istio's metrics.
        service.name = Arc::clone(&cluster.name);
    }
    Arc::new(service)
}

/// Istio's `name;namespace;canonical name;revision;cluster`.
fn workload(text: &str) -> Option<Arc<Workload>> {
    let mut parts = text.split(';');
    let mut next = |default: &str| -> Arc<str> {
        parts.next().filter(|part| !part.is_empty()).unwrap_or(default).into()
    };
    if text.is_empty() {
        return None;
    }
    let unknown = weft_telemetry::workload::UNKNOWN;
    let (name, namespace) = (next(unknown), next(unknown));
    let (canonical_service, canonical_revision) = (next(unknown), next("latest"));
    let cluster = next(unknown);
    Some(Arc::new(Workload {
        name,
        namespace,
        app: Arc::clone(&canonical_service),
        version: Arc::clone(&canonical_revision),
        canonical_service,
        canonical_revision,
        cluster,
    }))
}

/// TLS of a cluster's endpoints by their labels.
struct Modes {
    matches: Vec<(Metadata, Tls)>,
    default: Tls,
}

impl Modes {
    fn new(
        cluster: &proxy_config::Cluster,
        settings: &mut Settings,
        problems: &mut Vec<String>,
    ) -> Self {
        let mut make = |tls: Option<&Arc<UpstreamTls>>| {
            let Some(tls) = tls else { return Tls::Plain };
            settings.client(tls, cluster.by_host).unwrap_or_else(|why| {
                problems.push(format!("cluster {}: {why}", cluster.name));
                Tls::Unusable
            })
        };
        let matches = cluster.transport_matches.iter();
        Self {
            matches: matches.map(|m| (m.labels.clone(), make(m.tls.as_ref()))).collect(),
            default: make(cluster.tls.as_ref()),
        }
    }

    fn of(&self, labels: &[(Arc<str>, Arc<str>)]) -> Tls {
        let fits = |wanted: &Metadata| wanted.iter().all(|pair| labels.contains(pair));
        let found = self.matches.iter().find(|(wanted, _)| fits(wanted));
        found.map_or_else(|| self.default.clone(), |(_, tls)| tls.clone())
    }
}
