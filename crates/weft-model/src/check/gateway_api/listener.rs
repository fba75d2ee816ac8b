//! Rules of listeners and of `ListenerSet`.

use weft_api::gateway_api::{
    AllowedRoutes, Listener, ListenerSet, ListenerTls, RouteKind, RouteNamespaces, RoutesFrom,
    TlsMode,
};
use weft_api::meta::Metadata;
use weft_types::address;

use crate::check::findings::code;
use crate::check::{Findings, labels, selector};

pub(super) fn set(_: &Metadata, spec: &ListenerSet, findings: &mut Findings) {
    let ListenerSet { parent_ref: _, listeners } = spec;
    check(listeners, findings);
}

/// Most listeners; longer lists are refused before they are compared.
const LISTENERS: usize = 64;

/// Each by itself, and all together: a connection must belong to one.
pub(super) fn check(listeners: &[Listener], findings: &mut Findings) {
    let listeners = listeners.get(..LISTENERS).unwrap_or(listeners);
    let mut seen: Vec<&Listener> = Vec::new();
    findings.each("listeners", listeners, |listener, findings| {
        one(listener, findings);
        for other in seen.iter().filter(|other| other.port == listener.port) {
            distinct(listener, other, findings);
        }
        seen.push(listener);
    });
}

fn protocol(listener: &Listener) -> String {
    listener.protocol.to_ascii_uppercase()
}

fn distinct(listener: &Listener, other: &Listener, findings: &mut Findings) {
    let (mine, theirs) = (protocol(listener), protocol(other));
    if mine == theirs {
        if listener.hostname == other.hostname {
            let what = format!("has the port, protocol and hostname of {:?}", other.name);
            findings.error(what, "change one of them, or remove the listener");
        }
    } else if mine != "UDP" && theirs != "UDP" && !both_tls(&mine, &theirs) {
        let what = format!("{mine} and {theirs} (of {:?}) share a port", other.name);
        findings.warning_in("port", code::SUSPICIOUS, what, "give each protocol its port");
    }
}

/// HTTPS and TLS on one port are told apart by the server name.
fn both_tls(one: &str, other: &str) -> bool {
    [one, other].iter().all(|protocol| matches!(*protocol, "HTTPS" | "TLS"))
}

fn one(listener: &Listener, findings: &mut Findings) {
    let Listener { name: _, hostname, port: _, protocol: written, tls, allowed_routes } = listener;
    let protocol = protocol(listener);
    match (protocol.as_str(), tls) {
        ("HTTP" | "TCP" | "UDP", Some(_)) => {
            findings.error_in("tls", format!("does not go with {protocol}"), "remove it");
        }
        ("TLS", None) => {
            findings.error_in("tls", "is missing", "set mode Terminate or Passthrough");
        }
        ("HTTPS", None) => {
            let what = "is missing, so that no client can connect";
            findings.warning_in("tls", code::SUSPICIOUS, what, "add certificateRefs");
        }
        ("HTTPS" | "TLS", Some(tls)) => self::tls(tls, &protocol, findings),
        ("HTTP" | "TCP" | "HBONE", _) => {}
        _ => {
            let what = format!("{written:?} is not served");
            findings.warning_in("protocol", code::SUSPICIOUS, what, "use HTTP, HTTPS, TLS or TCP");
        }
    }
    if let Some(host) = hostname {
        self::hostname(host, &protocol, findings);
    }
    findings.given("allowedRoutes", allowed_routes.as_ref(), |allowed, findings| {
        routes(allowed, &protocol, findings);
    });
}

fn hostname(host: &str, protocol: &str, findings: &mut Findings) {
    if matches!(protocol, "TCP" | "UDP") {
        let what = format!("does not go with {protocol}, which names no host");
        findings.error_in("hostname", what, "remove it");
    } else if address::is_ip(host) {
        let what = format!("{host:?} is an address, which no host name matches");
        findings.warning_in("hostname", code::SUSPICIOUS, what, "write a name, or remove it");
    }
}

fn tls(tls: &ListenerTls, protocol: &str, findings: &mut Findings) {
    let ListenerTls { mode, certificate_refs, options } = tls;
    let mode = mode.unwrap_or(TlsMode::Terminate);
    findings.within("tls", |findings| {
        if mode == TlsMode::Passthrough && protocol == "HTTPS" {
            let what = "Passthrough does not go with HTTPS, whose requests the gateway reads";
            findings.error_in("mode", what, "use Terminate, or protocol TLS with a TLSRoute");
        } else if mode == TlsMode::Terminate && certificate_refs.is_empty() && options.is_empty() {
            let what = "is missing, and mode Terminate needs a certificate";
            findings.error_in("certificateRefs", what, "name a Secret of type kubernetes.io/tls");
        } else if mode == TlsMode::Passthrough && !certificate_refs.is_empty() {
            let what = "has no effect with mode Passthrough";
            findings.warning_in("certificateRefs", code::SUSPICIOUS, what, "remove it");
        }
        findings.each("certificateRefs", certificate_refs, |object, findings| {
            let group = object.group.as_deref().unwrap_or_default();
            let kind = object.kind.as_deref().unwrap_or("Secret");
            if (group, kind) != ("", "Secret") {
                let what = format!("{kind} of {group:?} holds no certificate");
                findings.warning_in("kind", code::SUSPICIOUS, what, "use a Secret");
            }
        });
        labels::keys("options", options, findings);
    });
}

fn routes(allowed: &AllowedRoutes, protocol: &str, findings: &mut Findings) {
    let AllowedRoutes { namespaces, kinds } = allowed;
    findings.given("namespaces", namespaces.as_ref(), |namespaces, findings| {
        let RouteNamespaces { from, selector } = namespaces;
        selected(*from == RoutesFrom::Selector, selector.as_ref(), findings);
    });
    let fitting: &[&str] = match protocol {
        "HTTP" | "HTTPS" => &["HTTPRoute", "GRPCRoute"],
        "TLS" => &["TLSRoute", "TCPRoute"],
        "TCP" => &["TCPRoute"],
        "UDP" => &["UDPRoute"],
        _ => return,
    };
    findings.each("kinds", kinds, |RouteKind { group, kind }, findings| {
        let ours = group.as_deref().unwrap_or("gateway.networking.k8s.io");
        if ours != "gateway.networking.k8s.io" || !fitting.contains(&kind.as_str()) {
            let what = format!("{kind} of {ours:?} does not attach to {protocol}");
            let fix = format!("use {}", fitting.join(" or "));
            findings.warning_in("kind", code::SUSPICIOUS, what, fix);
        }
    });
}

/// A selector of namespaces stands beside `from: Selector`.
pub(super) fn selected(
    wanted: bool,
    labels: Option<&weft_api::selector::Selector>,
    findings: &mut Findings,
) {
    match (wanted, labels) {
        (true, None) => {
            let what = "is missing, so that no namespace is selected";
            findings.warning_in("selector", code::SUSPICIOUS, what, "add labels of namespaces");
        }
        (false, Some(_)) => {
            let what = "has no effect without `from: Selector`";
            findings.warning_in("selector", code::SUSPICIOUS, what, "set from: Selector");
        }
        (true, Some(_)) | (false, None) => {}
    }
    findings.given("selector", labels, selector::check);
}
