//! From the board to `status`, in kubelet's words.
//!
//! In: the pod, the board, what was said before. Out: JSON.
//! Holds: a condition's transition time changes only with its status.

use std::collections::BTreeMap;
use std::time::SystemTime;

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};
use serde_json::{Value, json};

use crate::pod::board::{Ended, Phase, Seen};
use crate::stamp;

/// Facts beside the board.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) uid: String,
    pub(crate) host: String,
    pub(crate) address: Option<String>,
    pub(crate) begun: SystemTime,
    pub(crate) now: SystemTime,
}

/// True for an init container that runs beside the others.
pub(crate) fn is_sidecar(container: &Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}

/// The whole status.
pub(crate) fn status(
    pod: &Pod,
    seen: &BTreeMap<String, Seen>,
    facts: &Facts,
    before: &Value,
) -> Value {
    let Some(spec) = &pod.spec else { return json!({}) };
    let phase = phase(spec, seen);
    let mut status = json!({
        "phase": phase,
        "hostIP": facts.host,
        "hostIPs": [{"ip": facts.host}],
        "startTime": stamp::seconds(facts.begun),
        "qosClass": "BestEffort",
        "conditions": conditions(pod, spec, seen, facts, phase, before),
        "containerStatuses": containers(&spec.containers, seen, &facts.uid, false),
    });
    let init = spec.init_containers.as_deref().unwrap_or_default();
    if !init.is_empty() {
        status["initContainerStatuses"] = containers(init, seen, &facts.uid, true);
    }
    if let Some(address) = &facts.address {
        status["podIP"] = json!(address);
        status["podIPs"] = json!([{"ip": address}]);
    }
    if let Some(generation) = pod.metadata.generation {
        status["observedGeneration"] = json!(generation);
    }
    status
}

/// What `status.phase` says.
pub(crate) fn phase(spec: &PodSpec, seen: &BTreeMap<String, Seen>) -> &'static str {
    let init = spec.init_containers.as_deref().unwrap_or_default();
    let state = |container: &Container| seen.get(&container.name);
    let failed = |s: &Seen| s.finished && matches!(&s.phase, Phase::Ended(e) if e.code != 0);
    let plain = || init.iter().filter(|c| !is_sidecar(c));
    if plain().filter_map(state).any(failed) {
        return "Failed";
    }
    let states: Vec<&Seen> = spec.containers.iter().filter_map(state).collect();
    if states.iter().all(|s| s.finished && matches!(s.phase, Phase::Ended(_))) {
        return if states.iter().any(|s| failed(s)) { "Failed" } else { "Succeeded" };
    }
    let begun = |s: &Seen| s.last.is_some() || !matches!(s.phase, Phase::Waiting { .. });
    if states.iter().all(|s| begun(s)) { "Running" } else { "Pending" }
}

fn conditions(
    pod: &Pod,
    spec: &PodSpec,
    seen: &BTreeMap<String, Seen>,
    facts: &Facts,
    phase: &str,
    before: &Value,
) -> Value {
    let init = spec.init_containers.as_deref().unwrap_or_default();
    let initialized = init.iter().all(|container| {
        seen.get(&container.name).is_some_and(|s| {
            if is_sidecar(container) {
                s.started || s.finished
            } else {
                s.finished && matches!(&s.phase, Phase::Ended(e) if e.code == 0)
            }
        })
    });
    let sidecars = init.iter().filter(|c| is_sidecar(c));
    let unready: Vec<&str> = spec
        .containers
        .iter()
        .chain(sidecars)
        .filter(|c| !seen.get(&c.name).is_some_and(|s| s.ready))
        .map(|c| c.name.as_str())
        .collect();
    let why = match phase {
        "Succeeded" => Some(("PodCompleted", String::new())),
        "Failed" => Some(("PodFailed", String::new())),
        _ if unready.is_empty() => None,
        _ => Some((
            "ContainersNotReady",
            format!("containers with unready status: [{}]", unready.join(" ")),
        )),
    };
    let not_initialized = (!initialized)
        .then(|| ("ContainersNotInitialized", "init containers have not completed".to_owned()));
    let gate = closed_gate(pod, spec);
    let ready = why.clone().or(gate);
    let wired = facts.address.is_none().then(|| ("NoNetwork", String::new()));
    let list = [
        ("PodReadyToStartContainers", wired),
        ("Initialized", not_initialized),
        ("Ready", ready),
        ("ContainersReady", why),
        ("PodScheduled", None),
    ];
    let mut all: Vec<Value> = list
        .into_iter()
        .map(|(name, problem)| condition(name, problem, facts.now, before))
        .collect();
    all.extend(foreign_conditions(pod));
    Value::Array(all)
}

fn condition(
    name: &str,
    problem: Option<(&str, String)>,
    now: SystemTime,
    before: &Value,
) -> Value {
    let status = if problem.is_none() { "True" } else { "False" };
    let list = before["conditions"].as_array();
    let old = list.and_then(|list| list.iter().find(|c| c["type"] == name));
    let since = old
        .filter(|old| old["status"] == status)
        .map_or_else(|| json!(stamp::seconds(now)), |old| old["lastTransitionTime"].clone());
    let mut condition = json!({"type": name, "status": status, "lastTransitionTime": since});
    if let Some((reason, message)) = problem {
        condition["reason"] = json!(reason);
        condition["message"] = json!(message);
    }
    condition
}

/// Conditions that somebody else wrote, for readiness gates.
fn foreign_conditions(pod: &Pod) -> Vec<Value> {
    const OURS: [&str; 5] =
        ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"];
    let written = pod.status.iter().flat_map(|s| s.conditions.iter().flatten());
    written
        .filter(|c| !OURS.contains(&c.type_.as_str()))
        .filter_map(|c| serde_json::to_value(c).ok())
        .collect()
}

fn closed_gate(pod: &Pod, spec: &PodSpec) -> Option<(&'static str, String)> {
    let written = foreign_conditions(pod);
    let open = |gate: &str| written.iter().any(|c| c["type"] == gate && c["status"] == "True");
    let gates = spec.readiness_gates.iter().flatten().map(|g| g.condition_type.as_str());
    let closed: Vec<&str> = gates.filter(|gate| !open(gate)).collect();
    (!closed.is_empty()).then(|| {
        ("ReadinessGatesNotReady", format!("these conditions are not True: {}", closed.join(", ")))
    })
}

fn containers(list: &[Container], seen: &BTreeMap<String, Seen>, uid: &str, init: bool) -> Value {
    let waiting = Seen::default();
    list.iter()
        .map(|container| {
            let seen = seen.get(&container.name).unwrap_or(&waiting);
            one(container, seen, uid, init)
        })
        .collect()
}

/// An init container that has done its work counts as ready.
fn one(container: &Container, seen: &Seen, uid: &str, init: bool) -> Value {
    let image = container.image.clone().unwrap_or_default();
    let completed = matches!(&seen.phase, Phase::Ended(e) if e.code == 0) && seen.finished;
    let id = |run| format!("weft://{uid}/{}/{run}", container.name);
    let mut status = json!({
        "name": container.name,
        "image": image,
        "imageID": image,
        "ready": seen.ready || (init && completed),
        "started": seen.started,
        "restartCount": seen.restarts,
        "state": state(&seen.phase, &id),
        "lastState": seen.last.as_ref().map_or_else(|| json!({}), |e| ended(e, &id)),
    });
    if !matches!(seen.phase, Phase::Waiting { .. }) || seen.last.is_some() {
        status["containerID"] = json!(id(seen.restarts));
    }
    status
}

fn state(phase: &Phase, id: &dyn Fn(u32) -> String) -> Value {
    match phase {
        Phase::Waiting { reason, message } if message.is_empty() => {
            json!({"waiting": {"reason": reason}})
        }
        Phase::Waiting { reason, message } => {
            json!({"waiting": {"reason": reason, "message": message}})
        }
        Phase::Running { since, .. } => json!({"running": {"startedAt": stamp::seconds(*since)}}),
        Phase::Ended(end) => ended(end, id),
    }
}

fn ended(end: &Ended, id: &dyn Fn(u32) -> String) -> Value {
    let mut terminated = json!({
        "exitCode": end.code,
        "reason": end.reason,
        "startedAt": stamp::seconds(end.started),
        "finishedAt": stamp::seconds(end.finished),
        "containerID": id(end.run),
    });
    if let Some(signal) = end.signal {
        terminated["signal"] = json!(signal);
    }
    if !end.message.is_empty() {
        terminated["message"] = json!(end.message);
    }
    json!({"terminated": terminated})
}
