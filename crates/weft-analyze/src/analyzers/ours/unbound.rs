//! VirtualServices, and routes of them, that no proxy reads.

use std::collections::HashSet;

use serde_json::Value;

use crate::analyzers::{Analyzer, virtual_service_gateways};
use crate::code;
use crate::mesh::Mesh;
use crate::report::{Report, join};
use crate::view::{Json, Object, is_bound_to_mesh, kind};

pub(in crate::analyzers) const ANALYZER: Analyzer = Analyzer::new(
    "weft.VirtualServiceUnbound",
    "VirtualServices that no proxy reads.",
    &[code::WEFT0100],
    look,
);

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    let services = mesh.all(kind::VIRTUAL_SERVICE);
    let delegated = delegated(services);
    for service in services {
        routes(service, report);
        let is_delegate = service.spec().list("hosts").is_empty();
        if is_delegate {
            if !delegated.contains(&(service.namespace, service.name)) {
                let what =
                    "has no hosts, and no VirtualService delegates to it: nobody uses its routes";
                report.add(code::WEFT0100, service, "/spec", what, "add hosts, or delegate to it");
            }
        } else if service.spec().texts("exportTo").eq(["~"]) {
            let what = "is exported to no namespace: nobody uses its routes";
            report.add(code::WEFT0100, service, "/spec/exportTo", what, "export it to `.` or `*`");
        } else if !is_bound_to_mesh(service) && !has_gateway(mesh, service) {
            let names: Vec<&str> = service.spec().texts("gateways").collect();
            let what = format!(
                "is bound to gateways that do not exist ({}), and not to the mesh: nobody uses its routes",
                join(&names)
            );
            let fix = "name an existing gateway as NAMESPACE/NAME, or add `mesh`";
            report.add(code::WEFT0100, service, "/spec/gateways", what, fix);
        }
    }
}

/// Routes that are only for gateways to which the VirtualService is not bound.
fn routes(service: &Object<'_>, report: &mut Report) {
    let full = |name: &str| match name {
        "mesh" => name.to_owned(),
        name if name.contains('/') => name.to_owned(),
        name => format!("{}/{name}", service.namespace),
    };
    let bound: HashSet<String> = service.spec().texts("gateways").map(full).collect();
    let is_bound =
        |name: &str| if bound.is_empty() { name == "mesh" } else { bound.contains(&full(name)) };
    for section in ["http", "tls", "tcp"] {
        for (at, route) in service.spec().list(section).iter().enumerate() {
            let matches = route.list("match");
            let is_elsewhere = |request: &Value| {
                let mut names = request.texts("gateways").peekable();
                names.peek().is_some() && !names.any(is_bound)
            };
            if !matches.is_empty() && matches.iter().all(is_elsewhere) {
                let what = "is only for gateways to which its VirtualService is not bound: no request reaches it";
                let fix = "name these gateways in spec.gateways too, or `mesh`";
                report.add(
                    code::WEFT0100,
                    service,
                    format!("/spec/{section}/{at}/match"),
                    what,
                    fix,
                );
            }
        }
    }
}

fn has_gateway(mesh: &Mesh<'_>, service: &Object<'_>) -> bool {
    let mut names = service.spec().texts("gateways");
    names.any(|name| {
        virtual_service_gateways::is_generated(name)
            || virtual_service_gateways::find(mesh, service.namespace, name).is_some()
    })
}

/// Namespaces and names of those that others delegate to.
fn delegated<'a>(services: &[Object<'a>]) -> HashSet<(&'a str, &'a str)> {
    let mut found = HashSet::new();
    for service in services {
        for route in service.spec().list("http") {
            let namespace = match route.text("delegate.namespace") {
                "" => service.namespace,
                namespace => namespace,
            };
            found.insert((namespace, route.text("delegate.name")));
        }
    }
    found
}
