//! What the control plane sent and we took: configuration for the engine, bodies for the config dump.
//!
//! In: updates. Out: refusals, names to subscribe to, and the configuration to publish.
//! Holds: a refused resource keeps its last good version; a listener waits for its routes, a cluster for its
//! endpoints, and until then its last version serves.
//! Never: I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use proxy_config::cluster::Discovery;
use proxy_config::http::RouteSource;
use proxy_config::listener::NetworkFilter;
use proxy_config::{Endpoints, Listener, ProxyConfig};
use proxy_lower::{lower_cluster, lower_endpoints, lower_listener, lower_routes};
use weft_proto::type_url;
use weft_xds::{Refusal, Update, Upsert};

/// One accepted resource as it came.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    /// Its version.
    pub(crate) version: String,
    /// The encoded message.
    pub(crate) bytes: Bytes,
    /// When it came.
    pub(crate) at: SystemTime,
}

/// Bodies by type URL and name.
pub(crate) type Bodies = BTreeMap<String, BTreeMap<String, Body>>;

/// Everything accepted so far.
#[derive(Debug, Default)]
pub(crate) struct Accepted {
    /// Received, perhaps still waiting for what it refers to.
    received: ProxyConfig,
    published: ProxyConfig,
    bodies: Bodies,
    seen: BTreeSet<String>,
}

impl Accepted {
    /// Takes an update in; the answer names what was refused.
    pub(crate) fn take(&mut self, update: &Update, now: SystemTime) -> Vec<Refusal> {
        let mut refusals = Vec::new();
        for upsert in &update.upserts {
            match self.lower(&update.type_url, upsert) {
                Ok(()) => {
                    let Upsert { name, version, body } = upsert.clone();
                    let of_type = self.bodies.entry(update.type_url.clone()).or_default();
                    of_type.insert(name, Body { version, bytes: body, at: now });
                }
                Err(why) => refusals.push(Refusal { resource: upsert.name.clone(), why }),
            }
        }
        for name in &update.removed {
            self.remove(&update.type_url, name);
        }
        self.seen.insert(update.type_url.clone());
        refusals
    }

    fn lower(&mut self, type_url: &str, upsert: &Upsert) -> Result<(), String> {
        let name: Arc<str> = upsert.name.as_str().into();
        let config = &mut self.received;
        let said = |error: proxy_lower::Rejected| error.to_string();
        match type_url {
            type_url::LISTENER => {
                let value = lower_listener(&upsert.body).map_err(said)?;
                config.listeners.insert(name, Arc::new(value));
            }
            type_url::CLUSTER => {
                let value = lower_cluster(&upsert.body).map_err(said)?;
                config.clusters.insert(name, Arc::new(value));
            }
            type_url::ROUTE => {
                let value = lower_routes(&upsert.body).map_err(said)?;
                config.routes.insert(name, Arc::new(value));
            }
            type_url::ENDPOINTS => {
                let value = lower_endpoints(&upsert.body).map_err(said)?;
                config.endpoints.insert(name, Arc::new(value));
            }
            other => return Err(format!("{other} was not asked for")),
        }
        Ok(())
    }

    fn remove(&mut self, type_url: &str, name: &str) {
        if let Some(bodies) = self.bodies.get_mut(type_url) {
            bodies.remove(name);
        }
        let config = &mut self.received;
        match type_url {
            type_url::LISTENER => drop(config.listeners.remove(name)),
            type_url::CLUSTER => drop(config.clusters.remove(name)),
            // While a cluster refers to them, no endpoints are known rather than none awaited.
            type_url::ENDPOINTS => {
                let none = Endpoints { name: name.into(), endpoints: Vec::new() };
                config.endpoints.insert(name.into(), Arc::new(none));
            }
            // While a listener refers to them, the last routes serve on; `forget` drops what nobody wants.
            type_url::ROUTE => {}
            _ => {}
        }
    }

    /// Names of route configurations that listeners want.
    pub(crate) fn wanted_routes(&self) -> BTreeSet<String> {
        self.received.listeners.values().flat_map(|l| named_routes(l)).collect()
    }

    /// Names of endpoint sets that clusters want.
    pub(crate) fn wanted_endpoints(&self) -> BTreeSet<String> {
        let names =
            self.received.clusters.values().filter_map(|cluster| match &cluster.discovery {
                Discovery::Eds(name) => Some(name.to_string()),
                _ => None,
            });
        names.collect()
    }

    /// Drops routes and endpoints that nothing refers to any more.
    fn forget(&mut self) {
        let (routes, endpoints) = (self.wanted_routes(), self.wanted_endpoints());
        self.received.routes.retain(|name, _| routes.contains(name.as_ref()));
        self.received.endpoints.retain(|name, _| endpoints.contains(name.as_ref()));
        for (type_url, wanted) in [(type_url::ROUTE, &routes), (type_url::ENDPOINTS, &endpoints)] {
            if let Some(bodies) = self.bodies.get_mut(type_url) {
                bodies.retain(|name, _| wanted.contains(name));
            }
        }
    }

    /// The configuration that can be served now.
    pub(crate) fn publish(&mut self) -> ProxyConfig {
        self.forget();
        let received = &self.received;
        let mut next = received.clone();
        next.version = self.published.version + 1;
        next.listeners.retain(|_, listener| {
            named_routes(listener).all(|name| received.routes.contains_key(name.as_str()))
        });
        next.clusters.retain(|_, cluster| match &cluster.discovery {
            Discovery::Eds(name) => received.endpoints.contains_key(name),
            _ => true,
        });
        for (name, old) in &self.published.listeners {
            if received.listeners.contains_key(name) {
                next.listeners.entry(Arc::clone(name)).or_insert_with(|| Arc::clone(old));
            }
        }
        for (name, old) in &self.published.clusters {
            if received.clusters.contains_key(name) {
                next.clusters.entry(Arc::clone(name)).or_insert_with(|| Arc::clone(old));
            }
        }
        self.published = next.clone();
        next
    }

    /// True once clusters and listeners have come and none of them waits.
    pub(crate) fn complete(&self) -> bool {
        self.seen.contains(type_url::CLUSTER)
            && self.seen.contains(type_url::LISTENER)
            && self.published.listeners.len() == self.received.listeners.len()
    }

    /// Bodies, for the config dump.
    pub(crate) const fn bodies(&self) -> &Bodies {
        &self.bodies
    }
}

fn named_routes(listener: &Listener) -> impl Iterator<Item = String> {
    let chains = listener.filter_chains.iter().chain(&listener.default_filter_chain);
    chains.flat_map(|chain| &chain.filters).filter_map(|filter| match filter {
        NetworkFilter::Http(manager) => match &manager.routes {
            RouteSource::Named(name) => Some(name.to_string()),
            RouteSource::Inline(_) => None,
        },
        _ => None,
    })
}
