//! Rules of `Gateway`.

use std::collections::BTreeSet;

use weft_api::gateway_api::{Address, AllowedListeners, Gateway, Infrastructure};
use weft_api::gateway_api::{ListenerNamespaces, ListenersFrom};
use weft_api::meta::Metadata;
use weft_types::address;

use super::listener;
use crate::check::{Findings, labels};

pub(super) fn check(_: &Metadata, spec: &Gateway, findings: &mut Findings) {
    let Gateway {
        gateway_class_name: _,
        listeners,
        addresses,
        infrastructure,
        allowed_listeners,
        tls: _,
        default_scope: _,
    } = spec;
    listener::check(listeners, findings);
    self::addresses(addresses, findings);
    findings.given("infrastructure", infrastructure.as_ref(), |made, findings| {
        let Infrastructure { labels, annotations, parameters_ref: _ } = made;
        labels::check("labels", labels, findings);
        labels::keys("annotations", annotations, findings);
    });
    findings.given("allowedListeners", allowed_listeners.as_ref(), allowed);
}

fn allowed(allowed: &AllowedListeners, findings: &mut Findings) {
    let AllowedListeners { namespaces } = allowed;
    findings.given("namespaces", namespaces.as_ref(), |namespaces, findings| {
        let ListenerNamespaces { from, selector } = namespaces;
        listener::selected(*from == ListenersFrom::Selector, selector.as_ref(), findings);
    });
}

fn addresses(addresses: &[Address], findings: &mut Findings) {
    let mut seen = BTreeSet::new();
    findings.each("addresses", addresses, |Address { kind, value }, findings| {
        let kind = kind.as_deref().unwrap_or("IPAddress");
        let told_apart = matches!(kind, "IPAddress" | "Hostname") && !value.is_empty();
        if told_apart && !seen.insert((kind, value)) {
            let what = format!("{value:?} stands here twice");
            findings.error_in("value", what, "name each address once");
        }
        match kind {
            _ if value.is_empty() => {}
            "IPAddress" if !address::is_ip(value) => {
                let what = format!("{value:?} is no IP address");
                findings.error_in("value", what, "write an address, or set type Hostname");
            }
            "Hostname" if !weft_api::describe::Form::Hostname.fits(value) => {
                let what = format!("{value:?} is no host name");
                findings.error_in("value", what, "write a name in lower case");
            }
            _ => {}
        }
    });
}
