//! VirtualServices that send to subsets which no DestinationRule defines.

use std::collections::HashSet;

use super::Analyzer;
use crate::code;
use crate::hosts;
use crate::mesh::Mesh;
use crate::report::Report;
use crate::view::{Json, destinations, kind, mirrors};

pub(super) const ANALYZER: Analyzer = Analyzer::new(
    "virtualservice.DestinationRuleAnalyzer",
    "VirtualServices that send to subsets which no DestinationRule defines.",
    &[code::IST0101],
    look,
);

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    let mut defined: HashSet<(String, &str)> = HashSet::new();
    for rule in mesh.all(kind::DESTINATION_RULE) {
        let host = hosts::full(rule.spec().text("host"), rule.namespace, mesh.domain).into_owned();
        for subset in rule.spec().list("subsets") {
            defined.insert((host.clone(), subset.text("name")));
        }
    }
    for service in mesh.all(kind::VIRTUAL_SERVICE) {
        for to in destinations(service).iter().chain(&mirrors(service)) {
            let host = hosts::full(to.host, service.namespace, mesh.domain).into_owned();
            if !to.subset.is_empty() && !defined.contains(&(host, to.subset)) {
                let what =
                    format!("no DestinationRule defines subset `{}` of `{}`", to.subset, to.host);
                let fix = "define it in a DestinationRule for this host, or correct its name";
                report.add(code::IST0101, service, format!("{}/subset", to.field), what, fix);
            }
        }
    }
}
