//! Rules of `VirtualService`: its hosts and gateways, and its TCP and TLS routes.

use weft_api::meta::Metadata;
use weft_api::reference::Destination;
use weft_api::virtual_service::{
    RouteDestination, TcpMatch, TcpRoute, TlsMatch, TlsRoute, VirtualService,
};

use super::findings::code;
use super::{Findings, http_route, reach, values};
use crate::host::HostPattern;

pub(crate) fn check(meta: &Metadata, spec: &VirtualService, findings: &mut Findings) {
    let VirtualService { hosts, gateways, http, tls, tcp, export_to } = spec;
    let delegate = hosts.is_empty();
    let mesh = gateways.is_empty() || gateways.iter().any(|name| name == "mesh");
    findings.each("gateways", gateways, |name, findings| gateway(name, findings));
    if delegate {
        self::delegate(spec, findings);
    } else {
        findings.each("hosts", hosts, |name, findings| host(name, mesh, findings));
        overlapping(hosts, findings);
    }
    if http.is_empty() && tls.is_empty() && tcp.is_empty() {
        findings.error("has no routes", "add http, tls or tcp");
    }
    let scope = http_route::Scope { delegate, mesh_only: mesh && gateways.len() <= 1 };
    findings.each("http", http, |route, findings| http_route::check(route, &scope, findings));
    findings.each("tls", tls, |route, findings| tls_route(route, hosts, findings));
    findings.each("tcp", tcp, tcp_route);
    reach::check(spec, findings);
    findings.not_honoured("tls", !tls.is_empty());
    values::export_to(export_to, &meta.namespace, findings);
}

fn delegate(spec: &VirtualService, findings: &mut Findings) {
    let set = [
        ("gateways", !spec.gateways.is_empty()),
        ("tcp", !spec.tcp.is_empty()),
        ("tls", !spec.tls.is_empty()),
    ];
    for (field, _) in set.iter().filter(|(_, set)| *set) {
        findings.error_in(
            field,
            "does not go without hosts: an object without hosts is a delegate",
            "add hosts, or keep only http",
        );
    }
    findings.not_honoured("hosts", true);
}

fn host(name: &str, mesh: bool, findings: &mut Findings) {
    if name == "*" && mesh {
        findings.error(
            "`*` would take the traffic of every service in the mesh",
            "name hosts, or bind the object to gateways only",
        );
        return;
    }
    if values::is_ip(name) || is_server_name_of_cluster(name) {
        return;
    }
    if let Err(why) = values::wildcard_domain(name) {
        findings.error(why, "write a service name or a domain");
    }
}

/// Server names that proxies of the mesh send to each other, such as `outbound_.80_._.a.b.svc.cluster.local`.
fn is_server_name_of_cluster(name: &str) -> bool {
    name.starts_with("outbound_.")
}

fn overlapping(hosts: &[String], findings: &mut Findings) {
    let patterns: Vec<HostPattern> = hosts.iter().map(|host| HostPattern::new(host)).collect();
    for (index, pattern) in patterns.iter().enumerate() {
        let earlier =
            patterns.iter().take(index).find(|other| other.intersection(pattern).is_some());
        if let Some(other) = earlier {
            findings.within("hosts", |findings| {
                findings.error_in(
                    &index.to_string(),
                    format!("{pattern} overlaps with {other}"),
                    "keep one of them",
                );
            });
        }
    }
}

pub(crate) fn gateway(name: &str, findings: &mut Findings) {
    let part = |text: &str, what: &str, findings: &mut Findings| {
        if text.is_empty() || text.contains('*') {
            findings.error(format!("{text:?} is no {what}"), "write NAME, NAMESPACE/NAME or mesh");
        } else if let Err(why) = values::fqdn(text) {
            findings.error(why, "write NAME, NAMESPACE/NAME or mesh");
        }
    };
    match name.split_once('/') {
        None => {
            part(name, "gateway name", findings);
            if let Some((short, namespace)) = name.split_once('.') {
                let namespace = namespace.split('.').next().unwrap_or_default();
                let what = format!("{name:?} is the old form of a gateway's name");
                let fix = format!("write {namespace}/{short}");
                findings.add(crate::Severity::Warning, code::SUSPICIOUS, what, fix);
            }
        }
        Some((namespace, name)) => {
            part(namespace, "namespace", findings);
            part(name, "gateway name", findings);
        }
    }
}

pub(crate) fn destination(destination: Option<&Destination>, findings: &mut Findings) {
    let Some(Destination { host, subset, port }) = destination else {
        findings.error_in("destination", "is missing", "say where to send: add destination.host");
        return;
    };
    findings.within("destination", |findings| {
        target(host, subset, port.as_ref().map(|port| port.number), findings);
    });
}

pub(crate) fn target(host: &str, subset: &str, port: Option<u32>, findings: &mut Findings) {
    let checked = match host {
        "*" => Err("`*` is no destination".to_owned()),
        host if values::is_ip(host) => Ok(()),
        host => values::wildcard_domain(host),
    };
    if let Err(why) = checked {
        findings.error_in("host", why, "write the name of a service");
    }
    if !subset.is_empty() && !values::is_label(subset) {
        findings.error_in("subset", format!("{subset:?} is no subset name"), "use a-z, 0-9, -");
    }
    if let Some(number) = port {
        findings.within("port", |findings| {
            findings.within("number", |findings| values::port(number, findings));
        });
    }
}

/// Sums as Istio judges them: none below zero, and several may not all be zero. Another sum than 100 is honoured as a
/// ratio, and told of, because it is mostly a slip.
pub(crate) fn weights(weights: &[i32], findings: &mut Findings) {
    for (index, weight) in weights.iter().enumerate().filter(|(_, weight)| **weight < 0) {
        findings.within(&index.to_string(), |findings| {
            findings.error_in("weight", format!("{weight} is below zero"), "use 0 or more");
        });
    }
    if weights.len() < 2 || weights.iter().any(|weight| *weight < 0) {
        return;
    }
    let sum: i64 = weights.iter().map(|weight| i64::from(*weight)).sum();
    if sum == 0 {
        findings.error("the weights add up to 0", "give each destination its share of 100");
    } else if sum != 100 {
        let listed: Vec<String> = weights.iter().map(ToString::to_string).collect();
        findings.add(
            crate::Severity::Warning,
            code::WEIGHTS,
            format!("the weights {} add up to {sum}, not 100", listed.join(" + ")),
            format!("make them add up to 100; as written, each is a share of {sum}"),
        );
    }
}

fn connections(route: &[RouteDestination], what: &str, findings: &mut Findings) {
    if route.is_empty() {
        findings.error_in("route", "is missing", format!("say where {what} goes"));
    }
    findings.each("route", route, |entry, findings| {
        destination(entry.destination.as_ref(), findings);
    });
    let shares: Vec<i32> = route.iter().map(|entry| entry.weight).collect();
    findings.within("route", |findings| weights(&shares, findings));
}

fn tcp_route(route: &TcpRoute, findings: &mut Findings) {
    let TcpRoute { matches, route } = route;
    findings.each("match", matches, |found, findings| {
        let TcpMatch {
            destination_subnets,
            port,
            source_subnet,
            source_labels,
            gateways,
            source_namespace: _,
        } = found;
        findings.each("destinationSubnets", destination_subnets, subnet);
        findings.given("port", Some(port).filter(|port| **port != 0), |p, f| values::port(*p, f));
        if !source_subnet.is_empty() {
            findings.within("sourceSubnet", |findings| subnet(source_subnet, findings));
        }
        values::labels("sourceLabels", source_labels, findings);
        findings.each("gateways", gateways, |name, findings| gateway(name, findings));
        findings.not_honoured("sourceSubnet", !source_subnet.is_empty());
    });
    connections(route, "TCP traffic", findings);
}

fn tls_route(route: &TlsRoute, hosts: &[String], findings: &mut Findings) {
    let TlsRoute { matches, route } = route;
    if matches.is_empty() {
        findings.error_in("match", "is missing", "name the server names: add match.sniHosts");
    }
    findings.each("match", matches, |found, findings| {
        let TlsMatch {
            sni_hosts,
            destination_subnets,
            port,
            source_labels,
            gateways,
            source_namespace: _,
        } = found;
        if sni_hosts.is_empty() {
            findings.error_in("sniHosts", "is missing", "name the server names");
        }
        findings.each("sniHosts", sni_hosts, |name, findings| sni(name, hosts, findings));
        findings.each("destinationSubnets", destination_subnets, subnet);
        findings.given("port", Some(port).filter(|port| **port != 0), |p, f| values::port(*p, f));
        values::labels("sourceLabels", source_labels, findings);
        findings.each("gateways", gateways, |name, findings| gateway(name, findings));
    });
    connections(route, "TLS traffic", findings);
}

fn sni(name: &str, hosts: &[String], findings: &mut Findings) {
    if is_server_name_of_cluster(name) {
        return;
    }
    if let Err(why) = values::wildcard_domain(name) {
        findings.error(why, "write a server name");
        return;
    }
    if values::is_ip(name) {
        let what = "is an address, and clients ask for names only";
        findings.add(crate::Severity::Warning, code::SUSPICIOUS, what, "write a server name");
        return;
    }
    let pattern = HostPattern::new(name);
    let listed = hosts.iter().any(|host| HostPattern::new(host).covers(&pattern));
    if !listed {
        findings.error(
            format!("{name} is not among the hosts of this VirtualService"),
            "add it to hosts, or remove it here",
        );
    }
}

fn subnet(text: &String, findings: &mut Findings) {
    if !values::is_ip_block(text) {
        findings.error(format!("{text:?} is no address range"), "write 10.0.0.0/8");
    }
}
