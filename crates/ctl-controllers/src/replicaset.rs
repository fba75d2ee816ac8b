//! ReplicaSet: as many pods as it says.
//! In: the ReplicaSet and its pods. Out: pods to create or delete, and its status.

use std::time::Duration;

use serde_json::{Value, json};
use time::OffsetDateTime;

use ctl_source::{Object, ObjectKey};

use crate::action::Action;
use crate::pods;
use crate::world::{World, resource, terminating};

/// At most this many pods are created or deleted in one look.
const BURST: usize = 100;

pub(crate) fn reconcile(set: &Object, world: &World, now: OffsetDateTime) -> Vec<Action> {
    if terminating(set) {
        return Vec::new();
    }
    let active: Vec<&Object> = world.owned("Pod", set).filter(|pod| !pods::inactive(pod)).collect();
    let mut actions = scale(set, &active);
    actions.extend(status(set, &active, now));
    actions
}

fn scale(set: &Object, active: &[&Object]) -> Vec<Action> {
    let wanted = replicas(set);
    if active.len() < wanted {
        let missing = (wanted - active.len()).min(BURST);
        let pod = pods::from_template(set, &[]);
        return vec![Action::Create(resource("Pod"), pod); missing];
    }
    let mut victims = active.to_vec();
    victims.sort_by_key(|pod| pods::victim_order(pod));
    victims.truncate((active.len() - wanted).min(BURST));
    victims.into_iter().map(|pod| Action::Delete(pod_key(pod))).collect()
}

pub(crate) fn pod_key(pod: &Value) -> ObjectKey {
    let (namespace, name) = crate::world::name_of(pod);
    ObjectKey { resource: resource("Pod"), namespace: Some(namespace), name }
}

/// `spec.replicas`, 1 by default.
pub(crate) fn replicas(owner: &Value) -> usize {
    owner["spec"]["replicas"].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(1)
}

fn status(set: &Object, active: &[&Object], now: OffsetDateTime) -> Vec<Action> {
    let min_ready = Duration::from_secs(set["spec"]["minReadySeconds"].as_u64().unwrap_or(0));
    let checks: Vec<_> = active.iter().map(|pod| pods::available(pod, min_ready, now)).collect();
    let available = checks.iter().filter(|check| matches!(check, Ok(true))).count();
    let ready = active.iter().filter(|pod| pods::ready(pod)).count();
    let wanted = &set["spec"]["template"]["metadata"]["labels"];
    let labelled = active
        .iter()
        .filter(|pod| crate::world::selects(wanted, &pod["metadata"]["labels"]))
        .count();
    let fresh = json!({
        "replicas": active.len(),
        "fullyLabeledReplicas": labelled,
        "readyReplicas": ready,
        "availableReplicas": available,
        "observedGeneration": set["metadata"]["generation"],
    });
    let mut actions = Vec::new();
    if set["status"] != fresh {
        let mut changed = Value::clone(set);
        changed["status"] = fresh;
        actions.push(Action::Status(resource("ReplicaSet"), changed));
    }
    let soonest = checks.into_iter().filter_map(Result::err).min();
    actions.extend(soonest.map(Action::Again));
    actions
}
