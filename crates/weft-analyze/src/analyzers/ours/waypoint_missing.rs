//! Policies about requests where nothing reads requests: ambient workloads without a waypoint, or not attached to it.

use serde_json::Value;

use crate::analyzers::Analyzer;
use crate::code;
use crate::mesh::Mesh;
use crate::report::Report;
use crate::view::{Json, Kind, Labels, Object, kind, rules, target_refs};

pub(in crate::analyzers) const ANALYZER: Analyzer = Analyzer::new(
    "weft.HttpPolicyWithoutWaypoint",
    "Policies about requests where nothing reads requests.",
    &[code::WEFT0108],
    look,
);

/// Kinds that only a proxy which reads requests can enforce.
const OF_REQUESTS: &[Kind<'static>] =
    &[kind::REQUEST_AUTHENTICATION, kind::WASM_PLUGIN, kind::TRAFFIC_EXTENSION];

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    for policy in mesh.all(kind::AUTHORIZATION_POLICY) {
        let field = rules(policy).find_map(|rule| rule.http_field());
        let is_custom = policy.spec().text("action") == "CUSTOM";
        if field.is_some() || is_custom {
            judge(mesh, policy, field.unwrap_or_else(|| "/spec/action".to_owned()), report);
        }
    }
    for policy in OF_REQUESTS.iter().flat_map(|kind| mesh.all(*kind)) {
        judge(mesh, policy, "/spec".to_owned(), report);
    }
}

fn judge(mesh: &Mesh<'_>, policy: &Object<'_>, field: String, report: &mut Report) {
    let targets = target_refs(policy);
    if targets.is_empty() {
        by_selector(mesh, policy, field, report);
    }
    for (field, target) in targets {
        attached(mesh, policy, field, target, report);
    }
}

/// The node proxy reads policies with selectors, but no requests.
fn by_selector(mesh: &Mesh<'_>, policy: &Object<'_>, field: String, report: &mut Report) {
    let selector = Labels::at(policy.raw, "spec.selector.matchLabels");
    let namespace = (policy.namespace != mesh.root).then_some(policy.namespace);
    let mut workloads = mesh.workloads.selected(namespace, selector).peekable();
    let is_some = workloads.peek().is_some();
    if is_some && workloads.all(|workload| mesh.is_ambient(workload)) {
        let what = "is about requests, but all that it selects is in ambient mode, where the node proxy sees only connections: it is not enforced as written";
        let fix = "attach it to a waypoint or Service by targetRefs, and use a waypoint there";
        report.add(code::WEFT0108, policy, field, what, fix);
    }
}

/// Through the waypoint of the Service, if it has one.
fn attached(
    mesh: &Mesh<'_>,
    policy: &Object<'_>,
    field: String,
    target: &Value,
    report: &mut Report,
) {
    let name = target.text("name");
    if target.text("kind") != "Service" {
        return;
    }
    let Some(service) = mesh.find(kind::SERVICE, policy.namespace, name) else { return };
    let what = match waypoint(mesh, service) {
        None => format!("is attached to Service `{name}`, which uses no waypoint"),
        Some((namespace, waypoint))
            if mesh.find(kind::KUBERNETES_GATEWAY, namespace, waypoint).is_none() =>
        {
            format!(
                "is attached to Service `{name}`, whose waypoint `{namespace}/{waypoint}` does not exist"
            )
        }
        Some(_) => return,
    };
    let what = format!("{what}: nothing enforces it");
    let fix = "make a waypoint, and name it by the label istio.io/use-waypoint of the Service or its namespace";
    report.add(code::WEFT0108, policy, field, what, fix);
}

/// Namespace and name of a Service's waypoint: its own, else that of its namespace.
fn waypoint<'a>(mesh: &Mesh<'a>, service: &Object<'a>) -> Option<(&'a str, &'a str)> {
    let key = "istio.io/use-waypoint";
    let has_own = service.labels().get(key).is_some();
    let labels = if has_own { service.labels() } else { mesh.namespace(service.namespace)? };
    let name = labels.get(key).filter(|name| !name.is_empty() && *name != "none")?;
    Some((labels.get("istio.io/use-waypoint-namespace").unwrap_or(service.namespace), name))
}
