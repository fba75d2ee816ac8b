//! Finds the route of a request.
//!
//! In: a route configuration once, then request heads and a random number each. Out: the route and a cluster.
//! Holds: host by exact name, longest `*.suffix`, longest `prefix.*`, `*`; then the first route that matches.
//! Never: I/O, clocks, randomness of its own.
//! Why compiled hosts: a mesh has thousands of hosts in one configuration, and one look-up per request.

mod headers;
mod hosts;
mod matches;
mod rewrite;

use std::sync::Arc;

use proxy_config::RequestFacts;
use proxy_config::route::{Forward, Route, RouteConfig, VirtualHost, WeightedCluster};

pub use headers::{FormatFacts, format_value};
pub use rewrite::{RedirectTo, redirect, rewrite_path};

use hosts::Hosts;

/// A route configuration, ready for look-ups.
#[derive(Debug)]
pub struct Routes {
    config: Arc<RouteConfig>,
    hosts: Hosts,
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
        Self { config, hosts }
    }

    /// The configuration that was compiled.
    #[must_use]
    pub fn config(&self) -> &Arc<RouteConfig> {
        &self.config
    }

    /// Finds the host of a request.
    #[must_use]
    pub fn host(&self, authority: &str) -> Option<&VirtualHost> {
        let index = self.hosts.find(authority, self.config.ignore_port)?;
        self.config.virtual_hosts.get(index)
    }

    /// Finds the route of a request; `random` decides routes that take a share.
    #[must_use]
    pub fn find(&self, request: &dyn RequestFacts, random: u64) -> Option<Found<'_>> {
        let host = self.host(request.authority())?;
        let route = host.routes.iter().find(|r| matches::matches(&r.matches, request, random))?;
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
