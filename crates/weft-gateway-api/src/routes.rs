//! Routes: for each parent that is ours, whether it takes the route and what the route's references come to.

use std::collections::BTreeSet;

use serde_json::Value;
use weft_model::ObjectRef;
use weft_model::api::gateway_api::{BackendObject, ParentRef};
use weft_model::api::{Read, Reader};

use crate::attach::{Guest, Seats};
use crate::mesh::{CONTROLLER, GROUP, Mesh, To};
use crate::words::Words;
use crate::{Refused, backends, unsupported};

const KINDS: &[&str] = &["HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute"];
/// Parents of a route that are looked at; the kind allows no more.
const MOST: usize = 32;

/// A route with a parent of ours, judged.
#[derive(Debug)]
pub struct Route {
    pub name: ObjectRef,
    pub backends: Vec<BackendObject>,
    /// Gateways that took it.
    pub gateways: BTreeSet<ObjectRef>,
    /// What each parent of ours is to it.
    pub parents: Vec<Parent>,
    /// What its backends come to.
    pub resolved: Words,
}

/// A parent of a route.
#[derive(Debug)]
pub struct Parent {
    /// The reference as it was written.
    pub written: Value,
    /// Who is meant.
    pub owner: ObjectRef,
    /// The port that it is limited to.
    pub port: Option<u32>,
    /// Whether the parent takes the route.
    pub accepted: Words,
    /// Places of the listeners that took it, among those of the owner.
    pub seats: Vec<usize>,
}

/// Attaches every route, and answers those that have a parent of ours or had one.
pub(crate) fn judge(mesh: &Mesh<'_>, seats: &mut Seats, refused: &Refused) -> Vec<Route> {
    let all = mesh.all(KINDS);
    let routes = all.into_iter().map(|(name, object)| route(name, object, mesh, seats, refused));
    routes.flatten().collect()
}

fn route(
    name: &ObjectRef,
    object: &Value,
    mesh: &Mesh<'_>,
    seats: &mut Seats,
    refused: &Refused,
) -> Option<Route> {
    let backends = backends::of(object);
    let resolved = Words::resolved(&backends::faults(name, &backends, mesh));
    let hostnames = Vec::<String>::read(&object["spec"]["hostnames"], &mut Reader::at(""));
    let (kind, namespace) = (name.kind.as_str(), name.namespace.as_str());
    let guest = Guest { kind, namespace, hostnames: &hostnames };
    let mut found = Route {
        name: name.clone(),
        backends,
        gateways: BTreeSet::new(),
        parents: Vec::new(),
        resolved,
    };
    let parents = object["spec"]["parentRefs"].as_array().into_iter().flatten().take(MOST);
    for raw in parents {
        let parent = ParentRef::read(raw, &mut Reader::at(""));
        let owner = owner(&parent, namespace);
        if !is_parent(&owner, mesh, seats) {
            continue;
        }
        let refused = refused.get(name).map(|why| Words::no("UnsupportedValue", why));
        let refused = refused.or_else(|| unsupported::of(&name.kind, object));
        let taken = match refused {
            Some(words) => Err(words),
            None if owner.kind.starts_with("Service") => {
                of_mesh(&owner, &parent, mesh).map(|()| Vec::new())
            }
            None => seats.attach(&owner, &parent, guest, mesh),
        };
        let (accepted, seats) = match taken {
            Ok(seats) => (Words::yes("Accepted", format!("taken by {owner}")), seats),
            Err(words) => (words, Vec::new()),
        };
        if accepted.yes {
            found.gateways.insert(owner.clone());
        }
        let (written, port) = (raw.clone(), parent.port);
        found.parents.push(Parent { written, owner, port, accepted, seats });
    }
    (had(object) || !found.parents.is_empty()).then_some(found)
}

/// Whether an entry of ours stands in the status.
fn had(object: &Value) -> bool {
    let mut parents = object["status"]["parents"].as_array().into_iter().flatten();
    parents.any(|parent| parent["controllerName"] == CONTROLLER)
}

fn owner(parent: &ParentRef, namespace: &str) -> ObjectRef {
    let text = |field: &Option<String>, absent: &str| field.as_deref().unwrap_or(absent).to_owned();
    ObjectRef {
        group: text(&parent.group, GROUP),
        kind: text(&parent.kind, "Gateway"),
        namespace: text(&parent.namespace, namespace),
        name: parent.name.clone(),
    }
}

/// Gateways and sets only when they are ours; services are the mesh itself.
fn is_parent(owner: &ObjectRef, mesh: &Mesh<'_>, seats: &Seats) -> bool {
    let service = matches!(
        (owner.group.as_str(), owner.kind.as_str()),
        ("", "Service") | ("networking.istio.io", "ServiceEntry")
    );
    seats.owners.contains_key(owner) || (service && mesh.labels(&owner.namespace).is_some())
}

/// A route for calls inside of the mesh.
fn of_mesh(owner: &ObjectRef, parent: &ParentRef, mesh: &Mesh<'_>) -> Result<(), Words> {
    let ObjectRef { group, kind, namespace, name } = owner;
    let Some(service) = mesh.get(To { group, kind, namespace, name }) else {
        return Err(Words::no("NoMatchingParent", format!("there is no {owner}")));
    };
    let ports = service["spec"]["ports"].as_array();
    let number = if group.is_empty() { "port" } else { "number" };
    let has = |port: u32| ports.into_iter().flatten().any(|known| known[number] == port);
    match parent.port {
        Some(port) if !has(port) => {
            Err(Words::no("NoMatchingParent", format!("{owner} has no port {port}")))
        }
        _ => Ok(()),
    }
}
