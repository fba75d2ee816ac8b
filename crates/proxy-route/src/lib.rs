//! Finds the filter chain of a connection and the route of a request.
//!
//! In: a route configuration once, then request heads and a random number each. Out: the route and a cluster.
//! Holds: host by exact name, longest `*.suffix`, longest `prefix.*`, `*`; then the first route that matches.
//! Never: I/O, clocks, randomness of its own.
//! Why compiled hosts: a mesh has thousands of hosts in one configuration, and one look-up per request.

mod chains;
mod headers;
mod hosts;
mod index;
mod matches;
mod rewrite;

use std::sync::Arc;

use proxy_config::RequestFacts;
use proxy_config::route::{Forward, Route, RouteConfig, VirtualHost, WeightedCluster};

pub use chains::{ChainFacts, choose_chain};
pub use headers::{FormatFacts, Lookup, format_value};
pub use matches::{Unmet, unmet};
pub use rewrite::{RedirectTo, redirect, rewrite_path};

use hosts::Hosts;
use index::Index;

/// A route configuration, ready for look-ups.
#[derive(Debug)]
pub struct Routes {
    config: Arc<RouteConfig>,
    hosts: Hosts,
    /// Of each host that has many routes.
    indexes: Vec<Option<Box<Index>>>,
}

/// What was found.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// The host.
    pub host: &'a VirtualHost,
    /// The route.
    pub route: &'a Route,
}

impl Routes {
    /// Compiles.
    #[must_use]
    pub fn compile(config: Arc<RouteConfig>) -> Self {
        let hosts = Hosts::compile(&config.virtual_hosts);
        let indexes =
            config.virtual_hosts.iter().map(|host| Index::of(&host.routes).map(Box::new)).collect();
        Self { config, hosts, indexes }
    }

    /// The configuration that was compiled.
    #[must_use]
    pub fn config(&self) -> &Arc<RouteConfig> {
        &self.config
    }

    /// Finds the host of a request.
    #[must_use]
    pub fn host(&self, authority: &str) -> Option<&VirtualHost> {
        self.config.virtual_hosts.get(self.place(authority)?)
    }

    fn place(&self, authority: &str) -> Option<usize> {
        self.hosts.find(authority, self.config.ignore_port)
    }

    /// Finds the route of a request; `random` decides routes that take a share.
    #[must_use]
    pub fn find(&self, request: &dyn RequestFacts, random: u64) -> Option<Found<'_>> {
        let place = self.place(request.authority())?;
        let host = self.config.virtual_hosts.get(place)?;
        let takes = |route: &&Route| unmet(&route.matches, request, random).is_none();
        let route = match self.indexes.get(place).and_then(Option::as_deref) {
            None => host.routes.iter().find(takes)?,
            Some(index) => {
                let places = index.candidates(request.bare_path());
                places.filter_map(|place| host.routes.get(place)).find(takes)?
            }
        };
        Some(Found { host, route })
    }
}

/// Picks one of a route's clusters by weight. `None` when every weight is 0.
#[must_use]
pub fn pick_cluster(forward: &Forward, random: u64) -> Option<&WeightedCluster> {
    if let [only] = forward.clusters.as_slice() {
        return Some(only);
    }
    let total: u64 = forward.clusters.iter().map(|c| u64::from(c.weight)).sum();
    let mut point = random.checked_rem(total)?;
    forward.clusters.iter().find(|cluster| {
        let weight = u64::from(cluster.weight);
        let hit = point < weight;
        point = point.saturating_sub(weight);
        hit
    })
}

#[cfg(test)]
mod tests;
