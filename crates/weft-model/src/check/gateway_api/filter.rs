//! Rules of filters.

mod cors;
mod headers;

use weft_api::gateway_api::{
    ExternalAuth, ExternalAuthProtocol, FilterType, Fraction, GrpcFilter, GrpcFilterType,
    HttpFilter, PathModifier, PathModifierType, Redirect, RequestMirror, Rewrite,
};

use super::reference;
use crate::check::findings::code;
use crate::check::{Findings, union};

/// Filters of one rule or one backend of HTTP.
pub(super) fn all(filters: &[HttpFilter], findings: &mut Findings) {
    let given = |kind: FilterType| filters.iter().any(|filter| filter.kind == kind);
    if given(FilterType::RequestRedirect) && given(FilterType::UrlRewrite) {
        let what = "RequestRedirect and URLRewrite exclude each other";
        findings.error_in("filters", what, "keep one of them");
    }
    let mut seen = std::collections::BTreeSet::new();
    findings.each("filters", filters, |filter, findings| {
        let repeats = matches!(filter.kind, FilterType::RequestMirror | FilterType::ExtensionRef);
        if !seen.insert(filter.kind) && !repeats {
            let what = format!("{} stands here twice", filter.kind.as_str());
            findings.error(what, "put both into one filter");
        }
        one(filter, findings);
    });
}

fn one(filter: &HttpFilter, findings: &mut Findings) {
    let HttpFilter {
        kind,
        request_header_modifier,
        response_header_modifier,
        request_mirror,
        request_redirect,
        url_rewrite,
        cors,
        external_auth,
        extension_ref,
    } = filter;
    let choices = [
        ("RequestHeaderModifier", "requestHeaderModifier", request_header_modifier.is_some()),
        ("ResponseHeaderModifier", "responseHeaderModifier", response_header_modifier.is_some()),
        ("RequestMirror", "requestMirror", request_mirror.is_some()),
        ("RequestRedirect", "requestRedirect", request_redirect.is_some()),
        ("URLRewrite", "urlRewrite", url_rewrite.is_some()),
        ("CORS", "cors", cors.is_some()),
        ("ExternalAuth", "externalAuth", external_auth.is_some()),
        ("ExtensionRef", "extensionRef", extension_ref.is_some()),
    ];
    union::check(kind.as_str(), &choices, findings);
    findings.given("requestHeaderModifier", request_header_modifier.as_ref(), headers::check);
    findings.given("responseHeaderModifier", response_header_modifier.as_ref(), headers::check);
    findings.given("requestMirror", request_mirror.as_ref(), mirror);
    findings.given("requestRedirect", request_redirect.as_ref(), redirect);
    findings.given("urlRewrite", url_rewrite.as_ref(), rewrite);
    findings.given("cors", cors.as_ref(), cors::check);
    findings.given("externalAuth", external_auth.as_ref(), auth);
    extension(extension_ref.is_some(), findings);
}

/// Filters of one rule or one backend of gRPC.
pub(super) fn all_grpc(filters: &[GrpcFilter], findings: &mut Findings) {
    let mut seen = std::collections::BTreeSet::new();
    findings.each("filters", filters, |filter, findings| {
        let GrpcFilter {
            kind,
            request_header_modifier,
            response_header_modifier,
            request_mirror,
            extension_ref,
        } = filter;
        let repeats = matches!(kind, GrpcFilterType::RequestMirror | GrpcFilterType::ExtensionRef);
        if !seen.insert(*kind) && !repeats {
            let what = format!("{} stands here twice", kind.as_str());
            findings.error(what, "put both into one filter");
        }
        let choices = [
            ("RequestHeaderModifier", "requestHeaderModifier", request_header_modifier.is_some()),
            (
                "ResponseHeaderModifier",
                "responseHeaderModifier",
                response_header_modifier.is_some(),
            ),
            ("RequestMirror", "requestMirror", request_mirror.is_some()),
            ("ExtensionRef", "extensionRef", extension_ref.is_some()),
        ];
        union::check(kind.as_str(), &choices, findings);
        findings.given("requestHeaderModifier", request_header_modifier.as_ref(), headers::check);
        findings.given("responseHeaderModifier", response_header_modifier.as_ref(), headers::check);
        findings.given("requestMirror", request_mirror.as_ref(), mirror);
        extension(extension_ref.is_some(), findings);
    });
}

fn extension(given: bool, findings: &mut Findings) {
    if given {
        let what = "no kind of filter is known here, so that the rule answers 500";
        findings.warning_in("extensionRef", code::SUSPICIOUS, what, "use a built-in filter");
    }
}

/// The new paths of a filter, and the fields that they stand in.
pub(super) fn paths(filter: &HttpFilter) -> impl Iterator<Item = (&'static str, &PathModifier)> {
    let redirect = filter.request_redirect.as_ref().and_then(|redirect| redirect.path.as_ref());
    let rewrite = filter.url_rewrite.as_ref().and_then(|rewrite| rewrite.path.as_ref());
    let redirect = redirect.map(|path| ("requestRedirect", path));
    redirect.into_iter().chain(rewrite.map(|path| ("urlRewrite", path)))
}

fn mirror(mirror: &RequestMirror, findings: &mut Findings) {
    let RequestMirror { backend_ref, percent: _, fraction } = mirror;
    findings.given("backendRef", backend_ref.as_ref(), |backend, findings| {
        reference::backend(backend.target(), findings);
    });
    findings.given(
        "fraction",
        fraction.as_ref(),
        |Fraction { numerator, denominator }, findings| {
            let denominator = denominator.unwrap_or(100);
            if *numerator > denominator {
                let what = format!("{numerator} is more than the denominator, {denominator}");
                findings.error_in("numerator", what, "use a share of at most all");
            }
        },
    );
}

fn redirect(redirect: &Redirect, findings: &mut Findings) {
    let Redirect { scheme: _, hostname: _, path, port: _, status_code } = redirect;
    findings.given("path", path.as_ref(), self::path);
    let known = |code: &u32| matches!(code, 301 | 302 | 303 | 307 | 308);
    if let Some(code) = status_code.filter(|code| !known(code)) {
        let what = format!("{code} is no code of a redirect");
        findings.error_in("statusCode", what, "use 301, 302, 303, 307 or 308");
    }
}

fn rewrite(rewrite: &Rewrite, findings: &mut Findings) {
    let Rewrite { hostname, path } = rewrite;
    findings.given("path", path.as_ref(), self::path);
    if hostname.is_none() && path.is_none() {
        let what = "changes nothing";
        findings.add(crate::Severity::Warning, code::SUSPICIOUS, what, "set hostname or path");
    }
}

fn path(path: &PathModifier, findings: &mut Findings) {
    let PathModifier { kind, replace_full_path, replace_prefix_match } = path;
    let choices = [
        ("ReplaceFullPath", "replaceFullPath", replace_full_path.is_some()),
        ("ReplacePrefixMatch", "replacePrefixMatch", replace_prefix_match.is_some()),
    ];
    union::check(kind.as_str(), &choices, findings);
    let full = replace_full_path.as_deref().filter(|path| !path.starts_with('/'));
    if let (PathModifierType::ReplaceFullPath, Some(path)) = (kind, full) {
        let what = format!("{path:?} does not begin with /");
        findings.warning_in("replaceFullPath", code::SUSPICIOUS, what, "begin it with /");
    }
}

fn auth(auth: &ExternalAuth, findings: &mut Findings) {
    let ExternalAuth { protocol, backend_ref, grpc, http, forward_body: _ } = auth;
    let word = match protocol {
        ExternalAuthProtocol::Http => "HTTP",
        ExternalAuthProtocol::Grpc => "GRPC",
    };
    let choices = [("GRPC", "grpc", grpc.is_some()), ("HTTP", "http", http.is_some())];
    union::check(word, &choices, findings);
    findings.given("backendRef", backend_ref.as_ref(), |backend, findings| {
        reference::backend(backend.target(), findings);
    });
}
