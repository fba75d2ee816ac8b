//! What every namespace has: a service account `default`, and the roots of trust as ConfigMaps.
//! In: a Namespace. Out: objects that are missing or differ. Holds: a namespace that is being deleted gets nothing.

use ctl_source::Object;
use serde_json::{Value, json};

use crate::action::Action;
use crate::run::Config;
use crate::world::{World, name_of, resource, terminating};

pub(crate) fn reconcile(namespace: &Object, world: &World, config: &Config) -> Vec<Action> {
    if terminating(namespace) {
        return Vec::new();
    }
    let (_, name) = name_of(namespace);
    let mut actions = Vec::new();
    if world.get("ServiceAccount", &(name.clone(), "default".to_owned())).is_none() {
        let account = json!({"apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": "default", "namespace": name}});
        actions.push(Action::Create(resource("ServiceAccount"), account));
    }
    let mesh_roots = config.mesh_roots_pem.borrow().clone();
    let roots = [
        ("istio-ca-root-cert", "root-cert.pem", &mesh_roots),
        ("kube-root-ca.crt", "ca.crt", &config.api_ca_pem),
    ];
    for (map, key, pem) in roots {
        let data = json!({key: pem});
        match world.get("ConfigMap", &(name.clone(), map.to_owned())) {
            None => {
                let map = json!({"apiVersion": "v1", "kind": "ConfigMap",
                    "metadata": {"name": map, "namespace": name}, "data": data});
                actions.push(Action::Create(resource("ConfigMap"), map));
            }
            Some(old) if old["data"] != data => {
                let mut changed = Value::clone(old);
                changed["data"] = data;
                actions.push(Action::Update(resource("ConfigMap"), changed));
            }
            Some(_) => {}
        }
    }
    actions
}
