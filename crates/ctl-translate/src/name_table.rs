//! Names and addresses, for the DNS proxy of a sidecar.
//!
//! In: what a view reaches. Out: one table.
//! Holds: a name leads to the address that the sidecar has a listener for; hosts without one are left to the pod's own name
//! server. A headless service has the addresses of its pods, as in Kubernetes' DNS.
//! Why only for proxies that capture name questions: the table changes with every pod of a headless service.

use std::collections::BTreeMap;

use ctl_snapshot::{MeshSnapshot, Service};
use weft_proto::names::{NameInfo, NameTable};

use crate::reach::Reach;
use crate::view::OutboundView;

/// The name of the one resource.
pub(crate) const RESOURCE: &str = "names";

pub(crate) fn of(snapshot: &MeshSnapshot, view: &OutboundView) -> Option<NameTable> {
    if !view.started.captures_names {
        return None;
    }
    let reach = Reach::of(snapshot, view);
    let mut table: BTreeMap<String, NameInfo> = BTreeMap::new();
    for service in reach.services() {
        let ips = addresses(snapshot, view, service);
        let host = service.host.to_string();
        if ips.is_empty() {
            continue;
        }
        for alias in snapshot.config().aliases_of(&service.host) {
            if reach.names_alias(service, alias) {
                let info = kubernetes(&alias.name, &alias.namespace, &ips);
                table.entry(alias.host.to_string()).or_insert(info);
            }
        }
        table.entry(host).or_insert_with(|| info(service, ips));
    }
    Some(NameTable { table })
}

fn info(service: &Service, ips: Vec<String>) -> NameInfo {
    match service.entry {
        None => kubernetes(&service.name, &service.namespace, &ips),
        Some(_) => NameInfo { ips, registry: "External".to_owned(), ..NameInfo::default() },
    }
}

fn kubernetes(name: &str, namespace: &str, ips: &[String]) -> NameInfo {
    NameInfo {
        ips: ips.to_vec(),
        registry: "Kubernetes".to_owned(),
        shortname: name.to_owned(),
        namespace: namespace.to_owned(),
    }
}

fn addresses(snapshot: &MeshSnapshot, view: &OutboundView, service: &Service) -> Vec<String> {
    let own = service.reached_at(view.started.captures_names);
    if !own.is_empty() || !service.is_headless() {
        return own.iter().map(ToString::to_string).collect();
    }
    let Some(port) = service.ports.first() else { return Vec::new() };
    let pods = snapshot.workloads().endpoints(service, &port.name, None);
    let mut found: Vec<String> =
        pods.filter_map(|pod| pod.address.ip()).map(|ip| ip.to_string()).collect();
    found.sort_unstable();
    found.dedup();
    found
}
