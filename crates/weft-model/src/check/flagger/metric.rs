//! Rules of one thing that a `Canary` measures.

use weft_api::flagger::analysis::{CanaryMetric, ThresholdRange};

use super::duration;
use crate::check::Findings;
use crate::check::findings::code;

/// What is measured without a query.
const BUILT_IN: [&str; 2] = ["request-success-rate", "request-duration"];

pub(super) fn check(spec: &CanaryMetric, findings: &mut Findings) {
    let CanaryMetric {
        name,
        interval,
        threshold,
        threshold_range,
        query,
        template_ref,
        template_variables,
    } = spec;
    if let Some(interval) = interval {
        duration("interval", interval, findings);
    }
    findings.given("thresholdRange", threshold_range.as_ref(), |range, findings| {
        self::range(range, name, findings);
    });
    if threshold.is_some() && threshold_range.is_some() {
        let what = "has no effect beside thresholdRange";
        findings.warning_in("threshold", code::SUSPICIOUS, what, "remove it");
    }
    if threshold.is_none() && threshold_range.is_none() {
        let what = "is missing, so that nobody knows which values are good";
        findings.warning_in("thresholdRange", code::SUSPICIOUS, what, "add min or max");
    }
    if !query.is_empty() && template_ref.is_some() {
        findings.error("query and templateRef exclude each other", "keep templateRef");
    }
    if query.is_empty() && template_ref.is_none() && !BUILT_IN.contains(&name.as_str()) {
        let what = format!("{name:?} has no query, so that it is not measured");
        let fix = format!("add templateRef, or use {}", BUILT_IN.join(" or "));
        findings.warning_in("name", code::SUSPICIOUS, what, fix);
    }
    if !template_variables.is_empty() && template_ref.is_none() {
        let what = "has no effect without templateRef";
        findings.warning_in("templateVariables", code::SUSPICIOUS, what, "add templateRef");
    }
    let share = name == "request-success-rate";
    if let Some(value) = threshold.filter(|value| share && !(0.0..=100.0).contains(value)) {
        findings.error_in("threshold", format!("{value} is no share"), "use 0 to 100");
    }
}

fn range(range: &ThresholdRange, name: &str, findings: &mut Findings) {
    let ThresholdRange { min, max } = range;
    if min.is_none() && max.is_none() {
        findings.error("says nothing", "add min or max");
    }
    if let Some((min, max)) = min.zip(*max).filter(|(min, max)| min > max) {
        let what = format!("{min} is more than max, {max}");
        findings.error_in("min", what, "make it smaller");
    }
    for (field, value) in [("min", min), ("max", max)] {
        let off = |value: &f64| name == "request-success-rate" && !(0.0..=100.0).contains(value);
        if let Some(value) = value.filter(off) {
            findings.error_in(field, format!("{value} is no share"), "use 0 to 100");
        }
    }
}
