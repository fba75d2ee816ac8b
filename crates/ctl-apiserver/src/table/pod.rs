//! The row of a pod.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::{AGE, Column, NAME, age, count, list, name, or};
use crate::moment;

pub(super) const COLUMNS: &[Column] = &[
    NAME,
    ("Ready", "string", false),
    ("Status", "string", false),
    ("Restarts", "string", false),
    AGE,
    ("IP", "string", true),
    ("Node", "string", true),
    ("Nominated Node", "string", true),
    ("Readiness Gates", "string", true),
];

pub(super) fn cells(pod: &Value, now: SystemTime) -> Vec<Value> {
    let (ready, total) = readiness(pod);
    vec![
        name(pod),
        json!(format!("{ready}/{total}")),
        json!(status(pod)),
        json!(restarts(pod, now)),
        age(pod, now),
        json!(or(&pod["status"]["podIP"], "<none>")),
        json!(or(&pod["spec"]["nodeName"], "<none>")),
        json!(or(&pod["status"]["nominatedNodeName"], "<none>")),
        json!("<none>"),
    ]
}

/// Containers and native sidecars that are ready, of how many.
fn readiness(pod: &Value) -> (usize, usize) {
    let is_sidecar = |c: &&Value| c["restartPolicy"] == "Always";
    let sidecars: Vec<&Value> =
        list(&pod["spec"]["initContainers"]).iter().filter(is_sidecar).collect();
    let total = list(&pod["spec"]["containers"]).len() + sidecars.len();
    let ready = |s: &&Value| s["ready"] == true;
    let main = list(&pod["status"]["containerStatuses"]).iter().filter(ready).count();
    let beside = list(&pod["status"]["initContainerStatuses"]).iter().filter(ready);
    let beside = beside.filter(|s| sidecars.iter().any(|c| c["name"] == s["name"])).count();
    (main + beside, total)
}

/// One word for the state: the most telling reason of a container, else the phase.
fn status(pod: &Value) -> String {
    if pod["metadata"]["deletionTimestamp"].is_string() {
        return "Terminating".to_owned();
    }
    let own = or(&pod["status"]["reason"], or(&pod["status"]["phase"], "Unknown"));
    if let Some(initializing) = init_status(pod) {
        return initializing;
    }
    let mut running = false;
    let mut word = own.to_owned();
    for status in list(&pod["status"]["containerStatuses"]).iter().rev() {
        let state = &status["state"];
        if let Some(reason) = reason(&state["waiting"]) {
            word = reason.to_owned();
        } else if state["terminated"].is_object() {
            word = ended(&state["terminated"]);
        } else {
            running |= status["ready"] == true && state["running"].is_object();
        }
    }
    if word == "Completed" && running { "Running".to_owned() } else { word }
}

fn init_status(pod: &Value) -> Option<String> {
    let total = list(&pod["spec"]["initContainers"]).len();
    let sidecar = |name: &Value| {
        let containers = list(&pod["spec"]["initContainers"]);
        containers.iter().any(|c| c["name"] == *name && c["restartPolicy"] == "Always")
    };
    for (at, status) in list(&pod["status"]["initContainerStatuses"]).iter().enumerate() {
        let state = &status["state"];
        let done = state["terminated"]["exitCode"] == 0
            || (sidecar(&status["name"]) && status["started"] == true);
        if done {
            continue;
        }
        if state["terminated"].is_object() {
            return Some(format!("Init:{}", ended(&state["terminated"])));
        }
        let waiting = reason(&state["waiting"]).filter(|r| *r != "PodInitializing");
        return Some(match waiting {
            Some(reason) => format!("Init:{reason}"),
            None => format!("Init:{at}/{total}"),
        });
    }
    None
}

fn reason(state: &Value) -> Option<&str> {
    state["reason"].as_str().filter(|r| !r.is_empty())
}

fn ended(state: &Value) -> String {
    if let Some(reason) = reason(state) {
        return reason.to_owned();
    }
    match (state["signal"].as_i64(), state["exitCode"].as_i64()) {
        (Some(signal), _) if signal != 0 => format!("Signal:{signal}"),
        (_, code) => format!("ExitCode:{}", code.unwrap_or(0)),
    }
}

fn restarts(pod: &Value, now: SystemTime) -> String {
    let statuses = ["containerStatuses", "initContainerStatuses"];
    let statuses = statuses.iter().flat_map(|s| list(&pod["status"][*s]));
    let (mut total, mut last) = (0, None::<&str>);
    for status in statuses {
        total += count(&status["restartCount"]);
        let at = status["lastState"]["terminated"]["finishedAt"].as_str();
        last = last.max(at);
    }
    match last {
        Some(at) if total > 0 => format!("{total} ({} ago)", moment::age(Some(at), now)),
        _ => total.to_string(),
    }
}
