//! Rules of Flagger's kinds: what its definitions refuse, and what its controller would stumble over later.

mod alert_provider;
mod analysis;
mod canary;
mod metric;
mod metric_template;
mod service;
mod webhook;

use serde_json::Value;

use super::{Answer, Findings, idle, values};

/// Checks an object of a kind of this group; a kind that is not known gives no problems.
pub(super) fn validate(object: &Value, kind: &str) -> Answer {
    match kind {
        "Canary" => idle(object, canary::check),
        "MetricTemplate" => idle(object, metric_template::check),
        "AlertProvider" => idle(object, alert_provider::check),
        _ => (None, Vec::new()),
    }
}

/// A URL, when one is given.
fn url(field: &str, text: &str, findings: &mut Findings) {
    if text.is_empty() {
        return;
    }
    if let Err(why) = values::url(text, &["http", "https"]) {
        findings.error_in(field, why, "write a URL such as http://prometheus.monitoring:9090");
    }
}

/// A duration such as `30s`.
fn duration(field: &str, text: &str, findings: &mut Findings) -> Option<std::time::Duration> {
    let found = weft_types::duration::parse(text);
    if found.is_err() {
        let what = format!("{text:?} is no duration");
        findings.error_in(field, what, "write a number and a unit, such as 30s or 5m");
    }
    found.ok()
}

#[cfg(test)]
mod tests;
