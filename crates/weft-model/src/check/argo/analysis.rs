//! Rules of analyses: how rollouts start them, `AnalysisTemplate` and `AnalysisRun`.

use std::collections::BTreeSet;

use serde_json::Value;
use weft_api::argo::analysis::{
    AnalysisRun, AnalysisTemplate, Argument, DryRun, MeasurementRetention, Metric, TemplateRef,
};
use weft_api::argo::run::{BackgroundAnalysis, RolloutAnalysis};
use weft_api::meta::Metadata;

use super::{arguments, metric, pods};
use crate::check::{Findings, pattern};

/// An analysis that a rollout starts.
pub(super) fn start(spec: &RolloutAnalysis, findings: &mut Findings) {
    let RolloutAnalysis { templates, args, dry_run, measurement_retention, analysis_run_metadata } =
        spec;
    self::templates(templates, findings);
    arguments::of_run(args, findings);
    self::dry_run(dry_run, findings);
    retention(measurement_retention, findings);
    pods::metadata("analysisRunMetadata", analysis_run_metadata.as_ref(), findings);
}

/// An analysis that runs during all `steps`.
pub(super) fn background(spec: &BackgroundAnalysis, steps: usize, findings: &mut Findings) {
    let BackgroundAnalysis {
        templates,
        args,
        dry_run,
        measurement_retention,
        analysis_run_metadata,
        starting_step,
    } = spec;
    self::templates(templates, findings);
    arguments::of_run(args, findings);
    self::dry_run(dry_run, findings);
    retention(measurement_retention, findings);
    pods::metadata("analysisRunMetadata", analysis_run_metadata.as_ref(), findings);
    let begins = starting_step.and_then(|step| usize::try_from(step).ok()).unwrap_or(0);
    if begins > 0 && begins >= steps {
        let what = format!("{begins} is no index of the {steps} steps, so that it never begins");
        findings.error_in("startingStep", what, "count steps from 0");
    }
}

fn templates(templates: &[TemplateRef], findings: &mut Findings) {
    if templates.is_empty() {
        findings.error_in("templates", "is missing", "name what is measured");
    }
    let mut seen = BTreeSet::new();
    findings.each(
        "templates",
        templates,
        |TemplateRef { template_name, cluster_scope }, findings| {
            if !seen.insert((template_name, cluster_scope)) {
                let what = format!("{template_name:?} stands here twice");
                findings.error_in("templateName", what, "name each once");
            }
        },
    );
}

/// Metrics whose outcome does not matter.
pub(super) fn dry_run(dry_run: &[DryRun], findings: &mut Findings) {
    findings.each("dryRun", dry_run, |DryRun { metric_name }, findings| {
        pattern(metric_name, findings);
    });
}

pub(super) fn retention(retention: &[MeasurementRetention], findings: &mut Findings) {
    let check = |spec: &MeasurementRetention, findings: &mut Findings| {
        let MeasurementRetention { metric_name, limit: _ } = spec;
        pattern(metric_name, findings);
    };
    findings.each("measurementRetention", retention, check);
}

fn pattern(name: &str, findings: &mut Findings) {
    if name != "*" {
        findings.within("metricName", |findings| pattern::regex(name, findings));
    }
}

pub(super) fn template(_: &Metadata, spec: &AnalysisTemplate, findings: &mut Findings) {
    let AnalysisTemplate { metrics, args, dry_run, measurement_retention, templates } = spec;
    if metrics.is_empty() && templates.is_empty() {
        findings.error_in("metrics", "is missing", "say what is measured");
    }
    if !templates.is_empty() {
        self::templates(templates, findings);
    }
    arguments::check(args, false, findings);
    self::metrics(metrics, findings);
    self::dry_run(dry_run, findings);
    retention(measurement_retention, findings);
    // With other templates, their arguments can be used as well.
    if templates.is_empty() {
        used(metrics, args, findings);
    }
}

pub(super) fn run(_: &Metadata, spec: &AnalysisRun, findings: &mut Findings) {
    let AnalysisRun {
        metrics,
        args,
        terminate: _,
        dry_run,
        measurement_retention,
        ttl_strategy: _,
    } = spec;
    arguments::check(args, true, findings);
    self::metrics(metrics, findings);
    self::dry_run(dry_run, findings);
    retention(measurement_retention, findings);
    used(metrics, args, findings);
}

fn metrics(metrics: &[Metric], findings: &mut Findings) {
    let mut seen = BTreeSet::new();
    findings.each("metrics", metrics, |found, findings| {
        if !seen.insert(&found.name) {
            let what = format!("{:?} stands here twice", found.name);
            findings.error_in("name", what, "name each once");
        }
        metric::check(found, findings);
    });
}

/// Every `{{args.NAME}}` is an argument.
fn used(metrics: &[Metric], args: &[Argument], findings: &mut Findings) {
    let known: BTreeSet<&str> = args.iter().map(|arg| arg.name.as_str()).collect();
    findings.each("metrics", metrics, |metric, findings| {
        let Ok(value) = serde_json::to_value(metric) else { return };
        uses(&value, &known, findings);
    });
}

fn uses(value: &Value, known: &BTreeSet<&str>, findings: &mut Findings) {
    match value {
        Value::String(text) => {
            let names = text.split("{{").skip(1).filter_map(|rest| {
                Some(rest.split_once("}}")?.0.trim().strip_prefix("args.")?.trim())
            });
            for name in names.filter(|name| !known.contains(name)) {
                let what = format!("uses {{{{args.{name}}}}}, which is no argument");
                findings.error(what, format!("add {name} to spec.args"));
            }
        }
        Value::Array(items) => findings.within_each(items, |item, f| uses(item, known, f)),
        Value::Object(fields) => {
            for (name, inner) in fields {
                findings.within(name, |findings| uses(inner, known, findings));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
