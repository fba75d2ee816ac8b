//! Which address a client connects to.
//!
//! In: a call, the mesh. Out: address and port at the proxy, and why.
//! Holds: names are looked up as a pod does, its own namespace first; what nobody in the mesh has lies outside.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ctl_snapshot::Service;
use weft_model::{Host, HostPattern};

use crate::trace::Step;
use crate::{Call, Mesh, Origin, Proxy};

/// Stands for any address outside of the mesh.
const OUTSIDE: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1));
const ANY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// Looks it up.
pub(crate) fn of(mesh: &Mesh, proxy: &Proxy, call: &Call) -> (SocketAddr, Step) {
    let told =
        |ip: IpAddr, port: u16, why: String| (SocketAddr::new(ip, port), Step::new("resolve", why));
    let own = proxy.workload.address().unwrap_or(ANY);
    match &call.origin {
        Origin::Inbound(..) => told(own, call.port, format!("the pod's own address, {own}")),
        Origin::Gateway(..) => {
            let target = proxy.target_of(call.port);
            let why = format!("port {} of the gateway is port {target} of its pod", call.port);
            told(call.ip.unwrap_or(own), target, why)
        }
        Origin::From(..) => {
            let (ip, why) = outbound(mesh, proxy, call);
            told(ip, call.port, why)
        }
    }
}

fn outbound(mesh: &Mesh, proxy: &Proxy, call: &Call) -> (IpAddr, String) {
    if let Some(ip) = call.ip {
        return (ip, format!("{ip} was given"));
    }
    if let Ok(ip) = call.host.parse() {
        return (ip, format!("{ip} is an address"));
    }
    let Some(service) = service(mesh, proxy.workload.namespace(), &call.host) else {
        let why = format!("nobody in the mesh is called {}; it lies outside", call.host);
        return (OUTSIDE, why);
    };
    match address(mesh, proxy, service, call.port) {
        Some(ip) => (ip, format!("{} is service {} at {ip}", call.host, service.host)),
        None => (OUTSIDE, format!("service {} has neither address nor endpoints", service.host)),
    }
}

fn service<'a>(mesh: &'a Mesh, namespace: &'a str, host: &str) -> Option<&'a Service> {
    let snapshot = mesh.snapshot();
    let (config, domain) = (snapshot.config(), &snapshot.settings().domain);
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let searched = [
        format!("{host}.{namespace}.svc.{domain}"),
        format!("{host}.svc.{domain}"),
        format!("{host}.{domain}"),
        host.clone(),
    ];
    let exact = searched.iter().find_map(|name| {
        let name = Host::new(name);
        config.service_for(namespace, config.aliased(&name)).map(|service| &**service)
    });
    exact.or_else(|| below(mesh, namespace, &host))
}

/// The service of the longest wildcard that means a host.
fn below<'a>(mesh: &'a Mesh, namespace: &'a str, host: &str) -> Option<&'a Service> {
    let all = mesh.snapshot().config().services_for(namespace);
    let wild = all.map(|service| (HostPattern::new(service.host.as_str()), service));
    let meant = wild
        .filter(|(pattern, _)| matches!(pattern, HostPattern::Suffix(_)) && pattern.matches(host));
    meant.max_by_key(|(pattern, _)| pattern.specificity()).map(|(_, service)| &**service)
}

fn address(mesh: &Mesh, proxy: &Proxy, service: &Service, port: u16) -> Option<IpAddr> {
    let of_pod = || {
        let port = service.port(port)?;
        let mut endpoints = mesh.snapshot().workloads().endpoints(service, &port.name, None);
        endpoints.next().and_then(|endpoint| endpoint.address.ip())
    };
    service.reached_at(proxy.answers_names()).first().copied().or_else(of_pod)
}
