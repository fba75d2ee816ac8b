//! Rules of domain names.

use weft_types::domain;
pub(crate) use weft_types::domain::is_label;

use super::{Checked, fault};

const FIX: &str =
    "use letters, digits, dashes and dots; no label may be longer than 63 or have a dash at an end";

fn told(found: Result<(), String>, fix: &str) -> Checked {
    found.or_else(|why| fault(why, fix))
}

/// A full domain name; a dot may end it.
///
/// # Errors
/// Empty, too long, or a part that is none.
pub fn full_domain(name: &str) -> Checked {
    told(domain::full(name), FIX)
}

/// A domain name whose first part may have a `*`.
///
/// # Errors
/// Empty, too long, a part that is none, or a `*` elsewhere.
pub fn wildcard_domain(name: &str) -> Checked {
    told(domain::wildcard(name), FIX)
}

/// A host of a VirtualService; with `sni` also the names that gateways between networks use, such as
/// `outbound_.80_._.reviews.shop.svc`.
///
/// # Errors
/// Neither such a name nor a [`wildcard_domain`].
pub fn gateway_bound_domain(sni: bool, name: &str) -> Checked {
    if !(sni && name.starts_with("outbound_")) {
        return wildcard_domain(name);
    }
    told(domain::between_networks(name), "write outbound_.PORT_.SUBSET_.HOST")
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
