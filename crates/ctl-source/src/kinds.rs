//! The collections that Weft serves, watches or writes, each by its storage version.
//!
//! In: nothing. Out: constructors of [`ResourceType`] and the list of all of them.
//! Why here: API server, controllers and node must agree on plural names and scope.

use crate::ResourceType;

/// One row of the table of kinds.
#[derive(Debug, Clone, Copy)]
pub struct KindInfo {
    /// API group, `""` for core.
    pub group: &'static str,
    /// Every served version, the storage version first.
    pub versions: &'static [&'static str],
    /// CamelCase kind.
    pub kind: &'static str,
    /// URL name.
    pub plural: &'static str,
    /// Singular name for kubectl.
    pub singular: &'static str,
    /// Short names for kubectl.
    pub short: &'static [&'static str],
    /// Namespaced or cluster-scoped.
    pub namespaced: bool,
    /// Defined by a CustomResourceDefinition (true) or built in (false).
    pub custom: bool,
}

impl KindInfo {
    /// The collection by its storage version.
    #[must_use]
    pub fn resource(&self) -> ResourceType {
        ResourceType {
            group: self.group.into(),
            version: self.versions[0].into(),
            kind: self.kind.into(),
            plural: self.plural.into(),
            namespaced: self.namespaced,
        }
    }
}

const fn row(
    group: &'static str,
    versions: &'static [&'static str],
    kind: &'static str,
    names: (&'static str, &'static str, &'static [&'static str]),
    namespaced: bool,
    custom: bool,
) -> KindInfo {
    let (plural, singular, short) = names;
    KindInfo { group, versions, kind, plural, singular, short, namespaced, custom }
}

const V1: &[&str] = &["v1"];
const NETWORKING: &str = "networking.istio.io";
const SECURITY: &str = "security.istio.io";
const NET_VERSIONS: &[&str] = &["v1", "v1beta1", "v1alpha3"];
const SEC_VERSIONS: &[&str] = &["v1", "v1beta1"];

/// Every kind that the embedded API server serves.
pub const ALL: &[KindInfo] = &[
    row("", V1, "Namespace", ("namespaces", "namespace", &["ns"]), false, false),
    row("", V1, "Node", ("nodes", "node", &["no"]), false, false),
    row("", V1, "Pod", ("pods", "pod", &["po"]), true, false),
    row("", V1, "Service", ("services", "service", &["svc"]), true, false),
    row("", V1, "ServiceAccount", ("serviceaccounts", "serviceaccount", &["sa"]), true, false),
    row("", V1, "Secret", ("secrets", "secret", &[]), true, false),
    row("", V1, "ConfigMap", ("configmaps", "configmap", &["cm"]), true, false),
    row("", V1, "Event", ("events", "event", &["ev"]), true, false),
    // The same objects as those of the core group, under newer field names.
    row("events.k8s.io", V1, "Event", ("events", "event", &["ev"]), true, false),
    row("apps", V1, "Deployment", ("deployments", "deployment", &["deploy"]), true, false),
    row("apps", V1, "ReplicaSet", ("replicasets", "replicaset", &["rs"]), true, false),
    row("batch", V1, "Job", ("jobs", "job", &[]), true, false),
    row("coordination.k8s.io", V1, "Lease", ("leases", "lease", &[]), true, false),
    row(
        "discovery.k8s.io",
        V1,
        "EndpointSlice",
        ("endpointslices", "endpointslice", &[]),
        true,
        false,
    ),
    row(
        "apiextensions.k8s.io",
        V1,
        "CustomResourceDefinition",
        ("customresourcedefinitions", "customresourcedefinition", &["crd", "crds"]),
        false,
        false,
    ),
    row(
        "admissionregistration.k8s.io",
        V1,
        "ValidatingWebhookConfiguration",
        ("validatingwebhookconfigurations", "validatingwebhookconfiguration", &[]),
        false,
        false,
    ),
    row(
        "admissionregistration.k8s.io",
        V1,
        "MutatingWebhookConfiguration",
        ("mutatingwebhookconfigurations", "mutatingwebhookconfiguration", &[]),
        false,
        false,
    ),
    row("networking.k8s.io", V1, "Ingress", ("ingresses", "ingress", &["ing"]), true, false),
    row(
        "networking.k8s.io",
        V1,
        "IngressClass",
        ("ingressclasses", "ingressclass", &[]),
        false,
        false,
    ),
    row(
        NETWORKING,
        NET_VERSIONS,
        "VirtualService",
        ("virtualservices", "virtualservice", &["vs"]),
        true,
        true,
    ),
    row(
        NETWORKING,
        NET_VERSIONS,
        "DestinationRule",
        ("destinationrules", "destinationrule", &["dr"]),
        true,
        true,
    ),
    row(NETWORKING, NET_VERSIONS, "Gateway", ("gateways", "gateway", &["gw"]), true, true),
    row(
        SECURITY,
        SEC_VERSIONS,
        "PeerAuthentication",
        ("peerauthentications", "peerauthentication", &["pa"]),
        true,
        true,
    ),
    row(
        SECURITY,
        SEC_VERSIONS,
        "AuthorizationPolicy",
        ("authorizationpolicies", "authorizationpolicy", &["ap"]),
        true,
        true,
    ),
];

/// Finds a kind by group and kind name.
#[must_use]
pub fn find(group: &str, kind: &str) -> Option<&'static KindInfo> {
    ALL.iter().find(|k| k.group == group && k.kind == kind)
}

/// Finds a kind by group and plural.
#[must_use]
pub fn find_plural(group: &str, plural: &str) -> Option<&'static KindInfo> {
    ALL.iter().find(|k| k.group == group && k.plural == plural)
}
