//! Rules of one metric.

use weft_api::IntOrString;
use weft_api::argo::analysis::Metric;

use super::{condition, provider, time};
use crate::check::Findings;

pub(super) fn check(spec: &Metric, findings: &mut Findings) {
    let Metric {
        name: _,
        interval,
        initial_delay,
        count,
        success_condition,
        failure_condition,
        failure_limit,
        inconclusive_limit,
        consecutive_error_limit,
        consecutive_success_limit,
        provider,
    } = spec;
    time::duration("interval", interval.as_deref(), findings);
    time::duration("initialDelay", initial_delay.as_deref(), findings);
    let count = number("count", count.as_ref(), 0, findings);
    let failures = number("failureLimit", failure_limit.as_ref(), -1, findings);
    let unclear = number("inconclusiveLimit", inconclusive_limit.as_ref(), 0, findings);
    number("consecutiveErrorLimit", consecutive_error_limit.as_ref(), 0, findings);
    number("consecutiveSuccessLimit", consecutive_success_limit.as_ref(), 0, findings);
    if count.is_some_and(|count| count > 1) && interval.is_none() {
        let what = "is missing, and count is more than 1";
        findings.error_in("interval", what, "say how long to wait between measurements");
    }
    for (field, limit) in [("failureLimit", failures), ("inconclusiveLimit", unclear)] {
        let pair = count.filter(|count| *count > 0).zip(limit);
        if let Some((count, limit)) = pair.filter(|(count, limit)| limit > count) {
            let what = format!("{limit} is more than count, {count}, and would never be passed");
            findings.error_in(field, what, "make it smaller, or count larger");
        }
    }
    for (field, text) in
        [("successCondition", success_condition), ("failureCondition", failure_condition)]
    {
        findings.given(field, text.as_ref(), |text, findings| condition::check(text, findings));
    }
    findings.given("provider", provider.as_ref(), provider::check);
}

/// A number that may be written as a text, or filled in later.
fn number(
    field: &str,
    value: Option<&IntOrString>,
    least: i64,
    findings: &mut Findings,
) -> Option<i64> {
    let value = value?;
    match (value, value.number()) {
        (_, Some(number)) if number >= least => Some(number),
        (_, Some(number)) => {
            let what = format!("{number} is too small");
            findings.error_in(field, what, format!("use {least} or more"));
            None
        }
        (IntOrString::Text(text), None) if time::is_open(text) => None,
        (IntOrString::Int(_) | IntOrString::Text(_), None) => {
            findings.error_in(field, format!("{value} is no number"), "write a number");
            None
        }
    }
}
