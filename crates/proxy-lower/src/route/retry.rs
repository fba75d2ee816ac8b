//! Retry policies.
//! In: Envoy's RetryPolicy. Out: ours. Holds: a condition that is not known refuses the route.

use std::time::Duration;

use proxy_config::route::{Retry, RetryOn};
use weft_proto::envoy::config::route::v3 as wire;

use crate::Lowered;
use crate::known::{Rejected, only};
use crate::wrap;

pub(crate) fn lower(wire: &wire::RetryPolicy) -> Lowered<Retry> {
    only!(
        wire,
        retry_on,
        num_retries,
        per_try_timeout,
        retry_host_predicate,
        retry_priority,
        host_selection_retry_max_attempts,
        retriable_status_codes,
        retry_back_off,
    )
    .map_err(|e| e.within("retry_policy"))?;
    let back_off = back_off(wire.retry_back_off.as_ref()).map_err(|e| e.within("retry_policy"))?;
    let avoid = wire.retry_host_predicate.iter().map(avoids_previous).collect::<Lowered<Vec<_>>>();
    let codes = wire.retriable_status_codes.iter().map(|code| u16::try_from(*code));
    Ok(Retry {
        on: conditions(&wire.retry_on)?,
        status_codes: codes
            .collect::<Result<_, _>>()
            .map_err(|error| Rejected::new("retriable_status_codes", error.to_string()))?,
        num_retries: wire.num_retries.map_or(1, |n| n.value),
        per_try_timeout: wrap::bound(wire.per_try_timeout.as_ref(), "per_try_timeout")?,
        back_off,
        avoid_previous_hosts: !avoid.map_err(|e| e.within("retry_policy"))?.is_empty(),
        remote: remote(wire.retry_priority.as_ref()).map_err(|e| e.within("retry_policy"))?,
        host_attempts: u32::try_from(wire.host_selection_retry_max_attempts).unwrap_or(1),
    })
}

/// Base (25 ms unless said) and longest wait (ten times that unless said).
fn back_off(wire: Option<&wire::retry_policy::RetryBackOff>) -> Lowered<(Duration, Duration)> {
    let base = wire.and_then(|wire| wire.base_interval.as_ref()).map(wrap::duration).transpose();
    let base = base.map_err(|e| e.within("retry_back_off.base_interval"))?;
    let base = base.unwrap_or(Duration::from_millis(25));
    let most = wire.and_then(|wire| wire.max_interval.as_ref()).map(wrap::duration).transpose();
    let most = most.map_err(|e| e.within("retry_back_off.max_interval"))?;
    let most = most.unwrap_or_else(|| base.saturating_mul(10));
    if base.is_zero() || most < base {
        return Err(Rejected::new("retry_back_off", "must grow from more than zero"));
    }
    Ok((base, most))
}

fn avoids_previous(wire: &wire::retry_policy::RetryHostPredicate) -> Lowered<()> {
    use wire::retry_policy::retry_host_predicate::ConfigType;
    const NAME: &str = "envoy.retry_host_predicates.previous_hosts";
    const KIND: &str = "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate";
    let known = match wire.config_type.as_ref() {
        None => wire.name == NAME,
        Some(ConfigType::TypedConfig(config)) => crate::any::kind(config) == KIND,
    };
    let why = || Rejected::new("retry_host_predicate", format!("{:?} is not known", wire.name));
    known.then_some(()).ok_or_else(why)
}

/// How often it looks again at what was tried is ours to say.
fn remote(wire: Option<&wire::retry_policy::RetryPriority>) -> Lowered<bool> {
    use wire::retry_policy::retry_priority::ConfigType;
    const KIND: &str =
        "envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig";
    let Some(wire) = wire else { return Ok(false) };
    match wire.config_type.as_ref() {
        Some(ConfigType::TypedConfig(config)) if crate::any::kind(config) == KIND => Ok(true),
        _ => Err(Rejected::new("retry_priority", format!("{:?} is not known", wire.name))),
    }
}

fn conditions(text: &str) -> Lowered<RetryOn> {
    let mut on = RetryOn::default();
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        match name {
            "5xx" => on.any_5xx = true,
            "gateway-error" => on.gateway_error = true,
            "reset" => on.reset = true,
            "reset-before-request" => on.reset_before_request = true,
            "connect-failure" => on.connect_failure = true,
            "refused-stream" => on.refused_stream = true,
            "retriable-4xx" => on.retriable_4xx = true,
            "envoy-ratelimited" => on.rate_limited = true,
            "retriable-status-codes" => on.status_codes = true,
            // Envoy retries on these only with a list of fields, which is refused above.
            "retriable-headers" | "http3-post-connect-failure" => {}
            "cancelled" => on.grpc |= 1 << 1,
            "deadline-exceeded" => on.grpc |= 1 << 4,
            "resource-exhausted" => on.grpc |= 1 << 8,
            "internal" => on.grpc |= 1 << 13,
            "unavailable" => on.grpc |= 1 << 14,
            // Envoy passes over a number here, and Istio sends one that is no status.
            number if number.parse::<u32>().is_ok() => {}
            other => {
                return Err(Rejected::new(
                    "retry_policy.retry_on",
                    format!("{other:?} is not known"),
                ));
            }
        }
    }
    Ok(on)
}
