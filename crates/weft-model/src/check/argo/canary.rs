//! Rules of the strategy `canary`.

use weft_api::IntOrString;
use weft_api::argo::canary::{AntiAffinity, Canary, PingPong, ProgressType, ReplicaProgress};
use weft_api::argo::traffic::TrafficRouting;

use super::{analysis, pods, routing, step};
use crate::check::findings::code;
use crate::check::{Findings, union};

pub(super) fn check(spec: &Canary, findings: &mut Findings) {
    let Canary {
        canary_service: _,
        stable_service: _,
        steps,
        traffic_routing,
        max_unavailable,
        max_surge,
        analysis,
        anti_affinity,
        canary_metadata,
        stable_metadata,
        scale_down_delay_seconds: _,
        scale_down_delay_revision_limit: _,
        abort_scale_down_delay_seconds: _,
        dynamic_stable_scale: _,
        ping_pong,
        min_pods_per_replica_set: _,
        replica_progress_threshold,
        auto_promotion_enabled,
    } = spec;
    surge(max_surge.as_ref(), max_unavailable.as_ref(), findings);
    services(spec, findings);
    delays(spec, findings);
    findings.given("trafficRouting", traffic_routing.as_ref(), routing::check);
    findings.given("pingPong", ping_pong.as_ref(), |services, findings| {
        self::ping_pong(services, traffic_routing.as_ref(), findings);
    });
    let context = step::Context::of(traffic_routing.as_ref());
    findings.each("steps", steps, |step, findings| step::check(step, &context, findings));
    findings.given("analysis", analysis.as_ref(), |found, findings| {
        analysis::background(found, steps.len(), findings);
    });
    findings.given("antiAffinity", anti_affinity.as_ref(), self::anti_affinity);
    findings.given("replicaProgressThreshold", replica_progress_threshold.as_ref(), threshold);
    pods::metadata("canaryMetadata", canary_metadata.as_ref(), findings);
    pods::metadata("stableMetadata", stable_metadata.as_ref(), findings);
    if auto_promotion_enabled.is_some() {
        let what = "is a field of blueGreen; Argo Rollouts itself drops it here";
        let fix = "write an empty pause before the last step";
        findings.warning_in("autoPromotionEnabled", code::SUSPICIOUS, what, fix);
    }
}

fn surge(surge: Option<&IntOrString>, away: Option<&IntOrString>, findings: &mut Findings) {
    findings.given("maxSurge", surge, count);
    findings.given("maxUnavailable", away, count);
    let zero = |found: Option<&IntOrString>| {
        found.is_some_and(|found| found.percent().map(i64::from).or(found.number()) == Some(0))
    };
    if zero(surge) && zero(away) {
        let what = "is 0 as maxUnavailable is, so that no pod could be replaced";
        findings.error_in("maxSurge", what, "let one of them be more than 0");
    }
}

/// A count of pods, as a number or in percent.
pub(super) fn count(found: &IntOrString, findings: &mut Findings) {
    let fits = match found {
        IntOrString::Int(number) => *number >= 0,
        IntOrString::Text(_) => found.percent().is_some(),
    };
    if !fits {
        findings
            .error(format!("{found} is no count"), "use a number from 0, or a text such as 25%");
    }
}

fn services(spec: &Canary, findings: &mut Findings) {
    let (canary, stable) = (&spec.canary_service, &spec.stable_service);
    if !canary.is_empty() && canary == stable {
        let what = format!("{stable:?} is the canaryService as well");
        findings.error_in("stableService", what, "use two services");
    }
    let by_service =
        |routing: &TrafficRouting| routing::by_service(routing, spec.ping_pong.is_some());
    if spec.traffic_routing.as_ref().is_some_and(by_service) {
        for (field, service) in [("canaryService", canary), ("stableService", stable)] {
            if service.is_empty() {
                let what = "is missing, and traffic is split between services";
                findings.error_in(field, what, "name the service, or use subsets of Istio");
            }
        }
    }
}

fn delays(spec: &Canary, findings: &mut Findings) {
    let delayed = spec.scale_down_delay_seconds.is_some();
    if spec.traffic_routing.is_none() {
        let fields =
            [("scaleDownDelaySeconds", delayed), ("dynamicStableScale", spec.dynamic_stable_scale)];
        for (field, _) in fields.into_iter().filter(|(_, set)| *set) {
            findings.error_in(field, "needs trafficRouting", "add trafficRouting, or remove it");
        }
    } else if delayed && spec.dynamic_stable_scale {
        let what = "does not go with scaleDownDelaySeconds";
        findings.error_in("dynamicStableScale", what, "remove one of them");
    }
}

fn ping_pong(spec: &PingPong, routing: Option<&TrafficRouting>, findings: &mut Findings) {
    let PingPong { ping_service, pong_service } = spec;
    for (field, service) in [("pingService", ping_service), ("pongService", pong_service)] {
        if service.is_empty() {
            findings.error_in(field, "is missing", "name the service");
        }
    }
    if !ping_service.is_empty() && ping_service == pong_service {
        let what = format!("{pong_service:?} is the pingService as well");
        findings.error_in("pongService", what, "use two services");
    }
    match routing {
        None => {
            let what = "has no effect without trafficRouting";
            findings.add(crate::Severity::Warning, code::SUSPICIOUS, what, "add trafficRouting");
        }
        Some(routing) if routing.alb.is_none() && routing.istio.is_none() => {
            findings.error("needs trafficRouting with istio or alb", "add one, or remove pingPong");
        }
        Some(_) => {}
    }
}

/// Keeps versions apart: in one way, with a weight of 1 to 100.
pub(super) fn anti_affinity(spec: &AntiAffinity, findings: &mut Findings) {
    let AntiAffinity { preferred, required } = spec;
    union::exactly_one(
        &[
            ("preferredDuringSchedulingIgnoredDuringExecution", preferred.is_some()),
            ("requiredDuringSchedulingIgnoredDuringExecution", required.is_some()),
        ],
        findings,
    );
}

fn threshold(spec: &ReplicaProgress, findings: &mut Findings) {
    let ReplicaProgress { kind, value } = spec;
    if *kind == ProgressType::Percent && *value > 100 {
        findings.error_in("value", format!("{value} is no share"), "use 0 to 100");
    }
}
