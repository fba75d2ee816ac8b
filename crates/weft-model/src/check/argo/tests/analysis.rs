//! Templates, runs and experiments.

use super::{PODS, object};
use crate::check::fixture::{refused, taken};

fn template(metric: &str) -> String {
    object("AnalysisTemplate", &format!("{{metrics: [{metric}]}}"))
}

const PROVIDER: &str = "provider: {prometheus: {query: up}}";

#[test]
fn templates_are_taken() {
    taken(
        &object(
            "AnalysisTemplate",
            "{args: [{name: host}, {name: limit, value: '0.95'}, \
             {name: token, valueFrom: {secretKeyRef: {name: a, key: b}}}], \
             metrics: [{name: ok, interval: 1m, count: 5, failureLimit: 3, initialDelay: 30s, \
              successCondition: 'result[0] >= {{args.limit}}', \
              provider: {prometheus: {address: 'http://prometheus:9090', query: 'up{host=\"{{args.host}}\"}'}}}, \
              {name: web, count: '{{args.limit}}', consecutiveErrorLimit: 4, successCondition: result.ok, \
               provider: {web: {method: POST, url: 'https://a/{{args.host}}', jsonBody: {a: 1}, jsonPath: '{$.data}', \
                headers: [{key: Authorization, value: 'Bearer {{args.token}}'}]}}}, \
              {name: job, provider: {job: {spec: {template: {spec: {containers: [{name: a, image: b}]}}}}}}], \
             dryRun: [{metricName: '.*'}], measurementRetention: [{metricName: '*', limit: 5}]}",
        ),
        &[],
    );
    taken(
        &object("ClusterAnalysisTemplate", "{templates: [{templateName: a, clusterScope: true}]}"),
        &[],
    );
}

#[test]
fn every_provider_is_taken() {
    for provider in [
        "prometheus: {query: up, timeout: 40, insecure: true, headers: [{key: a, value: b}], \
         authentication: {sigv4: {region: a, profile: b, roleArn: c}, oauth2: {tokenUrl: a, clientId: b, \
         clientSecret: c, scopes: [d]}, basic: {username: a, password: b}}, \
         rangeQuery: {start: 'now() - duration(\"5m\")', end: now(), step: 1m}}",
        "kayenta: {address: a, application: b, canaryConfigName: c, metricsAccountName: d, \
         configurationAccountName: e, storageAccountName: f, threshold: {pass: 90, marginal: 75}, \
         scopes: [{name: a, controlScope: {scope: a, region: b, step: 60, start: c, end: d}, \
         experimentScope: {scope: a, region: b, step: 60, start: c, end: d}}]}",
        "datadog: {apiVersion: v2, interval: 5m, queries: {a: b, c: d}, formula: a + c, aggregator: avg, \
         secretRef: {name: a, namespaced: true}}",
        "wavefront: {address: a, query: b}",
        "newRelic: {profile: a, query: b, timeout: 5}",
        "cloudWatch: {interval: 30m, metricDataQueries: [{id: a, expression: b, label: c, period: 300, returnData: true}, \
         {id: d, metricStat: {metric: {namespace: a, metricName: b, dimensions: [{name: c, value: d}]}, \
         period: 300, stat: Sum, unit: None}}]}",
        "graphite: {address: a, query: b}",
        "influxdb: {profile: a, query: b}",
        "skywalking: {address: a, query: b, interval: 3m}",
        "plugin: {a/b: {c: d}}",
    ] {
        taken(&template(&format!("{{name: a, provider: {{{provider}}}}}")), &[]);
    }
}

#[test]
fn each_metric_has_a_name_and_one_provider() {
    refused(&object("AnalysisTemplate", "{}"), &["spec.metrics: is missing"]);
    refused(&template("{name: a}"), &["spec.metrics[0].provider: is missing"]);
    refused(&template("{name: a, provider: {}}"), &["spec.metrics[0].provider: says nothing"]);
    refused(
        &template("{name: a, provider: {prometheus: {query: up}, web: {url: 'http://a'}}}"),
        &["spec.metrics[0].provider: exclude each other"],
    );
    refused(
        &template(&format!("{{name: a, {PROVIDER}}}, {{name: a, {PROVIDER}}}")),
        &["spec.metrics[1].name: stands here twice"],
    );
    refused(
        &template("{name: a, provider: {prometheus: {}}}"),
        &["spec.metrics[0].provider.prometheus.query: is missing"],
    );
}

#[test]
fn counts_and_times_fit_together() {
    let with = |fields: &str| template(&format!("{{name: a, {fields}, {PROVIDER}}}"));
    refused(&with("count: 2"), &["spec.metrics[0].interval: is missing"]);
    taken(&with("count: 2, interval: 1m, failureLimit: -1"), &[]);
    refused(&with("interval: 1 minute"), &["spec.metrics[0].interval: is no duration"]);
    refused(&with("failureLimit: -2"), &["spec.metrics[0].failureLimit: is too small"]);
    refused(
        &with("count: 2, interval: 1m, failureLimit: 3"),
        &["spec.metrics[0].failureLimit: 3 is more than count, 2"],
    );
    refused(&with("count: many"), &["spec.metrics[0].count: is no number"]);
}

#[test]
fn conditions_are_read() {
    let with =
        |text: &str| template(&format!("{{name: a, successCondition: '{text}', {PROVIDER}}}"));
    refused(&with("result[0 > 1"), &["spec.metrics[0].successCondition: misses \"]\""]);
    refused(&with(""), &["spec.metrics[0].successCondition: ends where a value should be"]);
    taken(&with("results > 1"), &["spec.metrics[0].successCondition: only `result` is known"]);
}

#[test]
fn arguments_are_declared() {
    refused(
        &template("{name: a, provider: {prometheus: {query: 'up{a=\"{{ args.host }}\"}'}}}"),
        &["spec.metrics[0].provider.prometheus.query: uses {{args.host}}, which is no argument"],
    );
    refused(
        &object(
            "AnalysisRun",
            &format!("{{args: [{{name: a}}], metrics: [{{name: a, {PROVIDER}}}]}}"),
        ),
        &["spec.args[0].value: is missing"],
    );
}

#[test]
fn providers_are_asked_in_one_way() {
    let with = |provider: &str| template(&format!("{{name: a, provider: {{{provider}}}}}"));
    let at = |rest: &str| format!("spec.metrics[0].provider.{rest}");
    refused(&with("web: {url: 'ftp://a'}"), &[&at("web.url: which is not supported")]);
    refused(
        &with("web: {url: 'http://a', body: b}"),
        &[&at("web.body: does not go with method GET")],
    );
    refused(&with("datadog: {}"), &[&at("datadog: says nothing")]);
    refused(
        &with("datadog: {query: a, formula: b}"),
        &[&at("datadog.formula: goes with apiVersion v2")],
    );
    refused(
        &with("cloudWatch: {metricDataQueries: [{id: a}]}"),
        &[&at("cloudWatch.metricDataQueries[0]: says nothing")],
    );
    refused(&with("job: {spec: {}}"), &[&at("job.spec.template: has no containers")]);
}

#[test]
fn experiments_run_versions_that_can_be_told_apart() {
    let with = |templates: &str| {
        object("Experiment", &format!("{{duration: 1h, templates: [{templates}]}}"))
    };
    let one = format!("{{name: a, {PODS}}}");
    taken(&with(&one), &[]);
    refused(&with(""), &["spec.templates: has too few entries"]);
    taken(&with(&format!("{one}, {{name: b, {PODS}}}")), &[]);
    refused(&with(&format!("{one}, {one}")), &["spec.templates[1].name: stands here twice"]);
    refused(
        &object("Experiment", &format!("{{duration: long, templates: [{one}]}}")),
        &["spec.duration: is no duration"],
    );
}
