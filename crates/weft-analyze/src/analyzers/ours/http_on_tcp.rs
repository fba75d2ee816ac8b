//! Rules about requests for ports that carry bytes only: such a rule never allows, and denies more than was meant.

use std::collections::HashMap;

use crate::analyzers::Analyzer;
use crate::code;
use crate::mesh::Mesh;
use crate::report::Report;
use crate::view::{Json, Labels, Object, Rule, kind, rules, target_refs};

pub(in crate::analyzers) const ANALYZER: Analyzer = Analyzer::new(
    "weft.HttpRuleOnTcpPort",
    "Rules about requests for ports that carry bytes only.",
    &[code::WEFT0104],
    look,
);

/// Ports of pods and whether bytes are all that every Service sees there.
type Ports = HashMap<String, bool>;

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    let ports = ports_of_workloads(mesh);
    for policy in mesh.all(kind::AUTHORIZATION_POLICY).iter().filter(|p| target_refs(p).is_empty())
    {
        let mut requests =
            rules(policy).filter_map(|rule| Some((rule, rule.http_field()?))).peekable();
        if requests.peek().is_none() {
            continue;
        }
        let known = ports_of_policy(mesh, policy, &ports);
        for (rule, field) in requests {
            if is_bytes_only(&rule, &known) {
                tell(policy, field, report);
            }
        }
    }
}

type ByWorkload<'a> = HashMap<(&'a str, &'a str), Ports>;

fn ports_of_workloads<'a>(mesh: &Mesh<'a>) -> ByWorkload<'a> {
    let mut found = ByWorkload::new();
    for hosted in mesh.hosts.iter().filter(|h| h.is_service() && !h.selector.is_empty()) {
        for workload in mesh.workloads.selected(Some(hosted.object.namespace), hosted.selector) {
            let key = (workload.object.namespace, workload.object.name);
            let known = found.entry(key).or_default();
            for port in hosted.ports.iter().filter(|port| !port.is_udp) {
                let is_opaque = known.entry(port.target()).or_insert(true);
                *is_opaque &= port.is_opaque();
            }
        }
    }
    found
}

fn ports_of_policy(mesh: &Mesh<'_>, policy: &Object<'_>, ports: &ByWorkload<'_>) -> Ports {
    let selector = Labels::at(policy.raw, "spec.selector.matchLabels");
    let namespace = (policy.namespace != mesh.root).then_some(policy.namespace);
    let mut known = Ports::new();
    for workload in mesh.workloads.selected(namespace, selector) {
        let own = ports.get(&(workload.object.namespace, workload.object.name));
        for (port, opaque) in own.into_iter().flatten() {
            *known.entry(port.clone()).or_insert(true) &= opaque;
        }
    }
    known
}

/// Whether each port that the rule is about is one of bytes; of none, nothing is known.
fn is_bytes_only(rule: &Rule<'_>, known: &Ports) -> bool {
    let mut named =
        rule.operations().flat_map(|(_, operation)| operation.texts("ports")).peekable();
    if named.peek().is_some() {
        named.all(|port| known.get(port) == Some(&true))
    } else {
        !known.is_empty() && known.values().all(|opaque| *opaque)
    }
}

fn tell(policy: &Object<'_>, field: String, report: &mut Report) {
    let effect = match policy.spec().text("action") {
        "DENY" => {
            "what it says of requests is ignored, and it denies connections that were not meant"
        }
        "AUDIT" | "CUSTOM" => "it never applies",
        _ => "it never allows anything",
    };
    let what = format!("this rule is about requests, but the ports it is for carry TCP: {effect}");
    let fix = "declare the ports' protocol (appProtocol: http), or use only sources and ports here";
    report.add(code::WEFT0104, policy, field, what, fix);
}
