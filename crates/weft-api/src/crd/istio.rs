//! The table of Istio's kinds.

use super::{Kind, column};
use crate::Describe;
use crate::{authorization_policy, destination_rule, envoy_filter, extension, gateway};
use crate::{peer_authentication, proxy_config, request_authentication, service_entry, sidecar};
use crate::{telemetry, virtual_service, workload};

const NETWORKING: &str = "networking.istio.io";
const SECURITY: &str = "security.istio.io";
const EXTENSIONS: &str = "extensions.istio.io";
const NETWORKING_VERSIONS: &[&str] = &["v1", "v1beta1", "v1alpha3"];
const SECURITY_VERSIONS: &[&str] = &["v1", "v1beta1"];

/// Every kind of Istio's API.
pub(super) const KINDS: &[Kind] = &[
    Kind {
        group: NETWORKING,
        versions: NETWORKING_VERSIONS,
        kind: "VirtualService",
        plural: "virtualservices",
        short: &["vs"],
        columns: &[
            column("Gateways", ".spec.gateways", "Where the routes hold."),
            column("Hosts", ".spec.hosts", "Hosts that the routes hold for."),
        ],
        spec: virtual_service::VirtualService::describe,
        categories: &["istio-io", "networking-istio-io"],
        ..Kind::NONE
    },
    Kind {
        group: NETWORKING,
        versions: NETWORKING_VERSIONS,
        kind: "DestinationRule",
        plural: "destinationrules",
        short: &["dr"],
        columns: &[column("Host", ".spec.host", "The service that is called.")],
        spec: destination_rule::DestinationRule::describe,
        categories: &["istio-io", "networking-istio-io"],
        ..Kind::NONE
    },
    Kind {
        group: NETWORKING,
        versions: NETWORKING_VERSIONS,
        kind: "Gateway",
        plural: "gateways",
        short: &["gw"],
        spec: gateway::Gateway::describe,
        categories: &["istio-io", "networking-istio-io"],
        ..Kind::NONE
    },
    Kind {
        group: NETWORKING,
        versions: NETWORKING_VERSIONS,
        kind: "ServiceEntry",
        plural: "serviceentries",
        short: &["se"],
        columns: &[
            column("Hosts", ".spec.hosts", "Names of the service."),
            column("Location", ".spec.location", "Inside or outside of the mesh."),
            column("Resolution", ".spec.resolution", "How addresses are found."),
        ],
        spec: service_entry::ServiceEntry::describe,
        categories: &["istio-io", "networking-istio-io"],
        ..Kind::NONE
    },
    Kind {
        group: NETWORKING,
        versions: NETWORKING_VERSIONS,
        kind: "Sidecar",
        plural: "sidecars",
        spec: sidecar::Sidecar::describe,
        categories: &["istio-io", "networking-istio-io"],
        ..Kind::NONE
    },
    Kind {
        group: NETWORKING,
        versions: NETWORKING_VERSIONS,
        kind: "WorkloadEntry",
        plural: "workloadentries",
        short: &["we"],
        columns: &[column("Address", ".spec.address", "Address of the endpoint.")],
        spec: workload::WorkloadEntry::describe,
        categories: &["istio-io", "networking-istio-io"],
        ..Kind::NONE
    },
    Kind {
        group: NETWORKING,
        versions: NETWORKING_VERSIONS,
        kind: "WorkloadGroup",
        plural: "workloadgroups",
        short: &["wg"],
        spec: workload::WorkloadGroup::describe,
        categories: &["istio-io", "networking-istio-io"],
        ..Kind::NONE
    },
    Kind {
        group: NETWORKING,
        versions: &["v1alpha3"],
        kind: "EnvoyFilter",
        plural: "envoyfilters",
        spec: envoy_filter::EnvoyFilter::describe,
        categories: &["istio-io", "networking-istio-io"],
        ..Kind::NONE
    },
    Kind {
        group: NETWORKING,
        versions: &["v1beta1"],
        kind: "ProxyConfig",
        plural: "proxyconfigs",
        spec: proxy_config::ProxyConfig::describe,
        categories: &["istio-io", "networking-istio-io"],
        ..Kind::NONE
    },
    Kind {
        group: SECURITY,
        versions: SECURITY_VERSIONS,
        kind: "PeerAuthentication",
        plural: "peerauthentications",
        short: &["pa"],
        columns: &[column("Mode", ".spec.mtls.mode", "What workloads accept.")],
        spec: peer_authentication::PeerAuthentication::describe,
        categories: &["istio-io", "security-istio-io"],
        ..Kind::NONE
    },
    Kind {
        group: SECURITY,
        versions: SECURITY_VERSIONS,
        kind: "RequestAuthentication",
        plural: "requestauthentications",
        short: &["ra"],
        spec: request_authentication::RequestAuthentication::describe,
        categories: &["istio-io", "security-istio-io"],
        ..Kind::NONE
    },
    Kind {
        group: SECURITY,
        versions: SECURITY_VERSIONS,
        kind: "AuthorizationPolicy",
        plural: "authorizationpolicies",
        short: &["ap"],
        columns: &[column("Action", ".spec.action", "What happens to requests that match.")],
        spec: authorization_policy::AuthorizationPolicy::describe,
        categories: &["istio-io", "security-istio-io"],
        ..Kind::NONE
    },
    Kind {
        group: "telemetry.istio.io",
        versions: &["v1", "v1alpha1"],
        kind: "Telemetry",
        plural: "telemetries",
        short: &["telemetry"],
        spec: telemetry::Telemetry::describe,
        categories: &["istio-io", "telemetry-istio-io"],
        ..Kind::NONE
    },
    Kind {
        group: EXTENSIONS,
        versions: &["v1alpha1"],
        kind: "WasmPlugin",
        plural: "wasmplugins",
        spec: extension::WasmPlugin::describe,
        categories: &["istio-io", "extensions-istio-io"],
        ..Kind::NONE
    },
    Kind {
        group: EXTENSIONS,
        versions: &["v1alpha1"],
        kind: "TrafficExtension",
        plural: "trafficextensions",
        spec: extension::TrafficExtension::describe,
        categories: &["istio-io", "extensions-istio-io"],
        ..Kind::NONE
    },
];
