//! VirtualServices that sidecars see for the same host.
//! Holds: one that another one displaces for everybody is told of at the host that it loses, the others at `hosts`.

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
                tell(mesh, *at, &Rivals { all: &rivals, scope, host }, report);
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

/// VirtualServices for one host.
struct Rivals<'a> {
    all: &'a BTreeSet<usize>,
    scope: &'a str,
    host: &'a str,
}

impl Rivals<'_> {
    /// The one that counts, when it is the same for every namespace.
    fn winner<'a>(&self, services: &'a [Object<'a>]) -> Option<&'a Object<'a>> {
        let all = self.all.iter().filter_map(|rival| services.get(*rival));
        all.min_by_key(|service| service.age()).filter(|_| self.scope == "*")
    }
}

fn tell(mesh: &Mesh<'_>, at: usize, rivals: &Rivals<'_>, report: &mut Report) {
    let services = mesh.all(kind::VIRTUAL_SERVICE);
    let names = rivals.all.iter().filter_map(|rival| services.get(*rival)).map(Object::full_name);
    let Some(service) = services.get(at) else { return };
    let lost_here = |own: &str| hosts::full(own, service.namespace, mesh.domain) == rivals.host;
    let winner = rivals.winner(services);
    let lost = winner
        .filter(|winner| winner.full_name() != service.full_name())
        .and_then(|_| service.spec().texts("hosts").position(lost_here));
    let counts = match winner {
        Some(winner) => format!("only {}, the oldest, counts", winner.full_name()),
        None => "only one of them counts".to_owned(),
    };
    let what = format!(
        "VirtualServices {} are all for host {} in the mesh: {counts}",
        join(&names.collect::<Vec<_>>()),
        rivals.host,
    );
    let field = lost.map_or("/spec/hosts".to_owned(), |number| format!("/spec/hosts/{number}"));
    let fix = "merge them, or export each to its own namespaces";
    report.add(code::IST0109, service, field, what, fix);
}
