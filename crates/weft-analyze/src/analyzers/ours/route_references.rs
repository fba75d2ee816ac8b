//! Routes of the Gateway API with parents or backends that do not exist.

use serde_json::Value;

use crate::analyzers::Analyzer;
use crate::code;
use crate::mesh::Mesh;
use crate::report::Report;
use crate::view::{Json, Kind, Object, kind};

pub(in crate::analyzers) const ANALYZER: Analyzer = Analyzer::new(
    "weft.RouteReferenceMissing",
    "Routes of the Gateway API with parents or backends that do not exist.",
    &[code::WEFT0119],
    look,
);

const ROUTES: &[Kind<'static>] =
    &[kind::HTTP_ROUTE, kind::GRPC_ROUTE, kind::TCP_ROUTE, kind::TLS_ROUTE];

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    for route in ROUTES.iter().flat_map(|kind| mesh.all(*kind)) {
        for (index, parent) in route.spec().list("parentRefs").iter().enumerate() {
            judge(mesh, route, parent, "Gateway", format!("/spec/parentRefs/{index}"), report);
        }
        for (at, rule) in route.spec().list("rules").iter().enumerate() {
            for (index, backend) in rule.list("backendRefs").iter().enumerate() {
                let field = format!("/spec/rules/{at}/backendRefs/{index}");
                judge(mesh, route, backend, "Service", field, report);
            }
        }
    }
}

fn judge(
    mesh: &Mesh<'_>,
    route: &Object<'_>,
    to: &Value,
    default: &str,
    field: String,
    report: &mut Report,
) {
    let Some(kind) = kind_of(to, default) else { return };
    let (name, namespace) = (to.text("name"), or(to.text("namespace"), route.namespace));
    let Some(found) = mesh.find(kind, namespace, name) else {
        let what = format!("there is no {} `{name}` in namespace `{namespace}`", kind.name);
        let fix = "correct the name or the namespace";
        report.add(code::WEFT0119, route, field, what, fix);
        return;
    };
    let port = to.number("port").filter(|_| kind == kind::SERVICE);
    let ports = found.spec().list("ports");
    if let Some(port) = port.filter(|port| !ports.iter().any(|p| p.number("port") == Some(*port))) {
        let what = format!("Service `{namespace}/{name}` has no port {port}");
        report.add(code::WEFT0119, route, format!("{field}/port"), what, "correct the port");
    }
}

/// Kinds that are among the objects; others are not judged.
fn kind_of(to: &Value, default: &str) -> Option<Kind<'static>> {
    let group = to.at("group").as_str();
    match (group, or(to.text("kind"), default)) {
        (None | Some("gateway.networking.k8s.io"), "Gateway") => Some(kind::KUBERNETES_GATEWAY),
        (None | Some("" | "core"), "Service") => Some(kind::SERVICE),
        _ => None,
    }
}

fn or<'t>(given: &'t str, default: &'t str) -> &'t str {
    if given.is_empty() { default } else { given }
}
