//! Rules of `Canary`.

use weft_api::flagger::canary::{
    Autoscaler, Canary, ScalerReplicas, TrafficProvider, Workload, WorkloadKind,
};
use weft_api::meta::Metadata;

use super::{analysis, service, url};
use crate::check::Findings;
use crate::check::findings::code;

pub(super) fn check(meta: &Metadata, spec: &Canary, findings: &mut Findings) {
    let Canary {
        provider,
        metrics_server,
        progress_deadline_seconds: _,
        target_ref,
        autoscaler_ref,
        ingress_ref,
        route_ref,
        upstream_ref,
        service,
        skip_analysis: _,
        revert_on_deletion: _,
        suspend: _,
        analysis,
    } = spec;
    url("metricsServer", metrics_server, findings);
    findings.given("targetRef", target_ref.as_ref(), target);
    findings.given("autoscalerRef", autoscaler_ref.as_ref(), autoscaler);
    let needed = match provider {
        Some(TrafficProvider::Nginx | TrafficProvider::Skipper) => {
            Some(("ingressRef", ingress_ref.is_some()))
        }
        Some(TrafficProvider::Apisix) => Some(("routeRef", route_ref.is_some())),
        Some(TrafficProvider::Gloo) => Some(("upstreamRef", upstream_ref.is_some())),
        Some(_) | None => None,
    };
    if let Some((field, false)) = needed {
        let word = provider.map(TrafficProvider::as_str).unwrap_or_default();
        let what = format!("is missing, and provider {word} needs it");
        findings.warning_in(field, code::SUSPICIOUS, what, "name the object");
    }
    let knative = *provider == Some(TrafficProvider::Knative);
    if service.is_none() && !knative {
        let what = "is missing, so that clients have no service to call";
        findings.warning_in("service", code::SUSPICIOUS, what, "add service with its port");
    }
    findings.given("service", service.as_ref(), |service, findings| {
        service::check(service, *provider, &meta.namespace, findings);
    });
    findings.given("analysis", analysis.as_ref(), analysis::check);
}

fn target(spec: &Workload, findings: &mut Findings) {
    let Workload { api_version, kind, name: _ } = spec;
    let fits = match kind {
        WorkloadKind::Deployment | WorkloadKind::DaemonSet => api_version == "apps/v1",
        WorkloadKind::Service => {
            matches!(api_version.as_str(), "v1" | "core/v1" | "serving.knative.dev/v1")
        }
    };
    if !fits {
        let what = format!("{api_version:?} has no {}", kind.as_str());
        let fix = "use apps/v1, or v1 for a Service";
        findings.warning_in("apiVersion", code::SUSPICIOUS, what, fix);
    }
}

fn autoscaler(spec: &Autoscaler, findings: &mut Findings) {
    let Some(ScalerReplicas { min_replicas, max_replicas }) = &spec.primary_scaler_replicas else {
        return;
    };
    if let Some((least, most)) = min_replicas.zip(*max_replicas).filter(|(min, max)| min > max) {
        let what = format!("{least} is more than maxReplicas, {most}");
        findings.within("primaryScalerReplicas", |findings| {
            findings.error_in("minReplicas", what, "make it smaller");
        });
    }
}
