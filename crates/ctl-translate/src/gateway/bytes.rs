//! Chains of a gateway that carry bytes: TCP, TLS that ends here, and TLS that passes through.
//!
//! In: a server, the VirtualServices bound to its Gateway. Out: filter chains.
//! Holds: of two routes for one server name the first counts. Without a route there is no chain: the port takes nothing.

use std::collections::BTreeSet;

use ctl_snapshot::{Port, Service, Subset};
use weft_model::api::virtual_service::{RouteDestination, VirtualService};
use weft_model::{HostPattern, Object};
use weft_proto::envoy::config::cluster::v3::Cluster;
use weft_proto::envoy::config::listener::v3::{Filter, FilterChain, FilterChainMatch};

use super::hosts::shared_hosts;
use super::servers::Opened;
use crate::outbound::connections;
use crate::route::selection::{Context, Source};
use crate::tls::{MESH_HTTP, MESH_TCP};
use crate::{cluster, listener, names, wire};

/// A port of a service, or of a part of it.
struct Meant<'a> {
    service: &'a Service,
    port: &'a Port,
    subset: Option<&'a Subset>,
}

/// What chains of bytes depend on.
pub(super) struct Bytes<'a> {
    pub(super) context: Context<'a>,
    pub(super) opened: Opened<'a>,
}

impl<'a> Bytes<'a> {
    /// The filters of the first TCP route that is meant, with the object that says so.
    pub(super) fn routed(&self) -> Option<(Vec<Filter>, String)> {
        for object in self.objects() {
            for route in &object.spec.tcp {
                let mut found = route.matches.iter().map(Source::from);
                if route.matches.is_empty() || found.any(|wanted| self.admits(&wanted, object)) {
                    return Some((self.filters(object, &route.route), path(object)));
                }
            }
        }
        None
    }

    /// Chains of TLS that passes through, by the server names of TLS routes.
    pub(super) fn passed(&self, seen: &mut BTreeSet<String>) -> Vec<FilterChain> {
        let mut found = Vec::new();
        for object in self.objects() {
            for route in &object.spec.tls {
                for wanted in &route.matches {
                    if !self.admits(&Source::from(wanted), object) {
                        continue;
                    }
                    let hosts: BTreeSet<String> =
                        wanted.sni_hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
                    if hosts.iter().any(|host| seen.contains(host)) {
                        continue;
                    }
                    seen.extend(hosts.iter().cloned());
                    let all = hosts.contains("*");
                    let condition = FilterChainMatch {
                        server_names: if all { Vec::new() } else { hosts.into_iter().collect() },
                        ..FilterChainMatch::default()
                    };
                    let filters = self.filters(object, &route.route);
                    let mut chain = listener::chain("", Some(condition), filters, None);
                    chain.metadata = Some(wire::config(&path(object)));
                    found.push(chain);
                }
            }
        }
        found
    }

    /// A chain for each port and subset of a service, by the server name that the mesh's proxies ask for. Only the mesh's own
    /// TLS is taken, which the server verifies.
    pub(super) fn of_services(&self, seen: &mut BTreeSet<String>) -> Vec<FilterChain> {
        let mut found = Vec::new();
        for Meant { service, port, subset } in self.meant() {
            let subset = subset.map_or("", |subset| subset.name.as_str());
            let name = names::server_name(port.number, subset, &service.host);
            if seen.insert(name.clone()) {
                found.push(self.of_service(name));
            }
        }
        found
    }

    /// The clusters that those chains lead to.
    pub(super) fn clusters(&self) -> Vec<Cluster> {
        let Context { snapshot, view, .. } = self.context;
        let all = self.meant().into_iter();
        all.filter_map(|meant| {
            let Meant { service, port, subset } = meant;
            cluster::passed(snapshot, view, service, port, subset)
        })
        .collect()
    }

    fn meant(&self) -> Vec<Meant<'a>> {
        let Context { snapshot, view, .. } = self.context;
        let hosts = self.opened.hosts();
        let hosts: Vec<HostPattern> = hosts.iter().map(|host| HostPattern::new(host)).collect();
        let mut found = Vec::new();
        for service in snapshot.config().services_for(&view.namespace) {
            let meant = hosts.iter().any(|host| host.matches(service.host.as_str()));
            if service.is_external() || !meant {
                continue;
            }
            let subsets = snapshot.config().rule(view.client(), service);
            let subsets = subsets.into_iter().flat_map(|rule| &rule.subsets).map(Some);
            let subsets: Vec<Option<&Subset>> = [None].into_iter().chain(subsets).collect();
            for port in &service.ports {
                let all = subsets.iter();
                found.extend(all.map(|subset| Meant { service, port, subset: *subset }));
            }
        }
        found
    }

    fn of_service(&self, name: String) -> FilterChain {
        let condition = FilterChainMatch {
            server_names: vec![name.clone()],
            application_protocols: MESH_TCP
                .iter()
                .chain(&MESH_HTTP)
                .map(|name| (*name).to_owned())
                .collect(),
            ..FilterChainMatch::default()
        };
        let log = self.context.snapshot.settings().access_log.as_deref();
        let filters = vec![listener::tcp_proxy(&[(name, 1)], log)];
        listener::chain("", Some(condition), filters, None)
    }

    /// VirtualServices that are bound to the Gateway and have a host of the server.
    fn objects(&self) -> impl Iterator<Item = &'a Object<VirtualService>> + '_ {
        let Context { snapshot, view, .. } = self.context;
        let domain = &snapshot.settings().domain;
        let all = snapshot.config().virtual_services_for(&view.namespace);
        all.map(|object| &**object).filter(move |object| {
            self.context.bound(&object.spec.gateways, &object.meta.namespace)
                && !shared_hosts(self.opened, object, domain).is_empty()
        })
    }

    fn admits(&self, wanted: &Source<'_>, object: &Object<VirtualService>) -> bool {
        self.context.admits_connections(wanted, &object.meta.namespace)
    }

    fn filters(&self, object: &Object<VirtualService>, to: &[RouteDestination]) -> Vec<Filter> {
        connections::filters_to(&self.context, &object.meta.namespace, to)
    }
}

fn path(object: &Object<VirtualService>) -> String {
    names::object("networking.istio.io", "virtual-service", &object.meta)
}
