//! Gateways that claim the same host on the same port of the same pods.
//!
//! Why two codes: of a gateway with several servers on a port, Istio compares only the last one, and of selectors only those
//! that are written side by side. What it finds has its code; what we find beyond has ours.

use std::collections::{BTreeMap, HashMap};

use super::Analyzer;
use crate::code::{self, Code};
use crate::mesh::Mesh;
use crate::report::{Report, join};
use crate::view::{Json, Labels, Object, Server, kind, servers};

pub(super) const ANALYZER: Analyzer = Analyzer::new(
    "gateway.ConflictingGatewayAnalyzer",
    "Gateways that claim the same host on the same port of the same pods.",
    &[code::IST0145, code::WEFT0106],
    look,
);

/// A host on a port of an address.
type Claim<'a> = (i64, &'a str, &'a str);

/// Positions of gateways, and whether the claim stands in the last server that each has for the port.
type Claimants = BTreeMap<usize, bool>;

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    let gateways = mesh.all(kind::GATEWAY);
    let mut claims: HashMap<Claim<'_>, Claimants> = HashMap::new();
    for (at, gateway) in gateways.iter().enumerate() {
        let last: HashMap<i64, usize> = servers(gateway).map(|s| (s.port, s.index)).collect();
        for server in servers(gateway) {
            let is_last = last.get(&server.port) == Some(&server.index);
            for claim in claims_of(&server) {
                *claims.entry(claim).or_default().entry(at).or_default() |= is_last;
            }
        }
    }
    for (at, gateway) in gateways.iter().enumerate() {
        for server in servers(gateway) {
            let mut rivals = Claimants::new();
            for (rival, is_last) in claims_of(&server).filter_map(|c| claims.get(&c)).flatten() {
                *rivals.entry(*rival).or_default() |= is_last;
            }
            rivals.remove(&at);
            judge(mesh, gateway, &server, &rivals, report);
        }
    }
}

fn claims_of<'a>(server: &Server<'a>) -> impl Iterator<Item = Claim<'a>> + use<'a> {
    let (port, bind) = (server.port, server.raw.text("bind"));
    server.hosts().map(move |host| (port, bind, host))
}

fn judge(
    mesh: &Mesh<'_>,
    gateway: &Object<'_>,
    server: &Server<'_>,
    rivals: &Claimants,
    report: &mut Report,
) {
    let (mut names, mut code) = (Vec::new(), code::WEFT0106);
    for (rival, is_last) in rivals {
        let Some(rival) = mesh.all(kind::GATEWAY).get(*rival) else { continue };
        let (own, other) = (selector(gateway), selector(rival));
        if share_pods(mesh, own, other) {
            names.push(rival.full_name());
            if *is_last && side_by_side(own, other) {
                code = code::IST0145;
            }
        }
    }
    if !names.is_empty() {
        tell(gateway, server, &names, code, report);
    }
}

fn selector<'a>(gateway: &Object<'a>) -> Labels<'a> {
    Labels::at(gateway.raw, "spec.selector")
}

/// Equal selectors do; of others, one must be part of the other, and some pod must fit both.
fn share_pods(mesh: &Mesh<'_>, one: Labels<'_>, other: Labels<'_>) -> bool {
    let narrow = if one.selects(other) {
        other
    } else if other.selects(one) {
        one
    } else {
        return false;
    };
    one == other || mesh.has_selected(narrow, |_| true)
}

/// Whether the labels of one selector follow each other in the other one, in the order of their keys.
fn side_by_side(one: Labels<'_>, other: Labels<'_>) -> bool {
    let (one, other) = (one.to_string(), other.to_string());
    one.contains(&other) || other.contains(&one)
}

fn tell(
    gateway: &Object<'_>,
    server: &Server<'_>,
    rivals: &[String],
    code: Code,
    report: &mut Report,
) {
    let hosts: Vec<&str> = server.hosts().collect();
    let what = format!(
        "port {} of {} is claimed for the same pods by {}: one of them is ignored",
        server.port,
        join(&hosts),
        join(rivals)
    );
    let fix = "put each host on one Gateway, or select other pods";
    report.add_once(code, gateway, format!("/spec/servers/{}", server.index), what, fix);
}
