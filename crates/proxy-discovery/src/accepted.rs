//! What the control plane sent and we took: configuration for the engine, bodies for the config dump.
//!
//! In: updates. Out: refusals, names to subscribe to, and the configuration to publish.
//! Holds: a refused resource keeps its last good version; a listener waits for its routes, a cluster for its
//! endpoints, and until then its last version serves.
//! Never: I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use proxy_config::cluster::Discovery;
use proxy_config::http::RouteSource;
use proxy_config::listener::NetworkFilter;
use proxy_config::names::NameTable;
use proxy_config::{Endpoints, Listener, ProxyConfig, Secret, SecretName};
use proxy_lower::{
    lower_cluster, lower_endpoints, lower_listener, lower_names, lower_routes, lower_secret,
};
use weft_proto::type_url;
use weft_xds::{Refusal, Update, Upsert};

use crate::alike::Alike;
use crate::bodies::{Bodies, Body};

/// Everything accepted so far.
#[derive(Debug, Default)]
pub struct Accepted {
    /// Received, perhaps still waiting for what it refers to.
    received: ProxyConfig,
    published: ProxyConfig,
    /// For the DNS proxy; only its last version counts.
    names: Arc<NameTable>,
    /// By type.
    bodies: BTreeMap<String, Bodies>,
    alike: Alike,
    seen: BTreeSet<String>,
}

impl Accepted {
    /// Takes an update in; the answer names what was refused.
    #[must_use]
    pub fn take(&mut self, update: &Update, now: SystemTime) -> Vec<Refusal> {
        let mut refusals = Vec::new();
        for upsert in &update.upserts {
            match self.lower(&update.type_url, upsert) {
                Ok(name) => {
                    let is_secret = update.type_url == type_url::SECRET;
                    let new = || if is_secret { Bodies::secret() } else { Bodies::default() };
                    let of_type = self.bodies.entry(update.type_url.clone()).or_insert_with(new);
                    of_type.take(name, upsert, now);
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

    /// The text of a name, once for all that is called by it.
    fn name(&self, name: &str) -> Arc<str> {
        let ProxyConfig { clusters, endpoints, .. } = &self.received;
        let cluster = clusters.get_key_value(name).map(|(known, _)| known);
        let known = cluster.or_else(|| endpoints.get_key_value(name).map(|(known, _)| known));
        known.map_or_else(|| name.into(), Arc::clone)
    }

    /// Takes one resource in; answers its name.
    fn lower(&mut self, type_url: &str, upsert: &Upsert) -> Result<Arc<str>, String> {
        let name = self.name(&upsert.name);
        let config = &mut self.received;
        let said = |error: proxy_lower::Rejected| error.to_string();
        match type_url {
            type_url::LISTENER => {
                let value = lower_listener(&upsert.body).map_err(said)?;
                config.listeners.insert(Arc::clone(&name), Arc::new(value));
            }
            type_url::CLUSTER => {
                let mut value = lower_cluster(&upsert.body).map_err(said)?;
                share(&name, &mut value.name);
                if let Discovery::Eds(endpoints) = &mut value.discovery {
                    share(&name, endpoints);
                }
                self.alike.cluster(&mut value);
                config.clusters.insert(Arc::clone(&name), Arc::new(value));
            }
            type_url::ROUTE => {
                let value = lower_routes(&upsert.body).map_err(said)?;
                config.routes.insert(Arc::clone(&name), Arc::new(value));
            }
            type_url::ENDPOINTS => {
                let mut value = lower_endpoints(&upsert.body).map_err(said)?;
                share(&name, &mut value.name);
                self.alike.endpoints(&mut value);
                config.endpoints.insert(Arc::clone(&name), Arc::new(value));
            }
            type_url::SECRET => {
                let value = lower_secret(&upsert.body).map_err(said)?;
                config.secrets.insert(Arc::clone(&name), Arc::new(value));
            }
            type_url::NAMES => self.names = Arc::new(lower_names(&upsert.body).map_err(said)?),
            other => return Err(format!("{other} was not asked for")),
        }
        Ok(name)
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
                let none = Endpoints { name: name.into(), ..Endpoints::default() };
                config.endpoints.insert(name.into(), Arc::new(none));
            }
            // While a listener refers to them, the last routes serve on; `forget` drops what nobody wants.
            type_url::ROUTE => {}
            // Whoever takes a secret away wants it used no more.
            type_url::SECRET => drop(config.secrets.remove(name)),
            type_url::NAMES => self.names = Arc::default(),
            _ => {}
        }
    }

    /// Names of route configurations that listeners want.
    #[must_use]
    pub fn wanted_routes(&self) -> BTreeSet<Arc<str>> {
        self.received.listeners.values().flat_map(|l| named_routes(l)).collect()
    }

    /// Names of endpoint sets that clusters want.
    #[must_use]
    pub fn wanted_endpoints(&self) -> BTreeSet<Arc<str>> {
        let names =
            self.received.clusters.values().filter_map(|cluster| match &cluster.discovery {
                Discovery::Eds(name) => Some(Arc::clone(name)),
                _ => None,
            });
        names.collect()
    }

    /// Names of secrets that listeners and clusters want, those of the mesh excepted.
    pub fn wanted_secrets(&self) -> BTreeSet<SecretName> {
        let chains = self.received.listeners.values().flat_map(|l| l.all_chains());
        let served = chains.filter_map(|chain| chain.tls.as_ref()).flat_map(|tls| tls.secrets());
        let clusters = self.received.clusters.values();
        let called = clusters.flat_map(|cluster| {
            let matched = cluster.transport_matches.iter().filter_map(|m| m.tls.as_ref());
            matched.chain(&cluster.tls).flat_map(|tls| tls.secrets())
        });
        let own = |name: &&SecretName| matches!(name.as_ref(), "default" | "ROOTCA");
        served.chain(called).filter(|name| !own(name)).cloned().collect()
    }

    /// Takes in what stands in files; true when something is new.
    pub fn take_files(&mut self, found: BTreeMap<SecretName, Secret>) -> bool {
        let secrets = &mut self.received.secrets;
        let before = secrets.len();
        secrets.retain(|name, _| !is_file(name) || found.contains_key(name));
        let mut news = secrets.len() != before;
        for (name, secret) in found {
            if secrets.get(&name).is_none_or(|known| **known != secret) {
                secrets.insert(name, Arc::new(secret));
                news = true;
            }
        }
        news
    }

    /// Drops routes, endpoints and secrets that nothing refers to any more.
    fn forget(&mut self) {
        let (routes, endpoints) = (self.wanted_routes(), self.wanted_endpoints());
        let secrets = self.wanted_secrets();
        self.received.secrets.retain(|name, _| secrets.contains(name));
        if let Some(bodies) = self.bodies.get_mut(type_url::SECRET) {
            bodies.retain(|name| secrets.contains(name));
        }
        self.received.routes.retain(|name, _| routes.contains(name.as_ref()));
        self.received.endpoints.retain(|name, _| endpoints.contains(name.as_ref()));
        for (type_url, wanted) in [(type_url::ROUTE, &routes), (type_url::ENDPOINTS, &endpoints)] {
            if let Some(bodies) = self.bodies.get_mut(type_url) {
                bodies.retain(|name| wanted.contains(name));
            }
        }
    }

    /// The configuration that can be served now.
    pub fn publish(&mut self) -> ProxyConfig {
        self.forget();
        let received = &self.received;
        let mut next = received.clone();
        next.version = self.published.version + 1;
        next.listeners.retain(|_, listener| {
            named_routes(listener).all(|name| received.routes.contains_key(&name))
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
    #[must_use]
    pub fn complete(&self) -> bool {
        self.seen.contains(type_url::CLUSTER)
            && self.seen.contains(type_url::LISTENER)
            && self.published.listeners.len() == self.received.listeners.len()
    }

    /// The newest table of names.
    #[must_use]
    pub fn names(&self) -> Arc<NameTable> {
        Arc::clone(&self.names)
    }

    /// The resources of a type by name, as they came; for the config dump.
    pub fn bodies(&self, type_url: &str) -> impl Iterator<Item = (Arc<str>, Body)> {
        self.bodies.get(type_url).into_iter().flat_map(Bodies::iter)
    }
}

/// Whether a secret stands in files beside the proxy.
pub fn is_file(name: &str) -> bool {
    name.starts_with("file-")
}

/// One text for the same name.
fn share(known: &Arc<str>, name: &mut Arc<str>) {
    if name == known {
        *name = Arc::clone(known);
    }
}

fn named_routes(listener: &Listener) -> impl Iterator<Item = Arc<str>> {
    let chains = listener.filter_chains.iter().chain(&listener.default_filter_chain);
    chains.flat_map(|chain| &chain.filters).filter_map(|filter| match filter {
        NetworkFilter::Http(manager) => match &manager.routes {
            RouteSource::Named(name) => Some(Arc::clone(name)),
            RouteSource::Inline(_) => None,
        },
        _ => None,
    })
}
