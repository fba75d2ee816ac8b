//! A control plane that fetches keys of tokens from any address.

use super::Analyzer;
use crate::code;
use crate::mesh::Mesh;
use crate::report::{Report, join};
use crate::view::{Json, Object, kind};

pub(super) const ANALYZER: Analyzer = Analyzer::new(
    "authn.BlockedCIDRsAnalyzer",
    "A control plane that fetches keys of tokens from any address.",
    &[code::IST0175],
    look,
);

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    let names: Vec<String> =
        mesh.all(kind::REQUEST_AUTHENTICATION).iter().map(Object::full_name).collect();
    if names.is_empty() {
        return;
    }
    for deployment in mesh.all(kind::DEPLOYMENT) {
        if deployment.labels().is("app", "istiod") && !blocks_addresses(deployment) {
            let what = format!(
                "fetches keys of tokens from any address that a RequestAuthentication names ({})",
                join(&names)
            );
            let fix = "set BLOCKED_CIDRS_IN_JWKS_URIS to the ranges that it must not reach";
            report.add(code::IST0175, deployment, "/spec/template/spec/containers", what, fix);
        }
    }
}

fn blocks_addresses(deployment: &Object<'_>) -> bool {
    let containers = deployment.spec().list("template.spec.containers");
    let mut environment = containers.iter().flat_map(|container| container.list("env"));
    environment.any(|variable| {
        variable.text("name") == "BLOCKED_CIDRS_IN_JWKS_URIS"
            && (!variable.text("value").is_empty() || variable.has("valueFrom"))
    })
}
