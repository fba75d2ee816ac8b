//! The table of Flagger's kinds.

use super::{Kind, column};
use crate::Describe;
use crate::flagger::{alert_provider, canary, metric_template};

const ROW: Kind =
    Kind { group: "flagger.app", versions: &["v1beta1"], categories: &["all"], ..Kind::NONE };

/// Every kind of Flagger.
pub(super) const KINDS: &[Kind] = &[
    Kind {
        kind: "Canary",
        plural: "canaries",
        columns: &[
            column("Status", ".status.phase", "How far it is."),
            column("Weight", ".status.canaryWeight", "Share of the new version."),
            column("Suspended", ".spec.suspend", "Whether updates are stopped.")
                .of("boolean")
                .wide(),
            column("FailedChecks", ".status.failedChecks", "Checks that failed.").wide(),
            column("Interval", ".spec.analysis.interval", "Time between checks.").wide(),
            column("Mirror", ".spec.analysis.mirror", "Whether requests are copied.")
                .of("boolean")
                .wide(),
            column("StepWeight", ".spec.analysis.stepWeight", "What each step adds.").wide(),
            column("StepWeights", ".spec.analysis.stepWeights", "Share of each step.").wide(),
            column("MaxWeight", ".spec.analysis.maxWeight", "Largest share.").wide(),
            column("LastTransitionTime", ".status.lastTransitionTime", "When it changed last."),
        ],
        spec: canary::Canary::describe,
        ..ROW
    },
    Kind {
        kind: "MetricTemplate",
        plural: "metrictemplates",
        columns: &[column("Provider", ".spec.provider.type", "Who measures.")],
        spec: metric_template::MetricTemplate::describe,
        ..ROW
    },
    Kind {
        kind: "AlertProvider",
        plural: "alertproviders",
        columns: &[column("Type", ".spec.type", "Where alerts go.")],
        spec: alert_provider::AlertProvider::describe,
        ..ROW
    },
];
