//! What resources point at: a cluster at endpoints, a listener at routes.
//!
//! In: resources as they were sent. Out: names to ask for.
//! Holds: the same resource is read once in a run, however many proxies get it: its version follows from its bytes.
//! Why kept: two thousand proxies that each read a thousand clusters would measure themselves.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use prost::Message as _;
use weft_proto::ads::Resource;
use weft_proto::envoy::config::cluster::v3::Cluster;
use weft_proto::envoy::config::cluster::v3::cluster::{ClusterDiscoveryType, DiscoveryType};
use weft_proto::envoy::config::listener::v3::{Filter, Listener, filter};
use weft_proto::envoy::extensions::filters::network::http_connection_manager::v3 as manager;
use weft_proto::type_url;

/// Names, shared by all who ask for them.
pub(crate) type Names = Arc<[Arc<str>]>;

/// Every resource that was read, by its version.
#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<HashMap<String, Names>>);

impl Known {
    /// What a resource of this type points at.
    pub(crate) fn points(&self, type_url: &str, resource: &Resource) -> Names {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(names) = known.get(&resource.version) {
            return Arc::clone(names);
        }
        let body = resource.resource.as_ref().map(|any| &any.value[..]).unwrap_or_default();
        let names: Vec<String> = match type_url {
            type_url::CLUSTER => {
                Cluster::decode(body).ok().and_then(endpoints).into_iter().collect()
            }
            type_url::LISTENER => {
                Listener::decode(body).map(|read| routes(&read)).unwrap_or_default()
            }
            _ => Vec::new(),
        };
        let names: Names = names.into_iter().map(Arc::from).collect();
        known.insert(resource.version.clone(), Arc::clone(&names));
        names
    }
}

fn endpoints(cluster: Cluster) -> Option<String> {
    let by_eds = ClusterDiscoveryType::Type(DiscoveryType::Eds.into());
    if cluster.cluster_discovery_type != Some(by_eds) {
        return None;
    }
    let named = cluster.eds_cluster_config.map(|eds| eds.service_name);
    Some(named.filter(|name| !name.is_empty()).unwrap_or(cluster.name))
}

fn routes(listener: &Listener) -> Vec<String> {
    let chains = listener.filter_chains.iter().chain(&listener.default_filter_chain);
    let mut found: Vec<String> =
        chains.flat_map(|chain| &chain.filters).filter_map(route_of).collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn route_of(filter: &Filter) -> Option<String> {
    let Some(filter::ConfigType::TypedConfig(any)) = &filter.config_type else { return None };
    if !any.type_url.ends_with("HttpConnectionManager") {
        return None;
    }
    let read = manager::HttpConnectionManager::decode(&any.value[..]).ok()?;
    match read.route_specifier? {
        manager::http_connection_manager::RouteSpecifier::Rds(rds) => Some(rds.route_config_name),
        _inline => None,
    }
}
