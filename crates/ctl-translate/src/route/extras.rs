//! Retries, faults, cross-origin rules and keys of consistent hashing.

use ctl_snapshot::MeshSettings;
use weft_model::api::reference::Percent;
use weft_model::api::traffic_policy::ConsistentHash;
use weft_model::api::virtual_service::{CorsPolicy, Fault, Retries};
use weft_proto::envoy::config::route::v3::RetryPolicy;
use weft_proto::envoy::config::route::v3::retry_policy::{
    RetryBackOff, RetryHostPredicate, RetryPriority, retry_host_predicate, retry_priority,
};
use weft_proto::envoy::config::route::v3::route_action::{HashPolicy, hash_policy};
use weft_proto::envoy::extensions::filters::common::fault::v3::{FaultDelay, fault_delay};
use weft_proto::envoy::extensions::filters::http::cors::v3 as cors;
use weft_proto::envoy::extensions::filters::http::fault::v3::{FaultAbort, HttpFault, fault_abort};
use weft_proto::envoy::extensions::retry::host::previous_hosts::v3::PreviousHostsPredicate;
use weft_proto::envoy::extensions::retry::priority::previous_priorities::v3::PreviousPrioritiesConfig;
use weft_proto::envoy::r#type::v3::{FractionalPercent, fractional_percent::DenominatorType};

use crate::route::matching;
use crate::wire;

const RETRY_ON: &str =
    "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes";

/// What Istio retries when nobody says anything. With `hashed` the key decides who is asked, also a second time.
fn default_retry(hashed: bool) -> RetryPolicy {
    RetryPolicy {
        retry_on: RETRY_ON.to_owned(),
        num_retries: wire::number(2),
        retry_host_predicate: if hashed { Vec::new() } else { vec![previous_hosts()] },
        host_selection_retry_max_attempts: 5,
        ..RetryPolicy::default()
    }
}

/// What a sidecar retries towards its own pod: only what the pod has not seen, unless the mesh says otherwise.
pub(crate) fn inbound_retry(mesh: &MeshSettings) -> Option<RetryPolicy> {
    let base = RetryPolicy {
        retry_on: "reset-before-request".to_owned(),
        num_retries: wire::number(2),
        ..RetryPolicy::default()
    };
    match &mesh.inbound_retries {
        None => Some(base),
        Some(written) => over(base, written),
    }
}

fn previous_hosts() -> RetryHostPredicate {
    let config = wire::any(&PreviousHostsPredicate {});
    RetryHostPredicate {
        name: "envoy.retry_host_predicates.previous_hosts".to_owned(),
        config_type: Some(retry_host_predicate::ConfigType::TypedConfig(config)),
    }
}

/// After two tries other priorities are asked than those of the tries.
fn other_places() -> RetryPriority {
    let config = wire::any(&PreviousPrioritiesConfig { update_frequency: 2 });
    RetryPriority {
        name: "envoy.retry_priorities.previous_priorities".to_owned(),
        config_type: Some(retry_priority::ConfigType::TypedConfig(config)),
    }
}

/// What a route retries: as it says, else as the mesh says, else as Istio does. `None`: never again.
pub(crate) fn retry(
    written: Option<&Retries>,
    hashed: bool,
    mesh: &MeshSettings,
) -> Option<RetryPolicy> {
    let base = default_retry(hashed);
    match written.or(mesh.retries.as_ref()) {
        None => Some(base),
        Some(written) => over(base, written),
    }
}

fn over(mut policy: RetryPolicy, written: &Retries) -> Option<RetryPolicy> {
    let attempts = u32::try_from(written.attempts).ok().filter(|n| *n > 0)?;
    policy.num_retries = wire::number(attempts);
    policy.per_try_timeout = written.per_try_timeout.map(|span| wire::duration(span.0));
    if !written.retry_on.is_empty() {
        let (codes, names): (Vec<&str>, Vec<&str>) = written
            .retry_on
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .partition(|part| part.parse().is_ok_and(has_meaning));
        policy.retriable_status_codes = codes.iter().filter_map(|code| code.parse().ok()).collect();
        let mut names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let listed = "retriable-status-codes";
        if !codes.is_empty() && !names.iter().any(|name| name == listed) {
            names.push(listed.to_owned());
        }
        policy.retry_on = names.join(",");
    }
    match written.retry_ignore_previous_hosts {
        Some(true) => policy.retry_host_predicate = vec![previous_hosts()],
        Some(false) => policy.retry_host_predicate.clear(),
        None => {}
    }
    policy.retry_priority = (written.retry_remote_localities == Some(true)).then(other_places);
    policy.retry_back_off = written.backoff.map(|span| RetryBackOff {
        base_interval: Some(wire::duration(span.0)),
        ..RetryBackOff::default()
    });
    Some(policy)
}

/// Whether a number is a status that HTTP gives a meaning. Istio takes others for names of conditions.
fn has_meaning(status: u16) -> bool {
    matches!(
        status,
        100..=103
            | 200..=208
            | 226
            | 300..=305
            | 307
            | 308
            | 400..=418
            | 421..=426
            | 428
            | 429
            | 431
            | 451
            | 500..=508
            | 510
            | 511
    )
}

/// A share of requests, from a value in percent.
pub(crate) fn share(percent: f64) -> FractionalPercent {
    let value = percent.clamp(0.0, 100.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and a million"
    )]
    let numerator = (value * 10_000.0).round() as u32;
    FractionalPercent { numerator, denominator: DenominatorType::Million.into() }
}

/// A fault; as in Istio it touches no request when nobody says how many.
pub(crate) fn fault(written: &Fault) -> HttpFault {
    let percent = |share: Option<&Percent>| share.map(|share| share.value);
    let delay = written.delay.as_ref().and_then(|delay| {
        let fixed = wire::duration(delay.fixed_delay?.0);
        let whole = f64::from(delay.percent);
        Some(FaultDelay {
            percentage: Some(share(percent(delay.percentage.as_ref()).unwrap_or(whole))),
            fault_delay_secifier: Some(fault_delay::FaultDelaySecifier::FixedDelay(fixed)),
        })
    });
    let abort = written.abort.as_ref().and_then(|abort| {
        // Istio lets 600 pass, which no proxy takes.
        let status = abort.http_status.and_then(|status| u32::try_from(status).ok());
        let status = status.filter(|status| (200..600).contains(status));
        let grpc = abort.grpc_status.as_deref().and_then(weft_model::grpc_status);
        let kind = match (status, grpc) {
            (Some(status), _) => fault_abort::ErrorType::HttpStatus(status),
            (None, Some(status)) => fault_abort::ErrorType::GrpcStatus(status),
            (None, None) => return None,
        };
        Some(FaultAbort {
            percentage: Some(share(percent(abort.percentage.as_ref()).unwrap_or(0.0))),
            error_type: Some(kind),
            ..FaultAbort::default()
        })
    });
    HttpFault { delay, abort, ..HttpFault::default() }
}

/// What of a request decides who is asked.
pub(crate) fn hash(written: &ConsistentHash) -> Option<HashPolicy> {
    use hash_policy::{
        ConnectionProperties, Cookie, CookieAttribute, Header, PolicySpecifier, QueryParameter,
    };
    let specifier = if let Some(name) = &written.http_header_name {
        PolicySpecifier::Header(Header { header_name: name.clone(), ..Header::default() })
    } else if let Some(cookie) = &written.http_cookie {
        PolicySpecifier::Cookie(Cookie {
            name: cookie.name.clone(),
            path: cookie.path.clone(),
            ttl: cookie.ttl.map(|span| wire::duration(span.0)),
            attributes: cookie
                .attributes
                .iter()
                .map(|one| CookieAttribute { name: one.name.clone(), value: one.value.clone() })
                .collect(),
        })
    } else if let Some(source_ip) = written.use_source_ip {
        PolicySpecifier::ConnectionProperties(ConnectionProperties { source_ip })
    } else {
        let name = written.http_query_parameter_name.clone()?;
        PolicySpecifier::QueryParameter(QueryParameter { name })
    };
    Some(HashPolicy { policy_specifier: Some(specifier), ..HashPolicy::default() })
}

pub(crate) fn cors(written: &CorsPolicy) -> cors::CorsPolicy {
    use weft_model::api::virtual_service::UnmatchedPreflights;
    cors::CorsPolicy {
        allow_origin_string_match: if written.allow_origins.is_empty() {
            written.allow_origin.iter().map(|origin| matching::exactly(origin)).collect()
        } else {
            written.allow_origins.iter().filter_map(matching::text).collect()
        },
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
