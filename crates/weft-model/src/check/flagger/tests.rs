//! What is taken, and what is refused and why.

use crate::check::fixture::{refused, taken};

fn object(kind: &str, spec: &str) -> String {
    format!(
        "apiVersion: flagger.app/v1beta1\nkind: {kind}\nmetadata: {{name: fixture, namespace: shop}}\nspec: {spec}\n"
    )
}

const TARGET: &str = "targetRef: {apiVersion: apps/v1, kind: Deployment, name: web}";
const METRIC: &str = "{name: request-success-rate, interval: 1m, thresholdRange: {min: 99}}";

fn canary(service: &str, analysis: &str) -> String {
    object("Canary", &format!("{{{TARGET}, service: {service}, analysis: {analysis}}}"))
}

fn analysis(fields: &str) -> String {
    canary("{port: 80}", &format!("{{interval: 1m, threshold: 5, {fields}}}"))
}

fn measured(metrics: &str) -> String {
    analysis(&format!("stepWeight: 10, metrics: [{metrics}]"))
}

#[test]
fn canaries_are_taken() {
    taken(
        &canary(
            "{port: 80, targetPort: http, portDiscovery: true, hosts: [web.example.com], gateways: [shop/gw], \
             match: [{uri: {prefix: /}}], retries: {attempts: 3, perTryTimeout: 1s}, timeout: 10s, \
             rewrite: {uri: /}, headers: {response: {add: {x-a: b}}}, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}",
            &format!(
                "{{interval: 1m, threshold: 5, maxWeight: 50, stepWeight: 10, stepWeightPromotion: 50, \
                 mirror: true, mirrorWeight: 20, metrics: [{METRIC}, {{name: errors, \
                 templateRef: {{name: errors, namespace: flagger}}, templateVariables: {{a: b}}, thresholdRange: {{max: 1}}}}], \
                 alerts: [{{name: a, severity: warn, providerRef: {{name: b}}}}], \
                 webhooks: [{{name: gate, type: confirm-promotion, url: 'http://tester/gate/check'}}, \
                  {{name: load, url: 'http://tester/', timeout: 15s, metadata: {{cmd: hey}}}}], \
                 sessionAffinity: {{cookieName: c, maxAge: 60}}}}"
            ),
        ),
        &[],
    );
    taken(
        &analysis(&format!(
            "iterations: 10, match: [{{headers: {{x-user: {{suffix: test}}}}}}], metrics: [{METRIC}]"
        )),
        &[],
    );
}

#[test]
fn what_is_missing_is_named() {
    refused(&object("Canary", "{}"), &["spec.targetRef: is missing", "spec.analysis: is missing"]);
    refused(
        &object(
            "Canary",
            "{targetRef: {kind: Pod, name: a, apiVersion: v1}, analysis: {interval: 1m, threshold: 1, iterations: 1}}",
        ),
        &["spec.targetRef.kind: not a known value"],
    );
    refused(
        &canary("{}", "{interval: 1m, threshold: 1, iterations: 1}"),
        &["spec.service.port: is missing"],
    );
    refused(
        &canary("{port: 80}", "{iterations: 1}"),
        &["spec.analysis.interval: is missing", "spec.analysis.threshold: is missing"],
    );
}

#[test]
fn it_goes_on_in_one_way() {
    refused(&analysis("maxWeight: 50"), &["spec.analysis: says nothing"]);
    refused(&analysis("iterations: 5, stepWeight: 10"), &["spec.analysis: exclude each other"]);
    refused(
        &analysis("maxWeight: 50, stepWeight: 60"),
        &["spec.analysis.stepWeight: 60 is more than maxWeight, 50"],
    );
    refused(
        &analysis("stepWeights: [10, 101]"),
        &["spec.analysis.stepWeights[1]: 101 is no share"],
    );
    taken(
        &analysis(&format!("stepWeights: [10, 5], metrics: [{METRIC}]")),
        &["spec.analysis.stepWeights[1]: 5 is not more than the step before"],
    );
    refused(&analysis("stepWeight: 10, maxWeight: 101"), &["spec.analysis.maxWeight: too large"]);
}

#[test]
fn times_are_durations() {
    let with = |interval: &str| {
        canary(
            "{port: 80}",
            &format!("{{interval: {interval}, threshold: 1, stepWeight: 1, metrics: [{METRIC}]}}"),
        )
    };
    refused(&with("fast"), &["spec.analysis.interval: is not allowed here"]);
    refused(&with("1mx"), &["spec.analysis.interval: is no duration"]);
    taken(&with("5s"), &["spec.analysis.interval: shorter than 10s"]);
}

#[test]
fn metrics_know_what_is_good() {
    let at = |rest: &str| format!("spec.analysis.metrics[0].{rest}");
    refused(
        &measured("{name: a, query: up, thresholdRange: {min: 2, max: 1}}"),
        &[&at("thresholdRange.min: 2 is more than max, 1")],
    );
    refused(
        &measured("{name: request-success-rate, thresholdRange: {min: 101}}"),
        &[&at("thresholdRange.min: 101 is no share")],
    );
    taken(&measured("{name: errors, thresholdRange: {max: 1}}"), &[&at("name: has no query")]);
    taken(&measured("{name: request-duration}"), &[&at("thresholdRange: is missing")]);
    refused(
        &measured("{name: a, threshold: 1, query: up, templateRef: {name: b}}"),
        &["spec.analysis.metrics[0]: query and templateRef exclude each other"],
    );
}

#[test]
fn webhooks_are_of_a_known_type_and_have_a_url() {
    let with = |webhook: &str| analysis(&format!("stepWeight: 1, webhooks: [{webhook}]"));
    let at = |rest: &str| format!("spec.analysis.webhooks[0].{rest}");
    refused(&with("{name: a, url: 'http://a', type: before}"), &[&at("type: not a known value")]);
    refused(&with("{name: a}"), &[&at("url: is missing")]);
    refused(&with("{name: a, url: tester}"), &[&at("url: has no scheme")]);
    refused(&with("{name: a, url: 'http://a', timeout: soon}"), &[&at("timeout: is not allowed")]);
    refused(&with("{name: a, url: 'http://a', retries: -1}"), &[&at("retries: too small")]);
}

#[test]
fn cookies_of_two_versions_differ() {
    refused(
        &analysis("stepWeight: 1, sessionAffinity: {cookieName: a, primaryCookieName: a}"),
        &["spec.analysis.sessionAffinity.primaryCookieName: is the cookieName as well"],
    );
}

#[test]
fn services_are_checked_as_the_routes_that_are_made_of_them() {
    let with = |service: &str| {
        canary(
            service,
            &format!("{{interval: 1m, threshold: 1, stepWeight: 1, metrics: [{METRIC}]}}"),
        )
    };
    refused(&with("{port: 80, targetPort: 0}"), &["spec.service.targetPort: is no port"]);
    refused(&with("{port: 80, hosts: ['a b']}"), &["spec.service.hosts[0]: is no host name"]);
    refused(
        &with("{port: 80, match: [{uri: {prefix: /, exact: /}}]}"),
        &["spec.service.match[0].uri: exclude each other"],
    );
    refused(&with("{port: 80, rewrite: {}}"), &["spec.service.rewrite: says nothing"]);
    refused(
        &with("{port: 80, trafficPolicy: {tls: {mode: MAYBE}}}"),
        &["spec.service.trafficPolicy.tls.mode: not a known value"],
    );
}

#[test]
fn services_of_other_systems_have_words_of_their_own() {
    let with = |provider: &str| {
        let service = "{port: 80, retries: {attempts: 1, retryOn: client-error}}";
        let analysis =
            format!("{{interval: 1m, threshold: 1, iterations: 1, metrics: [{METRIC}]}}");
        object(
            "Canary",
            &format!(
                "{{provider: {provider}, {TARGET}, service: {service}, analysis: {analysis}}}"
            ),
        )
    };
    taken(&with("appmesh"), &[]);
    refused(&with("istio"), &["spec.service.retries.retryOn: client-error"]);
}

#[test]
fn templates_have_what_their_provider_needs() {
    let with = |provider: &str, query: &str| {
        object("MetricTemplate", &format!("{{provider: {provider}, query: '{query}'}}"))
    };
    taken(
        &with("{type: prometheus, address: 'http://prometheus:9090'}", "up{a=\"{{ target }}\"}"),
        &[],
    );
    refused(&with("{type: prometheus}", "up"), &["spec.provider.address: is missing"]);
    refused(&with("{type: cloudwatch}", "[]"), &["spec.provider.region: is missing"]);
    refused(&with("{type: mine}", "up"), &["spec.provider.type: not a known value"]);
    refused(&object("MetricTemplate", "{provider: {type: datadog}}"), &["spec.query: is missing"]);
    refused(
        &with("{type: prometheus, address: 'http://a'}", "up{{ target"),
        &["spec.query: without its }}"],
    );
}

#[test]
fn alerts_go_to_one_address() {
    taken(&object("AlertProvider", "{type: slack, channel: a, address: 'https://hooks/a'}"), &[]);
    refused(&object("AlertProvider", "{type: slack}"), &["spec: says nothing"]);
    refused(
        &object("AlertProvider", "{type: slack, address: 'https://a', secretRef: {name: a}}"),
        &["spec: exclude each other"],
    );
    refused(
        &object("AlertProvider", "{type: mail, secretRef: {name: a}}"),
        &["spec.type: not a known value"],
    );
}
