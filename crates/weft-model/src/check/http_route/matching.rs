//! Rules of what a route matches.

use std::collections::BTreeMap;

use weft_api::reference::StringMatch;
use weft_api::virtual_service::HttpMatch;
use weft_types::domain;

use super::Scope;
use crate::check::findings::code;
use crate::check::{Findings, header, labels, pattern, values, virtual_service};

pub(crate) fn check(found: &HttpMatch, scope: &Scope, findings: &mut Findings) {
    let HttpMatch {
        name: _,
        uri,
        scheme,
        method,
        authority,
        headers,
        without_headers,
        query_params,
        ignore_uri_case: _,
        port,
        source_labels,
        source_namespace,
        gateways,
        stat_prefix,
    } = found;
    let parts = [("uri", uri), ("scheme", scheme), ("method", method), ("authority", authority)];
    for (field, matcher) in parts {
        // An empty prefix of a path matches every path.
        let all =
            field == "uri" && matcher.as_ref().is_some_and(|m| m.prefix.as_deref() == Some(""));
        findings.given(field, matcher.as_ref().filter(|_| !all), pattern::string_match);
    }
    findings.within("headers", |findings| {
        conditions(headers, scope, findings, pattern::string_match);
    });
    findings.within("withoutHeaders", |findings| {
        conditions(without_headers, scope, findings, |matcher, findings| {
            // Users write `*` for "any value", which is no pattern.
            if matcher.regex.as_deref() != Some("*") {
                pattern::string_match(matcher, findings);
            }
        });
    });
    findings.within("queryParams", |findings| {
        for (name, matcher) in query_params {
            findings.within(name, |findings| pattern::string_match(matcher, findings));
        }
    });
    findings.given("port", Some(port).filter(|port| **port != 0), |p, f| values::port(*p, f));
    labels::choosing("sourceLabels", source_labels, findings);
    virtual_service::gateways("gateways", gateways, false, findings);
    if !source_namespace.is_empty() && !domain::is_label(source_namespace) {
        let what = format!("{source_namespace:?} is no namespace");
        findings.error_in("sourceNamespace", what, "write the name of one");
    }
    if !stat_prefix.is_empty() {
        let what = "makes statistics in Envoy's only: weft-proxy keeps none of single routes";
        let fix = "use --dataplane envoy, or do not rely on it";
        findings.warning_in("statPrefix", code::NOT_HONOURED, what, fix);
    }
}

fn conditions(
    headers: &BTreeMap<String, StringMatch>,
    scope: &Scope,
    findings: &mut Findings,
    compared: impl Fn(&StringMatch, &mut Findings),
) {
    for (name, matcher) in headers {
        findings.within(name, |findings| {
            header::matched_name(name, findings);
            if header::is_claim(name) {
                if scope.mesh {
                    let what = "claims of a token can be matched at gateways only";
                    findings.error(what, "bind the object to gateways");
                }
                if header::names_empty_claim(name) {
                    findings.error("names a claim without a name", "write [a][b], or .a.b");
                }
            }
            compared(matcher, findings);
        });
    }
}
