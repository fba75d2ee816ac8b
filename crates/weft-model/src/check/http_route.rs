//! Rules of one HTTP route of a `VirtualService`.

mod answer;
mod fault;
mod matching;

use weft_api::virtual_service::{
    HeaderOperations, Headers, HttpRoute, Mirror, RegexRewrite, Rewrite,
};

pub use fault::grpc_status;
pub(crate) use matching::check as matches;

use super::findings::code;
use super::{Findings, cors, header, pattern, retry, values, virtual_service};

/// What the route belongs to.
pub(crate) struct Scope {
    /// The object has no hosts.
    pub(crate) delegate: bool,
    /// The object holds for sidecars.
    pub(crate) mesh: bool,
    /// The mesh made the object of a route of the Gateway API.
    pub(crate) made: bool,
}

pub(crate) fn check(route: &HttpRoute, scope: &Scope, findings: &mut Findings) {
    let HttpRoute {
        name: _,
        matches,
        route: destinations,
        redirect,
        direct_response,
        delegate: _,
        rewrite,
        timeout,
        retries,
        fault,
        mirror,
        mirrors,
        mirror_percent,
        mirror_percent_old,
        mirror_percentage,
        cors_policy,
        headers,
    } = route;
    action(route, scope, findings);
    findings.each("match", matches, |found, findings| matching::check(found, scope, findings));
    findings.each("route", destinations, |entry, findings| {
        virtual_service::destination(entry.destination.as_ref(), scope, findings);
        findings.given("headers", entry.headers.as_ref(), self::headers);
    });
    let shares: Vec<i32> = destinations.iter().map(|entry| entry.weight).collect();
    findings.within("route", |findings| virtual_service::weights(&shares, findings));
    findings.given("redirect", redirect.as_ref(), |r, f| answer::redirect(r, matches, f));
    findings.given("directResponse", direct_response.as_ref(), answer::respond);
    findings.given("rewrite", rewrite.as_ref(), self::rewrite);
    findings.given("timeout", timeout.as_ref(), |span, f| values::duration(*span, f));
    findings.given("retries", retries.as_ref(), retry::check);
    findings.given("fault", fault.as_ref(), fault::check);
    findings.given("mirror", mirror.as_ref(), virtual_service::target);
    if mirror.is_some() && !mirrors.is_empty() && route.delegate.is_none() {
        findings.error_in("mirrors", "does not go with mirror", "keep one of them");
    }
    findings.each("mirrors", mirrors, |Mirror { destination, percentage }, findings| {
        let judged = Scope { made: false, ..*scope };
        virtual_service::destination(destination.as_ref(), &judged, findings);
        findings.given("percentage", percentage.as_ref(), |share, f| mirrored(share.value, f));
    });
    for (field, share) in
        [("mirrorPercent", mirror_percent), ("mirror_percent", mirror_percent_old)]
    {
        findings.given(field, share.as_ref(), |share, f| mirrored(f64::from(*share), f));
        if share.is_some() {
            let fix = "use mirrorPercentage.value";
            findings.warning_in(field, code::DEPRECATED, "is deprecated", fix);
        }
    }
    findings.given("mirrorPercentage", mirror_percentage.as_ref(), |s, f| mirrored(s.value, f));
    findings.given("corsPolicy", cors_policy.as_ref(), cors::check);
    findings.given("headers", headers.as_ref(), self::headers);
    authority_once(route, findings);
}

fn mirrored(share: f64, findings: &mut Findings) {
    if !(0.0..=100.0).contains(&share) {
        findings.error(format!("{share} is no share"), "use 0 to 100");
    }
}

/// Exactly one of route, redirect, directResponse, delegate.
fn action(route: &HttpRoute, scope: &Scope, findings: &mut Findings) {
    let set = [
        ("route", !route.route.is_empty()),
        ("redirect", route.redirect.is_some()),
        ("directResponse", route.direct_response.is_some()),
        ("delegate", route.delegate.is_some()),
    ];
    let names: Vec<&str> = set.iter().filter(|(_, set)| *set).map(|(name, _)| *name).collect();
    match names.as_slice() {
        [] => {
            findings.error("does nothing with a request", "add route, redirect or directResponse")
        }
        [.., "delegate"] if scope.delegate => {
            findings.error_in("delegate", "a delegate cannot delegate", "give it routes");
        }
        // Istio takes it so.
        ["directResponse", "delegate"] => {
            let what = "has no effect beside delegate";
            findings.warning_in("directResponse", code::SUSPICIOUS, what, "remove it");
        }
        [_] => {}
        [one, other, ..] => {
            findings.error_in(other, format!("does not go with {one}"), "keep one of them");
        }
    }
    let answer = names.iter().find(|name| matches!(**name, "redirect" | "directResponse"));
    if let Some(answer) = answer.filter(|_| route.delegate.is_none()) {
        for (field, set) in [("rewrite", route.rewrite.is_some()), ("fault", route.fault.is_some())]
        {
            if set {
                findings.error_in(field, format!("does not go with {answer}"), "remove it");
            }
        }
    }
}

pub(crate) fn headers(headers: &Headers, findings: &mut Findings) {
    let Headers { request, response } = headers;
    findings.given("request", request.as_ref(), |request, findings| {
        operations(request, header::set_name, findings);
    });
    findings.given("response", response.as_ref(), |response, findings| {
        operations(response, header::changed_name, findings);
    });
}

fn operations(
    operations: &HeaderOperations,
    name_of: fn(&str, &mut Findings),
    findings: &mut Findings,
) {
    let HeaderOperations { set, add, remove } = operations;
    for (field, entries) in [("set", set), ("add", add)] {
        findings.within(field, |findings| {
            for (name, value) in entries {
                findings.within(name, |findings| {
                    name_of(name, findings);
                    header::value(value, findings);
                });
            }
        });
    }
    findings.each("remove", remove, |name, findings| header::changed_name(name, findings));
}

fn authority_once(route: &HttpRoute, findings: &mut Findings) {
    let rewritten = route.rewrite.as_ref().map(|rewrite| &rewrite.authority);
    let request = route.headers.as_ref().and_then(|headers| headers.request.as_ref());
    let entries = request.into_iter().flat_map(|request| request.set.iter().chain(&request.add));
    let named = entries.filter(|(name, _)| header::is_authority(name)).map(|(_, value)| value);
    let values: Vec<&String> = rewritten.into_iter().chain(named).collect();
    if values.iter().rev().skip(1).any(|value| !value.is_empty()) {
        findings.error_in("headers", "sets the authority a second time", "set it once");
    }
}

fn rewrite(rewrite: &Rewrite, findings: &mut Findings) {
    let Rewrite { uri, authority, uri_regex_rewrite } = rewrite;
    if uri.is_empty() && authority.is_empty() && uri_regex_rewrite.is_none() {
        findings.error("rewrites nothing", "set uri, uriRegexRewrite or authority");
    }
    if !uri.is_empty() && uri_regex_rewrite.is_some() {
        findings.error_in("uriRegexRewrite", "does not go with uri", "keep one of them");
    }
    for (field, text) in [("uri", uri), ("authority", authority)] {
        findings.within(field, |findings| values::one_line(text, findings));
    }
    findings.given("uriRegexRewrite", uri_regex_rewrite.as_ref(), |rewrite, findings| {
        let RegexRewrite { pattern: matched, rewrite } = rewrite;
        findings.within("rewrite", |findings| values::one_line(rewrite, findings));
        if matched.is_empty() || rewrite.is_empty() {
            findings.error("needs both match and rewrite", "set both");
        }
        findings.within("match", |findings| pattern::of_route(matched, findings));
    });
}
