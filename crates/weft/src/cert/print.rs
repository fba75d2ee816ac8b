//! An inspection for people.

use super::inspection::{Inspection, Shown};
use crate::failure::say;

/// Prints it.
pub(super) fn inspection(found: &Inspection) {
    if !found.secret.is_empty() {
        say!("Secret {}", found.secret);
    }
    for (at, one) in found.certificates.iter().enumerate() {
        say!("Certificate {} of {}", at + 1, found.certificates.len());
        certificate(one);
    }
    if let Some(chain) = &found.chain {
        let order = if chain.ordered { "in order" } else { "out of order" };
        let end = match (chain.rooted, found.certificates.len()) {
            (true, 1) if chain.anchor == found.certificates[0].subject => {
                "signed by itself: clients must know it".to_owned()
            }
            (true, _) => format!("its root {} is with it", chain.anchor),
            (false, _) => format!("complete for clients that know {}", chain.anchor),
        };
        say!("Chain: {} long, {order}; {end}", chain.length);
    }
    let key = match found.key {
        "fits" => "that of the certificate",
        "other" => "NOT that of the certificate",
        "unknown" => "there; it does not tell whose it is",
        _ => "none",
    };
    say!("Key: {key}");
    for one in &found.authorities {
        say!(
            "Authority (ca.crt): {}, until {} ({} days left)",
            one.subject,
            one.not_after,
            one.days_left
        );
    }
    for list in &found.revoked {
        let until = list.until.as_deref().unwrap_or("further notice");
        say!(
            "Revoked by {}: {} certificates; list good until {until}",
            list.issuer,
            list.certificates
        );
    }
    if !found.secret.is_empty() {
        used(found);
    }
    if !found.errors.is_empty() || !found.warnings.is_empty() {
        say!("Problems:");
        found.errors.iter().for_each(|one| say!("  error: {one}"));
        found.warnings.iter().for_each(|one| say!("  warning: {one}"));
    }
}

fn certificate(one: &Shown) {
    let names = if one.names.is_empty() { "none".to_owned() } else { one.names.join(", ") };
    let authority = if one.authority { " (may sign others)" } else { "" };
    say!("  Subject:  {}{authority}", one.subject);
    say!("  Names:    {names}");
    say!("  Issuer:   {}", one.issuer);
    say!("  Serial:   {}", one.serial);
    say!("  Valid:    {} to {} ({} days left)", one.not_before, one.not_after, one.days_left);
    say!("  Key:      {}", one.key);
}

fn used(found: &Inspection) {
    if found.used_by.is_empty() {
        say!("Used by: no gateway");
        return;
    }
    say!("Used by:");
    for used in &found.used_by {
        let not = match used.uncovered.as_slice() {
            [] => String::new(),
            hosts => format!(" (not named: {})", hosts.join(", ")),
        };
        say!(
            "  Gateway {} port {} ({}): {}{not}",
            used.gateway,
            used.port,
            used.server,
            used.hosts.join(", ")
        );
    }
}
