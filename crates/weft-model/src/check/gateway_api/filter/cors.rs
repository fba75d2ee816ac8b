//! Rules of what pages of other origins may do.

use weft_api::gateway_api::{Cors, CorsMethod};

use crate::check::Findings;

pub(super) fn check(cors: &Cors, findings: &mut Findings) {
    let Cors {
        allow_origins,
        allow_credentials: _,
        allow_methods,
        allow_headers,
        expose_headers: _,
        max_age: _,
    } = cors;
    let all = |list: &[String]| list.iter().any(|item| item == "*");
    alone("allowOrigins", allow_origins.len(), all(allow_origins), findings);
    alone("allowMethods", allow_methods.len(), allow_methods.contains(&CorsMethod::All), findings);
    alone("allowHeaders", allow_headers.len(), all(allow_headers), findings);
}

fn alone(field: &str, count: usize, all: bool, findings: &mut Findings) {
    if all && count > 1 {
        findings.error_in(field, "`*` and others exclude each other", "keep `*`, or remove it");
    }
}
