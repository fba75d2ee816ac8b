//! Rules of the cross-origin policy of a route.

use weft_api::virtual_service::CorsPolicy;

use super::findings::code;
use super::{Findings, header, pattern, values};

const METHODS: &[&str] =
    &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"];

pub(crate) fn check(policy: &CorsPolicy, findings: &mut Findings) {
    let CorsPolicy {
        allow_origin,
        allow_origins,
        allow_methods,
        allow_headers,
        expose_headers,
        max_age,
        allow_credentials: _,
        unmatched_preflights: _,
    } = policy;
    if !allow_origin.is_empty() {
        findings.warning_in("allowOrigin", code::DEPRECATED, "is deprecated", "use allowOrigins");
    }
    findings.each("allowOrigins", allow_origins, |origin, findings| {
        let forms = [&origin.exact, &origin.prefix, &origin.regex];
        if forms.iter().all(|form| form.as_deref().is_none_or(str::is_empty)) {
            findings.error("compares with nothing", "add exact, prefix or regex");
        }
        pattern::string_match(origin, findings);
    });
    findings.each("allowMethods", allow_methods, |method, findings| {
        if method != "*" && !METHODS.contains(&method.as_str()) {
            findings.error(format!("{method:?} is no HTTP method"), "use GET, POST, ...");
        }
    });
    for (field, names) in [("allowHeaders", allow_headers), ("exposeHeaders", expose_headers)] {
        findings.each(field, names, |name, findings| {
            if name != "*" {
                header::name(name, findings);
            }
        });
    }
    findings.given("maxAge", max_age.as_ref(), |span, findings| {
        if span.0.subsec_nanos() != 0 {
            findings.error("is finer than a second", "use whole seconds");
        } else {
            values::duration(*span, findings);
        }
    });
}
