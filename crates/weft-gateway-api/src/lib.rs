//! The Gateway API: what is wrong with its objects, and what they mean in terms of the mesh.
//!
//! In: all objects as JSON, and what validation refuses. Out: a judgement of which statuses are made ([`Judged`]), and
//! Gateways and VirtualServices that say the same ([`Derived`]), for the one way on which configuration goes to proxies.
//! Holds: what is not accepted is not served; a share of requests whose backend is missing or not allowed is answered with 500.
//! Never: I/O; an object that a user could have written. Derived ones say so in their metadata, and have names that no server takes.

mod attach;
mod backends;
mod derive;
mod frontend;
mod listeners;
mod mesh;
mod routes;
mod unsupported;
mod words;

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;
use weft_model::api::gateway_api::{Gateway, ListenerSet};
use weft_model::{ObjectRef, Problem};

pub use attach::Seats;
pub use derive::Derived;
pub use listeners::{Seat, accepted};
pub use mesh::{CONTROLLER, GROUP, Mesh, To, is_our_controller, spec};
pub use routes::{Parent, Route};
pub use words::Words;

/// What validation refuses, with its words.
pub type Refused = HashMap<ObjectRef, String>;

/// What is refused, of the problems of validation.
#[must_use]
pub fn refused(problems: &[Problem]) -> Refused {
    let errors = problems.iter().filter(|problem| problem.is_error());
    errors.map(|problem| (problem.object.clone(), problem.to_string())).collect()
}

/// The objects of the Gateway API, judged.
#[derive(Debug)]
pub struct Judged<'a> {
    /// Everything, by name.
    pub mesh: Mesh<'a>,
    /// Listeners.
    pub seats: Seats,
    /// Sets of listeners.
    pub sets: Sets,
    /// Routes with a parent of ours.
    pub routes: Vec<Route>,
}

impl<'a> Judged<'a> {
    /// Judges all objects together.
    #[must_use]
    pub fn of(objects: impl IntoIterator<Item = &'a Value>, refused: &Refused) -> Self {
        let mesh = Mesh::new(objects);
        let (mut seats, sets) = seats(&mesh, refused);
        let routes = routes::judge(&mesh, &mut seats, refused);
        Self { mesh, seats, sets, routes }
    }
}

/// The sets that name a gateway of ours.
#[derive(Debug, Default)]
pub struct Sets {
    /// By gateway those that add listeners to it, oldest first.
    pub added: BTreeMap<ObjectRef, Vec<ObjectRef>>,
    /// Why others may not.
    pub denied: HashMap<ObjectRef, Words>,
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
        let owners: Vec<&ObjectRef> = std::iter::once(&gateway).chain(added).collect();
        frontend::settle(mesh, &gateway, &owners, &mut seats);
        seats.part_rivals(owners.into_iter());
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
