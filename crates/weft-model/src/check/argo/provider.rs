//! Rules of who measures.

use serde_json::Value;
use weft_api::argo::cloud_watch::{CloudWatch, CloudWatchQuery};
use weft_api::argo::kayenta::{Kayenta, KayentaThreshold};
use weft_api::argo::provider::{
    Datadog, DatadogVersion, Job, Prometheus, Provider, RangeQuery, Web, WebMethod,
};

use super::time;
use crate::check::{Findings, union, values};

pub(super) fn check(spec: &Provider, findings: &mut Findings) {
    let Provider {
        prometheus,
        kayenta,
        web,
        datadog,
        wavefront,
        new_relic,
        job,
        cloud_watch,
        graphite,
        influxdb,
        skywalking,
        plugin,
    } = spec;
    union::exactly_one(
        &[
            ("prometheus", prometheus.is_some()),
            ("kayenta", kayenta.is_some()),
            ("web", web.is_some()),
            ("datadog", datadog.is_some()),
            ("wavefront", wavefront.is_some()),
            ("newRelic", new_relic.is_some()),
            ("job", job.is_some()),
            ("cloudWatch", cloud_watch.is_some()),
            ("graphite", graphite.is_some()),
            ("influxdb", influxdb.is_some()),
            ("skywalking", skywalking.is_some()),
            ("plugin", !plugin.is_empty()),
        ],
        findings,
    );
    findings.given("prometheus", prometheus.as_ref(), self::prometheus);
    findings.given("web", web.as_ref(), self::web);
    findings.given("datadog", datadog.as_ref(), self::datadog);
    findings.given("job", job.as_ref(), self::job);
    findings.given("cloudWatch", cloud_watch.as_ref(), self::cloud_watch);
    findings.given("kayenta", kayenta.as_ref(), self::kayenta);
    findings.given("skywalking", skywalking.as_ref(), |found, findings| {
        time::duration("interval", found.interval.as_deref(), findings);
    });
}

fn url(field: &str, text: &str, findings: &mut Findings) {
    if text.is_empty() || time::is_open(text) {
        return;
    }
    if let Err(why) = values::url(text, &["http", "https"]) {
        findings.error_in(field, why, "write a URL such as http://prometheus.monitoring:9090");
    }
}

fn prometheus(spec: &Prometheus, findings: &mut Findings) {
    let Prometheus {
        address,
        query: _,
        authentication: _,
        timeout: _,
        insecure: _,
        headers: _,
        range_query,
    } = spec;
    url("address", address, findings);
    findings.given("rangeQuery", range_query.as_ref(), |range, findings| {
        let RangeQuery { start, end, step } = range;
        for (field, text) in [("start", start), ("end", end), ("step", step)] {
            if text.is_empty() {
                findings.error_in(field, "is missing", "give start, end and step");
            }
        }
        time::duration("step", Some(step.as_str()).filter(|step| !step.is_empty()), findings);
    });
}

fn web(spec: &Web, findings: &mut Findings) {
    let Web {
        method,
        url: address,
        headers: _,
        body,
        json_body,
        timeout_seconds: _,
        json_path: _,
        insecure: _,
        authentication: _,
    } = spec;
    url("url", address, findings);
    let bare = *method == WebMethod::Get;
    for (field, given) in [("body", body.is_some()), ("jsonBody", json_body.is_some())] {
        if given && bare {
            findings.error_in(field, "does not go with method GET", "use POST or PUT");
        }
    }
}

fn datadog(spec: &Datadog, findings: &mut Findings) {
    let Datadog { interval, query, queries, formula, api_version, aggregator, secret_ref: _ } =
        spec;
    time::duration("interval", interval.as_deref(), findings);
    let ways = [("query", query.is_some()), ("queries", !queries.is_empty())];
    union::exactly_one(&ways, findings);
    if *api_version == DatadogVersion::V1 {
        let second = [
            ("queries", !queries.is_empty()),
            ("formula", formula.is_some()),
            ("aggregator", aggregator.is_some()),
        ];
        for (field, _) in second.into_iter().filter(|(_, given)| *given) {
            findings.error_in(field, "goes with apiVersion v2 only", "set apiVersion: v2");
        }
    } else if queries.len() > 1 && formula.is_none() {
        let what = "is missing, and there are several queries";
        findings.error_in("formula", what, "say what is made of them");
    } else if queries.is_empty() && formula.is_some() {
        findings.error_in("formula", "needs queries", "write queries instead of query");
    }
}

fn job(spec: &Job, findings: &mut Findings) {
    let Job { metadata: _, spec } = spec;
    let containers = spec.as_ref().and_then(|spec| spec.pointer("/template/spec/containers"));
    if containers.and_then(Value::as_array).is_none_or(Vec::is_empty) {
        findings.within("spec", |findings| {
            let what = "has no containers below spec";
            findings.error_in("template", what, "say what the Job runs");
        });
    }
}

fn cloud_watch(spec: &CloudWatch, findings: &mut Findings) {
    let CloudWatch { interval, metric_data_queries } = spec;
    time::duration("interval", interval.as_deref(), findings);
    findings.each("metricDataQueries", metric_data_queries, |query, findings| {
        let CloudWatchQuery { id: _, expression, label: _, metric_stat, period: _, return_data: _ } =
            query;
        let ways =
            [("expression", expression.is_some()), ("metricStat", metric_stat.is_some())];
        union::exactly_one(&ways, findings);
    });
}

fn kayenta(spec: &Kayenta, findings: &mut Findings) {
    findings.given("threshold", spec.threshold.as_ref(), |threshold, findings| {
        let KayentaThreshold { pass, marginal } = threshold;
        if pass < marginal {
            let what = format!("{marginal} is more than pass, {pass}");
            findings.error_in("marginal", what, "make it smaller");
        }
    });
}
