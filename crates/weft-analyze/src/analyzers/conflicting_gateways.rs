//! Gateways that claim the same host on the same port of the same pods.

use std::collections::{BTreeSet, HashMap};

use super::Analyzer;
use crate::code;
use crate::mesh::Mesh;
use crate::report::{Report, join};
use crate::view::{Json, Labels, Object, Server, kind, servers};

pub(super) const ANALYZER: Analyzer = Analyzer::new(
    "gateway.ConflictingGatewayAnalyzer",
    "Gateways that claim the same host on the same port of the same pods.",
    &[code::IST0145],
    look,
);

/// A host on a port of an address.
type Claim<'a> = (i64, &'a str, &'a str);

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    let gateways = mesh.all(kind::GATEWAY);
    let mut claims: HashMap<Claim<'_>, BTreeSet<usize>> = HashMap::new();
    for (at, gateway) in gateways.iter().enumerate() {
        for server in servers(gateway) {
            for claim in claims_of(&server) {
                claims.entry(claim).or_default().insert(at);
            }
        }
    }
    for (at, gateway) in gateways.iter().enumerate() {
        for server in servers(gateway) {
            let rivals: BTreeSet<usize> = claims_of(&server)
                .filter_map(|claim| claims.get(&claim))
                .flatten()
                .copied()
                .filter(|rival| *rival != at)
                .collect();
            let rivals = rivals.into_iter().filter_map(|rival| gateways.get(rival));
            let rivals: Vec<String> = rivals
                .filter(|rival| share_pods(mesh, gateway, rival))
                .map(Object::full_name)
                .collect();
            if !rivals.is_empty() {
                tell(gateway, &server, &rivals, report);
            }
        }
    }
}

fn claims_of<'a>(server: &Server<'a>) -> impl Iterator<Item = Claim<'a>> + use<'a> {
    let (port, bind) = (server.port, server.raw.text("bind"));
    server.hosts().map(move |host| (port, bind, host))
}

/// Equal selectors do; of others, one must be part of the other, and some pod must fit both.
fn share_pods(mesh: &Mesh<'_>, one: &Object<'_>, other: &Object<'_>) -> bool {
    let (one, other) =
        (Labels::at(one.raw, "spec.selector"), Labels::at(other.raw, "spec.selector"));
    if one == other {
        return true;
    }
    let narrow = if one.selects(other) {
        other
    } else if other.selects(one) {
        one
    } else {
        return false;
    };
    mesh.has_selected(narrow, |_| true)
}

fn tell(gateway: &Object<'_>, server: &Server<'_>, rivals: &[String], report: &mut Report) {
    let hosts: Vec<&str> = server.hosts().collect();
    let what = format!(
        "port {} of {} is claimed for the same pods by {}: one of them is ignored",
        server.port,
        join(&hosts),
        join(rivals)
    );
    let fix = "put each host on one Gateway, or select other pods";
    report.add(code::IST0145, gateway, format!("/spec/servers/{}", server.index), what, fix);
}
