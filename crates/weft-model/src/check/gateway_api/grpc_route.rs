//! Rules of `GRPCRoute`.

use weft_api::gateway_api::{GrpcMatch, GrpcMethodMatch, GrpcRoute, GrpcRule, TextMatchType};
use weft_api::meta::Metadata;

use super::{filter, http_match, http_route, reference};
use crate::check::{Findings, pattern};

pub(super) fn check(_: &Metadata, spec: &GrpcRoute, findings: &mut Findings) {
    let GrpcRoute { parent_refs, use_default_gateways: _, hostnames, rules } = spec;
    reference::parents(parent_refs, findings);
    reference::hostnames(hostnames, findings);
    reference::rule_names(rules.iter().map(|rule| rule.name.as_deref()), findings);
    reference::match_count(rules.iter().map(|rule| rule.matches.len()).sum(), findings);
    findings.each("rules", rules, self::rule);
}

fn rule(rule: &GrpcRule, findings: &mut Findings) {
    let GrpcRule { name: _, matches, filters, backend_refs, session_persistence } = rule;
    findings.each("matches", matches, |GrpcMatch { method, headers }, findings| {
        findings.given("method", method.as_ref(), self::method);
        http_match::headers(headers, findings);
    });
    filter::all_grpc(filters, findings);
    findings.each("backendRefs", backend_refs, |backend, findings| {
        reference::backend(backend.target(), findings);
        filter::all_grpc(&backend.filters, findings);
    });
    reference::weights(backend_refs.iter().map(|backend| backend.target()), findings);
    findings.given("sessionPersistence", session_persistence.as_ref(), http_route::session);
}

fn method(matcher: &GrpcMethodMatch, findings: &mut Findings) {
    let GrpcMethodMatch { kind, service, method } = matcher;
    let given = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    if !given(service) && !given(method) {
        findings.error("names neither a service nor a method", "name one, or remove it");
    }
    for (field, text, is_name) in [
        ("service", service, is_service as fn(&str) -> bool),
        ("method", method, is_identifier as fn(&str) -> bool),
    ] {
        let Some(text) = text.as_deref().filter(|text| !text.is_empty()) else { continue };
        findings.within(field, |findings| match kind {
            TextMatchType::RegularExpression => pattern::regex(text, findings),
            TextMatchType::Exact if !is_name(text) => {
                let fix = "use letters, digits, _ (and dots in a service), or RegularExpression";
                findings.error(format!("{text:?} is no name of a {field}"), fix);
            }
            TextMatchType::Exact => {}
        });
    }
}

fn is_service(text: &str) -> bool {
    text.strip_prefix('.').unwrap_or(text).split('.').all(is_identifier)
}

fn is_identifier(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
