//! How a rollout starts analysis runs.

use super::analysis::{DryRun, FieldRef, MeasurementRetention, TemplateRef};
use super::canary::PodMetadata;
use crate::read::{record, words};

record! {
    /// Templates that are measured together.
    RolloutAnalysis {
        /// The templates.
        "templates" templates: Vec<TemplateRef>,
        /// Values for them.
        "args" args: Vec<RunArgument>,
        /// Metrics whose outcome does not matter.
        "dryRun" dry_run: Vec<DryRun>,
        /// Measurements that are kept.
        "measurementRetention" measurement_retention: Vec<MeasurementRetention>,
        /// Labels and annotations of the run.
        "analysisRunMetadata" analysis_run_metadata: Option<PodMetadata>,
    }
}

record! {
    /// Templates that are measured during all steps.
    BackgroundAnalysis {
        /// The templates.
        "templates" templates: Vec<TemplateRef>,
        /// Values for them.
        "args" args: Vec<RunArgument>,
        /// Metrics whose outcome does not matter.
        "dryRun" dry_run: Vec<DryRun>,
        /// Measurements that are kept.
        "measurementRetention" measurement_retention: Vec<MeasurementRetention>,
        /// Labels and annotations of the run.
        "analysisRunMetadata" analysis_run_metadata: Option<PodMetadata>,
        /// Index of the step with which it begins; 0 when absent.
        "startingStep" starting_step: Option<i32> = [Min(0)],
    }
}

record! {
    /// A value for a template.
    RunArgument {
        /// Name of the argument.
        "name" name: String = [Required, MinLength(1)],
        /// Its value.
        "value" value: Option<String>,
        /// Where its value is found, instead of value.
        "valueFrom" value_from: Option<RunValueFrom>,
    } where [OneOf(&["value", "valueFrom"])]
}

words! {
    /// Which version's hash.
    HashOf {
        /// The stable one.
        Stable = "Stable",
        /// The new one.
        Latest = "Latest",
    }
}

record! {
    /// Where a value is found.
    RunValueFrom {
        /// The hash of a version's pods: Stable or Latest.
        "podTemplateHashValue" pod_template_hash_value: Option<HashOf>,
        /// A field of the rollout.
        "fieldRef" field_ref: Option<FieldRef>,
    } where [OneOf(&["podTemplateHashValue", "fieldRef"])]
}
