//! What a configuration asks for that this engine does not do yet, said so that nobody has to find out.
//!
//! In: accepted configuration. Out: sentences.
//! Holds: every field that is accepted and without effect is named here; a field leaves this file when it is honoured.

use proxy_config::cluster::{Balancer, Discovery};
use proxy_config::http::HttpManager;
use proxy_config::route::{HostRewrite, RouteAction};
use proxy_config::{Cluster, RouteConfig};

pub(crate) fn in_cluster(cluster: &Cluster, problems: &mut Vec<String>) {
    let mut say = |what: &str| problems.push(format!("cluster {}: {what}", cluster.name));
    if matches!(cluster.discovery, Discovery::Dns(_)) {
        say("host names are not looked up yet, so it has no hosts");
    }
    if matches!(cluster.balancer, Balancer::RingHash { .. } | Balancer::Maglev { .. }) {
        say("consistent hashing is not done yet; hosts are picked at random");
    }
}

pub(crate) fn in_routes(routes: &RouteConfig, problems: &mut Vec<String>) {
    for host in &routes.virtual_hosts {
        for route in &host.routes {
            let RouteAction::Forward(forward) = &route.action else { continue };
            let mut say = |what: &str| {
                problems.push(format!("route {}, host {}: {what}", routes.name, host.name));
            };
            if !forward.mirrors.is_empty() {
                say("requests are not mirrored yet");
            }
            if forward.idle_timeout.is_some() {
                say("the idle timeout of a route is not kept yet");
            }
            if matches!(forward.host_rewrite, Some(HostRewrite::Auto)) {
                say("the host is not rewritten to the endpoint's yet");
            }
        }
    }
}

pub(crate) fn in_manager(manager: &HttpManager, problems: &mut Vec<String>) {
    let name = &manager.stat_prefix;
    if manager.request_timeout.is_some() {
        problems.push(format!("connection manager {name}: request_timeout is not kept yet"));
    }
    if manager.stream_idle_timeout.is_some() {
        problems.push(format!("connection manager {name}: stream_idle_timeout is not kept yet"));
    }
    if manager.trusted_hops > 0 {
        problems.push(format!("connection manager {name}: xff_num_trusted_hops is not kept yet"));
    }
}
