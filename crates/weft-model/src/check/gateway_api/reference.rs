//! Rules of parents, backends and hosts.

use weft_api::gateway_api::{ParentRef, Target};
use weft_types::address;

use crate::check::Findings;
use crate::check::findings::code;

const GATEWAY: &str = "gateway.networking.k8s.io";

fn group(parent: &ParentRef) -> &str {
    parent.group.as_deref().unwrap_or(GATEWAY)
}

fn kind(parent: &ParentRef) -> &str {
    parent.kind.as_deref().unwrap_or("Gateway")
}

fn same_object(one: &ParentRef, other: &ParentRef) -> bool {
    (group(one), kind(one), &one.namespace, &one.name)
        == (group(other), kind(other), &other.namespace, &other.name)
}

/// Most parents of a route; longer lists are refused before they are compared.
const PARENTS: usize = 32;

/// References to the same parent name different parts of it.
pub(super) fn parents(parents: &[ParentRef], findings: &mut Findings) {
    let parents = parents.get(..PARENTS).unwrap_or(parents);
    let mut seen: Vec<&ParentRef> = Vec::new();
    findings.each("parentRefs", parents, |parent, findings| {
        for other in seen.iter().filter(|other| same_object(other, parent)) {
            let ParentRef { section_name, port, name, .. } = parent;
            if (section_name, port) == (&other.section_name, &other.port) {
                let what = format!("{name:?} stands here twice");
                findings.error(what, "remove it, or name another sectionName or port");
            } else if section_name.is_some() != other.section_name.is_some()
                || port.is_some() != other.port.is_some()
            {
                let what = format!("{name:?} stands here once as a whole and once in part");
                findings.error(what, "set sectionName, or port, in all references to it");
            }
        }
        seen.push(parent);
        known_parent(parent, findings);
    });
}

fn known_parent(parent: &ParentRef, findings: &mut Findings) {
    let known = matches!(
        (group(parent), kind(parent)),
        (GATEWAY, "Gateway" | "ListenerSet")
            | ("gateway.networking.x-k8s.io", "XListenerSet")
            | ("" | "core", "Service")
            | ("networking.istio.io", "ServiceEntry")
    );
    if !known {
        let what = format!("nothing attaches routes to {} of {:?}", kind(parent), group(parent));
        let fix = "use a Gateway, ListenerSet, Service or ServiceEntry";
        findings.warning_in("kind", code::SUSPICIOUS, what, fix);
    }
    if group(parent) == "core" {
        let what = "the core group is written as an empty text";
        findings.warning_in("group", code::SUSPICIOUS, what, "write group: \"\"");
    }
}

/// One backend.
pub(super) fn backend(target: Target<'_>, findings: &mut Findings) {
    let Target { group, kind, namespace: _, name: _, port, weight: _ } = target;
    if (group, kind) == ("", "Service") && port.is_none() {
        findings.error_in("port", "is missing", "name the port of the Service");
    }
    let known = matches!(
        (group, kind),
        ("", "Service")
            | ("networking.istio.io", "Hostname" | "ServiceEntry")
            | ("multicluster.x-k8s.io", "ServiceImport")
            | ("inference.networking.k8s.io", "InferencePool")
            | ("gateway.networking.x-k8s.io", "XBackend")
    );
    if !known {
        let what = format!("{kind} of {group:?} is no backend; requests for it get 500");
        findings.warning_in("kind", code::SUSPICIOUS, what, "use a Service");
    }
}

/// Shares of all backends of a rule.
pub(super) fn weights<'a>(
    targets: impl Iterator<Item = Target<'a>> + Clone,
    findings: &mut Findings,
) {
    if targets.clone().count() > 0 && targets.into_iter().all(|target| target.weight == 0) {
        let what = "all weights are 0, so that nothing is forwarded";
        findings.warning_in("backendRefs", code::SUSPICIOUS, what, "give one a weight");
    }
}

/// Hosts of a route: addresses never match.
pub(super) fn hostnames(hostnames: &[String], findings: &mut Findings) {
    findings.each("hostnames", hostnames, |hostname, findings| {
        if address::is_ip(hostname) {
            let what = format!("{hostname:?} is an address, which no host name matches");
            let fix = "write a name, or remove hostnames";
            findings.add(crate::Severity::Warning, code::SUSPICIOUS, what, fix);
        }
    });
}

/// Names of rules stand once in a route.
pub(super) fn rule_names<'a>(
    names: impl Iterator<Item = Option<&'a str>>,
    findings: &mut Findings,
) {
    let mut seen = std::collections::BTreeSet::new();
    for (index, name) in names.enumerate() {
        if let Some(name) = name.filter(|name| !seen.insert(*name)) {
            findings.within("rules", |findings| {
                findings.within(&index.to_string(), |findings| {
                    let what = format!("{name:?} stands here twice");
                    findings.error_in("name", what, "name each rule once");
                });
            });
        }
    }
}

/// Most matches of a route.
const MATCHES: usize = 128;

/// The number of matches of all rules is bounded.
pub(super) fn match_count(count: usize, findings: &mut Findings) {
    if count > MATCHES {
        let what = format!("have {count} matches together, which is too many");
        findings.error_in("rules", what, format!("use {MATCHES} or fewer, or a second route"));
    }
}
