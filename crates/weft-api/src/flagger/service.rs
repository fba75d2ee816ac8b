//! Services and routes that a `Canary` makes.

use std::collections::BTreeMap;

use crate::gateway_api::{ParentRef, RequestMirror};
use crate::read::{record, words};
use crate::traffic_policy::TrafficPolicy;
use crate::virtual_service::{CorsPolicy, Headers, HttpMatch, Retries};
use crate::{IntOrString, Span};

words! {
    /// Which endpoints of a service are preferred.
    TrafficDistribution {
        /// Near ones.
        PreferClose = "PreferClose",
        /// Those of the same zone.
        PreferSameZone = "PreferSameZone",
        /// Those of the same node.
        PreferSameNode = "PreferSameNode",
    }
}

record! {
    /// Services and routes that are made: NAME, NAME-primary for the stable version, and NAME-canary for the new one.
    Service {
        /// Their name; that of the workload when absent.
        "name" name: String,
        /// Port that clients call.
        "port" port: u32 = [Required, Min(1), Max(65535)],
        /// Name of the port; `http` when absent.
        "portName" port_name: String,
        /// Protocol of the port.
        "appProtocol" app_protocol: String,
        /// Which endpoints are preferred.
        "trafficDistribution" traffic_distribution: Option<TrafficDistribution>,
        /// Port of the pods, by number or name; the same when absent.
        "targetPort" target_port: Option<IntOrString>,
        /// Takes all ports of the pods.
        "portDiscovery" port_discovery: bool,
        /// Makes services without an address.
        "headless" headless: bool,
        /// Longest time of a request.
        "timeout" timeout: Option<Span>,
        /// Longest time of one try, with the Gateway API.
        "backendTimeout" backend_timeout: Option<Span>,
        /// Name of the mesh, with AppMesh.
        "meshName" mesh_name: String,
        /// Services that are called, with AppMesh.
        "backends" backends: Vec<String>,
        /// Hosts of the routes beside the name of the service.
        "hosts" hosts: Vec<String>,
        /// Makes a VirtualService for others to delegate to.
        "delegation" delegation: bool,
        /// Requests that the routes are for.
        "match" matches: Vec<HttpMatch>,
        /// When a failed request is tried again.
        "retries" retries: Option<Retries>,
        /// Changes of path and host on the way.
        "rewrite" rewrite: Option<Rewrite>,
        /// Backends that get copies of requests, with the Gateway API.
        "mirror" mirror: Vec<RequestMirror>,
        /// Changes to header fields.
        "headers" headers: Option<Headers>,
        /// Gateways of Istio.
        "gateways" gateways: Vec<String>,
        /// Gateways of the Gateway API.
        "gatewayRefs" gateway_refs: Vec<ParentRef> = [MaxItems(32)],
        /// What browsers may do from pages of other origins.
        "corsPolicy" cors_policy: Option<CorsPolicy>,
        /// How endpoints are called: the policy of the DestinationRules that are made.
        "trafficPolicy" traffic_policy: Option<TrafficPolicy>,
        /// Labels and annotations of the service that clients call.
        "apex" apex: Option<ServiceMetadata>,
        /// Labels and annotations of the service of the stable version.
        "primary" primary: Option<ServiceMetadata>,
        /// Labels and annotations of the service of the new version.
        "canary" canary: Option<ServiceMetadata>,
        /// Labels and annotations of services that others write.
        "unmanagedMetadata" unmanaged_metadata: Option<UnmanagedMetadata>,
    }
}

record! {
    /// Changes of path and host on the way.
    Rewrite {
        /// New path, or prefix of it.
        "uri" uri: String,
        /// New host.
        "authority" authority: String,
        /// With the Gateway API: ReplaceFullPath or ReplacePrefixMatch.
        "type" kind: String,
    }
}

record! {
    /// Labels and annotations of a service.
    ServiceMetadata {
        /// Labels.
        "labels" labels: BTreeMap<String, String>,
        /// Annotations.
        "annotations" annotations: BTreeMap<String, String>,
    }
}

record! {
    /// Keys that others write.
    UnmanagedMetadata {
        /// Of labels.
        "labels" labels: Vec<String>,
        /// Of annotations.
        "annotations" annotations: Vec<String>,
    }
}
