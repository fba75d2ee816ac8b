//! Annotations of the mesh that are unknown, deprecated, in the wrong place, or have a wrong value.

use super::annotation_table::{self, Annotation};
use super::{Analyzer, annotation_value};
use crate::code;
use crate::mesh::Mesh;
use crate::report::{Report, join, step};
use crate::view::{Kind, Object, kind};

pub(super) const ANALYZER: Analyzer = Analyzer::new(
    "annotations.K8sAnalyzer",
    "Annotations of the mesh that are unknown, deprecated, in the wrong place, or have a wrong value.",
    &[code::IST0107, code::IST0108, code::IST0125, code::IST0135],
    look,
);

/// Kinds whose annotations are looked at.
pub(super) const KINDS: &[Kind<'static>] =
    &[kind::NAMESPACE, kind::SERVICE, kind::POD, kind::DEPLOYMENT];

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    for object in KINDS.iter().flat_map(|kind| mesh.all(*kind)) {
        for (key, value) in object.annotations().iter() {
            if annotation_table::is_ours(key) {
                judge(object, key, value, report);
            }
        }
    }
}

/// JSON pointer of an annotation.
pub(super) fn field(key: &str) -> String {
    format!("/metadata/annotations/{}", step(key))
}

fn judge(object: &Object<'_>, key: &str, value: &str, report: &mut Report) {
    let Some(annotation) = annotation_table::find(key) else {
        let what = format!("annotation `{key}` is unknown, so it has no effect");
        report.add(code::IST0108, object, field(key), what, "correct its name, or remove it");
        return;
    };
    let replaced = key == "sidecar.istio.io/inject";
    if annotation.is_deprecated && !(replaced && object.labels().get(key).is_some()) {
        let what = format!("annotation `{key}` is deprecated and may stop working");
        let fix = if replaced { "set the label of the same name instead" } else { "remove it" };
        report.add(code::IST0135, object, field(key), what, fix);
    }
    if is_misplaced(annotation, object) {
        let what = format!("annotation `{key}` has no effect on a {}", object.kind.name);
        let fix = format!("move it to: {}", join(annotation.kinds));
        report.add(code::IST0107, object, field(key), what, fix);
    } else if let Some(fault) = annotation_value::fault(key, value) {
        let what = format!("annotation `{key}` cannot be `{value}`: it {fault}");
        report.add(code::IST0125, object, field(key), what, "correct the value");
    }
}

fn is_misplaced(annotation: &Annotation, object: &Object<'_>) -> bool {
    !annotation.kinds.is_empty() && !annotation.kinds.contains(&object.kind.name)
}
