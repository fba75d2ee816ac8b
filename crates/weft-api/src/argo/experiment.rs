//! `Experiment`: versions that run side by side for a while.

use serde_json::Value;

use super::analysis::{Argument, DryRun, MeasurementRetention};
use super::canary::PodMetadata;
use super::step::TemplateService;
use crate::read::record;
use crate::selector::Selector;

record! {
    /// Versions that run side by side for a while, and what is measured meanwhile.
    Experiment {
        /// The versions.
        "templates" templates: Vec<ExperimentTemplate> = [Required, MinItems(1)],
        /// How long, such as `1h`; until it is ended, or its analyses are done, when absent.
        "duration" duration: Option<String>,
        /// Seconds without progress after which it counts as failed; 600 when absent.
        "progressDeadlineSeconds" progress_deadline_seconds: Option<i32> = [Min(0)],
        /// Ends it.
        "terminate" terminate: bool,
        /// What is measured.
        "analyses" analyses: Vec<ExperimentAnalysis>,
        /// Seconds for which pods stay after the end; 30 when absent.
        "scaleDownDelaySeconds" scale_down_delay_seconds: Option<i32> = [Min(0)],
        /// Metrics whose outcome does not matter.
        "dryRun" dry_run: Vec<DryRun>,
        /// Measurements that are kept.
        "measurementRetention" measurement_retention: Vec<MeasurementRetention>,
        /// Labels and annotations of analysis runs.
        "analysisRunMetadata" analysis_run_metadata: Option<PodMetadata>,
    }
}

record! {
    /// A version that runs for a while.
    ExperimentTemplate {
        /// Its name.
        "name" name: String = [Required, MinLength(1)],
        /// Its pods; 1 when absent.
        "replicas" replicas: Option<i32> = [Min(0)],
        /// Seconds for which a new pod is ready before it counts as available; 0 when absent.
        "minReadySeconds" min_ready_seconds: i32 = [Min(0)],
        /// Labels of its pods; a hash that is added tells versions apart.
        "selector" selector: Option<Selector> = [Required],
        /// Its pods.
        "template" template: Option<Value> = [Required],
        /// Makes a service for it.
        "service" service: Option<TemplateService>,
    }
}

record! {
    /// What is measured during an experiment.
    ExperimentAnalysis {
        /// Its name.
        "name" name: String = [Required, MinLength(1)],
        /// Name of an AnalysisTemplate.
        "templateName" template_name: String = [Required, MinLength(1)],
        /// Takes a ClusterAnalysisTemplate.
        "clusterScope" cluster_scope: bool,
        /// Values for the template.
        "args" args: Vec<Argument>,
        /// The experiment does not end before it.
        "requiredForCompletion" required_for_completion: bool,
    }
}
