//! Waits until everything that was asked for runs.
//! In: a Source. Out: returns when every pod is ready, or says which are not and why. Holds: a watch, no polling.

use std::collections::BTreeMap;
use std::time::Duration;

use ctl_source::{Batch, Change, Object, Source, kinds};
use serde_json::Value;
use weft_rt::Clock;

use crate::failure::Failure;

/// Pods ready and in all.
pub(crate) type Progress = (usize, usize);

/// Waits at most `limit` for the node of this start: from then on pods show what they are now, not what they were.
pub(crate) async fn wait_for_node(
    source: &dyn Source,
    clock: &Clock,
    limit: Duration,
    boot_id: &str,
) -> Result<(), Failure> {
    let types: Vec<_> =
        kinds::find("", "Node").map(kinds::KindInfo::resource).into_iter().collect();
    let mut watch = source.watch(&types).await?;
    let deadline = clock.now() + limit;
    let arrived = |node: &Object| node["status"]["nodeInfo"]["bootID"] == boot_id;
    loop {
        let left = deadline.saturating_duration_since(clock.now());
        let known = match clock.timeout(left, watch.recv()).await {
            Ok(Some(Batch::Snapshot(_, nodes))) => nodes.iter().any(arrived),
            Ok(Some(Batch::Changes(_, changes))) => changes
                .iter()
                .any(|change| matches!(change, Change::Applied(node) if arrived(node))),
            Ok(None) => return Err(Failure::new("the API server went away")),
            Err(_) => {
                let waited = format!("the node did not register within {} s", limit.as_secs());
                return Err(Failure::new(waited).hint("log/node.log in the state folder says more"));
            }
        };
        if known {
            return Ok(());
        }
    }
}

#[derive(Default)]
struct Seen {
    deployments: BTreeMap<String, Object>,
    pods: BTreeMap<String, Object>,
}

/// Waits at most `limit`; `told` hears of progress, and of the pods that are not ready with why.
pub(crate) async fn wait(
    source: &dyn Source,
    clock: &Clock,
    limit: Duration,
    mut told: impl FnMut(Progress, Vec<String>),
) -> Result<Progress, Failure> {
    let kind = |group: &str, kind: &str| kinds::find(group, kind).map(kinds::KindInfo::resource);
    let types: Vec<_> =
        [kind("apps", "Deployment"), kind("", "Pod")].into_iter().flatten().collect();
    let mut watch = source.watch(&types).await?;
    let mut seen = Seen::default();
    let deadline = clock.now() + limit;
    loop {
        let left = deadline.saturating_duration_since(clock.now());
        match clock.timeout(left, watch.recv()).await {
            Ok(Some(batch)) => seen.take(batch),
            Ok(None) => return Err(Failure::new("the API server went away")),
            Err(_) => return Err(seen.unready(limit)),
        }
        let progress = seen.progress();
        told(progress, seen.behind());
        if seen.complete() {
            return Ok(progress);
        }
    }
}

impl Seen {
    fn take(&mut self, batch: Batch) {
        match batch {
            Batch::Snapshot(resource, objects) => {
                let map = objects.into_iter().map(|object| (name(&object), object)).collect();
                *self.of(&resource.kind) = map;
            }
            Batch::Changes(resource, changes) => {
                let known = self.of(&resource.kind);
                for change in changes {
                    match change {
                        Change::Applied(object) => known.insert(name(&object), object),
                        Change::Deleted(object) => known.remove(&name(&object)),
                    };
                }
            }
        }
    }

    fn of(&mut self, kind: &str) -> &mut BTreeMap<String, Object> {
        if kind == "Pod" { &mut self.pods } else { &mut self.deployments }
    }

    fn progress(&self) -> Progress {
        let wanted = self.deployments.values().map(|d| count(&d["spec"]["replicas"])).sum();
        (self.pods.values().filter(|pod| ready(pod)).count(), self.pods.len().max(wanted))
    }

    /// Judged by the pods themselves: the counts in a Deployment's status may be those of an earlier life.
    fn complete(&self) -> bool {
        let served = |deployment: &Object| {
            let own = self.pods.values().filter(|pod| selects(deployment, pod) && ready(pod));
            own.count() >= count(&deployment["spec"]["replicas"])
        };
        let alone = |pod: &&Object| pod["metadata"]["ownerReferences"].is_null();
        !self.deployments.is_empty()
            && self.deployments.values().all(served)
            && self.pods.values().filter(alone).all(|pod| ready(pod) || over(pod))
    }

    fn unready(&self, limit: Duration) -> Failure {
        let mut lines = vec![format!("not everything is ready after {} s:", limit.as_secs())];
        lines.extend(self.behind().iter().map(|line| format!("  {line}")));
        Failure::new(lines.join("\n"))
            .hint("kubectl describe pod -n NAMESPACE NAME and weft logs -n NAMESPACE NAME say more")
    }

    /// What is not ready, each with why.
    fn behind(&self) -> Vec<String> {
        let pods = self.pods.iter().filter(|(_, pod)| !ready(pod) && !over(pod));
        let mut lines: Vec<String> =
            pods.map(|(name, pod)| format!("pod {name}: {}", why(pod))).collect();
        let missing = self.deployments.iter().filter_map(|(name, deployment)| {
            let own = self.pods.values().filter(|pod| selects(deployment, pod)).count();
            let missing = count(&deployment["spec"]["replicas"]).checked_sub(own)?;
            (missing > 0).then(|| format!("deployment {name}: {missing} pods are not made yet"))
        });
        lines.extend(missing);
        lines
    }
}

/// Does the Deployment's selector match the pod?
pub(crate) fn selects(deployment: &Value, pod: &Value) -> bool {
    let labels = deployment["spec"]["selector"]["matchLabels"].as_object();
    deployment["metadata"]["namespace"] == pod["metadata"]["namespace"]
        && labels.is_some_and(|labels| {
            labels.iter().all(|(key, value)| pod["metadata"]["labels"][key] == *value)
        })
}

fn count(value: &Value) -> usize {
    value.as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(0)
}

pub(crate) fn name(object: &Value) -> String {
    let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default();
    format!("{}/{}", text("namespace"), text("name"))
}

/// Is condition Ready True?
pub(crate) fn ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    conditions.iter().any(|c| c["type"] == "Ready" && c["status"] == "True")
}

/// Has it ended for good?
pub(crate) fn over(pod: &Value) -> bool {
    matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"))
}

/// Why a pod is not ready: the first container, in the order of starting, that holds it up.
pub(crate) fn why(pod: &Value) -> String {
    let lists = ["initContainerStatuses", "containerStatuses"];
    let statuses = lists.iter().filter_map(|list| pod["status"][*list].as_array()).flatten();
    let mut reasons = statuses.filter(|status| status["ready"] != true).filter_map(held_up);
    reasons.next().unwrap_or_else(|| {
        let phase = pod["status"]["phase"].as_str().unwrap_or("Pending");
        format!("{phase}, no container was started yet")
    })
}

fn held_up(status: &Value) -> Option<String> {
    let name = status["name"].as_str().unwrap_or_default();
    let (waiting, ended) = (&status["state"]["waiting"], &status["state"]["terminated"]);
    let text = |state: &Value, key: &str| state[key].as_str().unwrap_or_default().to_owned();
    if waiting.is_object() {
        let (reason, message) = (text(waiting, "reason"), text(waiting, "message"));
        let told = [reason, message].into_iter().filter(|part| !part.is_empty());
        return Some(format!("{name}: {}", told.collect::<Vec<_>>().join(", ")));
    }
    if ended.is_object() {
        let code = ended["exitCode"].as_i64().unwrap_or(0);
        // An init container that has done its work holds nobody up.
        return (code != 0).then(|| format!("{name}: {} with code {code}", text(ended, "reason")));
    }
    Some(format!("{name}: runs, is not ready yet"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pod_that_is_not_ready_says_why() {
        let waiting = json!({"status": {"phase": "Pending", "containerStatuses": [
            {"name": "web", "ready": false, "state": {"waiting": {
                "reason": "ErrImageNeverPull", "message": "give it a command"}}}]}});
        assert_eq!(why(&waiting), "web: ErrImageNeverPull, give it a command");
        let crashed = json!({"status": {"containerStatuses": [
            {"name": "web", "ready": false, "state": {"terminated": {"reason": "Error", "exitCode": 3}}}]}});
        assert_eq!(why(&crashed), "web: Error with code 3");
        let probed = json!({"status": {"initContainerStatuses": [
            {"name": "setup", "ready": false, "state": {"terminated": {"exitCode": 0}}}],
            "containerStatuses": [{"name": "web", "ready": false, "state": {"running": {}}}]}});
        assert_eq!(why(&probed), "web: runs, is not ready yet");
        assert_eq!(why(&json!({})), "Pending, no container was started yet");
    }
}
