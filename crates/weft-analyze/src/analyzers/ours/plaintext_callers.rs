//! Callers that speak plain text to services which take mutual TLS only.
//!
//! Holds: a caller is known by its own configuration: a DestinationRule that turns TLS off, or a workload without a
//! proxy whose arguments or environment name the service.

mod mtls;
mod words;

use std::collections::{BTreeSet, HashMap};

use mtls::Modes;

use crate::analyzers::Analyzer;
use crate::code;
use crate::hosted::Hosted;
use crate::hosts;
use crate::mesh::Mesh;
use crate::report::Report;
use crate::view::{Json, Object, Workload, kind, traffic_policies};

pub(in crate::analyzers) const ANALYZER: Analyzer = Analyzer::new(
    "weft.PlaintextCallerOfStrictService",
    "Callers that speak plain text to services which take mutual TLS only.",
    &[code::WEFT0109],
    look,
);

fn look(mesh: &Mesh<'_>, report: &mut Report) {
    let modes = Modes::of(mesh);
    if !modes.has_strict() {
        return;
    }
    let strict = strict_services(mesh, &modes);
    rules_without_tls(mesh, &strict, report);
    for workload in mesh.workloads.iter() {
        let is_outside = mesh.is_outside(workload);
        // A template tells of all its pods.
        let is_made = workload.object.raw.has("metadata.ownerReferences");
        if is_outside && !is_made && workload.object.kind != kind::WORKLOAD_ENTRY {
            calls(mesh, workload, &strict, report);
        }
    }
}

/// Services by namespace and name.
type Services<'m, 'a> = HashMap<(&'a str, &'a str), &'m Hosted<'a>>;

/// Those behind which some workload takes nothing else.
fn strict_services<'m, 'a>(mesh: &'m Mesh<'a>, modes: &Modes<'a>) -> Services<'m, 'a> {
    let services =
        mesh.hosts.iter().filter(|hosted| hosted.is_service() && !hosted.selector.is_empty());
    let strict = services.filter(|hosted| {
        let pods = mesh.selected(Some(hosted.object.namespace), hosted.selector);
        pods.iter()
            .any(|pod| (mesh.is_injected(pod) || mesh.is_ambient(pod)) && modes.is_strict(pod))
    });
    strict.map(|hosted| ((hosted.object.namespace, hosted.object.name), hosted)).collect()
}

fn rules_without_tls(mesh: &Mesh<'_>, strict: &Services<'_, '_>, report: &mut Report) {
    for rule in mesh.all(kind::DESTINATION_RULE) {
        let policies = traffic_policies(rule);
        let mut off = policies.iter().filter(|p| p.raw.text("tls.mode") == "DISABLE").peekable();
        let Some(service) = off.peek().and_then(|_| strict_service(mesh, rule, strict)) else {
            continue;
        };
        for policy in off {
            let what = format!(
                "turns TLS off towards Service `{}`, which takes mutual TLS only: calls fail",
                service.object.full_name()
            );
            let fix = "use ISTIO_MUTUAL or leave tls out; or let a PeerAuthentication permit plain text there";
            report.add(code::WEFT0109, rule, format!("{}/tls/mode", policy.field), what, fix);
        }
    }
}

/// A strict service that a rule is for; of several, the first by name.
fn strict_service<'s, 'm, 'a>(
    mesh: &Mesh<'a>,
    rule: &Object<'_>,
    strict: &'s Services<'m, 'a>,
) -> Option<&'s &'m Hosted<'a>> {
    let host = rule.spec().text("host");
    if host.starts_with('*') {
        let name = |hosted: &Hosted<'_>| {
            let (name, namespace) = (hosted.object.name, hosted.object.namespace);
            format!("{name}.{namespace}.svc.{}", mesh.domain)
        };
        let meant = strict.values().filter(|hosted| hosts::overlap(host, &name(hosted)));
        return meant.min_by_key(|hosted| (hosted.object.namespace, hosted.object.name));
    }
    let found = mesh.host(rule, host).filter(|hosted| hosted.is_service())?;
    strict.get(&(found.object.namespace, found.object.name))
}

fn calls(mesh: &Mesh<'_>, workload: &Workload<'_>, strict: &Services<'_, '_>, report: &mut Report) {
    let own = workload.object.namespace;
    let named: BTreeSet<(&str, &str)> = words::hosts(workload)
        .into_iter()
        .filter_map(|host| words::service(host, own, mesh.domain))
        .collect();
    for (namespace, name) in named {
        // A caller in the same place with the same labels is the service itself.
        let hosted = strict
            .get(&(namespace, name))
            .filter(|hosted| namespace != own || !hosted.selector.selects(workload.labels));
        if hosted.is_some() {
            let what = format!(
                "has no proxy and calls Service `{namespace}/{name}`, which takes mutual TLS only: its calls fail"
            );
            let fix = "inject it, or let a PeerAuthentication permit plain text for that service";
            report.add(code::WEFT0109, &workload.object, workload.field, what, fix);
        }
    }
}
