//! What one proxy of the mesh would run with.
//!
//! In: a mesh, a workload. Out: its resources as they are sent, and as weft-proxy reads them.
//! Holds: a resource that weft-proxy refuses is named; it never counts as if it were not there.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use ctl_translate::{ProxyView, Resource, Resources, translate, view_of};
use proxy_config::ProxyConfig;
use proxy_config::route::RouteConfig;
use proxy_route::Routes;
use weft_proto::envoy::config::cluster::v3::Cluster;
use weft_proto::envoy::config::listener::v3::{self as wire, Listener};
use weft_proto::envoy::config::route::v3::RouteConfiguration;
use weft_proto::type_url;

use crate::workload::Workload;
use crate::{Mesh, Origin, Unclear};

/// A proxy.
#[derive(Debug)]
pub struct Proxy {
    pub(crate) workload: Workload,
    view: ProxyView,
    resources: Resources,
    pub(crate) config: ProxyConfig,
    pub(crate) routes: BTreeMap<String, RouteConfiguration>,
    pub(crate) clusters: BTreeMap<String, Cluster>,
    listeners: BTreeMap<String, Listener>,
    pub(crate) refused: Vec<String>,
    /// Compiled once for all calls.
    matchers: BTreeMap<Arc<str>, Routes>,
}

impl Proxy {
    /// The proxy that decides first about calls from there.
    ///
    /// # Errors
    /// When the mesh has no such workload.
    pub fn find(mesh: &Mesh, origin: &Origin) -> Result<Self, Unclear> {
        let workload = Workload::find(mesh, origin)?;
        let snapshot = mesh.snapshot();
        let node = workload.node(mesh);
        let view = view_of(snapshot, &node);
        let resources = translate(snapshot, &view);
        let mut proxy = Self {
            workload,
            view,
            config: ProxyConfig { version: 1, ..ProxyConfig::default() },
            routes: decoded(resources.of(type_url::ROUTE)),
            clusters: decoded(resources.of(type_url::CLUSTER)),
            listeners: decoded(resources.of(type_url::LISTENER)),
            refused: Vec::new(),
            matchers: BTreeMap::new(),
            resources,
        };
        proxy.lower();
        let configs = proxy.config.routes.iter();
        let compiled =
            configs.map(|(name, config)| (Arc::clone(name), Routes::compile(Arc::clone(config))));
        proxy.matchers = compiled.collect();
        Ok(proxy)
    }

    /// What is sent to it.
    #[must_use]
    pub fn resources(&self) -> &Resources {
        &self.resources
    }

    /// Resources that weft-proxy refuses, and why; an Envoy may take them.
    #[must_use]
    pub fn refused(&self) -> &[String] {
        &self.refused
    }

    /// Listeners that have a socket of their own, with its address.
    #[must_use]
    pub fn sockets(&self) -> Vec<(String, SocketAddr)> {
        let own = self.config.listeners.values().filter(|listener| listener.bind_to_port);
        own.map(|listener| (listener.name.to_string(), listener.address)).collect()
    }

    /// Whether it answers the name questions of its pod.
    pub(crate) const fn answers_names(&self) -> bool {
        self.view.outbound.started.captures_names
    }

    /// The port of the gateway's pod behind a port of its service.
    pub(crate) fn target_of(&self, port: u16) -> u16 {
        let targets = self.view.router.as_ref().map(|router| router.targets(port));
        targets.and_then(|targets| targets.first().copied()).unwrap_or(port)
    }

    /// A filter chain as it is sent.
    pub(crate) fn chain(
        &self,
        listener: &proxy_config::Listener,
        chain: &Arc<proxy_config::listener::FilterChain>,
    ) -> Option<&wire::FilterChain> {
        let sent = self.listeners.get(&*listener.name)?;
        match listener.filter_chains.iter().position(|one| Arc::ptr_eq(one, chain)) {
            Some(number) => sent.filter_chains.get(number),
            None => sent.default_filter_chain.as_ref(),
        }
    }

    /// The matchers of a route configuration that it asks for by name.
    pub(crate) fn matchers(&self, config: &Arc<RouteConfig>) -> Option<&Routes> {
        self.matchers.get(&config.name).filter(|known| Arc::ptr_eq(known.config(), config))
    }

    fn lower(&mut self) {
        let Self { resources, config, refused, .. } = self;
        let ProxyConfig { listeners, routes, clusters, endpoints, .. } = config;
        fill(resources.of(type_url::LISTENER), proxy_lower::lower_listener, listeners, refused);
        fill(resources.of(type_url::ROUTE), proxy_lower::lower_routes, routes, refused);
        fill(resources.of(type_url::CLUSTER), proxy_lower::lower_cluster, clusters, refused);
        fill(resources.of(type_url::ENDPOINTS), proxy_lower::lower_endpoints, endpoints, refused);
    }
}

fn fill<T>(
    resources: &[Resource],
    lower: fn(&[u8]) -> proxy_lower::Lowered<T>,
    into: &mut BTreeMap<Arc<str>, Arc<T>>,
    refused: &mut Vec<String>,
) {
    for Resource { name, body, .. } in resources {
        match lower(body) {
            Ok(value) => drop(into.insert(Arc::clone(name), Arc::new(value))),
            Err(why) => refused.push(format!("{name}: {why}")),
        }
    }
}

fn decoded<T: prost::Message + Default>(resources: &[Resource]) -> BTreeMap<String, T> {
    let decode = |resource: &Resource| {
        Some((resource.name.to_string(), T::decode(resource.body.clone()).ok()?))
    };
    resources.iter().filter_map(decode).collect()
}
