//! VirtualServices that sidecars see for the same host.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Analyzer;
use crate::code;
use crate::hosts;
use crate::mesh::Mesh;
use crate::report::{Report, join};
use crate::view::{Json, Object, is_bound_to_mesh, kind};

pub(super) const ANALYZER: Analyzer = Analyzer::new(
    "virtualservice.ConflictingMeshGatewayHostsAnalyzer",
    "VirtualServices that sidecars see for the same host.",
    &[code::IST0109],
    look,
);

/// Positions of VirtualServices, by where they are seen and their host.
type ByHost<'a> = BTreeMap<(&'a str, String), BTreeSet<usize>>;

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    let services = mesh.all(kind::VIRTUAL_SERVICE);
    let by_host = index(mesh, services);
    let everywhere = Everywhere::new(&by_host);
    let mut told = BTreeSet::new();
    for ((scope, host), own) in &by_host {
        let mut rivals = own.clone();
        if *scope != "*" {
            rivals.extend(everywhere.overlapping(host));
        }
        if rivals.len() > 1 {
            for at in rivals.iter().filter(|at| told.insert(**at)) {
                tell(services, *at, &rivals, host, report);
            }
        }
    }
}

fn index<'a>(mesh: &Mesh<'a>, services: &[Object<'a>]) -> ByHost<'a> {
    let mut by_host = ByHost::new();
    for (at, service) in
        services.iter().enumerate().filter(|(_, service)| is_bound_to_mesh(service))
    {
        for scope in hosts::scopes(service.spec().texts("exportTo"), service.namespace) {
            for host in service.spec().texts("hosts") {
                let host = hosts::full(host, service.namespace, mesh.domain).into_owned();
                by_host.entry((scope, host)).or_default().insert(at);
            }
        }
    }
    by_host
}

/// Hosts that are exported to all namespaces, found without looking at each.
struct Everywhere<'i> {
    exact: HashMap<&'i str, &'i BTreeSet<usize>>,
    patterns: Vec<(&'i str, &'i BTreeSet<usize>)>,
}

impl<'i> Everywhere<'i> {
    fn new(by_host: &'i ByHost<'_>) -> Self {
        let all = by_host.iter().filter(|((scope, _), _)| *scope == "*");
        let all: Vec<(&str, &BTreeSet<usize>)> =
            all.map(|((_, host), services)| (host.as_str(), services)).collect();
        let (patterns, exact): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|(host, _)| host.starts_with('*'));
        Self { exact: exact.into_iter().collect(), patterns }
    }

    fn overlapping(&self, host: &str) -> BTreeSet<usize> {
        let patterns = self.patterns.iter().filter(|(pattern, _)| hosts::overlap(pattern, host));
        let mut found: BTreeSet<usize> =
            patterns.flat_map(|(_, services)| *services).copied().collect();
        if host.starts_with('*') {
            let exact = self.exact.iter().filter(|(exact, _)| hosts::overlap(exact, host));
            found.extend(exact.flat_map(|(_, services)| *services));
        } else if let Some(services) = self.exact.get(host) {
            found.extend(*services);
        }
        found
    }
}

fn tell(
    services: &[Object<'_>],
    at: usize,
    rivals: &BTreeSet<usize>,
    host: &str,
    report: &mut Report,
) {
    let names = rivals.iter().filter_map(|rival| services.get(*rival)).map(Object::full_name);
    let what = format!(
        "VirtualServices {} are all for host {host} in the mesh: only one of them counts",
        join(&names.collect::<Vec<_>>())
    );
    if let Some(service) = services.get(at) {
        let fix = "merge them, or export each to its own namespaces";
        report.add(code::IST0109, service, "/spec/hosts", what, fix);
    }
}
