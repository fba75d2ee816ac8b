//! One certificate in several gateways of the same pods.
//! Why it matters: a client re-uses its HTTP/2 connection for the other gateway's host and gets a 404.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::Analyzer;
use crate::code;
use crate::mesh::Mesh;
use crate::report::Report;
use crate::view::{Json, Labels, Object, kind, servers};

pub(super) const ANALYZER: Analyzer = Analyzer::new(
    "gateway.CertificateAnalyzer",
    "One certificate in several gateways of the same pods.",
    &[code::IST0138],
    look,
);

/// A name of a Secret, or the paths of a certificate and its key.
type Certificate<'a> = (&'a str, &'a str);

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    let gateways = mesh.all(kind::GATEWAY);
    let mut users: HashMap<Certificate<'_>, BTreeSet<usize>> = HashMap::new();
    for (at, gateway) in gateways.iter().enumerate() {
        for certificate in servers(gateway).filter_map(|server| certificate(server.raw)) {
            users.entry(certificate).or_default().insert(at);
        }
    }
    let mut told = BTreeSet::new();
    for users in users.values() {
        for (one, other) in
            users.iter().flat_map(|one| users.iter().map(move |other| (*one, *other)))
        {
            if let (Some(gateway), Some(rival)) = (gateways.get(one), gateways.get(other))
                && one != other
                && selector(gateway).selects(selector(rival))
                && told.insert((one, other))
            {
                tell(gateway, rival, report);
            }
        }
    }
}

fn selector<'a>(gateway: &Object<'a>) -> Labels<'a> {
    Labels::at(gateway.raw, "spec.selector")
}

fn certificate(server: &Value) -> Option<Certificate<'_>> {
    let tls = server.at("tls");
    let (name, path, key) =
        (tls.text("credentialName"), tls.text("serverCertificate"), tls.text("privateKey"));
    if name.is_empty() {
        (!path.is_empty() && !key.is_empty()).then_some((path, key))
    } else {
        Some((name, ""))
    }
}

fn tell(gateway: &Object<'_>, rival: &Object<'_>, report: &mut Report) {
    let names = (gateway.full_name(), rival.full_name());
    let what = format!(
        "gateways {} and {} show the same certificate: a client that re-uses its connection may get 404",
        names.0, names.1
    );
    let fix = "use one gateway for the hosts of a certificate, or one certificate each";
    report.add(code::IST0138, gateway, "/metadata/name", what, fix);
}
