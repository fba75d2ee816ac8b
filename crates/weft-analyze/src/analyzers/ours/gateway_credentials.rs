//! Secrets that gateways need and that do not exist or cannot be used: certificates of Gateway API gateways, and the
//! authorities by which Istio's gateways check clients.

use serde_json::Value;

use crate::analyzers::Analyzer;
use crate::code;
use crate::credential;
use crate::mesh::Mesh;
use crate::report::Report;
use crate::view::{Json, Labels, Object, kind, servers};

pub(in crate::analyzers) const ANALYZER: Analyzer = Analyzer::new(
    "weft.GatewayCredentialMissing",
    "Secrets of gateways that do not exist or cannot be used.",
    &[code::WEFT0113],
    look,
);

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    for gateway in mesh.all(kind::GATEWAY) {
        let selector = Labels::at(gateway.raw, "spec.selector");
        let pods = mesh.selected(None, selector);
        if let Some(pod) = pods.first() {
            of_algorithms(mesh, gateway, pod.object.namespace, report);
            keys_fit(mesh, gateway, pod.object.namespace, report);
            clients_are_checked(mesh, gateway, pod.object.namespace, report);
        }
    }
    for gateway in mesh.all(kind::KUBERNETES_GATEWAY) {
        for (at, listener) in gateway.spec().list("listeners").iter().enumerate() {
            for (index, secret) in listener.list("tls.certificateRefs").iter().enumerate() {
                let field = format!("/spec/listeners/{at}/tls/certificateRefs/{index}");
                judge(mesh, gateway, secret, field, report);
            }
        }
    }
}

/// Certificates of several key algorithms; a single one is told of as IST0101 and IST0161.
fn of_algorithms(mesh: &Mesh<'_>, gateway: &Object<'_>, namespace: &str, report: &mut Report) {
    for (name, field) in servers(gateway).flat_map(|server| server.credentials()) {
        let (namespace, name) = name.split_once('/').unwrap_or((namespace, name));
        must_be_good(mesh, gateway, (namespace, name), field, report);
    }
}

/// Of a single certificate only this is not told of as IST0161.
fn keys_fit(mesh: &Mesh<'_>, gateway: &Object<'_>, namespace: &str, report: &mut Report) {
    for (name, field) in servers(gateway).filter_map(|server| server.credential()) {
        let secret = mesh.find_from(kind::SECRET, namespace, name);
        if secret.is_some_and(credential::is_mixed) {
            mixed(gateway, name, field, report);
        }
    }
}

fn mixed(gateway: &Object<'_>, name: &str, field: String, report: &mut Report) {
    let what = format!(
        "the key of Secret `{name}` is not that of its certificate: it is not sent to proxies, so nothing is answered here"
    );
    let fix = "store the certificate and the key that it was made for";
    report.add(code::WEFT0113, gateway, field, what, fix);
}

/// A gateway that asks clients for certificates must know who vouches for them.
fn clients_are_checked(
    mesh: &Mesh<'_>,
    gateway: &Object<'_>,
    namespace: &str,
    report: &mut Report,
) {
    for server in servers(gateway) {
        let tls = server.raw.at("tls");
        let asks = matches!(tls.text("mode"), "MUTUAL" | "OPTIONAL_MUTUAL");
        let name = tls.text("credentialName");
        let secret = mesh.find_from(kind::SECRET, namespace, name).filter(|_| asks);
        let apart = match tls.text("caCertCredentialName") {
            "" => format!("{name}-cacert"),
            apart => apart.to_owned(),
        };
        let is_apart = mesh.find_from(kind::SECRET, namespace, &apart).is_some();
        if secret.is_some_and(|secret| !credential::has_any(secret, &["ca.crt", "cacert"]))
            && !is_apart
        {
            let what = format!(
                "clients are asked for certificates, but neither Secret `{name}` has ca.crt nor is there a Secret `{apart}`: none can be verified"
            );
            let fix = "store the authority of the clients as ca.crt in one of them";
            let field = format!("/spec/servers/{}/tls/credentialName", server.index);
            report.add(code::WEFT0113, gateway, field, what, fix);
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
    must_be_good(mesh, gateway, (namespace, secret.text("name")), field, report);
}

fn must_be_good(
    mesh: &Mesh<'_>,
    gateway: &Object<'_>,
    (namespace, name): (&str, &str),
    field: String,
    report: &mut Report,
) {
    let fault = match mesh.find(kind::SECRET, namespace, name) {
        Some(secret) if credential::is_mixed(secret) => {
            return mixed(gateway, name, field, report);
        }
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
