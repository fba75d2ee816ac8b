//! Telemetries that select nothing, or the same as another.

use std::collections::BTreeMap;

use super::Analyzer;
use crate::code;
use crate::mesh::Mesh;
use crate::report::{Report, join};
use crate::view::{Json, Labels, Object, kind, target_refs};

pub(super) const ANALYZER: Analyzer = Analyzer::new(
    "telemetry.SelectorAnalyzer",
    "Telemetries that select nothing, or the same pod as another.",
    &[code::IST0101, code::IST0159],
    look,
);

pub(super) const DEFAULTS: Analyzer = Analyzer::new(
    "telemetry.DefaultSelectorAnalyzer",
    "Several Telemetries for a whole namespace.",
    &[code::IST0160],
    look_at_defaults,
);

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    let mut of_pods: BTreeMap<(&str, &str), Vec<&Object<'_>>> = BTreeMap::new();
    for telemetry in mesh.all(kind::TELEMETRY) {
        let selector = Labels::at(telemetry.raw, "spec.selector.matchLabels");
        if selector.is_empty() {
            continue;
        }
        let mut is_used = false;
        for pod in mesh.selected(Some(telemetry.namespace), selector) {
            is_used = true;
            of_pods.entry((pod.object.namespace, pod.object.name)).or_default().push(telemetry);
        }
        if !is_used {
            let what = format!("no pod of this namespace has the labels {selector}");
            let fix = "correct the labels, or remove it";
            report.add(code::IST0101, telemetry, "/spec/selector", what, fix);
        }
    }
    for ((_, pod), telemetries) in of_pods.iter().filter(|(_, all)| all.len() > 1) {
        for telemetry in telemetries {
            let what = format!(
                "Telemetries {} all select pod `{pod}`: one of them counts",
                names(telemetries)
            );
            report.add(code::IST0159, telemetry, "/spec/selector", what, "let only one select it");
        }
    }
}

fn names(telemetries: &[&Object<'_>]) -> String {
    join(&telemetries.iter().map(|telemetry| telemetry.name).collect::<Vec<_>>())
}

fn look_at_defaults(mesh: &Mesh<'_>, report: &mut Report) {
    let mut of_namespaces: BTreeMap<&str, Vec<&Object<'_>>> = BTreeMap::new();
    for telemetry in mesh.all(kind::TELEMETRY) {
        if !telemetry.spec().has("selector") && target_refs(telemetry).is_empty() {
            of_namespaces.entry(telemetry.namespace).or_default().push(telemetry);
        }
    }
    for telemetries in of_namespaces.values().filter(|all| all.len() > 1) {
        for telemetry in telemetries {
            let what = format!(
                "Telemetries {} are all for the whole namespace: one of them counts",
                names(telemetries)
            );
            report.add(code::IST0160, telemetry, "", what, "merge them into one");
        }
    }
}
