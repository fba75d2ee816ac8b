//! All objects, each validated once when it arrives.
//!
//! In: objects as they come and go. Out: the model of what is there now, and all its problems.
//! Why kept: a change of one endpoint must not validate the whole mesh again.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::check::Checked;
use crate::model::{MeshModel, Object};
use crate::problem::ObjectRef;
use crate::{Problem, validate_object};

/// What a change touches, so that the rest need not be built again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Touched {
    /// Nothing that the mesh reads.
    Nothing,
    /// Endpoints and pods only.
    Endpoints,
    /// Services or configuration.
    Config,
}

#[derive(Debug, Clone, Default)]
struct Entry {
    checked: Option<Checked>,
    problems: Vec<Problem>,
}

/// The objects of the mesh. What a clone shares is not validated again.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    entries: BTreeMap<ObjectRef, Entry>,
}

impl Inventory {
    /// Adds or replaces an object.
    pub fn apply(&mut self, object: &Value) -> Touched {
        let key = ObjectRef::of(object);
        let (checked, problems) = validate_object(object);
        let previous = self.entries.get(&key);
        if previous.is_some_and(|old| old.checked == checked && old.problems == problems) {
            return Touched::Nothing;
        }
        let idle = checked.is_none() && previous.is_none_or(|old| old.checked.is_none());
        let touched = match key.kind.as_str() {
            // Most of them are not about the mesh.
            "Secret" | "ConfigMap" if idle => Touched::Nothing,
            _ => touched(&key.group, &key.kind),
        };
        self.entries.insert(key, Entry { checked, problems });
        touched
    }

    /// Takes an object away.
    pub fn remove(&mut self, object: &Value) -> Touched {
        let key = ObjectRef::of(object);
        match self.entries.remove(&key) {
            Some(_) => touched(&key.group, &key.kind),
            None => Touched::Nothing,
        }
    }

    /// Takes away every object of a kind that `keep` does not name; for a fresh list of a collection.
    pub fn retain(
        &mut self,
        group: &str,
        kind: &str,
        keep: impl Fn(&ObjectRef) -> bool,
    ) -> Touched {
        let before = self.entries.len();
        self.entries
            .retain(|key, _| (key.group.as_str(), key.kind.as_str()) != (group, kind) || keep(key));
        if before == self.entries.len() { Touched::Nothing } else { touched(group, kind) }
    }

    /// The mesh as it is now.
    #[must_use]
    pub fn model(&self) -> (MeshModel, Vec<Problem>) {
        let mut model = MeshModel::default();
        let mut problems = Vec::new();
        for entry in self.entries.values() {
            problems.extend(entry.problems.iter().cloned());
            if let Some(checked) = &entry.checked {
                add(&mut model, checked);
            }
        }
        in_precedence(&mut model);
        (model, problems)
    }
}

fn touched(group: &str, kind: &str) -> Touched {
    match (group, kind) {
        ("discovery.k8s.io", "EndpointSlice")
        | ("", "Pod" | "Node")
        | ("networking.istio.io", "WorkloadEntry") => Touched::Endpoints,
        ("", "Service" | "Namespace" | "Secret" | "ConfigMap")
        | (
            "networking.istio.io",
            "VirtualService" | "DestinationRule" | "Gateway" | "ServiceEntry" | "Sidecar"
            | "EnvoyFilter",
        )
        | (
            "security.istio.io",
            "PeerAuthentication" | "AuthorizationPolicy" | "RequestAuthentication",
        ) => Touched::Config,
        _ => Touched::Nothing,
    }
}

fn add(model: &mut MeshModel, checked: &Checked) {
    match checked {
        Checked::Service(object) => model.services.push(Arc::clone(object)),
        Checked::EndpointSlice(object) => model.slices.push(Arc::clone(object)),
        Checked::Pod(object) => model.pods.push(Arc::clone(object)),
        Checked::Namespace(object) => model.namespaces.push(Arc::clone(object)),
        Checked::Node(object) => model.nodes.push(Arc::clone(object)),
        Checked::ServiceAccount(object) => model.accounts.push(Arc::clone(object)),
        Checked::VirtualService(object) => model.virtual_services.push(Arc::clone(object)),
        Checked::DestinationRule(object) => model.destination_rules.push(Arc::clone(object)),
        Checked::Gateway(object) => model.gateways.push(Arc::clone(object)),
        Checked::PeerAuthentication(object) => {
            model.peer_authentications.push(Arc::clone(object));
        }
        Checked::AuthorizationPolicy(object) => {
            model.authorization_policies.push(Arc::clone(object));
        }
        Checked::RequestAuthentication(object) => {
            model.request_authentications.push(Arc::clone(object));
        }
        Checked::ServiceEntry(object) => model.service_entries.push(Arc::clone(object)),
        Checked::WorkloadEntry(object) => model.workload_entries.push(Arc::clone(object)),
        Checked::Sidecar(object) => model.sidecars.push(Arc::clone(object)),
        Checked::EnvoyFilter(object) => model.envoy_filters.push(Arc::clone(object)),
        Checked::Secret(object) => model.secrets.push(Arc::clone(object)),
        Checked::ConfigMap(object) => model.config_maps.push(Arc::clone(object)),
    }
}

fn in_precedence(model: &mut MeshModel) {
    fn sort<T>(objects: &mut [Arc<Object<T>>]) {
        objects.sort_by(|a, b| a.precedence(b));
    }
    sort(&mut model.services);
    sort(&mut model.virtual_services);
    sort(&mut model.destination_rules);
    sort(&mut model.gateways);
    sort(&mut model.peer_authentications);
    sort(&mut model.authorization_policies);
    sort(&mut model.request_authentications);
    sort(&mut model.service_entries);
    sort(&mut model.workload_entries);
    sort(&mut model.sidecars);
    sort(&mut model.envoy_filters);
    // Their own order counts before their age.
    model.envoy_filters.sort_by_key(|object| object.spec.priority);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn kinds_of_two_groups_stand_side_by_side() {
        let named = json!({"name": "front", "namespace": "shop"});
        let istio = json!({"apiVersion": "networking.istio.io/v1", "kind": "Gateway", "metadata": named,
            "spec": {"selector": {"app": "front"},
                "servers": [{"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}]}});
        let other = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": named,
            "spec": {"gatewayClassName": "istio", "listeners": [{"name": "a", "port": 80, "protocol": "HTTP"}]}});
        let mut inventory = Inventory::default();
        inventory.apply(&istio);
        inventory.apply(&other);
        assert_eq!(inventory.model().0.gateways.len(), 1);
        let touched = inventory.retain("gateway.networking.k8s.io", "Gateway", |_| false);
        assert_eq!((touched, inventory.model().0.gateways.len()), (Touched::Nothing, 1));
        inventory.apply(&other);
        assert_eq!(inventory.remove(&other), Touched::Nothing, "no proxy reads it");
        assert_eq!(inventory.model().0.gateways.len(), 1);
        inventory.remove(&istio);
        assert_eq!(inventory.model().0.gateways.len(), 0);
    }
}
