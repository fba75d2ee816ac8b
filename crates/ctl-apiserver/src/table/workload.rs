//! The rows of deployments, replica sets and jobs.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::{AGE, Column, NAME, age, count, list, name, or, pairs};
use crate::moment;

const CONTAINERS: Column = ("Containers", "string", true);
const IMAGES: Column = ("Images", "string", true);
const SELECTOR: Column = ("Selector", "string", true);

pub(super) const DEPLOYMENT: &[Column] = &[
    NAME,
    ("Ready", "string", false),
    ("Up-to-date", "integer", false),
    ("Available", "integer", false),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
];

pub(super) fn deployment(object: &Value, now: SystemTime) -> Vec<Value> {
    let (spec, status) = (&object["spec"], &object["status"]);
    let mut cells = vec![
        name(object),
        json!(format!("{}/{}", count(&status["readyReplicas"]), count(&spec["replicas"]))),
        json!(count(&status["updatedReplicas"])),
        json!(count(&status["availableReplicas"])),
        age(object, now),
    ];
    cells.extend(template(spec));
    cells
}

pub(super) const REPLICA_SET: &[Column] = &[
    NAME,
    ("Desired", "integer", false),
    ("Current", "integer", false),
    ("Ready", "integer", false),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
];

pub(super) fn replica_set(object: &Value, now: SystemTime) -> Vec<Value> {
    let (spec, status) = (&object["spec"], &object["status"]);
    let mut cells = vec![
        name(object),
        json!(count(&spec["replicas"])),
        json!(count(&status["replicas"])),
        json!(count(&status["readyReplicas"])),
        age(object, now),
    ];
    cells.extend(template(spec));
    cells
}

pub(super) const JOB: &[Column] = &[
    NAME,
    ("Status", "string", false),
    ("Completions", "string", false),
    ("Duration", "string", false),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
];

pub(super) fn job(object: &Value, now: SystemTime) -> Vec<Value> {
    let (spec, status) = (&object["spec"], &object["status"]);
    let holds = |name: &str| {
        list(&status["conditions"]).iter().any(|c| c["type"] == name && c["status"] == "True")
    };
    let state = match () {
        () if holds("Complete") => "Complete",
        () if holds("Failed") => "Failed",
        () if object["metadata"]["deletionTimestamp"].is_string() => "Terminating",
        () if holds("Suspended") => "Suspended",
        () => "Running",
    };
    let wanted = spec["completions"].as_i64().unwrap_or(1);
    let moment_of = |field: &str| status[field].as_str().and_then(moment::parse);
    let duration = moment_of("startTime").map_or_else(String::new, |start| {
        let end = moment_of("completionTime").unwrap_or(now);
        moment::human(end.duration_since(start).unwrap_or_default())
    });
    let mut cells = vec![
        name(object),
        json!(state),
        json!(format!("{}/{wanted}", count(&status["succeeded"]))),
        json!(duration),
        age(object, now),
    ];
    cells.extend(template(spec));
    cells
}

fn template(spec: &Value) -> [Value; 3] {
    let containers = list(&spec["template"]["spec"]["containers"]);
    let joined = |field: &str| {
        let texts: Vec<&str> = containers.iter().map(|c| or(&c[field], "")).collect();
        json!(texts.join(","))
    };
    [joined("name"), joined("image"), json!(pairs(&spec["selector"]["matchLabels"]))]
}
