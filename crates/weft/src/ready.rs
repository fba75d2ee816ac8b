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

/// Waits at most `limit`; `told` hears of progress.
pub(crate) async fn wait(
    source: &dyn Source,
    clock: &Clock,
    limit: Duration,
    mut told: impl FnMut(Progress),
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
        told(progress);
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
        let over =
            |pod: &Object| matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
        !self.deployments.is_empty()
            && self.deployments.values().all(served)
            && self.pods.values().filter(alone).all(|pod| ready(pod) || over(pod))
    }

    fn unready(&self, limit: Duration) -> Failure {
        let mut lines = vec![format!("not everything is ready after {} s:", limit.as_secs())];
        for (name, pod) in self.pods.iter().filter(|(_, pod)| !ready(pod)) {
            lines.push(format!("  pod {name}: {}", why(pod)));
        }
        Failure::new(lines.join("\n")).hint("kubectl describe pod NAME and weft logs NAME say more")
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

fn name(object: &Value) -> String {
    let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default();
    format!("{}/{}", text("namespace"), text("name"))
}

/// Is condition Ready True?
pub(crate) fn ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    conditions.iter().any(|c| c["type"] == "Ready" && c["status"] == "True")
}

fn why(pod: &Value) -> String {
    let statuses =
        pod["status"]["containerStatuses"].as_array().map(Vec::as_slice).unwrap_or_default();
    let waiting = statuses.iter().find_map(|status| {
        let waiting = &status["state"]["waiting"];
        let text = |key: &str| waiting[key].as_str().unwrap_or_default().to_owned();
        waiting.is_object().then(|| {
            format!(
                "{}: {} {}",
                status["name"].as_str().unwrap_or_default(),
                text("reason"),
                text("message")
            )
        })
    });
    let phase = pod["status"]["phase"].as_str().unwrap_or("Pending");
    waiting.unwrap_or_else(|| format!("{phase}, a container is not ready"))
}
