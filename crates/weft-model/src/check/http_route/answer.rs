//! Rules of what a proxy answers itself: redirects and direct responses.

use weft_api::virtual_service::{DirectResponse, HttpMatch, Redirect};

use crate::check::findings::code;
use crate::check::{Findings, values};

pub(super) fn redirect(redirect: &Redirect, matches: &[HttpMatch], findings: &mut Findings) {
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
    if !matches!(scheme.as_str(), "" | "http" | "https") {
        findings.error_in("scheme", format!("{scheme:?} is no scheme"), "use http or https");
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

pub(super) fn status(field: &str, status: i64, findings: &mut Findings) {
    if !(200..=599).contains(&status) {
        findings.error_in(field, format!("{status} is no HTTP status"), "use 200 to 599");
    }
}

const MAX_BODY: usize = 1024 * 1024;
/// Larger ones are told of.
const LARGE_BODY: usize = 100 * 1024;

pub(super) fn respond(response: &DirectResponse, findings: &mut Findings) {
    status("status", i64::from(response.status), findings);
    let Some(body) = &response.body else { return };
    findings.within("body", |findings| {
        if let Some(text) = &body.string {
            size("string", text.len(), findings);
        }
        match body.bytes.as_deref().map(decoded_length) {
            Some(Some(length)) => size("bytes", length, findings),
            Some(None) => {
                findings.error_in("bytes", "is not base64", "encode the bytes as base64");
            }
            None => {}
        }
    });
}

fn size(field: &str, length: usize, findings: &mut Findings) {
    if length > MAX_BODY {
        findings.error_in(field, "is larger than 1 MiB", "serve it from a service");
    } else if length > LARGE_BODY {
        let what = "is larger than 100 KiB, and every proxy keeps it in memory";
        findings.warning_in(field, code::SUSPICIOUS, what, "serve it from a service");
    }
}

/// How many bytes a text in base64 stands for; line breaks do not count.
fn decoded_length(text: &str) -> Option<usize> {
    let text: String = text.chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
    let body = text.trim_end_matches('=');
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    let whole = text.len().is_multiple_of(4) && text.len() - body.len() <= 2;
    (whole && body.bytes().all(plain)).then_some(body.len() * 3 / 4)
}
