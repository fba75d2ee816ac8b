//! The table of Argo Rollouts' kinds.

use super::{Column, Kind, Scale, column};
use crate::Describe;
use crate::argo::analysis::{AnalysisRun, AnalysisTemplate};
use crate::argo::experiment::Experiment;
use crate::argo::rollout::Rollout;

const ROW: Kind = Kind { group: "argoproj.io", versions: &["v1alpha1"], ..Kind::NONE };
const PHASE: Column = column("Status", ".status.phase", "How far it is.");

/// Every kind of Argo Rollouts.
pub(super) const KINDS: &[Kind] = &[
    Kind {
        kind: "Rollout",
        plural: "rollouts",
        short: &["ro"],
        columns: &[
            column("Desired", ".spec.replicas", "Pods that are wanted.").of("integer"),
            column("Current", ".status.replicas", "Pods of all versions.").of("integer"),
            column("Up-to-date", ".status.updatedReplicas", "Pods of the new version.")
                .of("integer"),
            column("Available", ".status.availableReplicas", "Pods that take traffic.")
                .of("integer"),
        ],
        scale: Some(Scale {
            wanted: ".spec.replicas",
            present: ".status.HPAReplicas",
            selector: ".status.selector",
        }),
        spec: Rollout::describe,
        ..ROW
    },
    Kind {
        kind: "AnalysisTemplate",
        plural: "analysistemplates",
        short: &["at"],
        spec: AnalysisTemplate::describe,
        ..ROW
    },
    Kind {
        kind: "ClusterAnalysisTemplate",
        plural: "clusteranalysistemplates",
        short: &["cat"],
        cluster: true,
        spec: AnalysisTemplate::describe,
        ..ROW
    },
    Kind {
        kind: "AnalysisRun",
        plural: "analysisruns",
        short: &["ar"],
        columns: &[PHASE],
        spec: AnalysisRun::describe,
        ..ROW
    },
    Kind {
        kind: "Experiment",
        plural: "experiments",
        short: &["exp"],
        columns: &[PHASE],
        spec: Experiment::describe,
        ..ROW
    },
];
