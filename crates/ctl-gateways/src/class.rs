//! Classes whose gateways we make.
//!
//! In: what is known of GatewayClasses. Out: whether a class is one, and the class that is there by itself.
//! Holds: a class is what its object says; the name of Istio's class is ours only while no object has it.

use serde_json::{Value, json};
use weft_api::gateway_api::deployed::CONTROLLER;

use crate::world::World;

/// The class that is there by itself.
pub(crate) const OWN: &str = "weft";
/// The class of manifests that were written for Istio.
const ALIAS: &str = "istio";

/// The class that is there by itself.
pub(crate) fn own() -> Value {
    json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
        "metadata": {"name": OWN},
        "spec": {"controllerName": CONTROLLER, "description": "Gateways that Weft makes and configures"}})
}

/// Whether gateways of this class are made by us.
pub(crate) fn is_ours(world: &World, class: &str) -> bool {
    match world.get("GatewayClass", "", class) {
        Some(object) => object["spec"]["controllerName"] == CONTROLLER,
        None => [OWN, ALIAS].contains(&class),
    }
}
