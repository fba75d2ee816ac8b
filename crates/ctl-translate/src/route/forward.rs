//! Routes of an egress listener that is an HTTP proxy for its applications.
//!
//! In: the services of the listener, of any port. Out: one configuration.
//! Holds: requests name host and port, so that each port of a service has a virtual host of its own; a host without a port
//! is that of port 80, as in Istio.
//! Why ports are not ignored here, as Istio does: every port of a host would be its port 80.

use std::collections::{BTreeMap, BTreeSet};

use weft_proto::envoy::config::route::v3::{RouteConfiguration, VirtualHost};

use super::Hosts;
use crate::reach::Egress;
use crate::route::selection::{Context, OnPort, VirtualServices};

/// The one configuration of the listener, whose port is the context's.
pub(super) fn configuration<'a>(
    context: Context<'a>,
    egress: &'a Egress<'a>,
    chosen: &'a VirtualServices<'a>,
) -> RouteConfiguration {
    let ports = |service: &ctl_snapshot::Service| {
        service.ports.iter().map(|port| port.number).collect::<BTreeSet<u16>>()
    };
    let mut by_port: BTreeMap<u16, OnPort<'_>> = BTreeMap::new();
    for service in egress.services() {
        for port in ports(service) {
            by_port.entry(port).or_default().insert(&service.host, service);
        }
    }
    let Context { snapshot, view, gateway, port } = context;
    let on = |port| Context { snapshot, view, gateway, port };
    let each = by_port.into_iter().flat_map(|(port, services)| {
        let hosts = Hosts { context: on(port), egress, chosen, services }.known();
        hosts.into_iter().map(move |host| with_port(host, port))
    });
    let mut hosts: Vec<VirtualHost> = each.collect();
    hosts.sort_by(|a, b| a.name.cmp(&b.name));
    let rest = Hosts { context: on(port), egress, chosen, services: OnPort::new() };
    hosts.push(rest.unknown());
    RouteConfiguration {
        ignore_port_in_host_matching: false,
        ..super::configuration(port.to_string(), hosts)
    }
}

fn with_port(mut host: VirtualHost, port: u16) -> VirtualHost {
    let named = |name: &String| if name == "*" { name.clone() } else { format!("{name}:{port}") };
    let with: Vec<String> = host.domains.iter().map(named).collect();
    host.domains.retain(|name| port == 80 && name != "*");
    host.domains.extend(with);
    host
}
