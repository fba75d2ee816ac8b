//! VirtualServices that send to hosts or ports that do not exist, or leave open which port.

use std::collections::{BTreeMap, BTreeSet};

use super::Analyzer;
use crate::code;
use crate::hosted::Hosted;
use crate::hosts;
use crate::mesh::Mesh;
use crate::report::{Report, join};
use crate::view::{Destination, Json, Object, destinations, kind, mirrors};

pub(super) const ANALYZER: Analyzer = Analyzer::new(
    "virtualservice.DestinationHostAnalyzer",
    "VirtualServices that send to hosts or ports that do not exist, or leave open which port.",
    &[code::IST0101, code::IST0112, code::IST0140],
    look,
);

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    let services = mesh.all(kind::VIRTUAL_SERVICE);
    let split = services_with_subsets(services);
    for service in services {
        let found = destinations(service);
        for destination in found.iter().chain(&mirrors(service)) {
            judge(mesh, service, destination, report);
        }
        if !service.spec().list("gateways").is_empty() {
            subsets_are_passed_by(service, &found, &split, report);
        }
    }
}

fn judge(mesh: &Mesh<'_>, service: &Object<'_>, to: &Destination<'_>, report: &mut Report) {
    match (mesh.host(service, to.host), to.port) {
        (None, _) => {
            let what =
                format!("no Service or ServiceEntry that is seen here has the host `{}`", to.host);
            let fix = fix_of_host(mesh, service, to.host);
            report.add(code::IST0101, service, format!("{}/host", to.field), what, fix);
        }
        (Some(hosted), None) => port_is_clear(service, to, hosted, report),
        (Some(hosted), Some(port)) => {
            if !hosted.ports.iter().any(|known| known.number == port) {
                let what = format!("`{}` has no port {port}; it has {}", to.host, ports(hosted));
                let field = format!("{}/port/number", to.field);
                report.add(code::IST0101, service, field, what, "correct the port");
            }
        }
    }
}

fn fix_of_host(mesh: &Mesh<'_>, service: &Object<'_>, host: &str) -> String {
    match mesh.hosts.near(service.namespace, host, mesh.domain) {
        Some(near) if near == hosts::full(host, service.namespace, mesh.domain) => {
            format!("export {near} to this namespace")
        }
        Some(near) => format!("did you mean {near}?"),
        None => "create the Service or a ServiceEntry for it, or correct the host".to_owned(),
    }
}

fn port_is_clear(
    service: &Object<'_>,
    to: &Destination<'_>,
    hosted: &Hosted<'_>,
    report: &mut Report,
) {
    if hosted.ports.len() > 1 {
        let what = format!(
            "`{}` has several ports ({}), and the route names none",
            to.host,
            ports(hosted)
        );
        let field = to.field.clone();
        report.add(code::IST0112, service, field, what, "set destination.port.number");
    }
}

fn ports(hosted: &Hosted<'_>) -> String {
    let numbers: Vec<String> = hosted.ports.iter().map(|port| port.number.to_string()).collect();
    if numbers.is_empty() { "none".to_owned() } else { join(&numbers) }
}

/// VirtualServices that split a host of their own into subsets, by that host as written.
type BySplitHost<'a> = BTreeMap<&'a str, BTreeSet<String>>;

fn services_with_subsets<'a>(services: &[Object<'a>]) -> BySplitHost<'a> {
    let mut found = BySplitHost::new();
    for service in services {
        for to in destinations(service).into_iter().filter(|to| to.section == "http") {
            let is_own = service.spec().texts("hosts").any(|host| host == to.host);
            if is_own && !to.subset.is_empty() {
                found.entry(to.host).or_default().insert(service.full_name());
            }
        }
    }
    found
}

/// A gateway sends by its own routes; those of the mesh for the same host do not apply there.
fn subsets_are_passed_by(
    service: &Object<'_>,
    found: &[Destination<'_>],
    split: &BySplitHost<'_>,
    report: &mut Report,
) {
    let own = service.full_name();
    for to in found.iter().filter(|to| to.section == "http" && to.subset.is_empty()) {
        for other in split.get(to.host).into_iter().flatten().filter(|other| **other != own) {
            let what = format!(
                "the subsets of VirtualService {other} for `{}` have no effect here",
                to.host
            );
            let fix = "name a subset in this route too";
            report.add_once(code::IST0140, service, format!("{}/host", to.field), what, fix);
        }
    }
}
