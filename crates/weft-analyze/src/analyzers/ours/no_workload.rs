//! Policies whose selector selects no workload, and those attached to something that does not exist.

use serde_json::Value;

use crate::analyzers::Analyzer;
use crate::code;
use crate::mesh::Mesh;
use crate::report::Report;
use crate::source;
use crate::view::{Json, Kind, Labels, Object, kind, target_refs};

pub(in crate::analyzers) const ANALYZER: Analyzer = Analyzer::new(
    "weft.PolicySelectsNothing",
    "Policies whose selector selects no workload, and those attached to something that does not exist.",
    &[code::WEFT0103],
    look,
);

/// Where each kind has its labels. AuthorizationPolicy, Telemetry and Sidecar have codes of Istio.
const SELECTORS: &[(Kind<'static>, &str, &str)] = &[
    (kind::PEER_AUTHENTICATION, "spec.selector.matchLabels", "/spec/selector"),
    (kind::REQUEST_AUTHENTICATION, "spec.selector.matchLabels", "/spec/selector"),
    (kind::PROXY_CONFIG, "spec.selector.matchLabels", "/spec/selector"),
    (kind::WASM_PLUGIN, "spec.selector.matchLabels", "/spec/selector"),
    (kind::TRAFFIC_EXTENSION, "spec.selector.matchLabels", "/spec/selector"),
    (kind::ENVOY_FILTER, "spec.workloadSelector.labels", "/spec/workloadSelector"),
    (kind::SERVICE_ENTRY, "spec.workloadSelector.labels", "/spec/workloadSelector"),
    (kind::DESTINATION_RULE, "spec.workloadSelector.matchLabels", "/spec/workloadSelector"),
];

/// Kinds that may be attached by `targetRefs`.
const ATTACHED: &[Kind<'static>] = &[
    kind::AUTHORIZATION_POLICY,
    kind::REQUEST_AUTHENTICATION,
    kind::TELEMETRY,
    kind::WASM_PLUGIN,
    kind::TRAFFIC_EXTENSION,
    kind::ENVOY_FILTER,
];

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    // Files of policies alone tell nothing of workloads.
    if mesh.workloads.iter().any(|workload| workload.object.namespace != mesh.root) {
        for (kind, path, field) in SELECTORS {
            mesh.all(*kind).iter().for_each(|policy| selects(mesh, policy, path, field, report));
        }
    }
    for policy in ATTACHED.iter().flat_map(|kind| mesh.all(*kind)) {
        for (field, target) in target_refs(policy) {
            attached(mesh, policy, field, target, report);
        }
    }
}

fn selects(mesh: &Mesh<'_>, policy: &Object<'_>, path: &str, field: &str, report: &mut Report) {
    let selector = Labels::at(policy.raw, path);
    if selector.is_empty() || (policy.namespace == mesh.root && !is_root_known(mesh)) {
        return;
    }
    let own = matches!(policy.kind, kind::SERVICE_ENTRY | kind::DESTINATION_RULE);
    let everywhere = policy.namespace == mesh.root && !own;
    let namespace = (!everywhere).then_some(policy.namespace);
    let joins = |group: &Object<'_>| {
        let is_near = namespace.is_none_or(|namespace| namespace == group.namespace);
        is_near && selector.selects(Labels::at(group.raw, "spec.metadata.labels"))
    };
    let is_used = mesh.workloads.selected(namespace, selector).next().is_some();
    if !is_used && !mesh.all(kind::WORKLOAD_GROUP).iter().any(joins) {
        let what = format!("no workload has the labels {selector}: it applies to nothing");
        let fix = "correct the labels, or put it into the namespace of the workload";
        report.add(code::WEFT0103, policy, field, what, fix);
    }
}

/// Whether gateways and the like of the root namespace are among the objects; files of applications do not have them.
fn is_root_known(mesh: &Mesh<'_>) -> bool {
    let mut workloads = mesh.workloads.iter();
    workloads.any(|w| w.object.namespace == mesh.root && !source::is_assumed(&w.object))
}

fn attached(
    mesh: &Mesh<'_>,
    policy: &Object<'_>,
    field: String,
    target: &Value,
    report: &mut Report,
) {
    let (group, name) = (target.text("group"), target.text("name"));
    let kind = match (group, target.text("kind")) {
        ("gateway.networking.k8s.io", "Gateway") => kind::KUBERNETES_GATEWAY,
        ("" | "core", "Service") => kind::SERVICE,
        ("networking.istio.io", "ServiceEntry") => kind::SERVICE_ENTRY,
        // Other kinds are not read here.
        _ => return,
    };
    if mesh.find(kind, policy.namespace, name).is_none() {
        let what = format!(
            "there is no {} `{name}` in namespace `{}`: it applies to nothing",
            kind.name, policy.namespace
        );
        let fix = "correct the name; what a policy is attached to must be in its own namespace";
        report.add(code::WEFT0103, policy, field, what, fix);
    }
}
