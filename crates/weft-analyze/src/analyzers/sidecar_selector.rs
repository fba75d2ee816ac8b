//! Sidecars that select nothing, the same pod as another, or pods without one.

use std::collections::{BTreeMap, BTreeSet};

use super::Analyzer;
use crate::code;
use crate::mesh::{self, Mesh};
use crate::report::{Report, join};
use crate::view::{Labels, Object, kind};

pub(super) const ANALYZER: Analyzer = Analyzer::new(
    "sidecar.SelectorAnalyzer",
    "Sidecars that select nothing, the same pod as another, or pods without one.",
    &[code::IST0101, code::IST0110, code::IST0111, code::IST0167],
    look,
);

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    let sidecars = mesh.all(kind::SIDECAR);
    let (wide, narrow): (Vec<_>, Vec<_>) = sidecars.iter().partition(|s| selector(s).is_empty());
    by_pod(mesh, &narrow, report);
    by_namespace(mesh, &wide, report);
}

fn selector<'a>(sidecar: &Object<'a>) -> Labels<'a> {
    Labels::at(sidecar.raw, "spec.workloadSelector.labels")
}

fn names(sidecars: &[&Object<'_>]) -> String {
    join(&sidecars.iter().map(|sidecar| sidecar.name).collect::<Vec<_>>())
}

fn by_pod(mesh: &Mesh<'_>, sidecars: &[&Object<'_>], report: &mut Report) {
    let mut of_pods: BTreeMap<(&str, &str), Vec<&Object<'_>>> = BTreeMap::new();
    let mut ineffective = BTreeSet::new();
    for sidecar in sidecars {
        let mut is_used = false;
        for pod in mesh.selected(Some(sidecar.namespace), selector(sidecar)) {
            is_used = true;
            if !pod.is_redirected() {
                of_pods.entry((pod.object.namespace, pod.object.name)).or_default().push(sidecar);
            } else if ineffective.insert((sidecar.namespace, sidecar.name)) {
                no_sidecar(sidecar, report);
            }
        }
        if !is_used {
            let what = format!("no pod of this namespace has the labels {}", selector(sidecar));
            let fix = "correct the labels, or remove it";
            report.add(code::IST0101, sidecar, "/spec/workloadSelector", what, fix);
        }
    }
    for ((_, pod), sidecars) in of_pods.iter().filter(|(_, sidecars)| sidecars.len() > 1) {
        for sidecar in sidecars {
            let what =
                format!("Sidecars {} all select pod `{pod}`: one of them counts", names(sidecars));
            let fix = "let only one select it";
            report.add(code::IST0110, sidecar, "/spec/workloadSelector", what, fix);
        }
    }
}

fn by_namespace(mesh: &Mesh<'_>, sidecars: &[&Object<'_>], report: &mut Report) {
    let mut of_namespaces: BTreeMap<&str, Vec<&Object<'_>>> = BTreeMap::new();
    for sidecar in sidecars {
        of_namespaces.entry(sidecar.namespace).or_default().push(sidecar);
    }
    for (namespace, sidecars) in of_namespaces {
        if mesh.namespace(namespace).is_some_and(mesh::is_ambient) {
            sidecars.iter().for_each(|sidecar| no_sidecar(sidecar, report));
        } else if sidecars.len() > 1 {
            for sidecar in &sidecars {
                let what = format!(
                    "Sidecars {} are all for the whole namespace: one of them counts",
                    names(&sidecars)
                );
                report.add(
                    code::IST0111,
                    sidecar,
                    "",
                    what,
                    "keep one, give the others a selector",
                );
            }
        }
    }
}

fn no_sidecar(sidecar: &Object<'_>, report: &mut Report) {
    let what = "has no effect: what it selects is in ambient mode and has no sidecar";
    report.add(code::IST0167, sidecar, "", what, "remove it, or inject sidecars");
}
