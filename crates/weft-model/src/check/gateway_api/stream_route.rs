//! Rules of `TLSRoute` and `TCPRoute`.

use weft_api::gateway_api::{StreamRule, TcpRoute, TlsRoute};
use weft_api::meta::Metadata;
use weft_types::address;

use super::reference;
use crate::check::Findings;

/// `TLSRoute` in the versions before v1.
pub(super) fn tls(_: &Metadata, spec: &TlsRoute, findings: &mut Findings) {
    let TlsRoute { parent_refs, use_default_gateways: _, hostnames, rules } = spec;
    reference::parents(parent_refs, findings);
    findings.each("hostnames", hostnames, |hostname, findings| {
        if address::is_ip(hostname) {
            let what = format!("{hostname:?} is an address, which is no server name");
            findings.error(what, "write a name");
        }
    });
    self::rules(rules, findings);
}

/// `TLSRoute` in v1, which asks for hosts and has one rule.
pub(super) fn tls_stable(meta: &Metadata, spec: &TlsRoute, findings: &mut Findings) {
    tls(meta, spec, findings);
    if spec.hostnames.is_empty() {
        findings.error_in("hostnames", "is missing", "name the hosts; *.example.com is allowed");
    }
    one_rule(&spec.rules, findings);
}

/// `TCPRoute` in the version before v1.
pub(super) fn tcp(_: &Metadata, spec: &TcpRoute, findings: &mut Findings) {
    let TcpRoute { parent_refs, use_default_gateways: _, rules } = spec;
    reference::parents(parent_refs, findings);
    self::rules(rules, findings);
}

/// `TCPRoute` in v1, which has one rule.
pub(super) fn tcp_stable(meta: &Metadata, spec: &TcpRoute, findings: &mut Findings) {
    tcp(meta, spec, findings);
    one_rule(&spec.rules, findings);
}

fn one_rule(rules: &[StreamRule], findings: &mut Findings) {
    if rules.len() > 1 {
        let what = format!("has {} rules, of which v1 allows one", rules.len());
        findings.error_in("rules", what, "write a route for each");
    }
}

fn rules(rules: &[StreamRule], findings: &mut Findings) {
    reference::rule_names(rules.iter().map(|rule| rule.name.as_deref()), findings);
    findings.each("rules", rules, |StreamRule { name: _, backend_refs }, findings| {
        findings.each("backendRefs", backend_refs, |backend, findings| {
            reference::backend(backend.target(), findings);
        });
        reference::weights(backend_refs.iter().map(|backend| backend.target()), findings);
    });
}
