//! `Rollout`: a workload whose new versions take over step by step.

use serde_json::Value;

use super::blue_green::BlueGreen;
use super::canary::Canary;
use crate::read::{record, words};
use crate::selector::Selector;

record! {
    /// A workload, like a Deployment, whose new versions take over step by step.
    Rollout {
        /// Pods that are wanted; 1 when absent.
        "replicas" replicas: Option<i32> = [Min(0)],
        /// Labels of the pods; they match those of the template.
        "selector" selector: Option<Selector>,
        /// The pods.
        "template" template: Option<Value>,
        /// Takes the pods from another object, instead of template.
        "workloadRef" workload_ref: Option<WorkloadRef>,
        /// Seconds for which a new pod is ready before it counts as available; 0 when absent.
        "minReadySeconds" min_ready_seconds: i32 = [Min(0)],
        /// Going back to a recent version skips the steps.
        "rollbackWindow" rollback_window: Option<RollbackWindow>,
        /// How a new version takes over: canary or blueGreen.
        "strategy" strategy: Option<Strategy> = [Required],
        /// Old versions that are kept; 10 when absent.
        "revisionHistoryLimit" revision_history_limit: Option<i32> = [Min(0)],
        /// Stops at the present step.
        "paused" paused: bool,
        /// Seconds without progress after which an update counts as failed; 600 when absent.
        "progressDeadlineSeconds" progress_deadline_seconds: Option<i32> = [Min(0)],
        /// Goes back to the stable version when an update makes no progress.
        "progressDeadlineAbort" progress_deadline_abort: bool,
        /// Restarts pods that are older than this moment, as RFC 3339.
        "restartAt" restart_at: Option<String>,
        /// Analysis runs that are kept.
        "analysis" analysis: Option<RunHistory>,
    }
}

words! {
    /// What becomes of the object that the pods are taken from.
    ScaleDown {
        /// It keeps its pods.
        Never = "never",
        /// It loses its pods when the rollout is healthy.
        OnSuccess = "onsuccess",
        /// It loses pods as the rollout gains them.
        Progressively = "progressively",
    }
}

record! {
    /// An object that has a template of pods.
    WorkloadRef {
        /// Group and version, such as `apps/v1`.
        "apiVersion" api_version: String,
        /// Kind, such as Deployment.
        "kind" kind: String,
        /// Name.
        "name" name: String,
        /// What becomes of its own pods: never (the default), onsuccess or progressively.
        "scaleDown" scale_down: Option<ScaleDown>,
    }
}

record! {
    /// Versions to which one can go back without steps.
    RollbackWindow {
        /// So many of the last ones.
        "revisions" revisions: i32 = [Min(0)],
    }
}

record! {
    /// How a new version takes over.
    Strategy {
        /// All at once, after a look at it.
        "blueGreen" blue_green: Option<BlueGreen>,
        /// Share by share.
        "canary" canary: Option<Canary>,
    } where [OneOf(&["blueGreen", "canary"])]
}

record! {
    /// Analysis runs and experiments that are kept.
    RunHistory {
        /// Successful ones; 5 when absent.
        "successfulRunHistoryLimit" successful_run_history_limit: Option<i32> = [Min(0)],
        /// Others; 5 when absent.
        "unsuccessfulRunHistoryLimit" unsuccessful_run_history_limit: Option<i32> = [Min(0)],
    }
}
