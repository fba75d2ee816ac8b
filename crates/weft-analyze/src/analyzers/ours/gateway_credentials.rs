//! Secrets that a Gateway API gateway names, and that do not exist or cannot be served.

use serde_json::Value;

use crate::analyzers::Analyzer;
use crate::code;
use crate::credential;
use crate::mesh::Mesh;
use crate::report::Report;
use crate::view::{Json, Object, kind};

pub(in crate::analyzers) const ANALYZER: Analyzer = Analyzer::new(
    "weft.GatewayCredentialMissing",
    "Secrets of Gateway API gateways that do not exist or cannot be served.",
    &[code::WEFT0113],
    look,
);

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    for gateway in mesh.all(kind::KUBERNETES_GATEWAY) {
        for (at, listener) in gateway.spec().list("listeners").iter().enumerate() {
            for (index, secret) in listener.list("tls.certificateRefs").iter().enumerate() {
                let field = format!("/spec/listeners/{at}/tls/certificateRefs/{index}");
                judge(mesh, gateway, secret, field, report);
            }
        }
    }
}

fn judge(
    mesh: &Mesh<'_>,
    gateway: &Object<'_>,
    secret: &Value,
    field: String,
    report: &mut Report,
) {
    if !matches!(secret.text("kind"), "" | "Secret") {
        return;
    }
    let namespace = match secret.text("namespace") {
        "" => gateway.namespace,
        namespace => namespace,
    };
    let name = secret.text("name");
    let fault = match mesh.find(kind::SECRET, namespace, name) {
        None => Some(format!("there is no Secret `{name}` in namespace `{namespace}`")),
        Some(secret) => credential::check(secret, mesh.now)
            .err()
            .map(|fault| format!("Secret `{name}` cannot be served: {fault}")),
    };
    if let Some(what) = fault {
        let fix = "create it with a valid certificate as tls.crt and its key as tls.key, or correct the name";
        report.add(code::WEFT0113, gateway, field, what, fix);
    }
}
