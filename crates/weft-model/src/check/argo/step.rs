//! Rules of steps.

use std::collections::BTreeSet;

use weft_api::argo::step::{
    ExperimentStep, HeaderRouteMatch, MirrorMatch, Pause, SetCanaryScale, SetHeaderRoute,
    SetMirrorRoute, Step, StepAnalysis, StepTemplate,
};
use weft_api::argo::traffic::TrafficRouting;
use weft_api::reference::StringMatch;

use super::{analysis, arguments, pods, time};
use crate::check::{Findings, pattern, selector, union};

/// What steps may ask for, by who splits traffic.
pub(super) struct Context<'a> {
    routing: Option<&'a TrafficRouting>,
    full: i32,
}

impl<'a> Context<'a> {
    pub(super) fn of(routing: Option<&'a TrafficRouting>) -> Self {
        let full = routing.and_then(|routing| routing.max_traffic_weight).unwrap_or(100);
        Self { routing, full }
    }

    fn is(&self, able: impl Fn(&TrafficRouting) -> bool) -> bool {
        self.routing.is_some_and(able)
    }
}

pub(super) fn check(step: &Step, context: &Context<'_>, findings: &mut Findings) {
    let Step {
        set_weight,
        pause,
        experiment,
        analysis,
        set_canary_scale,
        set_header_route,
        set_mirror_route,
        plugin,
    } = step;
    union::exactly_one(
        &[
            ("setWeight", set_weight.is_some()),
            ("pause", pause.is_some()),
            ("experiment", experiment.is_some()),
            ("analysis", analysis.is_some()),
            ("setCanaryScale", set_canary_scale.is_some()),
            ("setHeaderRoute", set_header_route.is_some()),
            ("setMirrorRoute", set_mirror_route.is_some()),
            ("plugin", plugin.is_some()),
        ],
        findings,
    );
    if let Some(weight) = set_weight.filter(|weight| !(0..=context.full).contains(weight)) {
        let what = format!("{weight} is no share of traffic");
        findings.error_in("setWeight", what, format!("use 0 to {}", context.full));
    }
    findings.given("pause", pause.as_ref(), |Pause { duration }, findings| {
        time::pause("duration", duration.as_ref(), findings);
    });
    findings.given("analysis", analysis.as_ref(), analysis::start);
    findings.given("setCanaryScale", set_canary_scale.as_ref(), |scale, findings| {
        self::scale(scale, context, findings);
    });
    findings.given("setHeaderRoute", set_header_route.as_ref(), |route, findings| {
        header_route(route, context, findings);
    });
    findings.given("setMirrorRoute", set_mirror_route.as_ref(), |route, findings| {
        mirror_route(route, context, findings);
    });
    findings.given("experiment", experiment.as_ref(), |experiment, findings| {
        self::experiment(experiment, context, findings);
    });
}

fn scale(scale: &SetCanaryScale, context: &Context<'_>, findings: &mut Findings) {
    let SetCanaryScale { weight, replicas, match_traffic_weight } = scale;
    union::exactly_one(
        &[
            ("weight", weight.is_some()),
            ("replicas", replicas.is_some()),
            ("matchTrafficWeight", *match_traffic_weight),
        ],
        findings,
    );
    if context.routing.is_none() {
        findings.error("needs trafficRouting", "add trafficRouting, or use setWeight");
    }
}

/// A route of a step is one of those that the rollout manages.
fn managed(name: &str, context: &Context<'_>, findings: &mut Findings) {
    let known = |routing: &TrafficRouting| routing.managed_routes.iter().any(|r| r.name == name);
    if !context.is(known) {
        let what = format!("{name:?} is not one of trafficRouting.managedRoutes");
        findings.error_in("name", what, "add it there");
    }
}

fn header_route(route: &SetHeaderRoute, context: &Context<'_>, findings: &mut Findings) {
    let SetHeaderRoute { name, matches } = route;
    let able = |routing: &TrafficRouting| {
        routing.istio.is_some()
            || routing.alb.is_some()
            || routing.apisix.is_some()
            || !routing.plugins.is_empty()
    };
    if !context.is(able) {
        let what = "needs trafficRouting with istio, alb, apisix or a plugin";
        findings.error(what, "add it, or remove the step");
        return;
    }
    managed(name, context, findings);
    let exact_only = context.is(|routing| routing.alb.is_some());
    findings.each(
        "match",
        matches,
        |HeaderRouteMatch { header_name: _, header_value }, findings| {
            findings.given("headerValue", header_value.as_ref(), |value, findings| {
                text_match(value, findings);
                if exact_only && value.exact.is_none() {
                    findings.error("is not exact, as alb needs it", "use exact");
                }
            });
        },
    );
}

fn mirror_route(route: &SetMirrorRoute, context: &Context<'_>, findings: &mut Findings) {
    let SetMirrorRoute { name, matches, percentage: _ } = route;
    if !context.is(|routing| routing.istio.is_some() || !routing.plugins.is_empty()) {
        let what = "needs trafficRouting with istio or a plugin";
        findings.error(what, "add it, or remove the step");
        return;
    }
    managed(name, context, findings);
    findings.each("match", matches, |MirrorMatch { method, path, headers }, findings| {
        findings.given("method", method.as_ref(), text_match);
        findings.given("path", path.as_ref(), text_match);
        findings.within("headers", |findings| {
            for (name, value) in headers {
                findings.within(name, |findings| text_match(value, findings));
            }
        });
    });
}

fn text_match(value: &StringMatch, findings: &mut Findings) {
    let StringMatch { exact, prefix, regex } = value;
    let given = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    let forms = [("exact", given(exact)), ("prefix", given(prefix)), ("regex", given(regex))];
    union::exactly_one(&forms, findings);
    findings.given("regex", regex.as_ref(), |pattern, findings| pattern::regex(pattern, findings));
}

fn experiment(spec: &ExperimentStep, context: &Context<'_>, findings: &mut Findings) {
    let ExperimentStep { templates, duration, analyses, dry_run, analysis_run_metadata } = spec;
    time::duration("duration", duration.as_deref(), findings);
    let mut seen = BTreeSet::new();
    findings.each("templates", templates, |template, findings| {
        if !seen.insert(&template.name) {
            let what = format!("{:?} stands here twice", template.name);
            findings.error_in("name", what, "name each once");
        }
        self::template(template, context, findings);
    });
    let mut seen = BTreeSet::new();
    findings.each("analyses", analyses, |found, findings| {
        let StepAnalysis {
            name,
            template_name: _,
            cluster_scope: _,
            args,
            required_for_completion: _,
        } = found;
        if !seen.insert(name) {
            findings.error_in("name", format!("{name:?} stands here twice"), "name each once");
        }
        arguments::of_run(args, findings);
    });
    analysis::dry_run(dry_run, findings);
    pods::metadata("analysisRunMetadata", analysis_run_metadata.as_ref(), findings);
}

fn template(template: &StepTemplate, context: &Context<'_>, findings: &mut Findings) {
    let StepTemplate { name: _, spec_ref: _, replicas: _, metadata, selector, weight, service: _ } =
        template;
    pods::metadata("metadata", metadata.as_ref(), findings);
    findings.given("selector", selector.as_ref(), selector::check);
    let able = |routing: &TrafficRouting| {
        routing.alb.is_some()
            || routing.smi.is_some()
            || routing.istio.is_some()
            || !routing.plugins.is_empty()
    };
    if weight.is_some() && !context.is(able) {
        let what = "needs trafficRouting with istio, alb, smi or a plugin";
        findings.error_in("weight", what, "add it, or remove the weight");
    }
}
