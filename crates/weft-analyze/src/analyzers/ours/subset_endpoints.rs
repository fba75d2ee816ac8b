//! Subsets whose labels some pods have, but none behind the service.
//! Why beside IST0173: that one is content with such a pod anywhere.

use crate::analyzers::Analyzer;
use crate::code;
use crate::mesh::Mesh;
use crate::report::Report;
use crate::view::{Json, Labels, Object, kind};

pub(in crate::analyzers) const ANALYZER: Analyzer = Analyzer::new(
    "weft.SubsetWithoutEndpoints",
    "Subsets whose labels some pods have, but none behind the service.",
    &[code::WEFT0107],
    look,
);

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    for rule in mesh.all(kind::DESTINATION_RULE) {
        let hosted = mesh.host(rule, rule.spec().text("host"));
        let hosted = hosted.filter(|hosted| hosted.is_service() && !hosted.selector.is_empty());
        if let Some(hosted) = hosted {
            judge(mesh, rule, &hosted.object, hosted.selector, report);
        }
    }
}

fn judge(
    mesh: &Mesh<'_>,
    rule: &Object<'_>,
    service: &Object<'_>,
    selector: Labels<'_>,
    report: &mut Report,
) {
    let behind = mesh.selected(Some(service.namespace), selector);
    // Files of which the service's workload is not one tell nothing of its subsets.
    if behind.is_empty() && !mesh.is_running() {
        return;
    }
    for (index, subset) in rule.spec().list("subsets").iter().enumerate() {
        let labels = Labels::at(subset, "labels");
        // Labels of places come from nodes.
        let is_of_place = labels
            .iter()
            .any(|(key, _)| key.contains("topology.") || key.starts_with("kubernetes.io/"));
        let has_pods = behind.iter().any(|pod| labels.selects(pod.labels));
        if !is_of_place && !has_pods && mesh.has_selected(labels, |_| true) {
            let what = format!(
                "subset `{}` has no endpoints: pods with the labels {labels} exist, but none of them is behind Service `{}`",
                subset.text("name"),
                service.full_name()
            );
            let fix = "correct the labels, or the selector of the Service";
            report.add(code::WEFT0107, rule, format!("/spec/subsets/{index}/labels"), what, fix);
        }
    }
}
