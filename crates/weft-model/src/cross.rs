//! Checks how objects point at each other.
//!
//! In: the model. Out: problems; the model stays as it is, because what is missing now may come in a moment.

use std::collections::{BTreeMap, BTreeSet};

use weft_api::reference::Destination;
use weft_api::similar;
use weft_api::virtual_service::VirtualService;

use crate::check::{Findings, code};
use crate::host::{Host, HostPattern, expand};
use crate::model::{MeshModel, Object};
use crate::problem::{ObjectRef, Problem, Severity};

const DOMAIN: &str = "cluster.local";

/// What objects may point at.
struct Index {
    /// Ports of each service.
    services: BTreeMap<Host, Vec<u16>>,
    /// Subsets of each host that a DestinationRule names.
    subsets: BTreeMap<Host, BTreeSet<String>>,
    /// Hosts with a DestinationRule for a pattern; its subsets are not told apart here.
    patterns: Vec<HostPattern>,
    /// Gateways as `namespace/name`, with their hosts.
    gateways: BTreeMap<String, Vec<HostPattern>>,
}

/// All problems between objects.
pub(crate) fn check(model: &MeshModel) -> Vec<Problem> {
    let index = Index::of(model);
    let mut problems = Vec::new();
    for object in &model.virtual_services {
        let mut findings = Findings::new(reference("VirtualService", object));
        findings.within("spec", |findings| virtual_service(object, &index, findings));
        problems.extend(findings.into_problems(false));
    }
    for object in &model.destination_rules {
        let host = expand(&object.spec.host, &object.meta.namespace, DOMAIN);
        let pattern = HostPattern::new(host.as_str());
        let known = match &pattern {
            HostPattern::Exact(host) => index.services.contains_key(host),
            HostPattern::Suffix(_) => {
                index.services.keys().any(|service| pattern.matches(service.as_str()))
            }
        };
        if !known {
            let mut findings = Findings::new(reference("DestinationRule", object));
            findings.within("spec", |findings| {
                let what = format!("there is no service {host}");
                findings.warning_in("host", code::NO_SUCH_HOST, what, index.near(&host));
            });
            problems.extend(findings.into_problems(false));
        }
    }
    problems.extend(same_hosts(model));
    problems
}

fn reference<T>(kind: &str, object: &Object<T>) -> ObjectRef {
    let (namespace, name) = (object.meta.namespace.clone(), object.meta.name.clone());
    ObjectRef { kind: kind.to_owned(), namespace, name }
}

impl Index {
    fn of(model: &MeshModel) -> Self {
        let services = model.services.iter().map(|service| {
            let meta = &service.meta;
            let ports = service.spec.ports.iter().map(|port| port.number).collect();
            (Host::of_service(&meta.name, &meta.namespace, DOMAIN), ports)
        });
        let mut subsets: BTreeMap<Host, BTreeSet<String>> = BTreeMap::new();
        let mut patterns = Vec::new();
        for rule in &model.destination_rules {
            let host = expand(&rule.spec.host, &rule.meta.namespace, DOMAIN);
            if host.as_str().starts_with('*') {
                patterns.push(HostPattern::new(host.as_str()));
            }
            let names = rule.spec.subsets.iter().map(|subset| subset.name.clone());
            subsets.entry(host).or_default().extend(names);
        }
        let gateways = model.gateways.iter().map(|gateway| {
            let hosts = gateway.spec.servers.iter().flat_map(|server| &server.hosts);
            let hosts = hosts.map(|host| {
                HostPattern::new(host.split_once('/').map_or(host.as_str(), |(_, host)| host))
            });
            (format!("{}/{}", gateway.meta.namespace, gateway.meta.name), hosts.collect())
        });
        Self { services: services.collect(), subsets, patterns, gateways: gateways.collect() }
    }

    /// What to do about a host that does not exist.
    fn near(&self, host: &Host) -> String {
        let names: Vec<&str> = self.services.keys().map(Host::as_str).collect();
        let first = host.as_str().split('.').next().unwrap_or_default();
        let elsewhere = names.iter().find(|name| name.split('.').next() == Some(first));
        match elsewhere.copied().or_else(|| similar(host.as_str(), &names)) {
            Some(name) => format!("did you mean {name}?"),
            None => "create the service, or correct the name".to_owned(),
        }
    }
}

fn virtual_service(object: &Object<VirtualService>, index: &Index, findings: &mut Findings) {
    let (spec, namespace) = (&object.spec, object.meta.namespace.as_str());
    findings.each("gateways", &spec.gateways, |name, findings| {
        gateway(name, object, index, findings);
    });
    findings.each("http", &spec.http, |route, findings| {
        findings.each("route", &route.route, |entry, findings| {
            let to = entry.destination.as_ref();
            findings.given("destination", to, |to, f| destination(to, namespace, index, f));
        });
        findings
            .given("mirror", route.mirror.as_ref(), |to, f| destination(to, namespace, index, f));
        findings.each("mirrors", &route.mirrors, |mirror, findings| {
            let to = mirror.destination.as_ref();
            findings.given("destination", to, |to, f| destination(to, namespace, index, f));
        });
    });
    let tcp = spec.tcp.iter().map(|route| &route.route).enumerate();
    for (number, route) in tcp {
        findings.within("tcp", |findings| {
            findings.within(&number.to_string(), |findings| {
                findings.each("route", route, |entry, findings| {
                    let to = entry.destination.as_ref();
                    findings.given("destination", to, |to, f| destination(to, namespace, index, f));
                });
            });
        });
    }
}

fn gateway(name: &str, object: &Object<VirtualService>, index: &Index, findings: &mut Findings) {
    if name == "mesh" {
        return;
    }
    let full = if name.contains('/') {
        name.to_owned()
    } else {
        format!("{}/{name}", object.meta.namespace)
    };
    let Some(hosts) = index.gateways.get(&full) else {
        findings.add(
            Severity::Error,
            code::NOT_FOUND,
            format!("there is no Gateway {full}"),
            "create it, or correct the name (NAMESPACE/NAME, or NAME in the same namespace)",
        );
        return;
    };
    for host in &object.spec.hosts {
        let pattern = HostPattern::new(host);
        if !hosts.iter().any(|served| served.intersection(&pattern).is_some()) {
            findings.add(
                Severity::Warning,
                code::NOT_IN_GATEWAY,
                format!("the gateway serves no host {host}"),
                "add the host to a server of the Gateway",
            );
        }
    }
}

fn destination(to: &Destination, namespace: &str, index: &Index, findings: &mut Findings) {
    let host = expand(&to.host, namespace, DOMAIN);
    if to.host.starts_with('*') {
        return;
    }
    let Some(ports) = index.services.get(&host) else {
        let what = format!("there is no service {host}");
        findings.within("host", |findings| {
            findings.add(Severity::Error, code::NOT_FOUND, what, index.near(&host));
        });
        return;
    };
    match &to.port {
        Some(port) if !ports.iter().any(|known| u32::from(*known) == port.number) => {
            let known: Vec<String> = ports.iter().map(ToString::to_string).collect();
            let what = format!("the service {host} has no port {}", port.number);
            let fix = format!("use one of its ports: {}", known.join(", "));
            findings.within("port", |f| {
                f.within("number", |f| f.add(Severity::Error, code::NOT_FOUND, what, fix));
            });
        }
        None if ports.len() > 1 => findings.add(
            Severity::Warning,
            code::PORT_NEEDED,
            format!("the service {host} has {} ports", ports.len()),
            "say which one: add port.number",
        ),
        _ => {}
    }
    if to.subset.is_empty() {
        return;
    }
    let known = index.subsets.get(&host);
    if known.is_some_and(|known| known.contains(&to.subset)) {
        return;
    }
    if index.patterns.iter().any(|pattern| pattern.matches(host.as_str())) {
        return;
    }
    let names: Vec<&str> = known.into_iter().flatten().map(String::as_str).collect();
    let fix = match (similar(&to.subset, &names), names.as_slice()) {
        (Some(name), _) => format!("did you mean {name}?"),
        (None, []) => format!("add a DestinationRule for {host} with this subset"),
        (None, names) => format!("use one of {}, or add the subset", names.join(", ")),
    };
    let what = format!("no DestinationRule for {host} has a subset {:?}", to.subset);
    findings.within("subset", |findings| {
        findings.add(Severity::Error, code::NOT_FOUND, what, fix);
    });
}

/// Of several VirtualServices for one host in the mesh, the oldest wins whole.
fn same_hosts(model: &MeshModel) -> Vec<Problem> {
    let mut owners: BTreeMap<Host, ObjectRef> = BTreeMap::new();
    let mut problems = Vec::new();
    for object in &model.virtual_services {
        let gateways = &object.spec.gateways;
        if !gateways.is_empty() && !gateways.iter().any(|gateway| gateway == "mesh") {
            continue;
        }
        let this = reference("VirtualService", object);
        for (index, host) in object.spec.hosts.iter().enumerate() {
            let host = expand(host, &object.meta.namespace, DOMAIN);
            let Some(owner) = owners.get(&host) else {
                owners.insert(host, this.clone());
                continue;
            };
            let mut findings = Findings::new(this.clone());
            let what =
                format!("{host} has a VirtualService already, {owner}, which is older and wins");
            findings.within("spec", |findings| {
                findings.within("hosts", |findings| {
                    let fix = "put the routes of both into one object";
                    findings.warning_in(&index.to_string(), code::SAME_HOST, what, fix);
                });
            });
            problems.extend(findings.into_problems(false));
        }
    }
    problems
}
