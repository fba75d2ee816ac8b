//! TLS to servers without saying which authority vouches for them.

use super::Analyzer;
use crate::code;
use crate::mesh::Mesh;
use crate::report::Report;
use crate::view::{Json, Object, TrafficPolicy, kind, traffic_policies};

pub(super) const ANALYZER: Analyzer = Analyzer::new(
    "destinationrule.CaCertificateAnalyzer",
    "TLS to servers without saying which authority vouches for them.",
    &[code::IST0128, code::IST0129],
    look,
);

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    for rule in mesh.all(kind::DESTINATION_RULE) {
        for policy in traffic_policies(rule) {
            if policy.field.starts_with("/spec/trafficPolicy") && is_unchecked(rule, &policy) {
                tell(rule, &policy, report);
            }
        }
    }
}

fn is_unchecked(rule: &Object<'_>, policy: &TrafficPolicy<'_>) -> bool {
    let tls = policy.raw.at("tls");
    // A credential brings its own CA. One of MUTUAL is for gateways or for selected pods anyway: who has no certificate of the
    // Secret does not reach the server. In SIMPLE only proxies that the rule selects are known to read it.
    let by_credential = tls.has("credentialName")
        && (tls.text("mode") == "MUTUAL" || rule.spec().has("workloadSelector"));
    matches!(tls.text("mode"), "SIMPLE" | "MUTUAL")
        && tls.text("caCertificates").is_empty()
        && !by_credential
}

fn tell(rule: &Object<'_>, policy: &TrafficPolicy<'_>, report: &mut Report) {
    let (mode, host) = (policy.raw.text("tls.mode"), rule.spec().text("host"));
    let (code, port) = if policy.is_port_level {
        let port = policy.raw.number("port.number").unwrap_or_default();
        (code::IST0129, format!(" at port {port}"))
    } else {
        (code::IST0128, String::new())
    };
    let what = format!(
        "TLS mode {mode} without caCertificates: any authority that the proxy's system trusts may vouch for {host}{port}"
    );
    let fix = "set caCertificates to the CA of the server";
    report.add(code, rule, format!("{}/tls", policy.field), what, fix);
}
