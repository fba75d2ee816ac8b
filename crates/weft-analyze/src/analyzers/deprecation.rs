//! Fields and kinds that are on their way out.

use super::Analyzer;
use crate::code;
use crate::mesh::Mesh;
use crate::report::Report;
use crate::view::{Json, Object, kind};

pub(super) const ANALYZER: Analyzer = Analyzer::new(
    "deprecation.DeprecationAnalyzer",
    "Fields and kinds that are on their way out.",
    &[code::IST0002],
    look,
);

/// Kinds of the group `rbac.istio.io` that no control plane reads any more.
const REMOVED: &[&str] = &["ClusterRbacConfig", "RbacConfig", "ServiceRole", "ServiceRoleBinding"];

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    for service in mesh.all(kind::VIRTUAL_SERVICE) {
        delays(service, report);
    }
    for sidecar in mesh.all(kind::SIDECAR) {
        if sidecar.spec().has("outboundTrafficPolicy.egressProxy") {
            let what = "egressProxy is deprecated and has no effect";
            let fix = "route unknown traffic by a VirtualService and a ServiceEntry instead";
            let field = "/spec/outboundTrafficPolicy/egressProxy";
            report.add(code::IST0002, sidecar, field, what, fix);
        }
    }
    for definition in mesh.all(kind::CRD) {
        let name = definition.spec().text("names.kind");
        if definition.spec().text("group") == "rbac.istio.io" && REMOVED.contains(&name) {
            let what = format!("kind {name} of rbac.istio.io is not read by any control plane");
            let fix = "write AuthorizationPolicies instead, then remove the definition";
            report.add(code::IST0002, definition, "/spec/names/kind", what, fix);
        }
    }
}

fn delays(service: &Object<'_>, report: &mut Report) {
    for (rule, route) in service.spec().list("http").iter().enumerate() {
        if route.number("fault.delay.percent").is_some_and(|percent| percent > 0) {
            let what = "fault.delay.percent is deprecated".to_owned();
            let field = format!("/spec/http/{rule}/fault/delay/percent");
            report.add_once(code::IST0002, service, field, what, "use percentage.value");
        }
    }
}
