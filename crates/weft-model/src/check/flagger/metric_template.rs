//! Rules of `MetricTemplate`.

use weft_api::flagger::metric_template::{MetricProvider, MetricProviderType, MetricTemplate};
use weft_api::meta::Metadata;

use super::url;
use crate::check::Findings;
use crate::check::findings::code;

pub(super) fn check(_: &Metadata, spec: &MetricTemplate, findings: &mut Findings) {
    let MetricTemplate { provider, query } = spec;
    if query.matches("{{").count() != query.matches("}}").count() {
        let what = "has a {{ without its }}, or the other way round";
        findings.error_in("query", what, "write {{ name }} for what is filled in");
    }
    findings.given("provider", provider.as_ref(), self::provider);
}

fn provider(spec: &MetricProvider, findings: &mut Findings) {
    let MetricProvider { kind, address, headers: _, secret_ref, region, insecure_skip_verify: _ } =
        spec;
    url("address", address, findings);
    let word = kind.as_str();
    let addressed = matches!(
        kind,
        MetricProviderType::Prometheus
            | MetricProviderType::Graphite
            | MetricProviderType::Influxdb
            | MetricProviderType::Dynatrace
            | MetricProviderType::Splunk
    );
    if addressed && address.is_empty() {
        let what = format!("is missing, and provider {word} needs it");
        findings.error_in("address", what, "write the URL of the server");
    }
    if *kind == MetricProviderType::CloudWatch && region.is_empty() {
        let what = format!("is missing, and provider {word} needs it");
        findings.error_in("region", what, "write a region such as eu-central-1");
    }
    let secret = matches!(
        kind,
        MetricProviderType::Datadog
            | MetricProviderType::NewRelic
            | MetricProviderType::Dynatrace
            | MetricProviderType::Influxdb
            | MetricProviderType::Splunk
    );
    if secret && secret_ref.is_none() {
        let what = format!("is missing, and provider {word} asks for a login");
        findings.warning_in("secretRef", code::SUSPICIOUS, what, "name a Secret");
    }
}
