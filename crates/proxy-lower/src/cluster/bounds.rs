//! Circuit breakers and outlier detection.
//! In: Envoy's settings. Out: ours. Holds: what is unset stands at Envoy's default; ejection by success rate is refused.

use std::time::Duration;

use proxy_config::cluster::{Limits, Outlier, RetryBudget};
use proxy_config::statuses::Statuses;
use weft_proto::envoy::config::cluster::v3 as wire;
use weft_proto::envoy::config::core::v3 as core;

use crate::Lowered;
use crate::known::{Rejected, only};
use crate::wrap;

pub(super) fn limits(wire: Option<&wire::CircuitBreakers>) -> Lowered<Limits> {
    let mut limits = Limits::default();
    let Some(wire) = wire else { return Ok(limits) };
    only!(wire, thresholds).map_err(|e| e.within("circuit_breakers"))?;
    let default = wire.thresholds.iter().find(|t| t.priority() == core::RoutingPriority::Default);
    if let Some(found) = default {
        only!(
            found,
            priority,
            max_connections,
            max_pending_requests,
            max_requests,
            max_retries,
            retry_budget,
            track_remaining
        )
        .map_err(|e| e.within("circuit_breakers.thresholds"))?;
        let set = |limit: &mut u32, wire: Option<weft_proto::google::protobuf::UInt32Value>| {
            *limit = wire.map_or(*limit, |n| n.value);
        };
        set(&mut limits.max_connections, found.max_connections);
        set(&mut limits.max_pending, found.max_pending_requests);
        set(&mut limits.max_requests, found.max_requests);
        set(&mut limits.max_retries, found.max_retries);
        limits.retry_budget = found.retry_budget.as_ref().map(retry_budget).transpose()?;
    }
    Ok(limits)
}

fn retry_budget(wire: &wire::circuit_breakers::thresholds::RetryBudget) -> Lowered<RetryBudget> {
    let at = |e: Rejected| e.within("circuit_breakers.thresholds.retry_budget");
    only!(wire, budget_percent, budget_interval, min_retry_concurrency).map_err(at)?;
    let percent = wire.budget_percent.as_ref().map_or(20.0, |percent| percent.value);
    Ok(RetryBudget {
        per_million: wrap::per_million(percent),
        minimum: wire.min_retry_concurrency.map_or(3, |n| n.value),
        interval: wrap::bound(wire.budget_interval.as_ref(), "budget_interval").map_err(at)?,
    })
}

pub(super) fn outlier(wire: &wire::OutlierDetection, errors: Option<Statuses>) -> Lowered<Outlier> {
    only!(
        wire,
        consecutive_5xx,
        interval,
        base_ejection_time,
        max_ejection_percent,
        enforcing_consecutive_5xx,
        enforcing_success_rate,
        consecutive_gateway_failure,
        enforcing_consecutive_gateway_failure,
        split_external_local_origin_errors,
        consecutive_local_origin_failure,
        enforcing_consecutive_local_origin_failure,
        enforcing_local_origin_success_rate,
        max_ejection_time,
    )
    .map_err(|e| e.within("outlier_detection"))?;
    let half = |field: &str, share: Option<weft_proto::google::protobuf::UInt32Value>| {
        let partly = share.is_some_and(|share| share.value != 0 && share.value < 100);
        let refuse = || Rejected::new(field, "must be 0 or 100").within("outlier_detection");
        (!partly).then_some(()).ok_or_else(refuse)
    };
    half("enforcing_consecutive_5xx", wire.enforcing_consecutive_5xx)?;
    half("enforcing_consecutive_gateway_failure", wire.enforcing_consecutive_gateway_failure)?;
    half(
        "enforcing_consecutive_local_origin_failure",
        wire.enforcing_consecutive_local_origin_failure,
    )?;
    for (field, share) in [
        ("enforcing_success_rate", wire.enforcing_success_rate),
        ("enforcing_local_origin_success_rate", wire.enforcing_local_origin_success_rate),
    ] {
        // Unset means on in Envoy; it needs five busy hosts to matter, and Istio always turns it off.
        if share.is_some_and(|share| share.value > 0) {
            let why = "hosts are not ejected by their success rate";
            return Err(Rejected::new(field, why).within("outlier_detection"));
        }
    }
    let time = |wire: Option<&weft_proto::google::protobuf::Duration>, default: u64| {
        let found =
            wire.map(wrap::duration).transpose().map_err(|e| e.within("outlier_detection"))?;
        Ok::<_, Rejected>(found.unwrap_or(Duration::from_secs(default)))
    };
    let on = |enforcing: Option<u32>, default: u32| enforcing.unwrap_or(default) > 0;
    let number = |n: Option<weft_proto::google::protobuf::UInt32Value>| n.map(|n| n.value);
    let if_on = |on: bool, count: u32| if on { count } else { 0 };
    let any = on(number(wire.enforcing_consecutive_5xx), 100);
    let gateway = on(number(wire.enforcing_consecutive_gateway_failure), 0);
    let local = on(number(wire.enforcing_consecutive_local_origin_failure), 100);
    let base_ejection = time(wire.base_ejection_time.as_ref(), 30)?;
    Ok(Outlier {
        consecutive_5xx: if_on(any, number(wire.consecutive_5xx).unwrap_or(5)),
        consecutive_gateway: if_on(gateway, number(wire.consecutive_gateway_failure).unwrap_or(5)),
        split_local_origin: wire.split_external_local_origin_errors,
        consecutive_local_origin: if_on(
            local,
            number(wire.consecutive_local_origin_failure).unwrap_or(5),
        ),
        interval: time(wire.interval.as_ref(), 10)?,
        base_ejection,
        max_ejection: time(wire.max_ejection_time.as_ref(), 300)?.max(base_ejection),
        max_ejection_percent: number(wire.max_ejection_percent).unwrap_or(10),
        errors,
    })
}
