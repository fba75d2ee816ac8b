//! Rules of domain names.

use super::{Checked, fault};

const LABEL: usize = 63;
const NAME: usize = 255;

/// A part between dots: letters, digits, and dashes inside.
pub(crate) fn is_label(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let ends = !text.starts_with('-') && !text.ends_with('-');
    plain && ends && (1..=LABEL).contains(&text.len())
}

/// A first part: a label, `*`, or a label after `*` or `*-`.
fn is_wildcard_label(text: &str) -> bool {
    let rest = text.strip_prefix('*').map(|rest| rest.strip_prefix('-').unwrap_or(rest));
    text.len() <= LABEL && (text == "*" || is_label(rest.unwrap_or(text)))
}

fn size(name: &str) -> Checked {
    if name.is_empty() {
        return fault("is empty", "name a domain");
    }
    if name.len() > NAME {
        let what = format!("has {} characters; a domain has {NAME} at most", name.len());
        return fault(what, "use a shorter name");
    }
    Ok(())
}

fn labels(name: &str) -> Checked {
    let (before, top) = name.rsplit_once('.').map_or((None, name), |(a, b)| (Some(a), b));
    if top.parse::<i64>().is_ok() {
        return fault(format!("{name:?} ends in a number"), "end it in a name");
    }
    let mut parts: Vec<&str> = before.map(|before| before.split('.').collect()).unwrap_or_default();
    if before.is_none() || !top.is_empty() {
        parts.push(top);
    }
    match parts.into_iter().find(|part| !is_label(part)) {
        None => Ok(()),
        Some(part) => fault(
            format!("{part:?} in {name:?} is no part of a domain"),
            "use letters, digits and dashes, at most 63, no dash at an end",
        ),
    }
}

/// A full domain name; a dot may end it.
///
/// # Errors
/// Empty, too long, or a part that is none.
pub fn full_domain(name: &str) -> Checked {
    size(name)?;
    labels(name)
}

/// A domain name whose first part may have a `*`.
///
/// # Errors
/// Empty, too long, a part that is none, or a `*` elsewhere.
pub fn wildcard_domain(name: &str) -> Checked {
    size(name)?;
    let (first, rest) = name.split_once('.').map_or((name, None), |(a, b)| (a, Some(b)));
    if !is_wildcard_label(first) {
        let what = format!("{first:?} in {name:?} is no first part of a domain");
        return fault(what, "use a name, `*`, or a name after `*` or `*-`");
    }
    rest.map_or(Ok(()), labels)
}

/// A host of a VirtualService; with `sni` also the names that gateways between networks use, such as
/// `outbound_.80_._.reviews.shop.svc`.
///
/// # Errors
/// Neither such a name nor a [`wildcard_domain`].
pub fn gateway_bound_domain(sni: bool, name: &str) -> Checked {
    size(name)?;
    if !(sni && name.starts_with("outbound_")) {
        return wildcard_domain(name);
    }
    let mut parts = name.split('_').skip(1).map(|part| part.trim_matches('.'));
    let port = parts.next().unwrap_or_default();
    let host = parts.nth(1).unwrap_or_default();
    let numbered = port.bytes().any(|byte| byte.is_ascii_digit());
    if numbered && host.bytes().any(|byte| byte.is_ascii_alphabetic()) {
        return Ok(());
    }
    let fix = "write outbound_.PORT_.SUBSET_.HOST";
    fault(format!("{name:?} begins as a name between networks but is none"), fix)
}

/// A trust domain.
///
/// # Errors
/// Empty, or a part that is none.
pub fn trust_domain(name: &str) -> Checked {
    if name.is_empty() {
        return fault("is empty", "name a trust domain, such as cluster.local");
    }
    let plain = name.strip_suffix('.').unwrap_or(name);
    if (plain.is_empty() && name == ".") || !plain.split('.').all(is_label) {
        let what = format!("{name:?} is no trust domain");
        return fault(what, "use letters, digits, dashes and dots, such as cluster.local");
    }
    Ok(())
}

/// A host as Sidecars name it: at least two parts, or `*`; a `*` only for a whole part.
pub(crate) fn sidecar_host(host: &str) -> Checked {
    if host != "*" && !host.contains('.') {
        return fault(format!("{host:?} is a short name"), "use the full name");
    }
    wildcard_domain(host)?;
    if host.contains('*') && host != "*" && !host.starts_with("*.") {
        return fault(format!("{host:?} has a part of a name after `*`"), "use `*.` or no `*`");
    }
    Ok(())
}
