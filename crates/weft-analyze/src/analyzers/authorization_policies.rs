//! AuthorizationPolicies that protect nothing, or name namespaces that do not exist.

use super::Analyzer;
use crate::code;
use crate::mesh::Mesh;
use crate::report::Report;
use crate::view::{Json, Labels, Object, Workload, kind, rules, target_refs};

pub(super) const ANALYZER: Analyzer = Analyzer::new(
    "auth.AuthorizationPoliciesAnalyzer",
    "AuthorizationPolicies that protect nothing, or name namespaces that do not exist.",
    &[code::IST0101, code::IST0127],
    look,
);

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    for policy in mesh.all(kind::AUTHORIZATION_POLICY) {
        if target_refs(policy).is_empty() {
            must_select_something(mesh, policy, report);
        }
        must_name_namespaces(mesh, policy, report);
    }
}

fn must_select_something(mesh: &Mesh<'_>, policy: &Object<'_>, report: &mut Report) {
    let selector = Labels::at(policy.raw, "spec.selector.matchLabels");
    let is_selecting = policy.spec().has("selector");
    let is_mesh_wide = policy.namespace == mesh.root;
    if is_mesh_wide && !is_selecting {
        return;
    }
    let namespace = (!is_mesh_wide).then_some(policy.namespace);
    let in_mesh = |workload: &Workload<'_>| mesh.is_injected(workload) || mesh.is_ambient(workload);
    if mesh.workloads.selected(namespace, selector).any(in_mesh) {
        return;
    }
    let (field, what) = if is_selecting {
        (
            "/spec/selector",
            format!("no pod of the mesh has the labels {selector}: it protects nothing"),
        )
    } else {
        ("", "no pod of the mesh is in this namespace: it protects nothing".to_owned())
    };
    let fix = "correct the labels or the namespace; or start the workload, with a proxy";
    report.add(code::IST0127, policy, field, what, fix);
}

fn must_name_namespaces(mesh: &Mesh<'_>, policy: &Object<'_>, report: &mut Report) {
    for (field, source) in rules(policy).flat_map(|rule| rule.sources()) {
        for list in ["namespaces", "notNamespaces"] {
            for (index, pattern) in source.texts(list).enumerate() {
                if !mesh.all(kind::NAMESPACE).iter().any(|known| fits(known.name, pattern)) {
                    let what = format!("there is no namespace `{pattern}`");
                    let field = format!("{field}/{list}/{index}");
                    report.add(code::IST0101, policy, field, what, "correct the name");
                }
            }
        }
    }
}

/// Whether a namespace is meant by a name, a prefix before `*`, or a suffix after it.
fn fits(namespace: &str, pattern: &str) -> bool {
    if let Some(suffix) = pattern.strip_prefix('*') {
        namespace.ends_with(suffix)
    } else if let Some(prefix) = pattern.strip_suffix('*') {
        namespace.starts_with(prefix)
    } else {
        namespace.eq_ignore_ascii_case(pattern)
    }
}
