//! Rules of what pages of other origins may do.

use weft_api::gateway_api::Cors;

use crate::check::Findings;

const METHODS: [&str; 10] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "*"];

pub(super) fn check(cors: &Cors, findings: &mut Findings) {
    let Cors {
        allow_origins,
        allow_credentials: _,
        allow_methods,
        allow_headers,
        expose_headers: _,
        max_age: _,
    } = cors;
    alone("allowOrigins", allow_origins, findings);
    alone("allowMethods", allow_methods, findings);
    alone("allowHeaders", allow_headers, findings);
    findings.each("allowMethods", allow_methods, |method, findings| {
        if !METHODS.contains(&method.as_str()) {
            let what = format!("{method:?} is no method");
            findings.error(what, format!("use one of {}", METHODS.join(", ")));
        }
    });
}

fn alone(field: &str, list: &[String], findings: &mut Findings) {
    if list.len() > 1 && list.iter().any(|item| item == "*") {
        findings.error_in(field, "`*` and others exclude each other", "keep `*`, or remove it");
    }
}
