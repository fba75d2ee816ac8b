//! Checks of path templates of an `AuthorizationPolicy`.

use super::Findings;

/// `{*}` stands for one segment, `{**}` for any number; each must be a whole segment.
pub(crate) fn check(value: &str, findings: &mut Findings) {
    let wild = value.contains("{*}") || value.contains("{**}");
    // Istio takes it, and Envoy ends at the sight of it.
    if wild && !value.starts_with('/') {
        let what = format!("{value:?} matches nothing, since every path begins with /");
        findings.error(what, "begin with /");
        return;
    }
    let mut rest = false;
    for segment in value.trim_matches('/').split('/') {
        let operator = matches!(segment, "{*}" | "{**}");
        let literal = !segment.is_empty() && segment.bytes().all(in_path);
        let wrong = match operator {
            true => rest,
            false => segment.contains(['{', '}']) || wild && !literal,
        };
        if wrong {
            findings.error(
                format!("{value:?} is no path template"),
                "use {*} and at last one {**}, each as a whole segment, and no other braces",
            );
            return;
        }
        rest |= segment == "{**}";
    }
}

/// What a segment beside wildcards may be made of.
fn in_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%!$&'()+,;:@=".contains(&byte)
}
