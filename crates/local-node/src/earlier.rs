//! What an earlier life of the node left in the API.
//!
//! In: the stored pods. Out: none of them is ready.
//! Holds: nobody takes the readiness of an earlier life for one of this life; what ended for good stays as it is.

use std::time::Duration;

use ctl_source::{Object, ObjectKey};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::events::resource;
use crate::node::Shared;
use crate::services::name_of;

const RETRY: Duration = Duration::from_millis(50);

/// Takes the readiness of every pod back; tries until the API took it.
pub(crate) async fn forget_readiness(node: &std::sync::Arc<Shared>) {
    let pods = loop {
        match node.source.list(&resource("", "Pod"), None).await {
            Ok(pods) => break pods,
            Err(error) => tracing::debug!(%error, "cannot list the pods yet"),
        }
        node.clock.sleep(RETRY).await;
    };
    let mut writes = JoinSet::new();
    for pod in pods {
        if let Some(conditions) = unready(&pod) {
            let node = std::sync::Arc::clone(node);
            writes.spawn(async move { write(&node, &pod, &conditions).await });
        }
    }
    while writes.join_next().await.is_some() {}
}

/// The conditions as they are from now on; `None` when nothing has to change.
fn unready(pod: &Object) -> Option<Value> {
    let mut conditions = pod["status"]["conditions"].as_array()?.clone();
    let over = matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    let mut changed = false;
    for condition in &mut conditions {
        let readiness = matches!(condition["type"].as_str(), Some("Ready" | "ContainersReady"));
        if readiness && condition["status"] == "True" && !over {
            condition["status"] = json!("False");
            condition["reason"] = json!("NodeRestarted");
            changed = true;
        }
    }
    changed.then_some(Value::Array(conditions))
}

async fn write(node: &Shared, pod: &Object, conditions: &Value) {
    let (namespace, name) = name_of(pod);
    let key = ObjectKey { resource: resource("", "Pod"), namespace: Some(namespace), name };
    loop {
        let patch = json!({"status": {"conditions": conditions}});
        match node.source.merge_patch(&key, Some("status"), patch).await {
            Ok(_) | Err(ctl_source::SourceError::NotFound(_)) => return,
            Err(error) => tracing::debug!(pod = key.name, %error, "cannot reset the pod yet"),
        }
        node.clock.sleep(RETRY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(phase: &str, ready: &str) -> Object {
        let conditions = json!([
            {"type": "PodScheduled", "status": "True"},
            {"type": "Ready", "status": ready},
        ]);
        Object::new(json!({"status": {"phase": phase, "conditions": conditions}}))
    }

    #[test]
    fn only_readiness_of_pods_that_were_running_is_taken_back() {
        let conditions = unready(&pod("Running", "True")).unwrap_or_default();
        assert_eq!(conditions[0]["status"], "True", "scheduled it stays");
        assert_eq!(conditions[1]["status"], "False");
        assert_eq!(conditions[1]["reason"], "NodeRestarted");
        assert!(unready(&pod("Running", "False")).is_none());
        assert!(unready(&pod("Succeeded", "True")).is_none());
    }
}
