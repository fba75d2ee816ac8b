//! Rollouts.

use super::{PODS, object};
use crate::check::fixture::{refused, taken};

fn rollout(strategy: &str) -> String {
    object("Rollout", &format!("{{{PODS}, strategy: {strategy}}}"))
}

/// A canary whose traffic Istio splits.
fn canary(fields: &str) -> String {
    let routing = "{istio: {virtualService: {name: web, routes: [primary]}, \
        destinationRule: {name: web, canarySubsetName: new, stableSubsetName: old}}, \
        managedRoutes: [{name: header}]}";
    rollout(&format!("{{canary: {{trafficRouting: {routing}, {fields}}}}}"))
}

fn step(step: &str) -> String {
    canary(&format!("steps: [{step}]"))
}

#[test]
fn a_canary_is_taken() {
    taken(
        &canary(
            "steps: [{setWeight: 5}, {pause: {duration: 5m}}, {pause: {duration: 30}}, {pause: {}}, \
             {analysis: {templates: [{templateName: ok}], args: [{name: a, value: b}, \
              {name: h, valueFrom: {podTemplateHashValue: Latest}}, \
              {name: l, valueFrom: {fieldRef: {fieldPath: \"metadata.labels['env']\"}}}]}}, \
             {setCanaryScale: {replicas: 2}}, \
             {setHeaderRoute: {name: header, match: [{headerName: x-a, headerValue: {exact: b}}]}}, \
             {setMirrorRoute: {name: header, percentage: 35, match: [{path: {prefix: /a}}]}}, \
             {experiment: {duration: 1h, templates: [{name: a, specRef: canary, weight: 5}], \
              analyses: [{name: a, templateName: ok}]}}, \
             {plugin: {name: x/y, config: {a: 1}}}, {setWeight: 100}], \
             maxSurge: 0, maxUnavailable: 1, analysis: {templates: [{templateName: ok}], startingStep: 1}, \
             antiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: {weight: 1}}, \
             canaryMetadata: {labels: {role: canary}}",
        ),
        &[],
    );
}

#[test]
fn a_blue_green_rollout_is_taken() {
    taken(
        &rollout("{blueGreen: {activeService: a, previewService: b, autoPromotionEnabled: false}}"),
        &[],
    );
    refused(
        &rollout("{blueGreen: {activeService: a, previewService: a}}"),
        &["spec.strategy.blueGreen.previewService: is the activeService as well"],
    );
    refused(
        &rollout("{blueGreen: {previewService: a}}"),
        &["spec.strategy.blueGreen.activeService: is missing"],
    );
    refused(
        &rollout("{blueGreen: {activeService: a, scaleDownDelayRevisionLimit: 11}}"),
        &[
            "spec.strategy.blueGreen.scaleDownDelayRevisionLimit: more than revisionHistoryLimit, 10",
        ],
    );
}

#[test]
fn there_is_one_strategy() {
    refused(&rollout("{}"), &["spec.strategy: says nothing"]);
    refused(&object("Rollout", &format!("{{{PODS}}}")), &["spec.strategy: is missing"]);
    refused(
        &rollout("{canary: {}, blueGreen: {activeService: a}}"),
        &["spec.strategy: exclude each other"],
    );
}

#[test]
fn pods_are_those_that_are_selected() {
    let with = |pods: &str| object("Rollout", &format!("{{{pods}, strategy: {{canary: {{}}}}}}"));
    let template = |labels: &str, spec: &str| {
        with(&format!(
            "selector: {{matchLabels: {{app: web}}}}, template: {{metadata: {{labels: {labels}}}, spec: {spec}}}"
        ))
    };
    let spec = "{containers: [{name: web, image: web:2}]}";
    refused(
        &template("{app: api}", spec),
        &["spec.template.metadata.labels: do not match the selector"],
    );
    refused(&template("{app: web}", "{}"), &["spec.template.spec.containers: is missing"]);
    refused(
        &template("{app: web}", "{containers: [{name: A, image: b}, {name: c}]}"),
        &[
            "spec.template.spec.containers[0].name: is no name",
            "spec.template.spec.containers[1].image: is missing",
        ],
    );
    refused(
        &with("template: {spec: {containers: [{name: web, image: a}]}}"),
        &["spec.selector: is missing"],
    );
    taken(
        &with(
            "workloadRef: {apiVersion: apps/v1, kind: Deployment, name: web, scaleDown: onsuccess}",
        ),
        &[],
    );
    refused(
        &with(&format!("workloadRef: {{apiVersion: apps/v1, kind: Deployment}}, {PODS}")),
        &["spec.template: does not go with workloadRef", "spec.workloadRef.name: is missing"],
    );
}

#[test]
fn each_step_does_one_thing() {
    refused(&step("{}"), &["spec.strategy.canary.steps[0]: says nothing"]);
    refused(
        &step("{setWeight: 5, pause: {}}"),
        &["spec.strategy.canary.steps[0]: setWeight and pause exclude each other"],
    );
    refused(&step("{setWeigth: 5}"), &["spec.strategy.canary.steps[0].setWeigth: unknown field"]);
}

#[test]
fn numbers_of_steps_are_in_range() {
    refused(
        &step("{setWeight: 101}"),
        &["spec.strategy.canary.steps[0].setWeight: 101 is no share of traffic"],
    );
    refused(
        &step("{pause: {duration: 10x}}"),
        &["spec.strategy.canary.steps[0].pause.duration: is no duration"],
    );
    refused(
        &step("{pause: {duration: -1}}"),
        &["spec.strategy.canary.steps[0].pause.duration: is below zero"],
    );
    refused(
        &step("{setCanaryScale: {weight: 5, replicas: 1}}"),
        &["spec.strategy.canary.steps[0].setCanaryScale: exclude each other"],
    );
    refused(
        &step("{setMirrorRoute: {name: header, percentage: 101}}"),
        &["spec.strategy.canary.steps[0].setMirrorRoute.percentage: too large"],
    );
}

#[test]
fn routes_of_steps_are_managed_and_match_something() {
    refused(
        &step("{setHeaderRoute: {name: other}}"),
        &[
            "spec.strategy.canary.steps[0].setHeaderRoute.name: not one of trafficRouting.managedRoutes",
        ],
    );
    refused(
        &step("{setHeaderRoute: {name: header, match: [{headerName: a, headerValue: {}}]}}"),
        &["spec.strategy.canary.steps[0].setHeaderRoute.match[0].headerValue: says nothing"],
    );
    refused(
        &step(
            "{setHeaderRoute: {name: header, match: [{headerName: a, headerValue: {regex: '('}}]}}",
        ),
        &["spec.strategy.canary.steps[0].setHeaderRoute.match[0].headerValue.regex: no RE2"],
    );
}

#[test]
fn what_needs_traffic_routing_says_so() {
    let with = |step: &str| rollout(&format!("{{canary: {{steps: [{step}]}}}}"));
    let at = |field: &str| format!("spec.strategy.canary.steps[0].{field}: needs trafficRouting");
    refused(&with("{setCanaryScale: {replicas: 1}}"), &[&at("setCanaryScale")]);
    refused(&with("{setHeaderRoute: {name: a}}"), &[&at("setHeaderRoute")]);
    refused(&with("{setMirrorRoute: {name: a}}"), &[&at("setMirrorRoute")]);
    refused(
        &with("{experiment: {templates: [{name: a, specRef: stable, weight: 1}]}}"),
        &[&at("experiment.templates[0].weight")],
    );
    refused(
        &rollout("{canary: {scaleDownDelaySeconds: 1, dynamicStableScale: true}}"),
        &[
            "spec.strategy.canary.scaleDownDelaySeconds: needs trafficRouting",
            "spec.strategy.canary.dynamicStableScale: needs trafficRouting",
        ],
    );
}

#[test]
fn services_and_subsets_differ() {
    refused(
        &rollout("{canary: {canaryService: a, stableService: a}}"),
        &["spec.strategy.canary.stableService: is the canaryService as well"],
    );
    refused(
        &rollout("{canary: {trafficRouting: {istio: {virtualService: {name: a}}}}}"),
        &[
            "spec.strategy.canary.canaryService: is missing",
            "spec.strategy.canary.stableService: is missing",
        ],
    );
    refused(
        &rollout(
            "{canary: {trafficRouting: {istio: {virtualService: {name: a}, \
             destinationRule: {name: a, canarySubsetName: b, stableSubsetName: b}}}}}",
        ),
        &["spec.strategy.canary.trafficRouting.istio.destinationRule.stableSubsetName: as well"],
    );
    refused(
        &rollout(
            "{canary: {trafficRouting: {istio: {destinationRule: {name: a, canarySubsetName: b, stableSubsetName: c}}}}}",
        ),
        &["spec.strategy.canary.trafficRouting.istio: says nothing"],
    );
    refused(
        &rollout("{canary: {trafficRouting: {}}}"),
        &["spec.strategy.canary.trafficRouting: names nobody"],
    );
}

#[test]
fn two_services_take_turns_where_traffic_is_split() {
    let with = |fields: &str| {
        rollout(&format!("{{canary: {{pingPong: {{pingService: a, pongService: b}}{fields}}}}}"))
    };
    taken(&with(", trafficRouting: {alb: {ingress: a, rootService: b, servicePort: 80}}"), &[]);
    taken(&with(""), &["spec.strategy.canary.pingPong: has no effect"]);
    refused(
        &with(", trafficRouting: {nginx: {stableIngress: a}}"),
        &["spec.strategy.canary.pingPong: needs trafficRouting with istio or alb"],
    );
    refused(
        &rollout("{canary: {pingPong: {pingService: a, pongService: a}}}"),
        &["spec.strategy.canary.pingPong.pongService: is the pingService as well"],
    );
}

#[test]
fn some_pod_can_always_be_replaced() {
    refused(
        &rollout("{canary: {maxSurge: '0%', maxUnavailable: 0}}"),
        &["spec.strategy.canary.maxSurge: is 0 as maxUnavailable is"],
    );
    taken(&rollout("{canary: {maxSurge: 0}}"), &[]);
    refused(&rollout("{canary: {maxSurge: few}}"), &["spec.strategy.canary.maxSurge: is no count"]);
}

#[test]
fn times_of_a_rollout_make_sense() {
    let with = |fields: &str| {
        object("Rollout", &format!("{{{PODS}, strategy: {{canary: {{}}}}, {fields}}}"))
    };
    refused(
        &with("minReadySeconds: 10, progressDeadlineSeconds: 10"),
        &["spec.progressDeadlineSeconds: 10 is not more than minReadySeconds"],
    );
    refused(&with("restartAt: now"), &["spec.restartAt: is no moment"]);
    taken(&with("restartAt: '2026-01-31T12:00:00.5+01:00', paused: true"), &[]);
    refused(&with("replicas: -1"), &["spec.replicas: too small"]);
}

#[test]
fn arguments_have_one_value() {
    let with = |args: &str| {
        step(&format!("{{analysis: {{templates: [{{templateName: a}}], args: [{args}]}}}}"))
    };
    let at = |rest: &str| format!("spec.strategy.canary.steps[0].analysis.args[{rest}");
    refused(
        &with("{name: a, value: b, valueFrom: {podTemplateHashValue: Stable}}"),
        &[&at("0]: value and valueFrom exclude each other")],
    );
    refused(
        &with("{name: a, valueFrom: {fieldRef: {fieldPath: metadata.generation}}}"),
        &[&at("0].valueFrom.fieldRef.fieldPath: cannot be asked for")],
    );
    refused(
        &with("{name: a, value: b}, {name: a, value: c}"),
        &[&at("1].name: stands here twice")],
    );
    refused(
        &step("{analysis: {}}"),
        &["spec.strategy.canary.steps[0].analysis.templates: is missing"],
    );
}

#[test]
fn promotion_by_hand_in_a_canary_is_taken_with_a_warning() {
    taken(
        &canary("autoPromotionEnabled: false"),
        &["spec.strategy.canary.autoPromotionEnabled: is a field of blueGreen"],
    );
}
