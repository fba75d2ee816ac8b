//! Checks of the names and values of header fields.
//!
//! Out: findings. Holds: what Istio takes is taken; what a proxy would not understand is at least told of.

use super::Findings;
use super::findings::code;
use crate::Severity;

/// Fields that HTTP/2 has before all others.
const PSEUDO: &[&str] = &[":method", ":scheme", ":authority", ":path", ":status"];
const CLAIMS: &str = "@request.auth.claims";

fn is_token(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+,-.^_`|~".contains(&b);
    !name.is_empty() && name.bytes().all(plain)
}

/// Whether a condition on header fields is one on the claims of a token: `@request.auth.claims.NAME`, or `[NAME][NAME]`.
pub(crate) fn is_claim(name: &str) -> bool {
    let Some((start, rest)) = name.split_at_checked(CLAIMS.len()) else { return false };
    let dotted = rest.starts_with('.') && rest.len() > 1;
    let square = rest.starts_with('[') && rest.ends_with(']') && rest.len() > 2;
    start.eq_ignore_ascii_case(CLAIMS) && (dotted || square)
}

/// Whether a part of such a condition's path is empty: no token has that, and Envoy refuses it.
pub(crate) fn names_empty_claim(name: &str) -> bool {
    let rest = name.get(CLAIMS.len()..).unwrap_or_default();
    match rest.strip_prefix('.') {
        Some(dotted) => dotted.split('.').any(str::is_empty),
        None => rest.trim_start_matches('[').trim_end_matches(']').split("][").any(str::is_empty),
    }
}

/// The field that says which host is asked.
pub(crate) fn is_authority(name: &str) -> bool {
    name.eq_ignore_ascii_case(":authority") || name.eq_ignore_ascii_case("host")
}

/// The name of a plain field.
pub(crate) fn name(name: &str, findings: &mut Findings) {
    if name.is_empty() {
        findings.error("is empty", "name a header");
    } else if !is_token(name) {
        findings.error(format!("{name:?} is no header name"), "use letters, digits and -");
    }
}

/// The name of a field, of letters, digits and dashes only.
pub(crate) fn strict_name(name: &str, findings: &mut Findings) {
    if name.is_empty() {
        findings.error("is empty", "name a header");
    } else if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        findings.error(format!("{name:?} is no header name"), "use letters, digits and -");
    }
}

/// The name of a field that requests are matched by.
pub(crate) fn matched_name(name: &str, findings: &mut Findings) {
    if !PSEUDO.contains(&name) && !is_claim(name) {
        self::name(name, findings);
    }
}

/// The name of a field that is set or added on the way to a destination.
pub(crate) fn set_name(name: &str, findings: &mut Findings) {
    if !is_authority(name) {
        self::name(name, findings);
    }
}

/// The name of a field that is removed, or changed in a response.
pub(crate) fn changed_name(name: &str, findings: &mut Findings) {
    if is_authority(name) {
        let fix = "set it in `request`, or use rewrite.authority";
        findings.error(format!("{name:?} cannot be changed here"), fix);
    } else {
        self::name(name, findings);
    }
}

/// A value that a field is set to; it may hold variables such as `%START_TIME%`.
pub(crate) fn value(value: &str, findings: &mut Findings) {
    let fix = "write a percent sign as %%, and a variable as %NAME%";
    if value.bytes().any(|b| b.is_ascii_control() && b != b'\t') {
        findings.error("holds a control character", "write it on one line");
    } else if let Err(why) = variables(value) {
        findings.error(format!("{value:?} {why}"), fix);
    } else if let Some(name) = unnamed(value) {
        let what = format!("{name:?} is no variable of proxies");
        findings.add(Severity::Warning, code::SUSPICIOUS, what, fix);
    }
}

/// Where a reader of variables stands.
#[derive(Clone, Copy, PartialEq)]
enum At {
    Text,
    Name,
    Arguments,
    Quote,
    Argument,
    Comma,
    Close,
    End,
}

/// Whether every variable is written to its end.
fn variables(value: &str) -> Result<(), &'static str> {
    let (mut at, mut bytes) = (At::Text, value.bytes().peekable());
    while let Some(byte) = bytes.next() {
        at = match (at, byte) {
            (At::Text, b'%') if bytes.peek() == Some(&b'%') => {
                bytes.next();
                At::Text
            }
            (At::Text, b'%') => At::Name,
            (At::Name, b'(') => At::Arguments,
            (At::Name | At::End, b'%') => At::Text,
            (At::Arguments, b'[') => At::Quote,
            (At::Quote, b'"') | (At::Arguments, 0x21..) => At::Argument,
            (At::Argument, b'\\') => match bytes.next() {
                Some(_) => At::Argument,
                None => return Err("ends in a backslash"),
            },
            (At::Argument | At::Close, b')') => At::End,
            (At::Argument, b'"') => At::Comma,
            (At::Comma, b',') => At::Quote,
            (At::Comma, b']') => At::Close,
            (At::Comma | At::Quote | At::Close | At::End, 0x21..) => {
                return Err("has a variable whose arguments cannot be read");
            }
            (at, _) => at,
        };
    }
    if at == At::Text { Ok(()) } else { Err("has a percent sign that begins no variable") }
}

/// The first name of a variable that proxies have none of.
fn unnamed(value: &str) -> Option<&str> {
    let mut rest = value;
    while let Some(start) = rest.find('%') {
        let after = rest.get(start + 1..)?;
        if let Some(escaped) = after.strip_prefix('%') {
            rest = escaped;
            continue;
        }
        let length = after.find(['(', '%', ':'])?;
        let (name, after) = after.split_at(length);
        let plain = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
        if name.is_empty() || !name.bytes().all(plain) {
            return Some(name);
        }
        let end = if after.starts_with('(') { after.find(')')? } else { 0 };
        let end = end + after.get(end..)?.find('%')?;
        rest = after.get(end + 1..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_written_to_their_end() {
        for value in [
            "",
            "a",
            "100%%",
            "%A%",
            "a %A% b",
            "%A(x)%",
            "%A([\"a\", \"b\"]) %",
            "%A(%b %d %H)%",
            "%A( [ \"a\\\"b\" , \"c\" ] )%",
            "%A:7%",
            "%a b%",
            "%A(x):7%%%",
            "%%%%",
        ] {
            let taken = variables(value).is_ok();
            assert_eq!(taken, value != "%A(x):7%%%", "{value}");
        }
        for value in [
            "%",
            "a%b",
            "%A%%",
            "%A(",
            "%A(x%",
            "%A([x])%",
            "%A([\"a\" \"b\"])%",
            "%A(\\",
            "%A(x)y%",
        ] {
            assert!(variables(value).is_err(), "{value}");
        }
    }

    #[test]
    fn a_variable_that_no_proxy_has_is_found() {
        assert_eq!(unnamed("50% off, 10% more"), Some(" off, 10"));
        assert_eq!(unnamed("%START_TIME(%s.%3f)% %REQ(a):7% 100%%"), None);
    }

    #[test]
    fn claims_are_told_from_names_that_begin_like_them() {
        for name in ["@request.auth.claims.a", "@Request.Auth.Claims[a][b]"] {
            assert!(is_claim(name) && !names_empty_claim(name), "{name}");
        }
        for name in
            ["@request.auth.claims.a..b", "@request.auth.claims[a][]", "@request.auth.claims[][a]"]
        {
            assert!(is_claim(name) && names_empty_claim(name), "{name}");
        }
        for name in [
            "@request.auth.claims",
            "@request.auth.claims.",
            "@request.auth.claims[]",
            "@request.auth.claimsa",
        ] {
            assert!(!is_claim(name), "{name}");
        }
    }
}
