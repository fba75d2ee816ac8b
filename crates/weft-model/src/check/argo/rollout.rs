//! Rules of `Rollout`.

use serde_json::Value;
use weft_api::argo::rollout::{Rollout, Strategy, WorkloadRef};
use weft_api::meta::Metadata;

use super::{blue_green, canary, pods, time};
use crate::check::{Findings, union};

/// Seconds without progress, when nothing is said.
const DEADLINE: i32 = 600;
/// Old versions that are kept, when nothing is said.
const HISTORY: i32 = 10;

pub(super) fn check(_: &Metadata, spec: &Rollout, findings: &mut Findings) {
    let Rollout {
        replicas: _,
        selector,
        template,
        workload_ref,
        min_ready_seconds,
        rollback_window: _,
        strategy,
        revision_history_limit,
        paused: _,
        progress_deadline_seconds,
        progress_deadline_abort: _,
        restart_at,
        analysis: _,
    } = spec;
    match workload_ref {
        None => pods::check(selector.as_ref(), template.as_ref(), findings),
        Some(workload) => self::workload(workload, template.as_ref(), findings),
    }
    let deadline = progress_deadline_seconds.unwrap_or(DEADLINE);
    if deadline <= *min_ready_seconds {
        let what = format!("{deadline} is not more than minReadySeconds, {min_ready_seconds}");
        findings.error_in("progressDeadlineSeconds", what, "make it longer");
    }
    time::moment("restartAt", restart_at.as_deref(), findings);
    let history = revision_history_limit.unwrap_or(HISTORY);
    findings.given("strategy", strategy.as_ref(), |strategy, findings| {
        self::strategy(strategy, history, findings);
    });
}

fn workload(workload: &WorkloadRef, template: Option<&Value>, findings: &mut Findings) {
    let WorkloadRef { api_version, kind, name, scale_down: _ } = workload;
    if template.is_some() {
        let what = "does not go with workloadRef, which has a template";
        findings.error_in("template", what, "remove one of them");
    }
    findings.within("workloadRef", |findings| {
        for (field, text) in [("apiVersion", api_version), ("kind", kind), ("name", name)] {
            if text.is_empty() {
                findings.error_in(field, "is missing", "name the object with the pods");
            }
        }
    });
}

fn strategy(strategy: &Strategy, history: i32, findings: &mut Findings) {
    let Strategy { blue_green, canary } = strategy;
    let ways = [("canary", canary.is_some()), ("blueGreen", blue_green.is_some())];
    union::exactly_one(&ways, findings);
    findings.given("blueGreen", blue_green.as_ref(), |found, findings| {
        blue_green::check(found, history, findings);
    });
    findings.given("canary", canary.as_ref(), canary::check);
}
