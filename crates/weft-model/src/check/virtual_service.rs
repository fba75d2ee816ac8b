//! Rules of `VirtualService`: its hosts and gateways, and its TCP and TLS routes.

use weft_api::meta::Metadata;
use weft_api::reference::Destination;
use weft_api::virtual_service::{
    RouteDestination, TcpMatch, TcpRoute, TlsMatch, TlsRoute, VirtualService,
};

use weft_types::{address, domain};

use super::findings::code;
use super::{Findings, http_route, labels, reach, values};
use crate::Severity;

pub(crate) fn check(meta: &Metadata, spec: &VirtualService, findings: &mut Findings) {
    let VirtualService { hosts, gateways, http, tls, tcp, export_to } = spec;
    let delegate = hosts.is_empty();
    let mesh = gateways.is_empty() || gateways.iter().any(|name| name == "mesh");
    let scope = http_route::Scope { delegate, mesh, made: made(meta) };
    self::gateways("gateways", gateways, scope.made, findings);
    if delegate {
        self::delegate(spec, findings);
    } else {
        let named = tls.iter().flat_map(|route| &route.matches).any(|m| !m.sni_hosts.is_empty());
        findings.each("hosts", hosts, |name, findings| host(name, mesh, named, findings));
        overlapping(hosts, findings);
    }
    if http.is_empty() && tls.is_empty() && tcp.is_empty() {
        findings.error("has no routes", "add http, tls or tcp");
    }
    findings.each("http", http, |route, findings| http_route::check(route, &scope, findings));
    let bound = gateways.iter().all(|name| name != "mesh");
    let names = ServerNames { hosts, bound };
    findings.each("tls", tls, |route, f| tls_route(route, &names, &scope, f));
    findings.each("tcp", tcp, |route, findings| tcp_route(route, &scope, findings));
    reach::check(spec, findings);
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
}

/// Set by the mesh on what it makes of the Gateway API, where destinations and gateways are named otherwise.
const SEMANTICS: &str = "internal.istio.io/route-semantics";

fn made(meta: &Metadata) -> bool {
    meta.annotations.get(SEMANTICS).is_some_and(|value| value == "gateway")
}

fn host(name: &str, mesh: bool, server_names: bool, findings: &mut Findings) {
    let between = !mesh && server_names && name.starts_with("outbound_");
    let checked = if between { domain::between_networks(name) } else { domain::wildcard(name) };
    if name == "*" && mesh {
        findings.error(
            "`*` would take the traffic of every service in the mesh",
            "name hosts, or bind the object to gateways only",
        );
    } else if let Err(why) = checked
        && !address::is_ip(name)
    {
        findings.error(why, "write a service name or a domain");
    }
}

fn overlapping(hosts: &[String], findings: &mut Findings) {
    for (index, host) in hosts.iter().enumerate() {
        let earlier = hosts.iter().take(index).find(|other| domain::overlap(other, host));
        if let Some(other) = earlier {
            findings.within("hosts", |findings| {
                let what = format!("{host} overlaps with {other}");
                findings.error_in(&index.to_string(), what, "keep one of them");
            });
        }
    }
}

const GATEWAY_FORM: &str = "write NAME, NAMESPACE/NAME or mesh";

/// As in Istio, names behind one without a namespace are not judged; they are told of.
pub(crate) fn gateways(field: &str, names: &[String], made: bool, findings: &mut Findings) {
    let judged = names.iter().position(|name| !name.contains('/')).unwrap_or(names.len());
    findings.within(field, |findings| {
        for (index, name) in names.iter().enumerate() {
            let severity = if index <= judged { Severity::Error } else { Severity::Warning };
            findings.within(&index.to_string(), |f| gateway(name, made, severity, f));
        }
    });
}

fn gateway(name: &str, made: bool, severity: Severity, findings: &mut Findings) {
    let code = if severity == Severity::Error { code::INVALID } else { code::SUSPICIOUS };
    let Some((namespace, name)) = name.split_once('/') else {
        if let Err(why) = domain::full(name) {
            findings.add(severity, code, why, GATEWAY_FORM);
        } else if let Some((short, namespace)) = name.split_once('.') {
            let namespace = namespace.split('.').next().unwrap_or_default();
            let what = format!("{name:?} is the old form of a gateway's name");
            let fix = format!("write {namespace}/{short}");
            findings.add(Severity::Warning, code::SUSPICIOUS, what, fix);
        }
        return;
    };
    let parts = [(namespace, "namespace", true), (name, "gateway name", !made)];
    for (text, what, _) in parts.iter().filter(|(text, _, ruled)| *ruled && !domain::is_label(text))
    {
        findings.add(severity, code, format!("{text:?} is no {what}"), GATEWAY_FORM);
    }
}

pub(crate) fn destination(
    destination: Option<&Destination>,
    scope: &http_route::Scope,
    findings: &mut Findings,
) {
    match destination {
        None => {
            let fix = "say where to send: add destination.host";
            findings.error_in("destination", "is missing", fix);
        }
        Some(_) if scope.made => {}
        Some(found) => findings.within("destination", |findings| target(found, findings)),
    }
}

pub(crate) fn target(destination: &Destination, findings: &mut Findings) {
    let Destination { host, subset, port } = destination;
    let checked = match host.as_str() {
        "*" => Err("`*` is no destination".to_owned()),
        host => domain::wildcard(host),
    };
    if let Err(why) = checked {
        findings.error_in("host", why, "write the name of a service");
    }
    if !subset.is_empty() && !domain::is_label(subset) {
        findings.error_in("subset", format!("{subset:?} is no subset name"), "use a-z, 0-9, -");
    }
    findings.given("port", port.as_ref(), |port, findings| {
        findings.within("number", |findings| values::port(port.number, findings));
    });
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
            Severity::Warning,
            code::WEIGHTS,
            format!("the weights {} add up to {sum}, not 100", listed.join(" + ")),
            format!("make them add up to 100; as written, each is a share of {sum}"),
        );
    }
}

fn connections(
    route: &[RouteDestination],
    what: &str,
    scope: &http_route::Scope,
    findings: &mut Findings,
) {
    if route.is_empty() {
        findings.error_in("route", "is missing", format!("say where {what} goes"));
    }
    findings.each("route", route, |entry, findings| {
        destination(entry.destination.as_ref(), scope, findings);
    });
    let shares: Vec<i32> = route.iter().map(|entry| entry.weight).collect();
    findings.within("route", |findings| weights(&shares, findings));
}

fn tcp_route(route: &TcpRoute, scope: &http_route::Scope, findings: &mut Findings) {
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
        labels::choosing("sourceLabels", source_labels, findings);
        self::gateways("gateways", gateways, false, findings);
        let why = "connections are not told apart by where they come from";
        findings.idle("sourceSubnet", !source_subnet.is_empty(), why);
    });
    connections(route, "TCP traffic", scope, findings);
}

/// What the server names of TLS routes are held against.
struct ServerNames<'a> {
    hosts: &'a [String],
    /// The object is bound to gateways, or says not where.
    bound: bool,
}

fn tls_route(
    route: &TlsRoute,
    names: &ServerNames<'_>,
    scope: &http_route::Scope,
    findings: &mut Findings,
) {
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
        findings.each("sniHosts", sni_hosts, |name, findings| sni(name, names, findings));
        findings.each("destinationSubnets", destination_subnets, subnet);
        findings.given("port", Some(port).filter(|port| **port != 0), |p, f| values::port(*p, f));
        labels::choosing("sourceLabels", source_labels, findings);
        self::gateways("gateways", gateways, false, findings);
    });
    connections(route, "TLS traffic", scope, findings);
}

fn sni(name: &str, names: &ServerNames<'_>, findings: &mut Findings) {
    let between = names.bound && name.starts_with("outbound_");
    let checked = if between { domain::between_networks(name) } else { domain::wildcard(name) };
    match checked {
        Err(_) if address::is_ip(name) => {
            let what = "is an address, and clients ask for names only";
            findings.add(Severity::Warning, code::SUSPICIOUS, what, "write a server name");
        }
        Err(why) => findings.error(why, "write a server name"),
        Ok(()) if names.hosts.iter().any(|host| domain::covers(host, name)) => {}
        Ok(()) => {
            let what = format!("{name} is not among the hosts of this VirtualService");
            findings.error(what, "add it to hosts, or remove it here");
        }
    }
}

fn subnet(text: &String, findings: &mut Findings) {
    if !address::is_range(text) {
        findings.error(format!("{text:?} is no address range"), "write 10.0.0.0/8");
    }
}
