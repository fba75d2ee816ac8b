//! Rules of `Experiment`.

use std::collections::BTreeSet;

use weft_api::argo::experiment::{Experiment, ExperimentAnalysis, ExperimentTemplate};
use weft_api::meta::Metadata;

use super::{analysis, arguments, pods, time};
use crate::check::Findings;

/// Seconds without progress, when nothing is said.
const DEADLINE: i32 = 600;

pub(super) fn check(_: &Metadata, spec: &Experiment, findings: &mut Findings) {
    let Experiment {
        templates,
        duration,
        progress_deadline_seconds,
        terminate: _,
        analyses,
        scale_down_delay_seconds: _,
        dry_run,
        measurement_retention,
        analysis_run_metadata,
    } = spec;
    time::duration("duration", duration.as_deref(), findings);
    self::templates(templates, progress_deadline_seconds.unwrap_or(DEADLINE), findings);
    let mut seen = BTreeSet::new();
    findings.each("analyses", analyses, |found, findings| {
        let ExperimentAnalysis {
            name,
            template_name: _,
            cluster_scope: _,
            args,
            required_for_completion: _,
        } = found;
        if !seen.insert(name) {
            findings.error_in("name", format!("{name:?} stands here twice"), "name each once");
        }
        arguments::check(args, false, findings);
    });
    analysis::dry_run(dry_run, findings);
    analysis::retention(measurement_retention, findings);
    pods::metadata("analysisRunMetadata", analysis_run_metadata.as_ref(), findings);
}

fn templates(templates: &[ExperimentTemplate], deadline: i32, findings: &mut Findings) {
    let mut names = BTreeSet::new();
    findings.each("templates", templates, |found, findings| {
        let ExperimentTemplate {
            name,
            replicas: _,
            min_ready_seconds,
            selector,
            template,
            service: _,
        } = found;
        if !names.insert(name) {
            findings.error_in("name", format!("{name:?} stands here twice"), "name each once");
        }
        if deadline <= *min_ready_seconds {
            let what = format!("{min_ready_seconds} is not less than progressDeadlineSeconds");
            findings.error_in("minReadySeconds", what, format!("use less than {deadline}"));
        }
        pods::check(selector.as_ref(), template.as_ref(), findings);
    });
}
