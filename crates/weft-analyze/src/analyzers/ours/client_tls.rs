//! DestinationRules that lose the TLS settings of a wider rule, or of their own, without meaning to.

use std::collections::HashMap;

use serde_json::Value;

use crate::analyzers::Analyzer;
use crate::code;
use crate::hosts;
use crate::mesh::Mesh;
use crate::report::Report;
use crate::view::{Json, Object, kind, traffic_policies};

pub(in crate::analyzers) const ANALYZER: Analyzer = Analyzer::new(
    "weft.ClientTlsLost",
    "DestinationRules that lose the TLS settings of a wider rule, or of their own, without meaning to.",
    &[code::WEFT0115],
    look,
);

/// A rule for a pattern of hosts, with TLS.
struct Wide<'m, 'a> {
    rule: &'m Object<'a>,
    host: String,
    mode: &'a str,
}

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    let rules = mesh.all(kind::DESTINATION_RULE);
    let wide: Vec<Wide<'_, '_>> = rules.iter().filter_map(|rule| wide(mesh, rule)).collect();
    for rule in rules {
        of_its_own(rule, report);
        of_a_wider(mesh, rule, &wide, report);
    }
    of_an_older(mesh, report);
}

/// Of several rules of a namespace for one host, subsets are joined, but only the oldest policy counts.
fn of_an_older(mesh: &Mesh<'_>, report: &mut Report) {
    let mut rules: Vec<&Object<'_>> = mesh.all(kind::DESTINATION_RULE).iter().collect();
    rules.retain(|r| r.spec().has("trafficPolicy") && !r.spec().has("workloadSelector"));
    rules.sort_by_key(|rule| (rule.raw.text("metadata.creationTimestamp"), rule.name));
    let mut first: HashMap<(&str, String), &Object<'_>> = HashMap::new();
    for rule in rules {
        let host = hosts::full(rule.spec().text("host"), rule.namespace, mesh.domain).into_owned();
        let older = *first.entry((rule.namespace, host)).or_insert(rule);
        let mode = |rule| secure(Object::spec(rule).at("trafficPolicy"));
        if let Some(lost) =
            mode(rule).filter(|own| older.name != rule.name && mode(older) != Some(own))
        {
            let what = format!(
                "DestinationRule {} is for the same host and older, so only its trafficPolicy counts: {lost} of this one does not apply",
                older.full_name()
            );
            let fix = format!("set `tls: {{mode: {lost}}}` there, or merge both");
            report.add(code::WEFT0115, rule, "/spec/trafficPolicy/tls", what, fix);
        }
    }
}

fn wide<'m, 'a>(mesh: &Mesh<'_>, rule: &'m Object<'a>) -> Option<Wide<'m, 'a>> {
    let host = hosts::full(rule.spec().text("host"), rule.namespace, mesh.domain).into_owned();
    let mode = secure(rule.spec().at("trafficPolicy"))?;
    host.starts_with('*').then_some(Wide { rule, host, mode })
}

/// The mode of a policy that asks for TLS.
fn secure(policy: &Value) -> Option<&str> {
    Some(policy.text("tls.mode")).filter(|mode| !matches!(*mode, "" | "DISABLE"))
}

/// Settings of a port replace all of those around them.
fn of_its_own(rule: &Object<'_>, report: &mut Report) {
    let mut around = None;
    for policy in traffic_policies(rule) {
        if !policy.is_port_level {
            around = secure(policy.raw).or_else(|| secure(rule.spec().at("trafficPolicy")));
        } else if let (Some(mode), false) = (around, policy.raw.has("tls")) {
            let port = policy.raw.number("port.number").unwrap_or_default();
            let what = format!(
                "port {port} has settings of its own without tls, so {mode} of the whole rule does not apply there"
            );
            let fix = format!("repeat `tls: {{mode: {mode}}}` for this port");
            report.add(code::WEFT0115, rule, policy.field, what, fix);
        }
    }
}

/// Of several rules for a host, only the most specific one counts.
fn of_a_wider(mesh: &Mesh<'_>, rule: &Object<'_>, wide: &[Wide<'_, '_>], report: &mut Report) {
    let host = hosts::full(rule.spec().text("host"), rule.namespace, mesh.domain);
    let is_silent = !rule.spec().has("trafficPolicy.tls");
    let wider = wide.iter().find(|wide| {
        let is_seen = wide.rule.namespace == rule.namespace || wide.rule.namespace == mesh.root;
        is_seen && hosts::is_wider(&wide.host, &host)
    });
    if let (true, Some(Wide { rule: wider, mode, .. })) = (is_silent, wider) {
        let what = format!(
            "replaces DestinationRule {} for its host, and with it {mode}, since it says nothing of tls",
            wider.full_name()
        );
        let fix = format!("repeat `tls: {{mode: {mode}}}` in trafficPolicy");
        report.add(code::WEFT0115, rule, "/spec/trafficPolicy", what, fix);
    }
}
