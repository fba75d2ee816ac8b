//! Routes: for each parent that is ours, whether it takes the route and what the route's references come to.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use weft_model::ObjectRef;
use weft_model::api::gateway_api::{BackendObject, ParentRef};
use weft_model::api::{Read, Reader};

use super::attach::{Guest, Seats};
use super::mesh::{CONTROLLER, GROUP, Mesh, To};
use super::words::Words;
use super::{Refused, backends, generation};
use crate::own::{Part, Parts, Wanted};

const KINDS: &[&str] = &["HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute"];
/// Parents of a route that are looked at; the kind allows no more.
const MOST: usize = 32;

/// A route with a parent of ours, judged.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) name: ObjectRef,
    pub(super) backends: Vec<BackendObject>,
    /// Gateways that took it.
    pub(super) gateways: BTreeSet<ObjectRef>,
    parents: Vec<Part>,
}

impl Route {
    pub(super) fn wanted(self) -> Wanted {
        let parts = Parts { list: "parents", controller: Some(CONTROLLER), parts: self.parents };
        Wanted { parts: Some(parts), ..Wanted::default() }
    }
}

/// Attaches every route, and answers those that have a parent of ours or had one.
pub(super) fn judge(mesh: &Mesh<'_>, seats: &mut Seats, refused: &Refused) -> Vec<Route> {
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
    let mut found =
        Route { name: name.clone(), backends, gateways: BTreeSet::new(), parents: Vec::new() };
    let parents = object["spec"]["parentRefs"].as_array().into_iter().flatten().take(MOST);
    for raw in parents {
        let parent = ParentRef::read(raw, &mut Reader::at(""));
        let owner = owner(&parent, namespace);
        let accepted = match refused.get(name) {
            _ if !is_parent(&owner, mesh, seats) => continue,
            Some(why) => Words::no("UnsupportedValue", why),
            None if owner.kind.starts_with("Service") => of_mesh(&owner, &parent, mesh),
            None => seats.attach(&owner, &parent, guest, mesh),
        };
        found.parents.push(part(raw, &accepted, &resolved, generation(object)));
        if accepted.yes {
            found.gateways.insert(owner);
        }
    }
    (had(object) || !found.parents.is_empty()).then_some(found)
}

fn part(raw: &Value, accepted: &Words, resolved: &Words, generation: i64) -> Part {
    let programmed = Words::programmed(accepted);
    let all = [("Accepted", accepted), ("ResolvedRefs", resolved), ("Programmed", &programmed)];
    let conditions = all.iter().map(|(kind, words)| words.condition(kind, generation)).collect();
    Part { name: identity(raw), fields: Map::new(), conditions }
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
fn of_mesh(owner: &ObjectRef, parent: &ParentRef, mesh: &Mesh<'_>) -> Words {
    let ObjectRef { group, kind, namespace, name } = owner;
    let Some(service) = mesh.get(To { group, kind, namespace, name }) else {
        return Words::no("NoMatchingParent", format!("there is no {owner}"));
    };
    let ports = service["spec"]["ports"].as_array();
    let number = if group.is_empty() { "port" } else { "number" };
    let has = |port: u32| ports.into_iter().flatten().any(|known| known[number] == port);
    match parent.port {
        Some(port) if !has(port) => {
            Words::no("NoMatchingParent", format!("{owner} has no port {port}"))
        }
        _ => Words::yes("Accepted", format!("for calls to {owner}")),
    }
}

/// The reference as it was written, with its defaults.
fn identity(raw: &Value) -> Map<String, Value> {
    let mut reference = json!({ "group": GROUP, "kind": "Gateway" });
    let fields = raw.as_object().into_iter().flatten();
    fields.for_each(|(field, value)| reference[field] = value.clone());
    Map::from_iter([("parentRef".to_owned(), reference)])
}
