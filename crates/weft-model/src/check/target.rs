//! Rules of what a policy is bound to: a selector of workloads, or references to gateways and services.

use weft_api::reference::{TargetRef, WorkloadSelector};

use super::{Findings, values};

/// Checks all three ways; at most one may be used.
pub(crate) fn check(
    selector: Option<&WorkloadSelector>,
    one: Option<&TargetRef>,
    many: &[TargetRef],
    findings: &mut Findings,
) {
    values::selector(selector, findings);
    let ways = [selector.is_some(), one.is_some(), !many.is_empty()];
    if ways.iter().filter(|used| **used).count() > 1 {
        let what = "is bound in more than one way";
        findings.error(what, "keep one of selector, targetRef and targetRefs");
    }
    findings.given("targetRef", one, target);
    findings.each("targetRefs", many, target);
}

fn target(target: &TargetRef, findings: &mut Findings) {
    let TargetRef { group, kind, name, namespace } = target;
    if name.is_empty() {
        findings.error_in("name", "is missing", "name the target");
    }
    if !namespace.is_empty() {
        findings.error_in("namespace", "must not be set", "targets are of the same namespace");
    }
    let known = matches!(
        (group.as_str(), kind.as_str()),
        ("" | "core", "Service")
            | ("networking.istio.io", "ServiceEntry")
            | ("gateway.networking.k8s.io", "Gateway" | "GatewayClass")
    );
    if !known {
        findings.error_in(
            "kind",
            format!("{group}/{kind} cannot be a target"),
            "use Service, ServiceEntry, or Gateway and GatewayClass of the Gateway API",
        );
    }
}
