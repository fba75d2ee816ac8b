//! Steps of a canary.

use std::collections::BTreeMap;

use serde_json::Value;

use super::analysis::DryRun;
use super::canary::PodMetadata;
use super::run::{RolloutAnalysis, RunArgument};
use crate::IntOrString;
use crate::read::{record, words};
use crate::reference::StringMatch;
use crate::selector::Selector;

record! {
    /// One step. It has exactly one of its fields.
    Step {
        /// Share of traffic of the new version, in percent.
        "setWeight" set_weight: Option<i32> = [Min(0)],
        /// Waits.
        "pause" pause: Option<Pause>,
        /// Runs other versions for a while.
        "experiment" experiment: Option<ExperimentStep>,
        /// Measures, and goes on when that succeeds.
        "analysis" analysis: Option<RolloutAnalysis>,
        /// Pods of the new version, apart from its share of traffic. Needs trafficRouting.
        "setCanaryScale" set_canary_scale: Option<SetCanaryScale>,
        /// Sends requests with some header fields to the new version. Needs trafficRouting.
        "setHeaderRoute" set_header_route: Option<SetHeaderRoute>,
        /// Sends copies of requests to the new version. Needs trafficRouting.
        "setMirrorRoute" set_mirror_route: Option<SetMirrorRoute>,
        /// What a plugin does.
        "plugin" plugin: Option<PluginStep>,
    } where [OneOf(&[
        "setWeight", "pause", "experiment", "analysis", "setCanaryScale", "setHeaderRoute", "setMirrorRoute", "plugin",
    ])]
}

record! {
    /// Waits.
    Pause {
        /// Seconds as a number, or a duration such as `10m`; until somebody promotes when absent.
        "duration" duration: Option<IntOrString>,
    }
}

record! {
    /// Pods of the new version, in one of three ways.
    SetCanaryScale {
        /// In percent of the pods that are wanted.
        "weight" weight: Option<i32> = [Min(0)],
        /// So many.
        "replicas" replicas: Option<i32> = [Min(0)],
        /// As many as its share of traffic asks for.
        "matchTrafficWeight" match_traffic_weight: bool,
    }
}

record! {
    /// Sends requests with some header fields to the new version.
    SetHeaderRoute {
        /// Name of the route; one of managedRoutes.
        "name" name: String = [Required, MinLength(1)],
        /// One of these must match; the route is removed when there is none.
        "match" matches: Vec<HeaderRouteMatch>,
    }
}

record! {
    /// A condition on a header field.
    HeaderRouteMatch {
        /// Name of the field.
        "headerName" header_name: String = [Required, MinLength(1)],
        /// Its value.
        "headerValue" header_value: Option<StringMatch> = [Required],
    }
}

record! {
    /// Sends copies of requests to the new version.
    SetMirrorRoute {
        /// Name of the route; one of managedRoutes.
        "name" name: String = [Required, MinLength(1)],
        /// One of these must match; the route is removed when there is none.
        "match" matches: Vec<MirrorMatch>,
        /// Share of the requests, in percent; all when absent.
        "percentage" percentage: Option<i32> = [Min(0), Max(100)],
    }
}

record! {
    /// Conditions on a request that must all hold.
    MirrorMatch {
        /// The method.
        "method" method: Option<StringMatch>,
        /// The path.
        "path" path: Option<StringMatch>,
        /// Header fields by name.
        "headers" headers: BTreeMap<String, StringMatch>,
    }
}

record! {
    /// What a plugin does.
    PluginStep {
        /// Name of the plugin.
        "name" name: String = [Required, MinLength(1)],
        /// What it is given.
        "config" config: Option<Value>,
    }
}

record! {
    /// Runs other versions for a while.
    ExperimentStep {
        /// The versions.
        "templates" templates: Vec<StepTemplate> = [Required, MinItems(1)],
        /// How long, such as `1h`; as long as its analyses take when absent.
        "duration" duration: Option<String>,
        /// What is measured meanwhile.
        "analyses" analyses: Vec<StepAnalysis>,
        /// Metrics whose outcome does not matter.
        "dryRun" dry_run: Vec<DryRun>,
        /// Labels and annotations of analysis runs.
        "analysisRunMetadata" analysis_run_metadata: Option<PodMetadata>,
    }
}

words! {
    /// Which version of the rollout is taken.
    SpecRef {
        /// The new one.
        Canary = "canary",
        /// The stable one.
        Stable = "stable",
    }
}

record! {
    /// A version that runs for a while.
    StepTemplate {
        /// Its name.
        "name" name: String = [Required, MinLength(1)],
        /// Which version: canary or stable.
        "specRef" spec_ref: SpecRef = [Required],
        /// Its pods; 1 when absent.
        "replicas" replicas: Option<i32> = [Min(0)],
        /// Labels and annotations of its pods.
        "metadata" metadata: Option<PodMetadata>,
        /// Labels of its pods; those of the rollout when absent.
        "selector" selector: Option<Selector>,
        /// Share of traffic in percent. Needs trafficRouting.
        "weight" weight: Option<i32> = [Min(0), Max(100)],
        /// Makes a service for it.
        "service" service: Option<TemplateService>,
    }
}

record! {
    /// A service that is made.
    TemplateService {
        /// Its name; that of the version when absent.
        "name" name: String,
    }
}

record! {
    /// What is measured during an experiment.
    StepAnalysis {
        /// Its name.
        "name" name: String = [Required, MinLength(1)],
        /// Name of an AnalysisTemplate.
        "templateName" template_name: String = [Required, MinLength(1)],
        /// Takes a ClusterAnalysisTemplate.
        "clusterScope" cluster_scope: bool,
        /// Values for the template.
        "args" args: Vec<RunArgument>,
        /// The experiment does not end before it.
        "requiredForCompletion" required_for_completion: bool,
    }
}
