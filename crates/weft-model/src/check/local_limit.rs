//! Rules of a local limit that an EnvoyFilter puts in: what Envoy would refuse the whole listener for.

use serde_json::{Map, Value};

use super::Findings;
use super::findings::code;
use crate::limits::field;

/// Envoy fills no faster.
const SOONEST: f64 = 0.05;

/// Checks the configuration that is looked at.
pub(crate) fn check(config: &Value, findings: &mut Findings) {
    let Some(config) = config.as_object() else { return };
    let named = field(config, "stat_prefix").and_then(Value::as_str);
    if named.is_none_or(str::is_empty) {
        findings.error_in("stat_prefix", "is missing", "name the limit, for its statistics");
    }
    if let Some(bucket) = field(config, "token_bucket").and_then(Value::as_object) {
        findings.within("token_bucket", |findings| self::bucket(bucket, findings));
    }
    let list = field(config, "descriptors").and_then(Value::as_array);
    findings.within("descriptors", |findings| {
        findings.within_each(list.map_or(&[][..], Vec::as_slice), |one, findings| {
            let bucket = one.as_object().and_then(|one| field(one, "token_bucket"));
            findings.within("token_bucket", |findings| match bucket.and_then(Value::as_object) {
                Some(bucket) => self::bucket(bucket, findings),
                None => findings.error("is missing", "say how many requests may come"),
            });
        });
    });
    let (enabled, enforced) = (field(config, "filter_enabled"), field(config, "filter_enforced"));
    if enabled.is_some() && enforced.is_none() {
        findings.warning_in(
            "filter_enforced",
            code::SUSPICIOUS,
            "is missing; Envoy by itself would count and refuse nothing, Weft refuses what is beyond the limit",
            "write it: 100 percent to refuse, 0 to count only",
        );
    }
    if enabled.is_none() && field(config, "token_bucket").is_some() {
        let what = "is missing, so that the limit is not looked at";
        findings.warning_in("filter_enabled", code::SUSPICIOUS, what, "write it: 100 percent");
    }
}

fn bucket(bucket: &Map<String, Value>, findings: &mut Findings) {
    let seconds = field(bucket, "fill_interval").and_then(Value::as_str).and_then(seconds);
    if seconds.is_none_or(|seconds| seconds < SOONEST) {
        let what = "must be 50 ms or more";
        findings.error_in("fill_interval", what, "write a time such as 1s or 60s");
    }
    if field(bucket, "tokens_per_fill").is_some_and(|fill| fill == 0) {
        findings.error_in("tokens_per_fill", "must be more than 0", "leave it out for 1");
    }
}

/// Protobuf's JSON of a duration.
fn seconds(text: &str) -> Option<f64> {
    text.strip_suffix('s')?.parse().ok()
}
