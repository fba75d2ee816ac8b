//! What the objects of the Gateway API are told, each at the places that the API has for it.
//!
//! In: all objects, and what validation refuses. Out: the wanted status of every object that is ours.
//! Holds: who else has classes, gateways or routes in the cluster never finds a word of ours there; of routes and policies
//! that several controllers serve, we write our own entries.
//! Never: says that something is served. Nothing of it is in this version, and `Programmed` says so.

mod attach;
mod backends;
mod listeners;
mod mesh;
mod policies;
mod reached;
mod routes;
mod words;

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};
use weft_model::ObjectRef;
use weft_model::api::gateway_api::{Gateway, GatewayClass, ListenerSet, features};

use crate::own::Wanted;
use attach::Seats;
use listeners::Seat;
use mesh::{GROUP, Mesh, To};
use words::Words;

/// What validation refuses, with its words.
pub type Refused = HashMap<ObjectRef, String>;

/// The status of every object of the Gateway API that is ours.
#[must_use]
pub fn gateway_api<'a>(
    objects: impl IntoIterator<Item = &'a Value>,
    refused: &Refused,
) -> HashMap<ObjectRef, Wanted> {
    let mesh = Mesh::new(objects);
    let mut found: HashMap<ObjectRef, Wanted> = classes(&mesh, refused).collect();
    let (mut seats, sets) = seats(&mesh, refused);
    let routes = routes::judge(&mesh, &mut seats, refused);
    found.extend(policies::judge(&mesh, &routes, refused));
    found.extend(routes.into_iter().map(|route| (route.name.clone(), route.wanted())));
    let written = Written { mesh: &mesh, sets: &sets, refused };
    found.extend(seats.owners.iter().map(|(name, own)| (name.clone(), written.status(name, own))));
    found
}

fn classes<'a>(
    mesh: &'a Mesh<'_>,
    refused: &'a Refused,
) -> impl Iterator<Item = (ObjectRef, Wanted)> {
    let all = mesh.all(&["GatewayClass"]).into_iter();
    let ours = |object: &Value| {
        mesh::is_our_controller(&mesh::spec::<GatewayClass>(object).controller_name)
    };
    all.filter(move |(_, object)| ours(object)).map(|(name, object)| {
        let words = match refused.get(name) {
            Some(why) => Words::no("Unsupported", why.clone()),
            None => Words::yes("Accepted", "this is a class of ours"),
        };
        let conditions = vec![words.condition("Accepted", generation(object))];
        let features = features::supported().map(|name| json!({ "name": name }));
        let fields = Map::from_iter([("supportedFeatures".to_owned(), features.collect())]);
        (name.clone(), Wanted { conditions, fields, ..Wanted::default() })
    })
}

/// `metadata.generation`.
fn generation(object: &Value) -> i64 {
    object["metadata"]["generation"].as_i64().unwrap_or(0)
}

/// The sets that name a gateway of ours.
#[derive(Debug, Default)]
struct Sets {
    /// By gateway those that add listeners to it, oldest first.
    added: BTreeMap<ObjectRef, Vec<ObjectRef>>,
    /// Why others may not.
    denied: HashMap<ObjectRef, Words>,
}

/// All listeners of our gateways, and of the sets that are for them.
fn seats<'a>(mesh: &Mesh<'a>, refused: &Refused) -> (Seats, Sets) {
    let mut seats = Seats { owners: BTreeMap::new() };
    for (name, object) in mesh.all(&["Gateway"]) {
        let gateway: Gateway = mesh::spec(object);
        if mesh.is_our_class(&gateway.gateway_class_name) {
            let taken = !refused.contains_key(name);
            seats.add(name, &gateway.listeners, taken, mesh);
        }
    }
    let sets = add_sets(mesh, &mut seats, refused);
    let gateways: Vec<ObjectRef> =
        seats.owners.keys().filter(|name| name.kind == "Gateway").cloned().collect();
    for gateway in gateways {
        let added = sets.added.get(&gateway).into_iter().flatten();
        seats.part_rivals(std::iter::once(&gateway).chain(added));
    }
    (seats, sets)
}

fn add_sets(mesh: &Mesh<'_>, seats: &mut Seats, refused: &Refused) -> Sets {
    let mut sets = Sets::default();
    for (name, object) in mesh.all(&["ListenerSet", "XListenerSet"]) {
        let set: ListenerSet = mesh::spec(object);
        let parent = attach::gateway_of(&set, name);
        let Some(parent) = parent.filter(|parent| seats.owners.contains_key(parent)) else {
            continue;
        };
        let verdict = attach::may_add(mesh, &parent, name);
        seats.add(name, &set.listeners, verdict.is_ok() && !refused.contains_key(name), mesh);
        match verdict {
            Ok(()) => sets.added.entry(parent).or_default().push(name.clone()),
            Err(why) => drop(sets.denied.insert(name.clone(), why)),
        }
    }
    sets
}

/// What statuses of gateways and sets are made of.
struct Written<'a> {
    mesh: &'a Mesh<'a>,
    sets: &'a Sets,
    refused: &'a Refused,
}

impl Written<'_> {
    fn status(&self, name: &ObjectRef, seats: &[Seat]) -> Wanted {
        let ObjectRef { group, kind, namespace, name: own } = name;
        let to = To { group, kind, namespace, name: own };
        let generation = self.mesh.get(to).map_or(0, generation);
        let mut accepted = listeners::accepted(seats);
        if let Some(why) = self.refused.get(name) {
            accepted = Words::no("Invalid", why.clone());
        }
        if let Some(why) = self.sets.denied.get(name) {
            accepted = why.clone();
        }
        let mut programmed = Words::programmed(&accepted);
        let sets = self.sets.added.get(name).map_or(0, Vec::len);
        let mut fields = serde_json::Map::new();
        if sets > 0 {
            fields.insert("attachedListenerSets".to_owned(), sets.into());
        }
        if let Some(object) = self.mesh.get(to).filter(|_| kind == "Gateway" && accepted.yes) {
            let reached = reached::reached(name, object, self.mesh);
            programmed = reached.obstacle.unwrap_or(programmed);
            fields.insert("addresses".to_owned(), reached.addresses.into());
        }
        Wanted {
            conditions: vec![
                accepted.condition("Accepted", generation),
                programmed.condition("Programmed", generation),
            ],
            fields,
            parts: Some(listeners::parts(seats, generation, group != GROUP)),
            ..Wanted::default()
        }
    }
}

#[cfg(test)]
mod tests;
