//! The kinds that the walk watches, and how their objects are told of.
//!
//! Holds: the first world waits for the kinds that it is made of; a cluster need not have the others.

use ctl_source::ResourceType;
use serde_json::Value;

use crate::preflight::resource_of;

/// What the walk does with a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Reads it, and says nothing.
    Read,
    /// Tells its objects by conditions of the mesh.
    Mesh,
    /// Tells them as the Gateway API does.
    GatewayApi,
    /// Tells them as Argo Rollouts and Flagger do, who may own them.
    Delivery,
}

/// A kind by group and name; Istio and the Gateway API have a Gateway each.
pub(super) type KindName = (String, String);

/// Every kind, by group.
const KINDS: &[(&str, Role, &[&str])] = &[
    (
        "",
        Role::Read,
        &["Namespace", "Node", "Service", "Pod", "ServiceAccount", "ConfigMap", "Secret"],
    ),
    ("discovery.k8s.io", Role::Read, &["EndpointSlice"]),
    ("apps", Role::Read, &["Deployment"]),
    (
        "networking.istio.io",
        Role::Mesh,
        &[
            "VirtualService",
            "DestinationRule",
            "Gateway",
            "ServiceEntry",
            "Sidecar",
            "WorkloadEntry",
            "WorkloadGroup",
            "EnvoyFilter",
            "ProxyConfig",
        ],
    ),
    (
        "security.istio.io",
        Role::Mesh,
        &["PeerAuthentication", "AuthorizationPolicy", "RequestAuthentication"],
    ),
    ("telemetry.istio.io", Role::Mesh, &["Telemetry"]),
    ("extensions.istio.io", Role::Mesh, &["WasmPlugin", "TrafficExtension"]),
    (
        "gateway.networking.k8s.io",
        Role::GatewayApi,
        &[
            "GatewayClass",
            "Gateway",
            "ListenerSet",
            "HTTPRoute",
            "GRPCRoute",
            "TLSRoute",
            "TCPRoute",
            "BackendTLSPolicy",
            "ReferenceGrant",
        ],
    ),
    ("gateway.networking.x-k8s.io", Role::GatewayApi, &["XListenerSet"]),
    (
        "argoproj.io",
        Role::Delivery,
        &["Rollout", "AnalysisTemplate", "ClusterAnalysisTemplate", "AnalysisRun", "Experiment"],
    ),
    ("flagger.app", Role::Delivery, &["Canary", "MetricTemplate", "AlertProvider"]),
];

/// Every kind with its role and its collection.
pub(super) fn all() -> impl Iterator<Item = (Role, ResourceType)> {
    let rows = KINDS
        .iter()
        .flat_map(|(group, role, kinds)| kinds.iter().map(move |kind| (*role, *group, *kind)));
    rows.filter_map(|(role, group, kind)| Some((role, resource_of(group, kind)?)))
}

/// The kinds that the first world waits for; of those that a cluster does not have its source says that there are no objects.
pub(super) fn needed() -> impl Iterator<Item = ResourceType> {
    all().filter(|(role, _)| *role != Role::Delivery).map(|(_, resource)| resource)
}

/// The kinds that objects of the Gateway API point at.
pub(super) fn beside_gateways() -> impl Iterator<Item = KindName> {
    let core = ["Namespace", "Service", "Secret", "ConfigMap"].map(|kind| ("", kind));
    let far = [("networking.istio.io", "ServiceEntry"), ("apps", "Deployment")];
    let all = core.into_iter().chain(far);
    all.map(|(group, kind)| (group.to_owned(), kind.to_owned()))
}

/// Whether objects of the kind of this one are told of.
pub(super) fn is_told(object: &Value) -> bool {
    let text = |field: &str| object[field].as_str().unwrap_or_default();
    let group = text("apiVersion").split_once('/').map_or("", |(group, _)| group);
    let row = KINDS.iter().find(|(own, _, kinds)| *own == group && kinds.contains(&text("kind")));
    row.is_some_and(|(_, role, _)| *role != Role::Read)
}

/// The name of a collection's kind.
pub(super) fn name(resource: &ResourceType) -> KindName {
    (resource.group.clone(), resource.kind.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_collection() {
        let named = KINDS.iter().map(|(_, _, kinds)| kinds.len()).sum::<usize>();
        assert_eq!(all().count(), named);
    }

    #[test]
    fn every_kind_that_users_write_is_watched() {
        let known = |kind: &weft_model::api::crd::Kind| {
            all().any(|(_, own)| (own.group.as_str(), own.kind.as_str()) == (kind.group, kind.kind))
        };
        let missing: Vec<&str> =
            weft_model::api::crd::KINDS.iter().filter(|k| !known(k)).map(|k| k.kind).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
