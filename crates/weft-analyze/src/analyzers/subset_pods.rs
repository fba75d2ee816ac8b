//! DestinationRules for hosts that do not exist, and subsets of no pods.

use std::collections::HashMap;

use serde_json::Value;

use super::Analyzer;
use crate::code;
use crate::mesh::Mesh;
use crate::report::Report;
use crate::view::{Json, Labels, Object, Workload, kind};

pub(super) const ANALYZER: Analyzer = Analyzer::new(
    "destinationrule.SubsetSelectPodAnalyzer",
    "DestinationRules for hosts that do not exist, and subsets of no pods.",
    &[code::IST0173, code::IST0174],
    look,
);

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    let nodes: HashMap<&str, Labels<'_>> =
        mesh.all(kind::NODE).iter().map(|node| (node.name, node.labels())).collect();
    for rule in mesh.all(kind::DESTINATION_RULE) {
        let host = rule.spec().text("host");
        if let Some(hosted) = mesh.host(rule, host) {
            let is_entry = !hosted.is_service();
            let around = if is_entry { hosted.selector } else { Labels::default() };
            subsets_have_pods(mesh, rule, around, &nodes, report);
        } else if !mesh.hosts.has_any(host) {
            let what = format!("no Service or ServiceEntry has the host `{host}`");
            let fix = match mesh.hosts.near(rule.namespace, host, mesh.domain) {
                Some(near) => format!("did you mean {near}?"),
                None => {
                    "correct the host: `name.namespace.svc.cluster.local` for a Service elsewhere"
                        .to_owned()
                }
            };
            report.add(code::IST0174, rule, "/spec/host", what, fix);
        }
    }
}

fn subsets_have_pods(
    mesh: &Mesh<'_>,
    rule: &Object<'_>,
    around: Labels<'_>,
    nodes: &HashMap<&str, Labels<'_>>,
    report: &mut Report,
) {
    for (index, subset) in rule.spec().list("subsets").iter().enumerate() {
        let labels = Labels::at(subset, "labels");
        let by_labels = || mesh.has_selected(labels, |pod| around.selects(pod.labels));
        let is_topological = labels.iter().any(|(key, _)| TOPOLOGY.contains(&key));
        let by_node = || mesh.pods.iter().any(|pod| is_on_such_a_node(pod, around, labels, nodes));
        if !(by_labels() || is_topological && by_node()) {
            tell(rule, index, subset, labels, report);
        }
    }
}

fn tell(rule: &Object<'_>, index: usize, subset: &Value, labels: Labels<'_>, report: &mut Report) {
    let name = subset.text("name");
    let what = format!(
        "subset `{name}` has no pods: none has the labels {labels}, so requests to it fail (503)"
    );
    let field = format!("/spec/subsets/{index}/labels");
    report.add(code::IST0173, rule, field, what, "correct the labels, or start such pods");
}

/// Labels that a pod gets from its node.
const TOPOLOGY: &[&str] = &[
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
    "topology.istio.io/subzone",
    "kubernetes.io/hostname",
];

fn is_on_such_a_node(
    pod: &Workload<'_>,
    around: Labels<'_>,
    labels: Labels<'_>,
    nodes: &HashMap<&str, Labels<'_>>,
) -> bool {
    let name = pod.spec.text("nodeName");
    let node = nodes.get(name).copied().unwrap_or_default();
    let of_node = |key: &str| match key {
        "kubernetes.io/hostname" => Some(name),
        key => node.get(key).filter(|value| !value.is_empty()),
    };
    let has = |(key, value)| {
        let given = TOPOLOGY.contains(&key).then(|| of_node(key)).flatten();
        given.or_else(|| pod.labels.get(key)) == Some(value)
    };
    nodes.contains_key(name) && around.iter().chain(labels.iter()).all(has)
}
