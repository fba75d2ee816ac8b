//! What the objects of the Gateway API are told, each at the places that the API has for it.
//!
//! In: the judgement of all objects, and what validation refuses. Out: the wanted status of every object that is ours.
//! Holds: who else has classes, gateways or routes in the cluster never finds a word of ours there; of routes and policies
//! that several controllers serve, we write our own entries.
//! Never: judges; that is done by `weft-gateway-api`, of which proxies are told the same.

mod policies;
mod reached;

use std::collections::HashMap;

use serde_json::{Map, Value, json};
use weft_gateway_api::{
    CONTROLLER, GROUP, Judged, Mesh, Parent, Refused, Route, Seat, Sets, To, Words,
};
use weft_model::ObjectRef;
use weft_model::api::gateway_api::{GatewayClass, features};

use crate::conditions::Condition;
use crate::own::{Part, Parts, Wanted};

/// The status of every object of the Gateway API that is ours.
#[must_use]
pub fn gateway_api(judged: &Judged<'_>, refused: &Refused) -> HashMap<ObjectRef, Wanted> {
    let Judged { mesh, seats, sets, routes } = judged;
    let mut found: HashMap<ObjectRef, Wanted> = classes(mesh, refused).collect();
    found.extend(policies::judge(mesh, routes, refused));
    found.extend(routes.iter().map(|route| (route.name.clone(), of_route(route, mesh))));
    let written = Written { mesh, sets, refused };
    found.extend(seats.owners.iter().map(|(name, own)| (name.clone(), written.status(name, own))));
    found
}

fn condition(words: &Words, kind: &'static str, generation: i64) -> Condition {
    let Words { yes, reason, message } = words.clone();
    let status = if yes { "True" } else { "False" };
    Condition { kind, status, reason, message, generation }
}

fn of_route(route: &Route, mesh: &Mesh<'_>) -> Wanted {
    let ObjectRef { group, kind, namespace, name } = &route.name;
    let generation = mesh.get(To { group, kind, namespace, name }).map_or(0, generation);
    let parts = route.parents.iter().map(|parent| of_parent(parent, &route.resolved, generation));
    let parts = Parts { list: "parents", controller: Some(CONTROLLER), parts: parts.collect() };
    Wanted { parts: Some(parts), ..Wanted::default() }
}

fn of_parent(parent: &Parent, resolved: &Words, generation: i64) -> Part {
    let programmed = Words::programmed(&parent.accepted);
    let all =
        [("Accepted", &parent.accepted), ("ResolvedRefs", resolved), ("Programmed", &programmed)];
    let conditions = all.iter().map(|(kind, words)| condition(words, kind, generation)).collect();
    // As it was written, with its defaults.
    let mut reference = json!({ "group": GROUP, "kind": "Gateway" });
    let fields = parent.written.as_object().into_iter().flatten();
    fields.for_each(|(field, value)| reference[field] = value.clone());
    let name = Map::from_iter([("parentRef".to_owned(), reference)]);
    Part { name, fields: Map::new(), conditions }
}

/// The statuses of listeners.
fn of_listeners(seats: &[Seat], generation: i64, with_port: bool) -> Parts {
    let parts = seats.iter().map(|seat| of_listener(seat, generation, with_port)).collect();
    Parts { list: "listeners", controller: None, parts }
}

fn of_listener(seat: &Seat, generation: i64, with_port: bool) -> Part {
    let conflict = || Words::no("NoConflicts", "it stands alone");
    let conditions = [
        ("Accepted", seat.accepted.clone()),
        ("Conflicted", seat.conflict.clone().unwrap_or_else(conflict)),
        ("ResolvedRefs", Words::resolved(&seat.faults)),
        ("Programmed", seat.programmed()),
    ];
    let kinds = seat.kinds.iter().map(|kind| json!({ "group": GROUP, "kind": kind }));
    let mut fields = Map::new();
    fields.insert("attachedRoutes".to_owned(), seat.attached.into());
    fields.insert("supportedKinds".to_owned(), kinds.collect());
    if with_port {
        fields.insert("port".to_owned(), seat.port.into());
    }
    let conditions = conditions.iter().map(|(kind, words)| condition(words, kind, generation));
    let name = Map::from_iter([("name".to_owned(), Value::from(seat.name.clone()))]);
    Part { name, fields, conditions: conditions.collect() }
}

fn classes<'a>(
    mesh: &'a Mesh<'_>,
    refused: &'a Refused,
) -> impl Iterator<Item = (ObjectRef, Wanted)> {
    let all = mesh.all(&["GatewayClass"]).into_iter();
    let ours = |object: &Value| {
        weft_gateway_api::is_our_controller(
            &weft_gateway_api::spec::<GatewayClass>(object).controller_name,
        )
    };
    all.filter(move |(_, object)| ours(object)).map(|(name, object)| {
        let words = match refused.get(name) {
            Some(why) => Words::no("Unsupported", why.clone()),
            None => Words::yes("Accepted", "this is a class of ours"),
        };
        let conditions = vec![condition(&words, "Accepted", generation(object))];
        let features = features::supported().map(|name| json!({ "name": name }));
        let fields = Map::from_iter([("supportedFeatures".to_owned(), features.collect())]);
        (name.clone(), Wanted { conditions, fields, ..Wanted::default() })
    })
}

/// `metadata.generation`.
fn generation(object: &Value) -> i64 {
    object["metadata"]["generation"].as_i64().unwrap_or(0)
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
        let mut accepted = weft_gateway_api::accepted(seats);
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
                condition(&accepted, "Accepted", generation),
                condition(&programmed, "Programmed", generation),
            ],
            fields,
            parts: Some(of_listeners(seats, generation, group != GROUP)),
            ..Wanted::default()
        }
    }
}

#[cfg(test)]
mod tests;
