//! A Gateway for each listener that can be served.

use std::collections::BTreeMap;

use weft_model::api::gateway::{Gateway, Port, Server, Tls, TlsMode};
use weft_model::api::gateway_api as api;
use weft_model::api::meta::Metadata;
use weft_model::{Object, ObjectRef};

use super::meta;
use crate::{Judged, Seat, spec};

/// Label of the pods of a Gateway that has its own.
const OWN_PODS: &str = "gateway.networking.k8s.io/gateway-name";

/// A listener, and the object that it becomes.
pub(super) struct Opened<'a> {
    /// Who has the listener, and its place there: by that routes know it.
    pub(super) owner: &'a ObjectRef,
    pub(super) at: usize,
    pub(super) seat: &'a Seat,
    /// All accepted listeners of the Gateway and its sets.
    pub(super) beside: Vec<&'a Seat>,
    pub(super) object: Object<Gateway>,
}

impl Opened<'_> {
    /// `namespace/name` of the derived Gateway.
    pub(super) fn gateway(&self) -> String {
        format!("{}/{}", self.object.meta.namespace, self.object.meta.name)
    }
}

/// Every listener that can be served.
pub(super) fn opened<'a>(judged: &'a Judged<'_>) -> Vec<Opened<'a>> {
    let gateways = judged.seats.owners.keys().filter(|owner| owner.kind == "Gateway");
    gateways.flat_map(|gateway| of_gateway(judged, gateway)).collect()
}

fn of_gateway<'a>(judged: &'a Judged<'_>, gateway: &'a ObjectRef) -> Vec<Opened<'a>> {
    let Some(raw) = judged.mesh.named(gateway) else { return Vec::new() };
    let written: api::Gateway = spec(raw);
    let Some((namespace, selector)) = pods(judged, gateway, &written) else { return Vec::new() };
    let created = Metadata::of(raw).created;
    let sets = judged.sets.added.get(gateway).into_iter().flatten();
    let owners: Vec<&ObjectRef> = std::iter::once(gateway).chain(sets).collect();
    let all = |owner: &&'a ObjectRef| judged.seats.owners.get(*owner).into_iter().flatten();
    let beside: Vec<&Seat> = owners.iter().flat_map(all).filter(|seat| seat.accepted.yes).collect();
    let mut found = Vec::new();
    for owner in owners {
        let seats = judged.seats.owners.get(owner).into_iter().flatten().enumerate();
        for (at, seat) in seats.filter(|(_, seat)| seat.programmed().yes) {
            let name = name(gateway, owner, seat, &namespace);
            let meta = meta(&namespace, name, created.clone());
            let servers = vec![server(seat, &namespace)];
            let object = Object { meta, spec: Gateway { servers, selector: selector.clone() } };
            found.push(Opened { owner, at, seat, beside: beside.clone(), object });
        }
    }
    found
}

/// Namespace and labels of the pods that serve it: its own ones, or those of the Service that its address names.
fn pods(
    judged: &Judged<'_>,
    gateway: &ObjectRef,
    written: &api::Gateway,
) -> Option<(String, BTreeMap<String, String>)> {
    let named = |address: &&api::Address| address.kind.as_deref() == Some("Hostname");
    let Some(address) = written.addresses.iter().find(named) else {
        let own = BTreeMap::from([(OWN_PODS.to_owned(), gateway.name.clone())]);
        return Some((gateway.namespace.clone(), own));
    };
    let mut parts = address.value.split('.');
    let name = parts.next()?;
    let namespace = parts.next().unwrap_or(&gateway.namespace).to_owned();
    let service = ObjectRef {
        group: String::new(),
        kind: "Service".to_owned(),
        namespace: namespace.clone(),
        name: name.to_owned(),
    };
    let labels = judged.mesh.named(&service)?["spec"]["selector"].as_object()?;
    let labels =
        labels.iter().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    let labels: BTreeMap<String, String> = labels.collect();
    (!labels.is_empty()).then_some((namespace, labels))
}

fn name(gateway: &ObjectRef, owner: &ObjectRef, seat: &Seat, namespace: &str) -> String {
    let mut name = gateway.name.clone();
    if gateway.namespace != namespace {
        name = format!("{}~{name}", gateway.namespace);
    }
    if owner != gateway {
        name = format!("{name}~{}~{}", owner.namespace, owner.name);
    }
    format!("{name}~{}", seat.name)
}

fn server(seat: &Seat, namespace: &str) -> Server {
    let host = seat.hostname.as_ref().map_or("*".to_owned(), ToString::to_string);
    let port = Port {
        number: Some(seat.port),
        protocol: Some(seat.protocol.clone()),
        name: Some(seat.name.clone()),
        ..Port::default()
    };
    let tls = matches!(seat.protocol.as_str(), "HTTPS" | "TLS").then(|| tls(seat, namespace));
    Server { port: Some(port), hosts: vec![host], tls, ..Server::default() }
}

fn tls(seat: &Seat, namespace: &str) -> Tls {
    if seat.passes() {
        return Tls { mode: TlsMode::Passthrough, ..Tls::default() };
    }
    let name = |(place, name): &(String, String)| {
        if place == namespace { name.clone() } else { format!("kubernetes://{place}/{name}") }
    };
    let names: Vec<String> = seat.certificates.iter().map(name).collect();
    let mode = if seat.clients.is_some() { TlsMode::Mutual } else { TlsMode::Simple };
    let ca_cert_credential_name = seat.clients.clone().unwrap_or_default();
    let tls = Tls { mode, ca_cert_credential_name, ..Tls::default() };
    match names.as_slice() {
        [only] => Tls { credential_name: only.clone(), ..tls },
        _ => Tls { credential_names: Some(names), ..tls },
    }
}
