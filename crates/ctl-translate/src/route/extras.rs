//! Retries, faults, cross-origin rules, copies and changes to fields.

use weft_model::api::reference::Percent;
use weft_model::api::virtual_service::{CorsPolicy, Fault, HeaderOperations, Retries};
use weft_proto::envoy::config::core::v3::{
    HeaderValue, HeaderValueOption, header_value_option::HeaderAppendAction,
};
use weft_proto::envoy::config::route::v3::RetryPolicy;
use weft_proto::envoy::config::route::v3::retry_policy::{
    RetryBackOff, RetryHostPredicate, retry_host_predicate,
};
use weft_proto::envoy::extensions::filters::common::fault::v3::{FaultDelay, fault_delay};
use weft_proto::envoy::extensions::filters::http::cors::v3 as cors;
use weft_proto::envoy::extensions::filters::http::fault::v3::{FaultAbort, HttpFault, fault_abort};
use weft_proto::envoy::extensions::retry::host::previous_hosts::v3::PreviousHostsPredicate;
use weft_proto::envoy::r#type::v3::{FractionalPercent, fractional_percent::DenominatorType};

use crate::route::matching;
use crate::wire;

const RETRY_ON: &str =
    "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes";

/// What Istio retries when nobody says anything.
pub(crate) fn default_retry() -> RetryPolicy {
    RetryPolicy {
        retry_on: RETRY_ON.to_owned(),
        num_retries: wire::number(2),
        retry_host_predicate: vec![previous_hosts()],
        host_selection_retry_max_attempts: 5,
        ..RetryPolicy::default()
    }
}

fn previous_hosts() -> RetryHostPredicate {
    let config = wire::any(&PreviousHostsPredicate {});
    RetryHostPredicate {
        name: "envoy.retry_host_predicates.previous_hosts".to_owned(),
        config_type: Some(retry_host_predicate::ConfigType::TypedConfig(config)),
    }
}

/// `None`: never again.
pub(crate) fn retry(written: Option<&Retries>) -> Option<RetryPolicy> {
    let Some(written) = written else { return Some(default_retry()) };
    let attempts = u32::try_from(written.attempts).ok().filter(|n| *n > 0)?;
    let mut policy = default_retry();
    policy.num_retries = wire::number(attempts);
    policy.per_try_timeout = written.per_try_timeout.map(|span| wire::duration(span.0));
    if !written.retry_on.is_empty() {
        let (codes, names): (Vec<&str>, Vec<&str>) = written
            .retry_on
            .split(',')
            .map(str::trim)
            .partition(|part| part.parse::<u32>().is_ok());
        policy.retriable_status_codes = codes.iter().filter_map(|code| code.parse().ok()).collect();
        let mut names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let listed = "retriable-status-codes";
        if !codes.is_empty() && !names.iter().any(|name| name == listed) {
            names.push(listed.to_owned());
        }
        policy.retry_on = names.join(",");
    }
    if written.retry_ignore_previous_hosts == Some(false) {
        policy.retry_host_predicate.clear();
    }
    policy.retry_back_off = written.backoff.map(|span| RetryBackOff {
        base_interval: Some(wire::duration(span.0)),
        ..RetryBackOff::default()
    });
    Some(policy)
}

/// A share; what is not said is everything.
pub(crate) fn share(percent: Option<&Percent>) -> FractionalPercent {
    let value = percent.map_or(100.0, |percent| percent.value).clamp(0.0, 100.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and a million"
    )]
    let numerator = (value * 10_000.0).round() as u32;
    FractionalPercent { numerator, denominator: DenominatorType::Million.into() }
}

pub(crate) fn fault(written: &Fault) -> HttpFault {
    let delay = written.delay.as_ref().and_then(|delay| {
        let fixed = wire::duration(delay.fixed_delay?.0);
        Some(FaultDelay {
            percentage: Some(share(delay.percentage.as_ref())),
            fault_delay_secifier: Some(fault_delay::FaultDelaySecifier::FixedDelay(fixed)),
        })
    });
    let abort = written.abort.as_ref().and_then(|abort| {
        let status = u32::try_from(abort.http_status?).ok()?;
        Some(FaultAbort {
            percentage: Some(share(abort.percentage.as_ref())),
            error_type: Some(fault_abort::ErrorType::HttpStatus(status)),
            ..FaultAbort::default()
        })
    });
    HttpFault { delay, abort, ..HttpFault::default() }
}

pub(crate) fn cors(written: &CorsPolicy) -> cors::CorsPolicy {
    use weft_model::api::virtual_service::UnmatchedPreflights;
    cors::CorsPolicy {
        allow_origin_string_match: written
            .allow_origins
            .iter()
            .filter_map(matching::text)
            .collect(),
        allow_methods: written.allow_methods.join(","),
        allow_headers: written.allow_headers.join(","),
        expose_headers: written.expose_headers.join(","),
        max_age: written.max_age.map_or(String::new(), |span| span.0.as_secs().to_string()),
        allow_credentials: written.allow_credentials.and_then(wire::truth),
        forward_not_matching_preflights: wire::truth(
            written.unmatched_preflights != UnmatchedPreflights::Ignore,
        ),
        ..cors::CorsPolicy::default()
    }
}

/// Fields to add or replace, and fields to remove.
pub(crate) fn changes(written: Option<&HeaderOperations>) -> (Vec<HeaderValueOption>, Vec<String>) {
    let Some(written) = written else { return (Vec::new(), Vec::new()) };
    let option = |(key, value): (&String, &String), action: HeaderAppendAction| HeaderValueOption {
        header: Some(HeaderValue {
            key: key.clone(),
            value: value.clone(),
            ..HeaderValue::default()
        }),
        append_action: action.into(),
        ..HeaderValueOption::default()
    };
    let set = written.set.iter().map(|e| option(e, HeaderAppendAction::OverwriteIfExistsOrAdd));
    let add = written.add.iter().map(|e| option(e, HeaderAppendAction::AppendIfExistsOrAdd));
    (set.chain(add).collect(), written.remove.clone())
}
