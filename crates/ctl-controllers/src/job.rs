//! Job: runs pods until enough have succeeded.
//! In: the Job and its pods. Out: pods to create or delete, and its status.
//! Holds: never more than `parallelism` at once; more than `backoffLimit` failures end it.

use ctl_source::Object;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::action::Action;
use crate::pods::{self, condition};
use crate::replicaset::pod_key;
use crate::world::{World, resource, terminating};

pub(crate) fn reconcile(job: &Object, world: &World, now: OffsetDateTime) -> Vec<Action> {
    let ended = ["Complete", "Failed"].iter().any(|kind| condition(job, kind).is_some());
    if terminating(job) || ended {
        return Vec::new();
    }
    let pods: Vec<&Object> = world.owned("Pod", job).collect();
    let count = |phase: &str| pods.iter().filter(|pod| pod["status"]["phase"] == phase).count();
    let (succeeded, failed) = (count("Succeeded"), count("Failed"));
    let active: Vec<&&Object> = pods.iter().filter(|pod| !pods::inactive(pod)).collect();
    let number = |key: &str, default: u64| {
        usize::try_from(job["spec"][key].as_u64().unwrap_or(default)).unwrap_or(usize::MAX)
    };
    let (completions, limit) = (number("completions", 1), number("backoffLimit", 6));
    let stamp = now.replace_nanosecond(0).unwrap_or(now).format(&Rfc3339).unwrap_or_default();
    let started = job["status"]["startTime"].as_str().unwrap_or(&stamp).to_owned();
    let mut status = json!({"startTime": started, "active": active.len(), "succeeded": succeeded, "failed": failed,
        "ready": active.iter().filter(|pod| pods::ready(pod)).count()});
    let mut actions = Vec::new();
    let end = |kind: &str, reason: &str, message: String| {
        json!([{"type": kind, "status": "True", "reason": reason, "message": message,
            "lastProbeTime": stamp, "lastTransitionTime": stamp}])
    };
    if succeeded >= completions {
        status["completionTime"] = json!(stamp);
        status["conditions"] =
            end("Complete", "CompletionsReached", format!("{succeeded} pods succeeded"));
    } else if failed > limit {
        status["conditions"] = end(
            "Failed",
            "BackoffLimitExceeded",
            format!("{failed} pods failed; backoffLimit is {limit}"),
        );
        actions.extend(active.iter().map(|pod| Action::Delete(pod_key(pod))));
    } else {
        let wanted = (completions - succeeded).min(number("parallelism", 1));
        let labels = [("batch.kubernetes.io/job-name", name(job)), ("job-name", name(job))];
        let missing = wanted.saturating_sub(active.len());
        actions.extend(vec![
            Action::Create(resource("Pod"), pods::from_template(job, &labels));
            missing
        ]);
    }
    if job["status"] != status {
        let mut changed = Value::clone(job);
        changed["status"] = status;
        actions.push(Action::Status(resource("Job"), changed));
    }
    actions
}

fn name(job: &Value) -> &str {
    job["metadata"]["name"].as_str().unwrap_or_default()
}
