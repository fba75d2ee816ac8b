//! Policies about requests where nothing reads requests: ambient workloads without a waypoint, or not attached to it.

use serde_json::Value;

use crate::analyzers::Analyzer;
use crate::code;
use crate::hosted::Hosted;
use crate::mesh::Mesh;
use crate::report::Report;
use crate::view::{Json, Kind, Labels, Object, is_bound_to_mesh, kind, rules, target_refs};

pub(in crate::analyzers) const ANALYZER: Analyzer = Analyzer::new(
    "weft.HttpPolicyWithoutWaypoint",
    "Policies about requests where nothing reads requests.",
    &[code::WEFT0108],
    look,
);

const ADD: &str = "make a waypoint, and name it by the label istio.io/use-waypoint of the Service or its namespace";

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
    of_routes(mesh, report);
}

/// Routes of requests to Services of ambient workloads: the node proxy of the caller does not read them.
fn of_routes(mesh: &Mesh<'_>, report: &mut Report) {
    if mesh.workloads.iter().any(|workload| mesh.is_injected(workload)) {
        // A caller with a sidecar, or a gateway, may read them.
        return;
    }
    for service in mesh.all(kind::VIRTUAL_SERVICE).iter().filter(|s| is_bound_to_mesh(s)) {
        let asks = !service.spec().list("http").is_empty();
        for (index, host) in service.spec().texts("hosts").enumerate().filter(|_| asks) {
            let hosted = mesh.host(service, host).filter(|hosted| hosted.is_service());
            if let Some(hosted) = hosted.filter(|hosted| has_no_reader(mesh, hosted)) {
                let what = format!(
                    "its http routes are for Service `{}`, whose workloads are in ambient mode without a waypoint: nobody reads them",
                    hosted.object.full_name()
                );
                report.add(code::WEFT0108, service, format!("/spec/hosts/{index}"), what, ADD);
            }
        }
    }
}

fn has_no_reader(mesh: &Mesh<'_>, hosted: &Hosted<'_>) -> bool {
    let behind = mesh.selected(Some(hosted.object.namespace), hosted.selector);
    let is_ambient = !hosted.selector.is_empty() && !behind.is_empty();
    is_ambient
        && behind.iter().all(|workload| mesh.is_ambient(workload))
        && waypoint(mesh, &hosted.object).is_none()
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
    let workloads: Vec<_> = mesh.workloads.selected(namespace, selector).collect();
    // That nothing in the mesh is meant by an AuthorizationPolicy is told as IST0127.
    let is_told = policy.kind == kind::AUTHORIZATION_POLICY;
    if !workloads.is_empty() && !is_told && workloads.iter().all(|w| mesh.is_outside(w)) {
        let what = "is about requests, but nothing that it selects has a proxy: nobody enforces it";
        report.add(code::WEFT0108, policy, field, what, "inject these workloads");
    } else if !workloads.is_empty() && workloads.iter().all(|workload| mesh.is_ambient(workload)) {
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
    report.add(code::WEFT0108, policy, field, what, ADD);
}

/// Namespace and name of a Service's waypoint: its own, else that of its namespace.
fn waypoint<'a>(mesh: &Mesh<'a>, service: &Object<'a>) -> Option<(&'a str, &'a str)> {
    let key = "istio.io/use-waypoint";
    let has_own = service.labels().get(key).is_some();
    let labels = if has_own { service.labels() } else { mesh.namespace(service.namespace)? };
    let name = labels.get(key).filter(|name| !name.is_empty() && *name != "none")?;
    Some((labels.get("istio.io/use-waypoint-namespace").unwrap_or(service.namespace), name))
}
