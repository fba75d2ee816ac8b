//! Credentials of gateways that are missing, or are no certificate with a key.

use super::Analyzer;
use super::gateway_ports::no_pod;
use crate::code;
use crate::credential;
use crate::mesh::Mesh;
use crate::report::Report;
use crate::view::{Labels, Object, kind, servers};

pub(super) const ANALYZER: Analyzer = Analyzer::new(
    "gateway.SecretAnalyzer",
    "Credentials of gateways that are missing, or are no certificate with a key.",
    &[code::IST0101, code::IST0161],
    look,
);

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    for gateway in mesh.all(kind::GATEWAY) {
        let selector = Labels::at(gateway.raw, "spec.selector");
        match mesh.selected(None, selector).first() {
            Some(pod) => judge(mesh, gateway, pod.object.namespace, report),
            None => no_pod(gateway, selector, report),
        }
    }
}

/// Secrets are read from the namespace of the gateway's pods.
fn judge(mesh: &Mesh<'_>, gateway: &Object<'_>, namespace: &str, report: &mut Report) {
    for server in servers(gateway) {
        if let Some((name, field)) = server.credential() {
            match mesh.find_from(kind::SECRET, namespace, name) {
                None => {
                    let here = mesh.find_from(kind::SECRET, gateway.namespace, name).is_some();
                    let beside = match here && gateway.namespace != namespace {
                        true => format!(
                            ", where the pods run; that of `{}` is not read",
                            gateway.namespace
                        ),
                        false => String::new(),
                    };
                    let what =
                        format!("there is no Secret `{name}` in namespace `{namespace}`{beside}");
                    let fix = "create it where the gateway's pods run, or correct the name";
                    report.add(code::IST0101, gateway, field, what, fix);
                }
                Some(secret) => {
                    if let Err(fault) = credential::check(secret, mesh.now) {
                        let what = format!("Secret `{name}` cannot be served: {fault}");
                        let fix = "store a valid certificate as tls.crt and its key as tls.key";
                        report.add(code::IST0161, gateway, field, what, fix);
                    }
                }
            }
        }
    }
}
