//! The strategy `canary`: a new version takes traffic share by share.

use std::collections::BTreeMap;

use super::run::BackgroundAnalysis;
use super::step::Step;
use super::traffic::TrafficRouting;
use crate::IntOrString;
use crate::read::{record, words};

record! {
    /// A new version takes traffic share by share, as the steps say.
    Canary {
        /// Service of the new version.
        "canaryService" canary_service: String,
        /// Service of the stable version.
        "stableService" stable_service: String,
        /// What happens, in order; without any, the new version takes over as in a Deployment.
        "steps" steps: Vec<Step>,
        /// Who splits traffic; without it, the numbers of pods do.
        "trafficRouting" traffic_routing: Option<TrafficRouting>,
        /// Pods that may be away during an update, as a number or in percent; 25% when absent.
        "maxUnavailable" max_unavailable: Option<IntOrString>,
        /// Pods beyond those that are wanted, as a number or in percent; 25% when absent.
        "maxSurge" max_surge: Option<IntOrString>,
        /// What is measured during all steps; a failure goes back to the stable version.
        "analysis" analysis: Option<BackgroundAnalysis>,
        /// Keeps pods of different versions on different nodes.
        "antiAffinity" anti_affinity: Option<AntiAffinity>,
        /// Labels and annotations of pods while they are new.
        "canaryMetadata" canary_metadata: Option<PodMetadata>,
        /// Labels and annotations of pods while they are stable.
        "stableMetadata" stable_metadata: Option<PodMetadata>,
        /// Seconds for which the old version stays; 30 when absent. Needs trafficRouting.
        "scaleDownDelaySeconds" scale_down_delay_seconds: Option<i32> = [Min(0)],
        /// Old versions that stay at the same time.
        "scaleDownDelayRevisionLimit" scale_down_delay_revision_limit: Option<i32> = [Min(0)],
        /// Seconds for which the new version stays after an abort; 30 when absent, and 0 for always.
        "abortScaleDownDelaySeconds" abort_scale_down_delay_seconds: Option<i32> = [Min(0)],
        /// Takes pods from the stable version as the new one gets traffic. Needs trafficRouting.
        "dynamicStableScale" dynamic_stable_scale: bool,
        /// Two services that change roles with each update.
        "pingPong" ping_pong: Option<PingPong>,
        /// Fewest pods of a version that has any. Needs trafficRouting.
        "minPodsPerReplicaSet" min_pods_per_replica_set: Option<i32> = [Min(1)],
        /// Pods that must be available before the next step; all when absent.
        "replicaProgressThreshold" replica_progress_threshold: Option<ReplicaProgress>,
        /// When false, the last step waits until somebody promotes. Argo Rollouts has this field in blueGreen only.
        "autoPromotionEnabled" auto_promotion_enabled: Option<bool>,
    }
}

record! {
    /// Two services that change roles with each update.
    PingPong {
        /// The one.
        "pingService" ping_service: String = [Required],
        /// The other one.
        "pongService" pong_service: String = [Required],
    }
}

words! {
    /// What progress is counted in.
    ProgressType {
        /// In percent.
        Percent = "Percent",
        /// In pods.
        Pods = "Pods",
    }
}

record! {
    /// Pods that must be available before the next step.
    ReplicaProgress {
        /// Percent or Pods.
        "type" kind: ProgressType = [Required],
        /// So many.
        "value" value: i32 = [Required, Min(0)],
    }
}

record! {
    /// Labels and annotations that pods carry for a time.
    PodMetadata {
        /// Labels.
        "labels" labels: BTreeMap<String, String>,
        /// Annotations.
        "annotations" annotations: BTreeMap<String, String>,
    }
}

record! {
    /// Keeps pods of different versions on different nodes.
    AntiAffinity {
        /// When there is room.
        "preferredDuringSchedulingIgnoredDuringExecution" preferred: Option<Preferred>,
        /// Always.
        "requiredDuringSchedulingIgnoredDuringExecution" required: Option<RequiredAffinity>,
    } where [OneOf(&[
        "preferredDuringSchedulingIgnoredDuringExecution",
        "requiredDuringSchedulingIgnoredDuringExecution",
    ])]
}

record! {
    /// How much it is preferred.
    Preferred {
        /// 1 to 100.
        "weight" weight: i32 = [Required, Min(1), Max(100)],
    }
}

record! {
    /// It has no settings.
    RequiredAffinity {}
}
