//! What is to be done, given what is known.
//!
//! Holds: a gateway that asks for an address of its own (Istio's manual deployment) gets nothing made, and loses what was made
//! before; so does one that asks for settings which we cannot read, since what it would get is not what it asks for.
//! Never: deletes what another gateway owns, or what has no living owner; those go by their owner references.

use std::collections::BTreeSet;

use ctl_source::{ObjectKey, ResourceType};
use serde_json::Value;
use weft_api::gateway_api::deployed::is_deployed;
use weft_api::gateway_api::{Gateway, Listener, ListenerNamespaces, ListenerSet, ListenersFrom};
use weft_api::{Read, Reader};

use crate::class;
use crate::merge::{noted, patch};
use crate::wanted;
use crate::world::{World, made, resource};

/// One write.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Action {
    /// Creates the object.
    Create(ResourceType, Value),
    /// Merges into the object.
    Patch(ObjectKey, Value),
    /// Deletes it.
    Delete(ObjectKey),
}

/// Everything that is due.
pub(crate) fn reconcile(world: &World) -> Vec<Action> {
    let mut actions = Vec::new();
    if world.get("GatewayClass", "", class::OWN).is_none() {
        actions.extend(resource("GatewayClass").map(|kind| Action::Create(kind, class::own())));
    }
    for gateway in world.all("Gateway").filter(|gateway| !terminating(gateway)) {
        let wanted = wanted(gateway, world);
        let mut keep = BTreeSet::new();
        for object in wanted {
            let kind = text(&object["kind"]).to_owned();
            keep.insert((kind, text(&object["metadata"]["name"]).to_owned()));
            actions.extend(due(&object, gateway, world));
        }
        actions.extend(surplus(gateway, &keep, world));
    }
    actions
}

fn wanted(gateway: &Value, world: &World) -> Vec<Value> {
    let spec: Gateway = read(gateway);
    if !is_deployed(&spec) || !class::is_ours(world, &spec.gateway_class_name) {
        return Vec::new();
    }
    wanted::objects(gateway, &spec, &added(gateway, &spec, world))
}

/// Listeners of the sets that the gateway takes.
fn added(gateway: &Value, spec: &Gateway, world: &World) -> Vec<Listener> {
    let own = |field: &str| text(&gateway["metadata"][field]).to_owned();
    let allowed = spec.allowed_listeners.clone().and_then(|allowed| allowed.namespaces);
    let ListenerNamespaces { from, selector } = allowed.unwrap_or_default();
    let of_set = |object: &Value| {
        let namespace = text(&object["metadata"]["namespace"]);
        let set: ListenerSet = read(object);
        let parent = set.parent_ref.as_ref()?;
        let home = parent.namespace.as_deref().unwrap_or(namespace);
        if parent.name != own("name") || home != own("namespace") {
            return None;
        }
        let taken = match from {
            ListenersFrom::None => false,
            ListenersFrom::All => true,
            ListenersFrom::Same => namespace == own("namespace"),
            ListenersFrom::Selector => {
                let labels = &world.get("Namespace", "", namespace)?["metadata"]["labels"];
                let labels = labels.as_object().into_iter().flatten();
                let labels =
                    labels.map(|(key, value)| (key.clone(), text(value).to_owned())).collect();
                selector.as_ref()?.selects(&labels)
            }
        };
        taken.then_some(set.listeners)
    };
    world.all("ListenerSet").filter_map(|object| of_set(object)).flatten().collect()
}

fn due(wanted: &Value, gateway: &Value, world: &World) -> Option<Action> {
    let (kind, metadata) = (text(&wanted["kind"]), &wanted["metadata"]);
    let resource = resource(kind)?;
    let Some(there) = world.get(kind, text(&metadata["namespace"]), text(&metadata["name"])) else {
        return Some(Action::Create(resource, noted(wanted)));
    };
    if terminating(there) || !owned(there, gateway) {
        return None;
    }
    patch(wanted, there).map(|patch| Action::Patch(key(resource, there), patch))
}

/// What was made for the gateway and is not wanted any more.
fn surplus<'a>(
    gateway: &'a Value,
    keep: &'a BTreeSet<(String, String)>,
    world: &'a World,
) -> impl Iterator<Item = Action> + 'a {
    made().flat_map(move |kind| {
        let of_ours = world.all(kind).filter(move |object| {
            let name = (kind.to_owned(), text(&object["metadata"]["name"]).to_owned());
            owned(object, gateway) && !terminating(object) && !keep.contains(&name)
        });
        of_ours.filter_map(move |object| Some(Action::Delete(key(resource(kind)?, object))))
    })
}

fn key(resource: ResourceType, object: &Value) -> ObjectKey {
    let part = |field: &str| object["metadata"][field].as_str().map(str::to_owned);
    ObjectKey { resource, namespace: part("namespace"), name: part("name").unwrap_or_default() }
}

fn owned(object: &Value, gateway: &Value) -> bool {
    let owners = object["metadata"]["ownerReferences"].as_array();
    let uid = &gateway["metadata"]["uid"];
    owners.into_iter().flatten().any(|owner| !uid.is_null() && owner["uid"] == *uid)
}

fn terminating(object: &Value) -> bool {
    object["metadata"]["deletionTimestamp"].is_string()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// What cannot be read stands at its default; validation tells of it.
fn read<T: Read>(object: &Value) -> T {
    T::read(&object["spec"], &mut Reader::at("/spec"))
}
