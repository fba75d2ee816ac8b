//! Rules of one HTTP route of a `VirtualService`.

use std::collections::BTreeMap;

use weft_api::reference::StringMatch;
use weft_api::virtual_service::{
    Abort, Delay, DirectResponse, Fault, HeaderOperations, Headers, HttpMatch, HttpRoute, Mirror,
    Redirect, RegexRewrite, Rewrite,
};

use super::findings::code;
use super::{Findings, cors, retry, values, virtual_service};
use crate::Severity;

/// What the route belongs to.
pub(crate) struct Scope {
    /// The object has no hosts.
    pub(crate) delegate: bool,
    /// The object is bound to no gateway.
    pub(crate) mesh_only: bool,
}

pub(crate) fn check(route: &HttpRoute, scope: &Scope, findings: &mut Findings) {
    let HttpRoute {
        name: _,
        matches,
        route: destinations,
        redirect,
        direct_response,
        delegate,
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
    findings.each("match", matches, |found, findings| self::matches(found, scope, findings));
    findings.each("route", destinations, |entry, findings| {
        virtual_service::destination(entry.destination.as_ref(), findings);
        findings.given("headers", entry.headers.as_ref(), self::headers);
        if destinations.len() > 1 {
            authority_of_one(entry.headers.as_ref(), findings);
        }
    });
    let shares: Vec<i32> = destinations.iter().map(|entry| entry.weight).collect();
    findings.within("route", |findings| virtual_service::weights(&shares, findings));
    findings.given("redirect", redirect.as_ref(), |r, f| self::redirect(r, matches, f));
    findings.given("directResponse", direct_response.as_ref(), respond);
    findings.given("rewrite", rewrite.as_ref(), self::rewrite);
    findings.given("timeout", timeout.as_ref(), |span, findings| {
        // Zero turns the timeout off.
        if !span.0.is_zero() {
            values::duration(*span, findings);
        }
    });
    findings.given("retries", retries.as_ref(), retry::check);
    findings.given("fault", fault.as_ref(), self::fault);
    findings.given("mirror", mirror.as_ref(), |to, findings| {
        virtual_service::target(&to.host, &to.subset, to.port.as_ref().map(|p| p.number), findings);
    });
    if mirror.is_some() && !mirrors.is_empty() {
        findings.error_in("mirrors", "does not go with mirror", "keep one of them");
    }
    findings.each("mirrors", mirrors, |Mirror { destination, percentage }, findings| {
        virtual_service::destination(destination.as_ref(), findings);
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
    findings.not_honoured("delegate", delegate.is_some());
}

/// A route has one host; of several destinations none can have its own.
fn authority_of_one(headers: Option<&Headers>, findings: &mut Findings) {
    let Some(request) = headers.and_then(|headers| headers.request.as_ref()) else { return };
    findings.within("headers", |findings| {
        findings.within("request", |findings| {
            for (field, entries) in [("set", &request.set), ("add", &request.add)] {
                findings.within(field, |findings| {
                    for name in entries.keys() {
                        findings.not_honoured(name, is_authority(name));
                    }
                });
            }
        });
    });
}

fn is_authority(name: &str) -> bool {
    name.eq_ignore_ascii_case(":authority") || name.eq_ignore_ascii_case("host")
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
        ["delegate"] if scope.delegate => {
            findings.error_in("delegate", "a delegate cannot delegate", "give it routes");
        }
        [_] => {}
        [one, other, ..] => {
            findings.error_in(other, format!("does not go with {one}"), "keep one of them");
        }
    }
    let answers = route.redirect.is_some() || route.direct_response.is_some();
    if answers && route.rewrite.is_some() {
        findings.error_in("rewrite", "needs a route", "remove it");
    }
    if route.redirect.is_some() && route.fault.is_some() {
        findings.error_in("fault", "does not go with redirect", "remove it");
    }
}

pub(crate) fn matches(found: &HttpMatch, scope: &Scope, findings: &mut Findings) {
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
        source_namespace: _,
        gateways,
        stat_prefix,
    } = found;
    let parts = [("uri", uri), ("scheme", scheme), ("method", method), ("authority", authority)];
    for (field, matcher) in parts {
        // An empty prefix of a path matches every path.
        let all =
            field == "uri" && matcher.as_ref().is_some_and(|m| m.prefix.as_deref() == Some(""));
        findings.given(field, matcher.as_ref().filter(|_| !all), values::string_match);
    }
    for (field, headers) in [("headers", headers), ("withoutHeaders", without_headers)] {
        findings.within(field, |findings| self::conditions(headers, scope, findings));
    }
    findings.within("queryParams", |findings| {
        for (name, matcher) in query_params {
            findings.within(name, |findings| values::string_match(matcher, findings));
        }
    });
    findings.given("port", Some(port).filter(|port| **port != 0), |p, f| values::port(*p, f));
    values::labels("sourceLabels", source_labels, findings);
    findings.each("gateways", gateways, |name, f| virtual_service::gateway(name, f));
    findings.not_honoured("statPrefix", !stat_prefix.is_empty());
}

fn conditions(headers: &BTreeMap<String, StringMatch>, scope: &Scope, findings: &mut Findings) {
    for (name, matcher) in headers {
        findings.within(name, |findings| {
            if name.starts_with("@request.auth.claims") {
                if scope.mesh_only {
                    findings.error(
                        "claims of a token can be matched at gateways only",
                        "bind the object to gateways",
                    );
                }
                findings.add(
                    Severity::Warning,
                    code::NOT_HONOURED,
                    "this version of Weft does not check user tokens yet; the route never matches",
                    "remove the condition",
                );
            } else {
                header_name(name, findings);
            }
            // Users write `*` for "any value", which is no pattern.
            if matcher.regex.as_deref() != Some("*") {
                values::string_match(matcher, findings);
            }
        });
    }
}

pub(crate) fn header_name(name: &str, findings: &mut Findings) {
    let inner = name.strip_prefix(':').unwrap_or(name);
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() {
        findings.error("is empty", "name a header");
    } else if inner.is_empty() || !inner.bytes().all(plain) {
        findings.error(format!("{name:?} is no header name"), "use letters, digits and -");
    }
}

pub(crate) fn headers(headers: &Headers, findings: &mut Findings) {
    for (field, operations) in [("request", &headers.request), ("response", &headers.response)] {
        findings.given(field, operations.as_ref(), self::operations);
    }
}

fn operations(operations: &HeaderOperations, findings: &mut Findings) {
    let HeaderOperations { set, add, remove } = operations;
    for (field, entries) in [("set", set), ("add", add)] {
        findings.within(field, |findings| {
            for (name, value) in entries {
                findings.within(name, |findings| {
                    header_name(name, findings);
                    values::one_line(value, findings);
                    if let Err(why) = format(value) {
                        findings.error(why, "write a percent sign as %%, and a variable as %NAME%");
                    }
                });
            }
        });
    }
    findings.each("remove", remove, |name, findings| header_name(name, findings));
}

/// Values may hold variables such as `%START_TIME%`.
fn format(value: &str) -> Result<(), String> {
    let mut rest = value;
    while let Some(start) = rest.find('%') {
        let after = rest.get(start + 1..).unwrap_or_default();
        if let Some(escaped) = after.strip_prefix('%') {
            rest = escaped;
            continue;
        }
        let name = after
            .bytes()
            .take_while(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_');
        let mut end = name.count();
        let upper = end > 0 && after.starts_with(|c: char| c.is_ascii_uppercase());
        if after.get(end..).is_some_and(|rest| rest.starts_with('(')) {
            end += after.get(end..).and_then(|rest| rest.find(')')).map_or(0, |close| close + 1);
        }
        if after.get(end..).is_some_and(|rest| rest.starts_with(':')) {
            let digits = after.get(end + 1..).unwrap_or_default();
            end += 1 + digits.bytes().take_while(u8::is_ascii_digit).count();
        }
        match after.get(end..).and_then(|rest| rest.strip_prefix('%')) {
            Some(next) if upper => rest = next,
            _ => return Err(format!("{value:?} has a percent sign that begins no variable")),
        }
    }
    Ok(())
}

fn authority_once(route: &HttpRoute, findings: &mut Findings) {
    let rewritten = route.rewrite.as_ref().is_some_and(|rewrite| !rewrite.authority.is_empty());
    let request = route.headers.as_ref().and_then(|headers| headers.request.as_ref());
    let names = request.into_iter().flat_map(|request| request.set.keys());
    let names: Vec<&String> = names.filter(|name| is_authority(name)).collect();
    if names.len() + usize::from(rewritten) > 1 {
        findings.error_in("headers", "sets the authority a second time", "set it once");
    }
}

fn redirect(redirect: &Redirect, matches: &[HttpMatch], findings: &mut Findings) {
    let Redirect { uri, prefix_rewrite, authority, port, derive_port, scheme, redirect_code } =
        redirect;
    let any = [uri, prefix_rewrite, authority, scheme].iter().any(|text| !text.is_empty());
    if !any && port.is_none() && derive_port.is_none() {
        findings.error("redirects to the same place", "set uri, authority, scheme or port");
    }
    if !uri.is_empty() && !prefix_rewrite.is_empty() {
        findings.error_in("prefixRewrite", "does not go with uri", "keep one of them");
    }
    let otherwise = |found: &HttpMatch| found.uri.as_ref().is_some_and(|uri| uri.prefix.is_none());
    if !prefix_rewrite.is_empty() && matches.iter().any(otherwise) {
        let fix = "match the uri by prefix";
        findings.error_in("prefixRewrite", "needs a prefix to replace", fix);
    }
    let texts = [("uri", uri), ("prefixRewrite", prefix_rewrite), ("authority", authority)];
    for (field, text) in texts {
        findings.within(field, |findings| values::one_line(text, findings));
    }
    if let Some(number) = port.filter(|number| *number != 0) {
        findings.within("port", |findings| values::port(number, findings));
    }
    let known = matches!(redirect_code, 0 | 301 | 302 | 303 | 307 | 308);
    if !known {
        let what = format!("{redirect_code} is no redirect");
        if (300..=399).contains(redirect_code) {
            let fix = "use 301, 302, 303, 307 or 308; 301 is sent";
            findings.warning_in("redirectCode", code::SUSPICIOUS, what, fix);
        } else {
            findings.error_in("redirectCode", what, "use 301, 302, 303, 307 or 308");
        }
    }
}

fn status(field: &str, status: i64, findings: &mut Findings) {
    if !(200..=599).contains(&status) {
        findings.error_in(field, format!("{status} is no HTTP status"), "use 200 to 599");
    }
}

const MAX_BODY: usize = 1024 * 1024;
/// Larger ones are told of.
const LARGE_BODY: usize = 100 * 1024;

fn respond(response: &DirectResponse, findings: &mut Findings) {
    status("status", i64::from(response.status), findings);
    let Some(body) = &response.body else { return };
    let texts = [("string", body.string.as_ref(), 1), ("bytes", body.bytes.as_ref(), 4)];
    findings.within("body", |findings| {
        for (field, text, _) in texts {
            // Base64 writes three bytes as four characters.
            let length = text
                .map_or(0, |text| if field == "bytes" { text.len() / 4 * 3 } else { text.len() });
            if length > MAX_BODY {
                findings.error_in(field, "is larger than 1 MiB", "serve it from a service");
            } else if length > LARGE_BODY {
                let what = "is larger than 100 KiB, and every proxy keeps it in memory";
                findings.warning_in(field, code::SUSPICIOUS, what, "serve it from a service");
            }
        }
        if body.bytes.as_ref().is_some_and(|text| weft_base64(text).is_none()) {
            findings.error_in("bytes", "is not base64", "encode the bytes as base64");
        }
    });
}

fn weft_base64(text: &str) -> Option<()> {
    let body = text.trim_end_matches('=');
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_');
    (body.bytes().all(plain) && body.len() % 4 != 1).then_some(())
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
        let RegexRewrite { pattern, rewrite } = rewrite;
        findings.within("rewrite", |findings| values::one_line(rewrite, findings));
        if pattern.is_empty() || rewrite.is_empty() {
            findings.error("needs both match and rewrite", "set both");
        }
        findings.within("match", |findings| values::regex(pattern, findings));
    });
}

fn fault(fault: &Fault, findings: &mut Findings) {
    let Fault { delay, abort } = fault;
    if delay.is_none() && abort.is_none() {
        findings.error("does nothing", "add delay or abort");
    }
    findings.given("delay", delay.as_ref(), self::delay);
    findings.given("abort", abort.as_ref(), self::abort);
}

fn delay(delay: &Delay, findings: &mut Findings) {
    let Delay { fixed_delay, exponential_delay, percentage, percent } = delay;
    match (fixed_delay, exponential_delay) {
        // Istio takes it so.
        (None, None) => {
            let what = "is missing, so that nothing is delayed";
            findings.warning_in("fixedDelay", code::SUSPICIOUS, what, "say how long: 500ms");
        }
        (Some(span), _) => findings.within("fixedDelay", |f| values::duration(*span, f)),
        (None, Some(_)) => {
            findings.error_in(
                "exponentialDelay",
                "is not supported, as in Istio",
                "use fixedDelay",
            );
        }
    }
    findings.given("percentage", percentage.as_ref(), |p, f| values::percent(p.value, f));
    if *percent != 0 {
        findings.within("percent", |findings| {
            if !(0..=100).contains(percent) {
                findings.error(format!("{percent} is no share"), "use 0 to 100");
            }
        });
        findings.warning_in("percent", code::DEPRECATED, "is deprecated", "use percentage.value");
    }
    shared(*percent != 0 || percentage.is_some(), "delayed", findings);
}

/// As in Istio, no share means none.
fn shared(said: bool, what: &str, findings: &mut Findings) {
    if !said {
        let what = format!("is missing, so that no request is {what}");
        findings.warning_in("percentage", code::SUSPICIOUS, what, "add percentage.value");
    }
}

const GRPC_STATUS: &[&str] = &[
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// The number of a gRPC status by its name.
#[must_use]
pub fn grpc_status(name: &str) -> Option<u32> {
    let position = GRPC_STATUS.iter().position(|known| *known == name)?;
    u32::try_from(position).ok()
}

fn abort(abort: &Abort, findings: &mut Findings) {
    let Abort { http_status, grpc_status, http2_error, percentage } = abort;
    let kinds = [http_status.is_some(), grpc_status.is_some(), http2_error.is_some()];
    match kinds.iter().filter(|set| **set).count() {
        // Istio takes it so.
        0 => {
            let what = "says no status, and aborts nothing";
            findings.add(Severity::Warning, code::SUSPICIOUS, what, "add httpStatus or grpcStatus");
        }
        1 => {}
        _ => findings.error("says more than one status", "keep one of them"),
    }
    match http_status {
        // Istio allows it here, and only here.
        Some(600) => {
            let what = "is no status that a proxy can send; it has no effect";
            findings.warning_in("httpStatus", code::NOT_HONOURED, what, "use 200 to 599");
        }
        Some(number) => status("httpStatus", i64::from(*number), findings),
        None => {}
    }
    findings.given("grpcStatus", grpc_status.as_ref(), |name, findings| {
        if self::grpc_status(name).is_none() {
            findings.error(format!("{name:?} is no gRPC status"), "use a name such as UNAVAILABLE");
        }
    });
    findings.given("percentage", percentage.as_ref(), |p, f| values::percent(p.value, f));
    shared(percentage.is_some(), "aborted", findings);
    if http2_error.is_some() {
        let fix = "use httpStatus or grpcStatus";
        findings.error_in("http2Error", "is not supported, as in Istio", fix);
    }
}
