//! Limits of rates that virtual hosts and routes have of their own.
//!
//! In: what users wrote for a workload; tables of routes. Out: the tables with their limits.
//! Holds: of two patches for the same place the later one counts.

use std::collections::{BTreeMap, HashMap};

use ctl_snapshot::MeshSnapshot;
use weft_model::api::envoy_filter::RouteAction;
use weft_model::limits::{FILTER, Merged, merged};
use weft_proto::envoy::config::route::v3::{RouteConfiguration, VirtualHost, route::Action};
use weft_proto::google::protobuf::Any;

use super::{is_for, read};
use crate::http::Side;
use crate::wire;

/// Limits, and whose they are; in the order in which they are merged.
pub(crate) struct OfRoutes<'a>(Vec<(Merged<'a>, Any)>);

impl<'a> OfRoutes<'a> {
    /// Those of one side of a workload, by its namespace and labels.
    pub(crate) fn of(
        snapshot: &'a MeshSnapshot,
        (namespace, labels): (&str, &BTreeMap<String, String>),
        side: Side,
    ) -> Self {
        let mut found = Vec::new();
        for object in snapshot.config().patches(namespace, labels) {
            let patches = object.spec.config_patches.iter();
            let merged = patches.filter_map(|patch| merged(patch).ok());
            let own = merged.filter(|patch| is_for(patch.context, side));
            found.extend(own.filter_map(|own| Some((own, wire::any(&read(own.config)?)))));
        }
        Self(found)
    }

    /// Gives them to the hosts and routes of a table that they are for.
    pub(crate) fn put(&self, table: &mut RouteConfiguration) {
        for (patch, limit) in &self.0 {
            let hosts = table.virtual_hosts.iter_mut();
            hosts
                .filter(|host| patch.is_for_host(&table.name, &host.name, &host.domains))
                .for_each(|host| give(patch, limit, host));
        }
    }
}

fn give(patch: &Merged<'_>, limit: &Any, host: &mut VirtualHost) {
    if patch.whole {
        return set(&mut host.typed_per_filter_config, limit);
    }
    for route in &mut host.routes {
        let action = match route.action {
            Some(Action::Route(_)) => RouteAction::Route,
            Some(Action::Redirect(_)) => RouteAction::Redirect,
            Some(Action::DirectResponse(_)) => RouteAction::DirectResponse,
            _ => RouteAction::Any,
        };
        if patch.is_for_route(&route.name, action) {
            set(&mut route.typed_per_filter_config, limit);
        }
    }
}

fn set(configs: &mut HashMap<String, Any>, limit: &Any) {
    configs.insert(FILTER.to_owned(), limit.clone());
    *configs = wire::ordered(configs.drain().collect());
}
