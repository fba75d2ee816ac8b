//! Deployment: rolls from one ReplicaSet to the next without ever having too few ready pods.
//!
//! In: the Deployment and its ReplicaSets. Out: ReplicaSets to create, scale or delete, and its status.
//! Holds: ready pods never fall below `replicas - maxUnavailable` by our doing, and pods never exceed
//! `replicas + maxSurge`. Source of the rules: Kubernetes' deployment controller.

use std::time::Duration;

use ctl_source::{Object, ObjectKey};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::action::Action;
use crate::replicaset::replicas;
use crate::world::{World, name_of, reference, resource, terminating};

mod rollout;
mod status;

const REVISION: &str = "deployment.kubernetes.io/revision";
const HASH: &str = "pod-template-hash";

pub(crate) fn reconcile(deployment: &Object, world: &World, now: OffsetDateTime) -> Vec<Action> {
    if terminating(deployment) {
        return Vec::new();
    }
    let sets: Vec<&Object> = world.owned("ReplicaSet", deployment).collect();
    let hash = template_hash(&deployment["spec"]["template"], collisions(deployment));
    let (new, old): (Vec<&Object>, Vec<&Object>) =
        sets.iter().partition(|set| set["metadata"]["labels"][HASH] == hash.as_str());
    let revision = old.iter().map(|set| revision(set)).max().unwrap_or(0) + 1;
    let mut actions = Vec::new();
    match new.first() {
        None => actions.extend(first_scale(deployment, &old, &hash, revision)),
        Some(new) => {
            actions.extend(raise_revision(deployment, new, revision));
            if actions.is_empty() {
                actions.extend(rollout::step(deployment, new, &old));
            }
            actions.extend(forget(deployment, &old));
        }
    }
    actions.extend(status::refresh(deployment, new.first().copied(), &sets, now));
    actions
}

fn first_scale(deployment: &Object, old: &[&Object], hash: &str, revision: u64) -> Vec<Action> {
    if deployment["spec"]["paused"] == true {
        return Vec::new();
    }
    let recreate = deployment["spec"]["strategy"]["type"] == "Recreate";
    let running: usize = old.iter().map(|set| replicas(set)).sum();
    let left: u64 = old.iter().filter_map(|set| set["status"]["replicas"].as_u64()).sum();
    if recreate && (running > 0 || left > 0) {
        let down = old.iter().filter(|set| replicas(set) > 0);
        return down.map(|set| scaled(set, 0)).collect();
    }
    let start =
        if recreate { replicas(deployment) } else { rollout::first_size(deployment, running) };
    vec![Action::Create(resource("ReplicaSet"), new_set(deployment, hash, start, revision))]
}

fn new_set(deployment: &Object, hash: &str, size: usize, revision: u64) -> Value {
    let name = deployment["metadata"]["name"].as_str().unwrap_or_default();
    let mut template = deployment["spec"]["template"].clone();
    template["metadata"]["labels"][HASH] = json!(hash);
    let mut selector = deployment["spec"]["selector"].clone();
    selector["matchLabels"][HASH] = json!(hash);
    let mut annotations = kept_annotations(deployment);
    annotations[REVISION] = json!(revision.to_string());
    annotations["deployment.kubernetes.io/desired-replicas"] =
        json!(replicas(deployment).to_string());
    json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "name": format!("{name}-{hash}"), "namespace": deployment["metadata"]["namespace"],
            "labels": template["metadata"]["labels"], "annotations": annotations,
            "ownerReferences": [reference(deployment)],
        },
        "spec": {
            "replicas": size, "selector": selector, "template": template,
            "minReadySeconds": deployment["spec"]["minReadySeconds"].as_u64().unwrap_or(0),
        },
    })
}

fn kept_annotations(deployment: &Value) -> Value {
    let all = deployment["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
    let skipped = "kubectl.kubernetes.io/last-applied-configuration";
    Value::Object(all.into_iter().filter(|(key, _)| key != skipped && key != REVISION).collect())
}

/// A ReplicaSet that is rolled back to becomes the newest revision; the Deployment shows that number.
fn raise_revision(deployment: &Object, new: &Object, revision: u64) -> Vec<Action> {
    let mut actions = Vec::new();
    let shown = self::revision(new).max(revision);
    if self::revision(new) < revision {
        let mut raised = Value::clone(new);
        raised["metadata"]["annotations"][REVISION] = json!(revision.to_string());
        actions.push(Action::Update(resource("ReplicaSet"), raised));
    }
    if self::revision(deployment) != shown {
        let mut raised = Value::clone(deployment);
        raised["metadata"]["annotations"][REVISION] = json!(shown.to_string());
        actions.push(Action::Update(resource("Deployment"), raised));
    }
    actions
}

/// Old, empty ReplicaSets beyond `revisionHistoryLimit` are deleted, the oldest first.
fn forget(deployment: &Object, old: &[&Object]) -> Vec<Action> {
    let limit = deployment["spec"]["revisionHistoryLimit"].as_u64().unwrap_or(10);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut empty: Vec<&&Object> =
        old.iter().filter(|set| replicas(set) == 0 && set["status"]["replicas"] == 0).collect();
    empty.sort_by_key(|set| revision(set));
    let surplus = old.len().saturating_sub(limit);
    empty.into_iter().take(surplus).map(|set| Action::Delete(set_key(set))).collect()
}

fn set_key(set: &Value) -> ObjectKey {
    let (namespace, name) = name_of(set);
    ObjectKey { resource: resource("ReplicaSet"), namespace: Some(namespace), name }
}

pub(crate) fn scaled(set: &Object, size: usize) -> Action {
    let mut changed = Value::clone(set);
    changed["spec"]["replicas"] = json!(size);
    Action::Update(resource("ReplicaSet"), changed)
}

fn revision(object: &Value) -> u64 {
    object["metadata"]["annotations"][REVISION].as_str().and_then(|r| r.parse().ok()).unwrap_or(0)
}

fn collisions(deployment: &Value) -> u64 {
    deployment["status"]["collisionCount"].as_u64().unwrap_or(0)
}

fn min_ready(deployment: &Value) -> Duration {
    Duration::from_secs(deployment["spec"]["minReadySeconds"].as_u64().unwrap_or(0))
}

/// A short name for a pod template: the same template always gets the same one.
fn template_hash(template: &Value, collisions: u64) -> String {
    const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut hash = fnv(template.to_string().as_bytes(), collisions);
    let mut text = String::with_capacity(10);
    for _ in 0..10 {
        let at = usize::try_from(hash % ALPHABET.len() as u64).unwrap_or(0);
        text.push(char::from(ALPHABET[at]));
        hash /= ALPHABET.len() as u64;
    }
    text
}

/// FNV-1a, 64 bits.
pub(crate) fn fnv(bytes: &[u8], seed: u64) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325 ^ seed;
    bytes.iter().fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
