//! Limits of rates that a proxy keeps by itself.
//! In: Envoy's local rate limit filter. Out: ours. Holds: what would be limited otherwise than it is written refuses the resource.

use std::sync::Arc;
use std::time::Duration;

use proxy_config::limit::{Bucket, Key, Kind, Limit};
use proxy_config::matcher::Fraction;
use proxy_config::route::HeaderOp;
use weft_proto::envoy::config::core::v3::{HeaderValueOption, RuntimeFractionalPercent};
use weft_proto::envoy::config::route::v3::RateLimit;
use weft_proto::envoy::config::route::v3::rate_limit::Action;
use weft_proto::envoy::config::route::v3::rate_limit::action::{
    ActionSpecifier, GenericKey, HeaderValueMatch, MaskedRemoteAddress,
};
use weft_proto::envoy::extensions::common::ratelimit::v3::{
    LocalRateLimitDescriptor, XRateLimitHeadersRfcVersion,
};
use weft_proto::envoy::extensions::filters::http::local_ratelimit::v3::LocalRateLimit;
use weft_proto::envoy::r#type::v3::TokenBucket;

use crate::Lowered;
use crate::known::{Rejected, only};
use crate::{matcher, route, wrap};

/// What it is called where routes may say another limit.
pub(crate) const FILTER: &str = "envoy.filters.http.local_ratelimit";
/// Its configuration.
pub(crate) const KIND: &str = "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit";
/// Envoy's, where nothing is said.
const MOST: u32 = 20;
/// Envoy fills no faster.
const SOONEST: Duration = Duration::from_millis(50);
const TOO_MANY: u16 = 429;

pub(crate) fn lower(wire: &LocalRateLimit, by_route: bool) -> Lowered<Limit> {
    // Not listed, so refused: buckets per connection, and shares of the whole cluster's rate.
    only!(
        wire,
        stat_prefix,
        status,
        token_bucket,
        filter_enabled,
        filter_enforced,
        request_headers_to_add_when_not_enforced,
        response_headers_to_add,
        descriptors,
        enable_x_ratelimit_headers,
        always_consume_default_token_bucket,
        rate_limited_as_resource_exhausted,
        rate_limits,
        max_dynamic_descriptors,
        enable_retry_after_header,
    )?;
    if wire.stat_prefix.is_empty() {
        return Err(Rejected::new("stat_prefix", "is missing"));
    }
    if !wire.descriptors.is_empty() && wire.rate_limits.is_empty() {
        let why = "are for requests as rate_limits describes them, which is missing here";
        return Err(Rejected::new("descriptors", why));
    }
    let bucket = wire.token_bucket.as_ref().map(bucket).transpose();
    let most = wire.max_dynamic_descriptors.map_or(MOST, |most| most.value);
    let told = wire.enable_x_ratelimit_headers() == XRateLimitHeadersRfcVersion::DraftVersion03;
    Ok(Limit {
        name: wire.stat_prefix.as_str().into(),
        by_route,
        bucket: bucket.map_err(|e| e.within("token_bucket"))?,
        kinds: each("descriptors", &wire.descriptors, kind)?,
        keys: each("rate_limits", &wire.rate_limits, keys)?,
        both: wire.always_consume_default_token_bucket.is_none_or(|both| both.value),
        enabled: share(wire.filter_enabled.as_ref(), "filter_enabled")?,
        enforced: share(wire.filter_enforced.as_ref(), "filter_enforced")?,
        status: status(wire)?,
        exhausted: wire.rate_limited_as_resource_exhausted,
        on_refusal: ops("response_headers_to_add", &wire.response_headers_to_add)?,
        on_excess: ops(
            "request_headers_to_add_when_not_enforced",
            &wire.request_headers_to_add_when_not_enforced,
        )?,
        tells: told,
        tells_when: wire.enable_retry_after_header,
        most: usize::try_from(most).unwrap_or(usize::MAX).max(1),
    })
}

/// What is not said is none, other than elsewhere: so Envoy has it.
fn share(wire: Option<&RuntimeFractionalPercent>, field: &str) -> Lowered<Fraction> {
    match wire {
        None => Ok(Fraction(0)),
        wire => wrap::runtime_fraction(wire).map_err(|e| e.within(field)),
    }
}

/// A status below 400 stands for the usual one, as with Envoy.
fn status(wire: &LocalRateLimit) -> Lowered<u16> {
    let Some(status) = &wire.status else { return Ok(TOO_MANY) };
    let code = u32::try_from(status.code).unwrap_or(0);
    if code < 400 {
        return Ok(TOO_MANY);
    }
    wrap::status(code).map_err(|e| e.within("status"))
}

fn each<W, T>(field: &str, wire: &[W], one: impl Fn(&W) -> Lowered<T>) -> Lowered<Vec<T>> {
    let one = |(at, wire)| one(wire).map_err(|e| e.within(format!("{field}[{at}]")));
    wrap::snug(wire.iter().enumerate().map(one))
}

fn ops(field: &str, wire: &[HeaderValueOption]) -> Lowered<Vec<HeaderOp>> {
    let found = each(field, wire, |option| {
        if option.header.as_ref().is_some_and(|header| header.value.contains('%')) {
            return Err(Rejected::new("header.value", "holds an operator, which is not supported"));
        }
        route::added(option)
    })?;
    Ok(found.into_iter().flatten().collect())
}

fn bucket(wire: &TokenBucket) -> Lowered<Bucket> {
    let every = wire.fill_interval.as_ref().map(wrap::duration).transpose();
    let every = every.map_err(|e| e.within("fill_interval"))?.unwrap_or_default();
    if every < SOONEST {
        return Err(Rejected::new("fill_interval", "must be 50 ms or more"));
    }
    let fill = wire.tokens_per_fill.map_or(1, |fill| fill.value);
    if fill == 0 {
        return Err(Rejected::new("tokens_per_fill", "must be more than 0"));
    }
    Ok(Bucket { most: wire.max_tokens, fill, every })
}

fn kind(wire: &LocalRateLimitDescriptor) -> Lowered<Kind> {
    only!(wire, entries, token_bucket)?;
    let missing = || Rejected::new("token_bucket", "is missing");
    let bucket = bucket(wire.token_bucket.as_ref().ok_or_else(missing)?);
    let entries = wire.entries.iter().map(|entry| {
        let value = Some(entry.value.as_str()).filter(|value| !value.is_empty());
        (entry.key.as_str().into(), value.map(Arc::from))
    });
    Ok(Kind { entries: entries.collect(), bucket: bucket.map_err(|e| e.within("token_bucket"))? })
}

/// What a filter or a route says of requests.
pub(crate) fn keys(wire: &RateLimit) -> Lowered<Vec<Key>> {
    only!(wire, actions)?;
    each("actions", &wire.actions, key)
}

fn key(wire: &Action) -> Lowered<Key> {
    let other = || Rejected::new("", "is of a kind that weft-proxy does not know");
    Ok(match wire.action_specifier.as_ref().ok_or_else(other)? {
        ActionSpecifier::GenericKey(fixed) => generic(fixed)?,
        ActionSpecifier::RequestHeaders(field) => Key::Field {
            name: field.header_name.to_ascii_lowercase().into(),
            key: field.descriptor_key.as_str().into(),
            skips: field.skip_if_absent,
        },
        ActionSpecifier::QueryParameters(parameter) => Key::Parameter {
            name: parameter.query_parameter_name.as_str().into(),
            key: parameter.descriptor_key.as_str().into(),
            skips: parameter.skip_if_absent,
        },
        ActionSpecifier::RemoteAddress(_) => Key::Address,
        ActionSpecifier::MaskedRemoteAddress(masked) => network(masked)?,
        ActionSpecifier::HeaderValueMatch(found) => matches(found)?,
        _ => return Err(other()),
    })
}

fn generic(wire: &GenericKey) -> Lowered<Key> {
    only!(wire, descriptor_key, descriptor_value).map_err(|e| e.within("generic_key"))?;
    let (key, value) = (named(&wire.descriptor_key, "generic_key"), text(&wire.descriptor_value)?);
    Ok(Key::Fixed(key, value))
}

fn matches(wire: &HeaderValueMatch) -> Lowered<Key> {
    only!(wire, descriptor_key, descriptor_value, expect_match, headers)
        .map_err(|e| e.within("header_value_match"))?;
    Ok(Key::Matches {
        key: named(&wire.descriptor_key, "header_match"),
        value: text(&wire.descriptor_value)?,
        expected: wire.expect_match.is_none_or(|expected| expected.value),
        fields: each("headers", &wire.headers, matcher::header)?,
    })
}

fn network(wire: &MaskedRemoteAddress) -> Lowered<Key> {
    let length = |given: Option<u32>, most: u8| {
        let given = given.map_or(Ok(most), u8::try_from).ok().filter(|given| *given <= most);
        given.ok_or_else(|| Rejected::new("masked_remote_address", "has too long a prefix"))
    };
    let v4 = length(wire.v4_prefix_mask_len.map(|length| length.value), 32)?;
    let v6 = length(wire.v6_prefix_mask_len.map(|length| length.value), 128)?;
    Ok(Key::Network(v4, v6))
}

fn named(written: &str, usual: &str) -> Arc<str> {
    if written.is_empty() { usual.into() } else { written.into() }
}

fn text(written: &str) -> Lowered<Arc<str>> {
    if written.is_empty() || written.contains('%') {
        let why = "is empty, or holds an operator, which is not supported";
        return Err(Rejected::new("descriptor_value", why));
    }
    Ok(written.into())
}
