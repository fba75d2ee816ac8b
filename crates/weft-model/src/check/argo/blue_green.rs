//! Rules of the strategy `blueGreen`.

use weft_api::argo::blue_green::BlueGreen;

use super::{analysis, canary, pods};
use crate::check::Findings;
use crate::check::findings::code;

pub(super) fn check(spec: &BlueGreen, history: i32, findings: &mut Findings) {
    let BlueGreen {
        active_service,
        preview_service,
        preview_replica_count: _,
        auto_promotion_enabled,
        auto_promotion_seconds,
        max_unavailable,
        scale_down_delay_seconds: _,
        scale_down_delay_revision_limit,
        pre_promotion_analysis,
        anti_affinity,
        post_promotion_analysis,
        preview_metadata,
        active_metadata,
        abort_scale_down_delay_seconds: _,
    } = spec;
    if active_service == preview_service {
        let what = format!("{preview_service:?} is the activeService as well");
        findings.error_in("previewService", what, "use two services");
    }
    if let Some(limit) = scale_down_delay_revision_limit.filter(|limit| *limit > history) {
        let what = format!("{limit} is more than revisionHistoryLimit, {history}");
        findings.error_in(
            "scaleDownDelayRevisionLimit",
            what,
            "keep more, or fewer of them running",
        );
    }
    if *auto_promotion_enabled == Some(false) && *auto_promotion_seconds > 0 {
        let what = "has no effect when autoPromotionEnabled is false";
        findings.warning_in("autoPromotionSeconds", code::SUSPICIOUS, what, "remove one of them");
    }
    findings.given("maxUnavailable", max_unavailable.as_ref(), canary::count);
    findings.given("antiAffinity", anti_affinity.as_ref(), canary::anti_affinity);
    findings.given("prePromotionAnalysis", pre_promotion_analysis.as_ref(), analysis::start);
    findings.given("postPromotionAnalysis", post_promotion_analysis.as_ref(), analysis::start);
    pods::metadata("previewMetadata", preview_metadata.as_ref(), findings);
    pods::metadata("activeMetadata", active_metadata.as_ref(), findings);
}
