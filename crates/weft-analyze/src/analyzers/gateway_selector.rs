//! Policies that select a Gateway API gateway by labels, which has no effect.

use std::collections::BTreeSet;

use super::Analyzer;
use crate::code;
use crate::mesh::Mesh;
use crate::report::Report;
use crate::view::{Json, Kind, Labels, kind, target_refs};

pub(super) const ANALYZER: Analyzer = Analyzer::new(
    "k8sgateway.SelectorAnalyzer",
    "Policies that select a Gateway API gateway by labels, which has no effect.",
    &[code::IST0166],
    look,
);

const POLICIES: &[Kind<'static>] =
    &[kind::AUTHORIZATION_POLICY, kind::REQUEST_AUTHENTICATION, kind::TELEMETRY, kind::WASM_PLUGIN];

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    for policy in POLICIES.iter().flat_map(|kind| mesh.all(*kind)) {
        if !policy.spec().has("selector") || !target_refs(policy).is_empty() {
            continue;
        }
        let selector = Labels::at(policy.raw, "spec.selector.matchLabels");
        let pods = mesh.pods.selected(Some(policy.namespace), selector);
        let gateways: BTreeSet<&str> = pods
            .filter_map(|pod| pod.labels.get("gateway.networking.k8s.io/gateway-name"))
            .collect();
        for gateway in gateways {
            let what = format!("a selector has no effect on the pods of Gateway `{gateway}`");
            let fix = format!(
                "use targetRefs with group gateway.networking.k8s.io, kind Gateway, name {gateway}"
            );
            report.add(code::IST0166, policy, "/spec/selector", what, fix);
        }
    }
}
