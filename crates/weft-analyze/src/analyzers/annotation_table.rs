//! Annotations that mean something to the mesh.
//!
//! Source of the facts: Istio's list of annotations, with the kinds that each may stand on.

/// One annotation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Annotation {
    pub(super) name: &'static str,
    /// Kinds that it may stand on; empty for any.
    pub(super) kinds: &'static [&'static str],
    pub(super) is_deprecated: bool,
    /// Whether it is of a feature that may still change.
    pub(super) is_alpha: bool,
}

impl Annotation {
    const fn alpha(name: &'static str, kinds: &'static [&'static str]) -> Self {
        Self { name, kinds, is_deprecated: false, is_alpha: true }
    }

    const fn stable(name: &'static str, kinds: &'static [&'static str]) -> Self {
        Self { name, kinds, is_deprecated: false, is_alpha: false }
    }

    const fn deprecated(mut self) -> Self {
        self.is_deprecated = true;
        self
    }
}

const POD: &[&str] = &["Pod"];
const SERVICE: &[&str] = &["Service"];
const GATEWAY: &[&str] = &["Gateway"];
const WORKLOAD_ENTRY: &[&str] = &["WorkloadEntry"];

/// The definition of an annotation.
pub(super) fn find(name: &str) -> Option<&'static Annotation> {
    ALL.iter().find(|annotation| annotation.name == name)
}

/// Whether a key is in the mesh's hands.
pub(super) fn is_ours(key: &str) -> bool {
    let domain = key.split('/').next().unwrap_or_default();
    key == "kubernetes.io/ingress.class" || domain.ends_with("istio.io")
}

static ALL: &[Annotation] = &[
    Annotation::alpha("alpha.istio.io/canonical-serviceaccounts", SERVICE).deprecated(),
    Annotation::alpha("alpha.istio.io/kubernetes-serviceaccounts", SERVICE).deprecated(),
    Annotation::alpha("ambient.istio.io/bypass-inbound-capture", POD),
    Annotation::alpha("ambient.istio.io/dns-capture", POD),
    Annotation::stable("ambient.istio.io/redirection", POD),
    Annotation::alpha("ambient.istio.io/waypoint-inbound-binding", &["GatewayClass", "Gateway"]),
    Annotation::alpha("galley.istio.io/analyze-suppress", &[]),
    Annotation::stable("gateway.istio.io/controller-version", &[]),
    Annotation::alpha("gateway.istio.io/name-override", GATEWAY),
    Annotation::alpha("gateway.istio.io/service-account", GATEWAY),
    // Ours: the mark of a pod that is a gateway.
    Annotation::stable("gateway.istio.io/status", POD),
    Annotation::alpha("inject.istio.io/templates", POD),
    Annotation::alpha("istio.io/autoRegistrationGroup", WORKLOAD_ENTRY),
    Annotation::alpha("istio.io/connectedAt", WORKLOAD_ENTRY),
    Annotation::alpha("istio.io/disconnectedAt", WORKLOAD_ENTRY),
    Annotation::alpha("istio.io/dry-run", &["AuthorizationPolicy"]),
    Annotation::alpha("istio.io/reroute-virtual-interfaces", POD),
    Annotation::stable("istio.io/rev", POD),
    Annotation::alpha(
        "istio.io/use-waypoint-canary-weight",
        &["Service", "ServiceEntry", "Namespace"],
    ),
    Annotation::alpha("istio.io/workloadController", WORKLOAD_ENTRY),
    Annotation::stable("kubernetes.io/ingress.class", &["Ingress"]),
    Annotation::alpha("networking.istio.io/exportTo", SERVICE),
    Annotation::alpha("networking.istio.io/service-type", GATEWAY),
    Annotation::alpha(
        "networking.istio.io/traffic-distribution",
        &["Namespace", "Service", "ServiceEntry"],
    ),
    Annotation::alpha("prometheus.istio.io/merge-metrics", POD),
    Annotation::stable("proxy.istio.io/config", POD),
    Annotation::alpha("proxy.istio.io/overrides", POD),
    Annotation::alpha("readiness.status.sidecar.istio.io/applicationPorts", POD),
    Annotation::alpha("readiness.status.sidecar.istio.io/failureThreshold", POD),
    Annotation::alpha("readiness.status.sidecar.istio.io/initialDelaySeconds", POD),
    Annotation::alpha("readiness.status.sidecar.istio.io/periodSeconds", POD),
    Annotation::alpha("sidecar.istio.io/agentLogLevel", POD),
    Annotation::alpha("sidecar.istio.io/bootstrapOverride", POD),
    Annotation::alpha("sidecar.istio.io/componentLogLevel", POD),
    Annotation::alpha("sidecar.istio.io/discoveryAddress", POD).deprecated(),
    Annotation::alpha("sidecar.istio.io/extraStatTags", POD).deprecated(),
    Annotation::stable("sidecar.istio.io/inject", POD).deprecated(),
    Annotation::alpha("sidecar.istio.io/interceptionMode", POD),
    Annotation::alpha("sidecar.istio.io/logLevel", POD),
    Annotation::alpha("sidecar.istio.io/nativeSidecar", POD),
    Annotation::alpha("sidecar.istio.io/proxyCPU", POD),
    Annotation::alpha("sidecar.istio.io/proxyCPULimit", POD),
    Annotation::alpha("sidecar.istio.io/proxyImage", POD),
    Annotation::alpha("sidecar.istio.io/proxyImageType", POD),
    Annotation::alpha("sidecar.istio.io/proxyMemory", POD),
    Annotation::alpha("sidecar.istio.io/proxyMemoryLimit", POD),
    Annotation::alpha("sidecar.istio.io/rewriteAppHTTPProbers", POD),
    Annotation::alpha("sidecar.istio.io/statsCompression", POD).deprecated(),
    Annotation::alpha("sidecar.istio.io/statsEvictionInterval", POD),
    Annotation::alpha("sidecar.istio.io/statsFlushInterval", POD),
    Annotation::alpha("sidecar.istio.io/statsHistogramBins", POD),
    Annotation::alpha("sidecar.istio.io/statsHistogramBuckets", POD),
    Annotation::alpha("sidecar.istio.io/statsInclusionPrefixes", POD).deprecated(),
    Annotation::alpha("sidecar.istio.io/statsInclusionRegexps", POD).deprecated(),
    Annotation::alpha("sidecar.istio.io/statsInclusionSuffixes", POD).deprecated(),
    Annotation::alpha("sidecar.istio.io/status", POD),
    Annotation::alpha("sidecar.istio.io/userVolume", POD),
    Annotation::alpha("sidecar.istio.io/userVolumeMount", POD),
    Annotation::alpha("status.sidecar.istio.io/port", POD),
    Annotation::alpha("topology.istio.io/controlPlaneClusters", &["Namespace"]),
    Annotation::stable("traffic.istio.io/nodeSelector", SERVICE),
    Annotation::alpha("traffic.sidecar.istio.io/excludeInboundPorts", POD),
    Annotation::alpha("traffic.sidecar.istio.io/excludeInterfaces", POD),
    Annotation::alpha("traffic.sidecar.istio.io/excludeOutboundIPRanges", POD),
    Annotation::alpha("traffic.sidecar.istio.io/excludeOutboundPorts", POD),
    Annotation::alpha("traffic.sidecar.istio.io/includeInboundPorts", POD),
    Annotation::alpha("traffic.sidecar.istio.io/includeOutboundIPRanges", POD),
    Annotation::alpha("traffic.sidecar.istio.io/includeOutboundPorts", POD),
    Annotation::alpha("traffic.sidecar.istio.io/kubevirtInterfaces", POD).deprecated(),
];
