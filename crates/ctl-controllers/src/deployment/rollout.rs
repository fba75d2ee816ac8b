//! One step of a rollout: whom to scale, and how far, now.
//! In: the Deployment, its new ReplicaSet and its old ones. Out: at most a few scale actions.
//! Holds: see the parent module. The next look takes the next step.

use ctl_source::Object;
use serde_json::Value;

use crate::action::Action;
use crate::deployment::scaled;
use crate::replicaset::replicas;

/// Bounds of a rolling update, resolved to pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) surge: usize,
    pub(crate) unavailable: usize,
}

/// How large a new ReplicaSet starts while `running` old pods exist.
pub(crate) fn first_size(deployment: &Value, running: usize) -> usize {
    let wanted = replicas(deployment);
    (wanted + bounds(deployment).surge).saturating_sub(running).min(wanted)
}

pub(crate) fn step(deployment: &Object, new: &Object, old: &[&Object]) -> Vec<Action> {
    if deployment["spec"]["paused"] == true {
        return Vec::new();
    }
    let wanted = replicas(deployment);
    let old_size: usize = old.iter().map(|set| replicas(set)).sum();
    if old_size == 0 {
        return (replicas(new) != wanted).then(|| scaled(new, wanted)).into_iter().collect();
    }
    if deployment["spec"]["strategy"]["type"] == "Recreate" {
        return old.iter().filter(|set| replicas(set) > 0).map(|set| scaled(set, 0)).collect();
    }
    let size = replicas(new) + old_size;
    let room = (wanted + bounds(deployment).surge).saturating_sub(size);
    let target = (replicas(new) + room).min(wanted);
    if target != replicas(new) {
        return vec![scaled(new, target)];
    }
    shrink(wanted.saturating_sub(bounds(deployment).unavailable), new, old)
}

/// Takes away old pods: those that do not serve first, then serving ones as far as `least` available remain.
fn shrink(least: usize, new: &Object, old: &[&Object]) -> Vec<Action> {
    let mut spare = (available(new) + old.iter().map(|set| available(set)).sum::<usize>())
        .saturating_sub(least);
    let mut actions = Vec::new();
    for set in old.iter().filter(|set| replicas(set) > 0) {
        let idle = replicas(set).saturating_sub(available(set));
        let serving = (replicas(set) - idle).min(spare);
        spare -= serving;
        if idle + serving > 0 {
            actions.push(scaled(set, replicas(set) - idle - serving));
        }
    }
    actions
}

fn available(set: &Value) -> usize {
    let count = set["status"]["availableReplicas"].as_u64().unwrap_or(0);
    usize::try_from(count).unwrap_or(0).min(replicas(set))
}

/// `maxSurge` rounds up, `maxUnavailable` down; both zero would never move, so one pod may then be missing.
pub(crate) fn bounds(deployment: &Value) -> Bounds {
    let wanted = replicas(deployment);
    let rolling = &deployment["spec"]["strategy"]["rollingUpdate"];
    let surge = resolve(&rolling["maxSurge"], wanted, true);
    let unavailable = resolve(&rolling["maxUnavailable"], wanted, false);
    if surge == 0 && unavailable == 0 {
        return Bounds { surge, unavailable: 1 };
    }
    Bounds { surge, unavailable }
}

fn resolve(value: &Value, wanted: usize, up: bool) -> usize {
    if let Some(count) = value.as_u64() {
        return usize::try_from(count).unwrap_or(usize::MAX);
    }
    let text = value.as_str().unwrap_or("25%");
    let percent: usize = text.trim_end_matches('%').parse().unwrap_or(25);
    let scaled = wanted * percent;
    if up { scaled.div_ceil(100) } else { scaled / 100 }
}
