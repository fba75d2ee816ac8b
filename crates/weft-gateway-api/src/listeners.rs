//! Listeners of gateways and of listener sets: what each can serve, and what is wrong with it.
//!
//! In: one listener as it was written. Out: a [`Seat`] that routes may take, and its conditions.
//! Holds: listeners of one port that cannot be told apart exclude each other, the later of them.

use std::collections::HashMap;

use weft_model::api::gateway_api::{
    CertificateRef, Listener, ListenerTls, RouteKind, RouteNamespaces, TlsMode,
};
use weft_model::api::secret::Credential;
use weft_model::{HostPattern, ObjectRef};

use crate::mesh::{From, GROUP, Mesh, To};
use crate::words::Words;

/// A listener, judged.
#[derive(Debug)]
pub struct Seat {
    pub name: String,
    pub port: u32,
    pub protocol: String,
    /// As it was written.
    pub written: Listener,
    /// The Secrets of its certificates that can be used, by namespace and name.
    pub certificates: Vec<(String, String)>,
    /// Where the authorities are that clients' certificates must be of.
    pub clients: Option<String>,
    /// All hosts when absent.
    pub hostname: Option<HostPattern>,
    /// Kinds of routes of the Gateway API that it takes.
    pub kinds: Vec<&'static str>,
    /// Namespaces of the routes that it takes.
    pub from: RouteNamespaces,
    pub attached: usize,
    pub accepted: Words,
    pub conflict: Option<Words>,
    pub faults: Vec<Words>,
}

impl Seat {
    pub(crate) fn of(listener: &Listener, owner: &ObjectRef, mesh: &Mesh<'_>) -> Self {
        let Listener { name, hostname, port, protocol, tls, allowed_routes } = listener;
        let (fitting, accepted) = served(protocol, tls.as_ref());
        let mut faults = Vec::new();
        let kinds = match allowed_routes.as_ref().map(|allowed| &allowed.kinds) {
            Some(wanted) if !wanted.is_empty() => chosen(wanted, fitting, protocol, &mut faults),
            _ => fitting.to_vec(),
        };
        let mut certificates = Vec::new();
        for to in tls.iter().flat_map(|tls| &tls.certificate_refs) {
            let namespace = to.namespace.as_ref().unwrap_or(&owner.namespace);
            match certificate(to, owner, mesh) {
                Some(fault) => faults.push(fault),
                None => certificates.push((namespace.clone(), to.name.clone())),
            }
        }
        let from = allowed_routes.as_ref().and_then(|allowed| allowed.namespaces.clone());
        Self {
            name: name.clone(),
            port: *port,
            protocol: protocol.clone(),
            written: listener.clone(),
            certificates,
            clients: None,
            hostname: hostname.as_deref().filter(|host| !host.is_empty()).map(HostPattern::new),
            kinds,
            from: from.unwrap_or_default(),
            attached: 0,
            accepted,
            conflict: None,
            faults,
        }
    }

    /// Takes its place on its port, or gives way to an earlier listener that it cannot be told apart from.
    pub(crate) fn settle(&mut self, ports: &mut Ports) {
        if !self.accepted.yes {
            return;
        }
        let layer = layer(&self.protocol);
        let fresh = || Port { layer, first: self.name.clone(), hosts: HashMap::new() };
        let port = ports.entry(self.port).or_insert_with(fresh);
        let host = self.hostname.as_ref().map(ToString::to_string);
        let (reason, rival, what) = if port.layer != layer {
            ("ProtocolConflict", &port.first, "with another protocol")
        } else if let Some(rival) = port.hosts.get(&host) {
            ("HostnameConflict", rival, "for the same hosts")
        } else {
            port.hosts.insert(host, self.name.clone());
            return;
        };
        let message = format!("listener {rival} has port {} {what}", self.port);
        self.accepted = Words::no(reason, message.clone());
        self.conflict = Some(Words::yes(reason, message));
    }
}

impl Seat {
    /// Whether its connections are passed on as they are.
    #[must_use]
    pub fn passes(&self) -> bool {
        let mode = self.written.tls.as_ref().and_then(|tls| tls.mode);
        mode == Some(TlsMode::Passthrough)
    }

    /// Whether proxies open it: with TLS that ends here there must be a certificate.
    #[must_use]
    pub fn programmed(&self) -> Words {
        let ends = matches!(self.protocol.as_str(), "HTTPS" | "TLS") && !self.passes();
        if self.accepted.yes && ends && self.certificates.is_empty() {
            return Words::no(
                "Invalid",
                "it has no certificate that can be used; see ResolvedRefs",
            );
        }
        Words::programmed(&self.accepted)
    }
}

/// Ports of one gateway that are taken.
pub(crate) type Ports = HashMap<u32, Port>;

/// Who has a port.
#[derive(Debug)]
pub(crate) struct Port {
    layer: &'static str,
    first: String,
    /// Listeners by their host.
    hosts: HashMap<Option<String>, String>,
}

/// Protocols of one layer share a port by host names.
fn layer(protocol: &str) -> &'static str {
    match protocol {
        "HTTP" => "HTTP",
        "HTTPS" | "TLS" => "TLS",
        "HBONE" => "HBONE",
        _ => "TCP",
    }
}

/// Kinds of routes that go with a protocol, and whether it is one of ours.
fn served(protocol: &str, tls: Option<&ListenerTls>) -> (&'static [&'static str], Words) {
    let terminates = tls.is_none_or(|tls| tls.mode != Some(TlsMode::Passthrough));
    let fitting: &[&str] = match protocol {
        "HTTP" | "HTTPS" => &["HTTPRoute", "GRPCRoute"],
        "TLS" if terminates => &["TLSRoute", "TCPRoute"],
        "TLS" => &["TLSRoute"],
        "TCP" => &["TCPRoute"],
        "HBONE" => &["HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute"],
        _ => {
            let what = format!("protocol {protocol} is not served; use HTTP, HTTPS, TLS or TCP");
            return (&[], Words::no("UnsupportedProtocol", what));
        }
    };
    (fitting, Words::yes("Accepted", "valid"))
}

fn chosen(
    wanted: &[RouteKind],
    fitting: &[&'static str],
    protocol: &str,
    faults: &mut Vec<Words>,
) -> Vec<&'static str> {
    let mut kinds = Vec::new();
    for RouteKind { group, kind } in wanted {
        let ours = group.as_deref().is_none_or(|group| group == GROUP);
        match fitting.iter().find(|fits| ours && *fits == kind) {
            Some(fits) => kinds.push(*fits),
            None => {
                let what = format!("routes of kind {kind} do not attach to {protocol}");
                faults.push(Words::no("InvalidRouteKinds", what));
            }
        }
    }
    kinds
}

/// What is wrong with a certificate, if anything.
fn certificate(to: &CertificateRef, owner: &ObjectRef, mesh: &Mesh<'_>) -> Option<Words> {
    let CertificateRef { group, kind, name, namespace } = to;
    let to = To {
        group: group.as_deref().unwrap_or_default(),
        kind: kind.as_deref().unwrap_or("Secret"),
        namespace: namespace.as_deref().unwrap_or(&owner.namespace),
        name,
    };
    let from = From { group: &owner.group, kind: &owner.kind, namespace: &owner.namespace };
    let invalid = |what: String| Some(Words::no("InvalidCertificateRef", what));
    let full = format!("{}/{name}", to.namespace);
    if (to.group, to.kind) != ("", "Secret") {
        return invalid(format!("{} {full} holds no certificate; use a Secret", to.kind));
    }
    if !mesh.may_point(from, to) {
        let what = format!("no ReferenceGrant of {} allows Secret {full}", to.namespace);
        return Some(Words::no("RefNotPermitted", what));
    }
    let Some(secret) = mesh.get(to) else {
        return invalid(format!("there is no Secret {full}"));
    };
    let found = Credential::of(secret);
    if found.certificate.is_empty() || found.key.is_empty() {
        return invalid(format!("Secret {full} lacks tls.crt or tls.key"));
    }
    if !weft_model::is_pair(&found) {
        return invalid(format!("the key of Secret {full} is not that of its certificate"));
    }
    None
}

/// Whether a gateway or a set can be honoured with these listeners.
pub fn accepted(seats: &[Seat]) -> Words {
    let wrong: Vec<&str> =
        seats.iter().filter(|s| !s.accepted.yes).map(|s| s.name.as_str()).collect();
    if wrong.is_empty() {
        return Words::yes("Accepted", "valid");
    }
    let message = format!("these listeners are not accepted: {}", wrong.join(", "));
    Words { yes: wrong.len() < seats.len(), reason: "ListenersNotValid", message }
}
