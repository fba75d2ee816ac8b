//! Annotations of features that may still change.
//! Why it does not run by default: injection sets some of them on every pod.

use super::{Analyzer, annotation_table, annotations};
use crate::code;
use crate::mesh::Mesh;
use crate::report::Report;
use crate::view::{Json, Object, kind};

pub(super) const ANALYZER: Analyzer = Analyzer {
    is_default: false,
    ..Analyzer::new(
        "annotations.AlphaAnalyzer",
        "Annotations of features that may still change.",
        &[code::IST0136],
        look,
    )
};

/// Set on every pod whose traffic the node plug-in captures.
const SET_BY_PLUGIN: &[&str] = &[
    "sidecar.istio.io/interceptionMode",
    "traffic.sidecar.istio.io/includeInboundPorts",
    "traffic.sidecar.istio.io/excludeInboundPorts",
    "traffic.sidecar.istio.io/includeOutboundIPRanges",
];

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    for object in annotations::KINDS.iter().flat_map(|kind| mesh.all(*kind)) {
        for (key, _) in object.annotations().iter() {
            let is_alpha = annotation_table::find(key).is_some_and(|found| found.is_alpha);
            if is_alpha && !is_set_by_injection(object, key) {
                let what = format!("annotation `{key}` is of a feature that may still change");
                let fix = "read the notes of a new version before upgrading";
                report.add(code::IST0136, object, annotations::field(key), what, fix);
            }
        }
    }
}

fn is_set_by_injection(object: &Object<'_>, key: &str) -> bool {
    let captures_itself = || {
        let mut init = object.spec().list("initContainers").iter();
        init.any(|container| container.text("name") == "istio-init")
    };
    key == "sidecar.istio.io/status"
        || (object.kind == kind::POD && SET_BY_PLUGIN.contains(&key) && !captures_itself())
}
