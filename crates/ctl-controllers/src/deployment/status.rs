//! What a Deployment says of itself: counts and conditions that `kubectl rollout status` reads.
//! In: the Deployment, its ReplicaSets, now. Out: a status write when something changed, and when to look again.

use std::time::Duration;

use ctl_source::Object;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::action::Action;
use crate::deployment::{collisions, min_ready, rollout};
use crate::pods::condition;
use crate::replicaset::replicas;
use crate::world::resource;

pub(crate) fn refresh(
    deployment: &Object,
    new: Option<&Object>,
    sets: &[&Object],
    now: OffsetDateTime,
) -> Vec<Action> {
    let sum = |key: &str| sets.iter().filter_map(|set| set["status"][key].as_u64()).sum::<u64>();
    let (total, ready, available) =
        (sum("replicas"), sum("readyReplicas"), sum("availableReplicas"));
    let updated = new.and_then(|set| set["status"]["replicas"].as_u64()).unwrap_or(0);
    let wanted = replicas(deployment) as u64;
    let complete = new.is_some_and(|set| set["status"]["availableReplicas"] == wanted)
        && updated == wanted
        && total == wanted;
    let moved = ["replicas", "updatedReplicas", "readyReplicas", "availableReplicas"]
        .iter()
        .zip([total, updated, ready, available])
        .any(|(key, count)| deployment["status"][key].as_u64().unwrap_or(0) != count);
    let (progressing, again) = progressing(deployment, (complete, moved), now);
    let conditions = json!([
        kept(deployment, available_condition(deployment, available, wanted), now),
        kept(deployment, progressing, now),
    ]);
    let mut fresh = json!({
        "observedGeneration": deployment["metadata"]["generation"],
        "replicas": total, "updatedReplicas": updated, "readyReplicas": ready,
        "availableReplicas": available, "unavailableReplicas": wanted.saturating_sub(available),
        "conditions": conditions,
    });
    if collisions(deployment) > 0 {
        fresh["collisionCount"] = json!(collisions(deployment));
    }
    let mut actions: Vec<Action> = again.map(Action::Again).into_iter().collect();
    if deployment["status"] != fresh {
        let mut changed = Value::clone(deployment);
        changed["status"] = fresh;
        actions.push(Action::Status(resource("Deployment"), changed));
    }
    actions
}

fn available_condition(deployment: &Value, available: u64, wanted: u64) -> Value {
    let unavailable = rollout::bounds(deployment).unavailable as u64;
    if available >= wanted.saturating_sub(unavailable) {
        json!({"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable",
            "message": "enough pods are available"})
    } else {
        json!({"type": "Available", "status": "False", "reason": "MinimumReplicasUnavailable",
            "message": format!("{available} of {wanted} pods are available")})
    }
}

fn progressing(
    deployment: &Value,
    (complete, moved): (bool, bool),
    now: OffsetDateTime,
) -> (Value, Option<Duration>) {
    if complete {
        let done = json!({"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable",
            "message": "the rollout is complete"});
        return (done, None);
    }
    let limit = deployment["spec"]["progressDeadlineSeconds"].as_u64().unwrap_or(600);
    let limit = Duration::from_secs(limit) + min_ready(deployment);
    let since = condition(deployment, "Progressing")
        .and_then(|c| c["lastUpdateTime"].as_str())
        .and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok())
        .filter(|_| {
            !moved
                && deployment["status"]["observedGeneration"]
                    == deployment["metadata"]["generation"]
        });
    let age = since.map_or(Duration::ZERO, |since| (now - since).try_into().unwrap_or_default());
    if age >= limit {
        let late = json!({"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
            "message": format!("no progress for {} s; see the events of its pods", limit.as_secs())});
        return (late, None);
    }
    let mut going = json!({"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated",
        "message": "the rollout is under way"});
    if since.is_none() {
        going["lastUpdateTime"] = json!(stamp(now));
    }
    (going, Some(limit - age))
}

/// Fills in times: `lastTransitionTime` moves with the status only, `lastUpdateTime` with any change or on wish.
fn kept(deployment: &Value, mut fresh: Value, now: OffsetDateTime) -> Value {
    let kind = fresh["type"].as_str().unwrap_or_default().to_owned();
    let old = condition(deployment, &kind);
    let same = |key: &str| old.is_some_and(|old| old[key] == fresh[key]);
    let (same_status, same_reason) = (same("status"), same("status") && same("reason"));
    let old_time = |key: &str, keep: bool| {
        old.filter(|_| keep)
            .and_then(|old| old[key].as_str())
            .map_or_else(|| stamp(now), str::to_owned)
    };
    if fresh["lastUpdateTime"].is_null() {
        fresh["lastUpdateTime"] = json!(old_time("lastUpdateTime", same_reason));
    }
    fresh["lastTransitionTime"] = json!(old_time("lastTransitionTime", same_status));
    fresh
}

fn stamp(now: OffsetDateTime) -> String {
    let whole = now.replace_nanosecond(0).unwrap_or(now);
    whole.format(&Rfc3339).unwrap_or_default()
}
