//! Names of hosts and domains, as Istio's configuration has them.
//!
//! In: text. Out: why it is no such name. Holds: letters may be of either case; a dot may end a full name.
//! Why a name may not end in a number: it would be taken for an address.

/// Longest part between two dots.
const LABEL: usize = 63;
/// Longest name.
const NAME: usize = 255;

/// A part between dots: letters, digits, and dashes inside.
#[must_use]
pub fn is_label(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let ends = !text.starts_with('-') && !text.ends_with('-');
    plain && ends && (1..=LABEL).contains(&text.len())
}

/// A first part: a label, `*`, or a label after `*` or `*-`.
fn is_wildcard_label(text: &str) -> bool {
    let rest = text.strip_prefix('*').map(|rest| rest.strip_prefix('-').unwrap_or(rest));
    text.len() <= LABEL && (text == "*" || is_label(rest.unwrap_or(text)))
}

fn size(name: &str) -> Result<(), String> {
    match name.len() {
        0 => Err("is empty, and must be a host name".into()),
        length if length > NAME => {
            Err(format!("has {length} characters, and a host name has {NAME} at most"))
        }
        _ => Ok(()),
    }
}

/// Checks the part `text` of a name.
fn labels(name: &str, text: &str) -> Result<(), String> {
    let (before, top) = text.rsplit_once('.').map_or((None, text), |(a, b)| (Some(a), b));
    if top.parse::<i64>().is_ok() {
        return Err(format!("{name:?} is no host name: it ends in a number"));
    }
    let mut parts: Vec<&str> = before.map(|before| before.split('.').collect()).unwrap_or_default();
    if !top.is_empty() {
        parts.push(top);
    }
    match parts.into_iter().find(|part| !is_label(part)) {
        Some(part) => Err(format!("{name:?} is no host name: {part:?} is no label of one")),
        None => Ok(()),
    }
}

/// A host name without wildcards, short or full.
///
/// # Errors
/// Why it is none.
pub fn full(name: &str) -> Result<(), String> {
    size(name)?;
    labels(name, name)
}

/// A host name whose first part may have a `*`.
///
/// # Errors
/// Why it is none.
pub fn wildcard(name: &str) -> Result<(), String> {
    size(name)?;
    let (first, rest) = name.split_once('.').map_or((name, None), |(a, b)| (a, Some(b)));
    if !is_wildcard_label(first) {
        return Err(format!("{name:?} is no host name: {first:?} is no label of one"));
    }
    rest.map_or(Ok(()), |rest| labels(name, rest))
}

/// The name that gateways between networks ask for: `outbound_.PORT_.SUBSET_.HOST`.
///
/// # Errors
/// Why it is none.
pub fn between_networks(name: &str) -> Result<(), String> {
    size(name)?;
    let mut parts = name.split('_').map(|part| part.trim_matches('.'));
    let (kind, port) = (parts.next(), parts.next().unwrap_or_default());
    let host = parts.nth(1).unwrap_or_default();
    let port = port.bytes().any(|byte| byte.is_ascii_digit());
    let host = host.bytes().any(|byte| byte.is_ascii_alphabetic());
    if kind == Some("outbound") && port && host {
        return Ok(());
    }
    Err(format!("{name:?} has not the form outbound_.PORT_._.HOST"))
}

/// Whether two names, which may begin with `*`, have a host in common.
#[must_use]
pub fn overlap(one: &str, other: &str) -> bool {
    match (one.strip_prefix('*'), other.strip_prefix('*')) {
        (None, None) => one == other,
        (Some(end), None) => other.ends_with(end),
        (None, Some(end)) => one.ends_with(end),
        (Some(one), Some(other)) => one.ends_with(other) || other.ends_with(one),
    }
}

/// Whether `outer`, which may begin with `*`, names all that `inner` names.
#[must_use]
pub fn covers(outer: &str, inner: &str) -> bool {
    match (outer.strip_prefix('*'), inner.strip_prefix('*')) {
        (None, _) => outer == inner,
        (Some(end), None) => inner.ends_with(end),
        (Some(end), Some(inner)) => inner.ends_with(end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_name_has_no_wildcard_and_does_not_end_in_a_number() {
        let long = format!("{}.example", "x".repeat(64));
        for name in ["", "*", "a..b", "a.b..", ".", "-a", "a_b", "1.2.3.4", "a.7", "7", &long] {
            assert!(full(name).is_err(), "{name}");
        }
        for name in ["a", "a.b.", "7a", "A.Example", "1.2.3.4a", "a.7."] {
            assert_eq!(full(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn a_wildcard_stands_in_the_first_part() {
        for name in
            ["", "a.*.b", "a*", "**", "*-", "1.1.1.1", "*.7", &format!("*{}", "x".repeat(63))]
        {
            assert!(wildcard(name).is_err(), "{name}");
        }
        for name in ["*", "*.a", "*a", "*-a.b", "*.", "7", "a.b."] {
            assert_eq!(wildcard(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn names_between_networks_say_port_and_host() {
        assert_eq!(between_networks("outbound_.80_._.a.b.mesh"), Ok(()));
        assert_eq!(between_networks("outbound_.80_.v1_.a.mesh"), Ok(()));
        for name in ["outbound_.x_._.a", "outbound_.80_._", "inbound_.80_._.a", "outbound_"] {
            assert!(between_networks(name).is_err(), "{name}");
        }
    }

    #[test]
    fn names_overlap_when_one_is_inside_the_other() {
        assert!(overlap("*.b.c", "*.c") && overlap("*.c", "*.b.c") && overlap("*", "a"));
        assert!(!overlap("*.a", "a") && !overlap("a.b", "A.b") && overlap("*a", "a"));
        assert!(covers("*", "*.a") && covers("*.c", "*.b.c") && covers("*.c", "b.c"));
        assert!(!covers("*.b.c", "*.c") && !covers("a.c", "*.c"));
    }
}
