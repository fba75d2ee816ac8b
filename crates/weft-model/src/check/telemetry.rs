//! Rules of `Telemetry`.

use weft_api::meta::Metadata;
use weft_api::telemetry::{
    AccessLogging, LogFilter, Metrics, MetricsOverride, ProviderRef, TagOperation, TagOverride,
    Telemetry, Tracing,
};

use super::findings::code;
use super::{Findings, cel, target, values};

pub(crate) fn check(_: &Metadata, spec: &Telemetry, findings: &mut Findings) {
    let Telemetry { selector, target_ref, target_refs, tracing, metrics, access_logging } = spec;
    target::check(selector.as_ref(), target_ref.as_ref(), target_refs, findings);
    if tracing.len() > 1 {
        let what = "has several entries, of which only the first is used";
        findings.warning_in("tracing", code::SUSPICIOUS, what, "keep one");
    }
    findings.each("tracing", tracing, self::tracing);
    findings.each("metrics", metrics, self::metrics);
    findings.each("accessLogging", access_logging, access_log);
}

fn providers(providers: &[ProviderRef], findings: &mut Findings) {
    findings.each("providers", providers, |ProviderRef { name }, findings| {
        if name.is_empty() {
            findings.error_in("name", "is missing", "name the provider");
        }
    });
}

fn tracing(tracing: &Tracing, findings: &mut Findings) {
    providers(&tracing.providers, findings);
    if tracing.providers.len() > 1 {
        let what = "has several entries, of which only the first is used";
        findings.warning_in("providers", code::SUSPICIOUS, what, "keep one");
    }
    if let Some(share) = tracing.random_sampling_percentage.filter(|s| !(0.0..=100.0).contains(s)) {
        let what = format!("{share} is no share");
        findings.error_in("randomSamplingPercentage", what, "use 0 to 100");
    }
    findings.within("customTags", |findings| {
        for name in tracing.custom_tags.keys().filter(|name| name.is_empty()) {
            findings.error_in(name, "has no name", "name the tag");
        }
    });
}

fn metrics(metrics: &Metrics, findings: &mut Findings) {
    let Metrics { providers, overrides, reporting_interval } = metrics;
    self::providers(providers, findings);
    findings.each("overrides", overrides, |change, findings| {
        let MetricsOverride { matches: _, disabled: _, tag_overrides } = change;
        findings.within("tagOverrides", |findings| {
            for (name, tag) in tag_overrides {
                if name.is_empty() {
                    let what = "has no name";
                    findings.warning_in(name, code::SUSPICIOUS, what, "name the label");
                }
                findings.within(name, |findings| self::tag(tag, findings));
            }
        });
    });
    findings.given("reportingInterval", reporting_interval.as_ref(), |span, findings| {
        values::duration(*span, findings);
    });
}

fn tag(tag: &TagOverride, findings: &mut Findings) {
    let TagOverride { operation, value } = tag;
    match (operation, value.is_empty()) {
        (TagOperation::Upsert, true) => {
            findings.error_in("value", "is missing", "say what the label is, or use REMOVE");
        }
        (TagOperation::Remove, false) => {
            findings.error_in("value", "does not go with REMOVE", "remove it");
        }
        (TagOperation::Upsert, false) | (TagOperation::Remove, true) => {}
    }
}

fn access_log(log: &AccessLogging, findings: &mut Findings) {
    let AccessLogging { matches: _, providers, disabled: _, filter } = log;
    self::providers(providers, findings);
    findings.given("filter", filter.as_ref(), |LogFilter { expression }, findings| {
        if let Err(why) = cel::parse(expression) {
            findings.error_in("expression", why, "write CEL, such as response.code >= 500");
        }
    });
}
