//! Applications that run as the proxy's user, whose traffic is therefore not captured.

use super::Analyzer;
use crate::code;
use crate::mesh::Mesh;
use crate::report::Report;
use crate::view::{Json, Workload, kind};

pub(super) const ANALYZER: Analyzer = Analyzer::new(
    "applicationUID.Analyzer",
    "Applications that run as the proxy's user, whose traffic is therefore not captured.",
    &[code::IST0144],
    look,
);

/// The user that the proxy runs as.
const PROXY_USER: i64 = 1337;

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    for workload in mesh.workloads.iter() {
        let object = &workload.object;
        let is_read = matches!(object.kind, kind::POD | kind::DEPLOYMENT);
        if let (true, false, Some(field)) =
            (is_read, object.is_control_plane(), field_of_proxy_user(workload))
        {
            let what = "runs the application as user 1337, which is the proxy's: its traffic by-passes the mesh";
            report.add(code::IST0144, object, field, what, "run it as another user");
        }
    }
}

/// Where the first such user is set.
fn field_of_proxy_user(workload: &Workload<'_>) -> Option<String> {
    const USER: &str = "securityContext.runAsUser";
    let base = workload.field;
    if workload.spec.number(USER) == Some(PROXY_USER) {
        return Some(format!("{base}/securityContext/runAsUser"));
    }
    let mut containers = workload.spec.list("containers").iter();
    let at = containers.position(|container| {
        let own = !matches!(container.text("name"), "istio-proxy" | "istio-operator");
        own && container.number(USER) == Some(PROXY_USER)
    })?;
    Some(format!("{base}/containers/{at}/securityContext/runAsUser"))
}
