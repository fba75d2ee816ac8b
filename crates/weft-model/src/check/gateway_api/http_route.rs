//! Rules of `HTTPRoute`.

use weft_api::gateway_api::{
    CookieConfig, CookieLifetime, FilterType, HttpFilter, HttpMatch, HttpRoute, HttpRule,
    PathMatchType, PathModifierType, Retry, SessionPersistence, SessionType,
};
use weft_api::meta::Metadata;

use super::{filter, http_match, reference};
use crate::check::Findings;
use crate::check::findings::code;

pub(super) fn check(_: &Metadata, spec: &HttpRoute, findings: &mut Findings) {
    let HttpRoute { parent_refs, use_default_gateways: _, hostnames, rules } = spec;
    reference::parents(parent_refs, findings);
    reference::hostnames(hostnames, findings);
    reference::rule_names(rules.iter().map(|rule| rule.name.as_deref()), findings);
    reference::match_count(rules.iter().map(|rule| rule.matches.len()).sum(), findings);
    findings.each("rules", rules, self::rule);
}

fn rule(rule: &HttpRule, findings: &mut Findings) {
    let HttpRule { name: _, matches, filters, backend_refs, timeouts, retry, session_persistence } =
        rule;
    findings.each("matches", matches, http_match::check);
    filter::all(filters, findings);
    prefix(filters, matches, findings);
    let redirects = filters.iter().any(|filter| filter.kind == FilterType::RequestRedirect);
    if redirects && !backend_refs.is_empty() {
        let what = "does not go with a RequestRedirect, which answers by itself";
        findings.error_in("backendRefs", what, "remove it, or the filter");
    }
    findings.each("backendRefs", backend_refs, |backend, findings| {
        reference::backend(backend.target(), findings);
        filter::all(&backend.filters, findings);
        prefix(&backend.filters, matches, findings);
    });
    reference::weights(backend_refs.iter().map(|backend| backend.target()), findings);
    findings.given("timeouts", timeouts.as_ref(), http_match::timeouts);
    findings.given("retry", retry.as_ref(), self::retry);
    findings.given("sessionPersistence", session_persistence.as_ref(), session);
}

/// A prefix can be replaced when it is known which one matched.
fn prefix(filters: &[HttpFilter], matches: &[HttpMatch], findings: &mut Findings) {
    let by_prefix = |found: &HttpMatch| {
        found.path.as_ref().is_none_or(|path| path.kind == PathMatchType::PathPrefix)
    };
    let known = match matches {
        [] => true,
        [only] => by_prefix(only),
        _ => false,
    };
    findings.each("filters", filters, |filter, findings| {
        for (field, path) in filter::paths(filter) {
            if !known && path.kind == PathModifierType::ReplacePrefixMatch {
                let what = "needs a rule with one match, of type PathPrefix";
                findings.within(field, |findings| {
                    findings.error_in("path", what, "split the rule, or use ReplaceFullPath");
                });
            }
        }
    });
}

fn retry(retry: &Retry, findings: &mut Findings) {
    let Retry { codes, attempts, backoff: _ } = retry;
    findings.each("codes", codes, |code, findings| {
        if !(400..=599).contains(code) {
            findings.error(format!("{code} is no code to retry after"), "use 400 to 599");
        }
    });
    if let Some(attempts) = attempts.filter(|attempts| *attempts < 0) {
        findings.error_in("attempts", format!("{attempts} is below zero"), "use 0 or more");
    }
}

/// Rules of a session; see also [`super::grpc_route`].
pub(super) fn session(session: &SessionPersistence, findings: &mut Findings) {
    let SessionPersistence {
        session_name: _,
        absolute_timeout,
        idle_timeout: _,
        kind,
        cookie_config,
    } = session;
    let Some(CookieConfig { lifetime_type }) = cookie_config else { return };
    if *lifetime_type == CookieLifetime::Permanent && absolute_timeout.is_none() {
        let what = "is missing, and a permanent cookie needs it";
        findings.error_in("absoluteTimeout", what, "say how long, or use lifetimeType Session");
    }
    if *kind == SessionType::Header {
        let what = "has no effect with type Header";
        findings.warning_in("cookieConfig", code::SUSPICIOUS, what, "remove it");
    }
}
