//! VirtualServices that send to subsets which no DestinationRule defines.

use std::collections::BTreeMap;

use weft_api::similar;

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

/// Names of subsets by full host.
type Subsets<'a> = BTreeMap<String, Vec<&'a str>>;

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    let mut defined = Subsets::new();
    for rule in mesh.all(kind::DESTINATION_RULE) {
        let host = hosts::full(rule.spec().text("host"), rule.namespace, mesh.domain).into_owned();
        let names = rule.spec().list("subsets").iter().map(|subset| subset.text("name"));
        defined.entry(host).or_default().extend(names);
    }
    for service in mesh.all(kind::VIRTUAL_SERVICE) {
        for to in destinations(service).iter().chain(&mirrors(service)) {
            let host = hosts::full(to.host, service.namespace, mesh.domain);
            let names = defined.get(host.as_ref()).map_or(&[][..], Vec::as_slice);
            if !to.subset.is_empty() && !names.contains(&to.subset) {
                let what =
                    format!("no DestinationRule defines subset `{}` of `{}`", to.subset, to.host);
                let fix = match similar(to.subset, names) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "define it in a DestinationRule for this host, or correct its name"
                        .to_owned(),
                };
                report.add(code::IST0101, service, format!("{}/subset", to.field), what, fix);
            }
        }
    }
}
