//! Rules of the conditions of `HTTPRoute`: paths, header fields, parameters.

use std::collections::BTreeSet;

use weft_api::describe::Form;
use weft_api::gateway_api::{
    HeaderMatch, HttpMatch, PathMatch, PathMatchType, QueryParamMatch, TextMatchType, Timeouts,
};

use crate::check::findings::code;
use crate::check::{Findings, pattern};

pub(super) fn check(condition: &HttpMatch, findings: &mut Findings) {
    let HttpMatch { path, headers, query_params, method: _ } = condition;
    findings.given("path", path.as_ref(), self::path);
    self::headers(headers, findings);
    findings.each("queryParams", query_params, |parameter, findings| {
        let QueryParamMatch { kind, name: _, value } = parameter;
        pattern(*kind, value, findings);
    });
}

/// What a path must not have, since it is taken out before paths are compared.
const UNCLEAN: [&str; 6] = ["//", "/./", "/../", "%2f", "%2F", "#"];

fn path(path: &PathMatch, findings: &mut Findings) {
    let PathMatch { kind, value } = path;
    let Some(value) = value else { return };
    if *kind == PathMatchType::RegularExpression {
        findings.within("value", |findings| pattern::regex(value, findings));
        return;
    }
    findings.within("value", |findings| {
        if !value.starts_with('/') {
            findings.error(format!("{value:?} is no path"), "begin it with /");
        } else if let Some(part) = UNCLEAN.iter().find(|part| value.contains(**part)) {
            findings.error(format!("{value:?} has {part:?}, which no path has"), "remove it");
        } else if value.ends_with("/..") || value.ends_with("/.") {
            findings.error(format!("{value:?} ends with dots"), "write the path that is meant");
        } else if !Form::PathText.fits(value) {
            let fix = format!("use {}, or type RegularExpression", Form::PathText.words());
            findings.error(format!("{value:?} has characters that no path has"), fix);
        }
    });
}

/// Header fields; of several with one name only the first counts.
pub(super) fn headers(headers: &[HeaderMatch], findings: &mut Findings) {
    let mut seen = BTreeSet::new();
    findings.each("headers", headers, |header, findings| {
        let HeaderMatch { kind, name, value } = header;
        if !seen.insert(name.to_ascii_lowercase()) {
            let what = format!("{name:?} stands here twice, and only the first counts");
            findings.warning_in("name", code::SUSPICIOUS, what, "keep one of them");
        }
        pattern(*kind, value, findings);
    });
}

fn pattern(kind: TextMatchType, value: &str, findings: &mut Findings) {
    if kind == TextMatchType::RegularExpression {
        findings.within("value", |findings| pattern::regex(value, findings));
    }
}

/// One try does not take longer than all of them.
pub(super) fn timeouts(timeouts: &Timeouts, findings: &mut Findings) {
    let Timeouts { request, backend_request } = timeouts;
    let (Some(request), Some(backend)) = (request, backend_request) else { return };
    if !request.0.is_zero() && backend > request {
        let what = "is longer than request, so that it never comes to pass";
        findings.error_in("backendRequest", what, "make it shorter, or request longer");
    }
}
