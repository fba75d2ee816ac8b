//! One object and its kind.

use serde_json::Value;
use weft_model::ObjectRef;

use super::{Json, Labels};

/// An API group and the name of a kind in it; versions of a kind are read alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Kind<'a> {
    pub(crate) group: &'a str,
    pub(crate) name: &'a str,
}

/// Kinds that analyzers read.
pub(crate) mod kind {
    use super::Kind;

    macro_rules! kinds {
        ($($group:literal { $($constant:ident $name:literal)* })*) => {
            $($(pub(crate) const $constant: Kind<'static> = Kind { group: $group, name: $name };)*)*
        };
    }

    kinds! {
        "" {
            CONFIG_MAP "ConfigMap" NAMESPACE "Namespace" NODE "Node" POD "Pod" SECRET "Secret"
            SERVICE "Service" SERVICE_ACCOUNT "ServiceAccount"
        }
        "apps" {
            DAEMON_SET "DaemonSet" DEPLOYMENT "Deployment" REPLICA_SET "ReplicaSet"
            STATEFUL_SET "StatefulSet"
        }
        "batch" { JOB "Job" CRON_JOB "CronJob" }
        "argoproj.io" { ROLLOUT "Rollout" }
        "admissionregistration.k8s.io" {
            MUTATING_WEBHOOK "MutatingWebhookConfiguration"
            VALIDATING_WEBHOOK "ValidatingWebhookConfiguration"
        }
        "apiextensions.k8s.io" { CRD "CustomResourceDefinition" }
        "gateway.networking.k8s.io" {
            GRPC_ROUTE "GRPCRoute" HTTP_ROUTE "HTTPRoute" KUBERNETES_GATEWAY "Gateway"
            TCP_ROUTE "TCPRoute" TLS_ROUTE "TLSRoute"
        }
        "extensions.istio.io" { TRAFFIC_EXTENSION "TrafficExtension" WASM_PLUGIN "WasmPlugin" }
        "networking.istio.io" {
            DESTINATION_RULE "DestinationRule" ENVOY_FILTER "EnvoyFilter" GATEWAY "Gateway"
            PROXY_CONFIG "ProxyConfig" SERVICE_ENTRY "ServiceEntry" SIDECAR "Sidecar"
            VIRTUAL_SERVICE "VirtualService" WORKLOAD_ENTRY "WorkloadEntry"
            WORKLOAD_GROUP "WorkloadGroup"
        }
        "security.istio.io" {
            AUTHORIZATION_POLICY "AuthorizationPolicy" PEER_AUTHENTICATION "PeerAuthentication"
            REQUEST_AUTHENTICATION "RequestAuthentication"
        }
        "telemetry.istio.io" { TELEMETRY "Telemetry" }
    }
}

/// An object as it was written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Object<'a> {
    pub(crate) kind: Kind<'a>,
    /// Empty for one without.
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
    pub(crate) raw: &'a Value,
}

impl<'a> Object<'a> {
    /// Sorts the oldest first, which takes precedence; one without a time is the oldest, as in Istio.
    pub(crate) fn age(&self) -> impl Ord + use<'a> {
        let created = self.raw.text("metadata.creationTimestamp");
        (created, self.name, self.namespace)
    }

    /// Reads one object; something without a kind is none.
    pub(crate) fn read(raw: &'a Value) -> Option<Self> {
        let name = raw.at("kind").as_str()?;
        let group = raw.text("apiVersion").split_once('/').map_or("", |(group, _)| group);
        let (namespace, own) = (raw.text("metadata.namespace"), raw.text("metadata.name"));
        Some(Self { kind: Kind { group, name }, namespace, name: own, raw })
    }

    /// Whether it is only a list of others.
    pub(crate) fn is_list(&self) -> bool {
        self.kind.name.ends_with("List") && self.raw.has("items")
    }

    pub(crate) fn spec(&self) -> &'a Value {
        self.raw.at("spec")
    }

    pub(crate) fn labels(&self) -> Labels<'a> {
        Labels::at(self.raw, "metadata.labels")
    }

    pub(crate) fn annotations(&self) -> Labels<'a> {
        Labels::at(self.raw, "metadata.annotations")
    }

    /// `namespace/name`, or the name of one without a namespace.
    pub(crate) fn full_name(&self) -> String {
        match self.namespace {
            "" => self.name.to_owned(),
            namespace => format!("{namespace}/{}", self.name),
        }
    }

    pub(crate) fn reference(&self) -> ObjectRef {
        let Kind { group, name: kind } = self.kind;
        ObjectRef {
            group: group.to_owned(),
            kind: kind.to_owned(),
            namespace: self.namespace.to_owned(),
            name: self.name.to_owned(),
        }
    }

    /// Whether it belongs to an installed control plane.
    pub(crate) fn is_control_plane(&self) -> bool {
        let labels = self.labels();
        labels.get("istio").is_some() || labels.is("release", "istio")
    }
}
