//! The strategy `blueGreen`: a new version takes all traffic at once.

use super::canary::{AntiAffinity, PodMetadata};
use super::run::RolloutAnalysis;
use crate::IntOrString;
use crate::read::record;

record! {
    /// A new version starts beside the old one, can be looked at, and then takes all traffic.
    BlueGreen {
        /// Service of the version that has the traffic.
        "activeService" active_service: String = [Required, MinLength(1)],
        /// Service of the version that is looked at.
        "previewService" preview_service: String,
        /// Pods of the new version before it takes over; all when absent.
        "previewReplicaCount" preview_replica_count: Option<i32> = [Min(0)],
        /// Whether it takes over by itself; true when absent.
        "autoPromotionEnabled" auto_promotion_enabled: Option<bool>,
        /// Seconds before it takes over by itself.
        "autoPromotionSeconds" auto_promotion_seconds: i32 = [Min(0)],
        /// Pods that may be away during a restart, as a number or in percent; 25% when absent.
        "maxUnavailable" max_unavailable: Option<IntOrString>,
        /// Seconds for which the old version stays; 30 when absent.
        "scaleDownDelaySeconds" scale_down_delay_seconds: Option<i32> = [Min(0)],
        /// Old versions that stay at the same time.
        "scaleDownDelayRevisionLimit" scale_down_delay_revision_limit: Option<i32> = [Min(0)],
        /// What must succeed before it takes over.
        "prePromotionAnalysis" pre_promotion_analysis: Option<RolloutAnalysis>,
        /// Keeps pods of different versions on different nodes.
        "antiAffinity" anti_affinity: Option<AntiAffinity>,
        /// What must succeed after it took over; if not, the old version is back.
        "postPromotionAnalysis" post_promotion_analysis: Option<RolloutAnalysis>,
        /// Labels and annotations of pods while they are looked at.
        "previewMetadata" preview_metadata: Option<PodMetadata>,
        /// Labels and annotations of pods while they have the traffic.
        "activeMetadata" active_metadata: Option<PodMetadata>,
        /// Seconds for which the new version stays after an abort; 30 when absent, and 0 for always.
        "abortScaleDownDelaySeconds" abort_scale_down_delay_seconds: Option<i32> = [Min(0)],
    }
}
