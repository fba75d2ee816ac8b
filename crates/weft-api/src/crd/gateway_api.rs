//! The table of the Gateway API's kinds, in the versions of its release 1.6.

use super::{Column, Kind, column};
use crate::Describe;
use crate::gateway_api::{BackendTlsPolicy, Gateway, GatewayClass, GrpcRoute, HttpRoute};
use crate::gateway_api::{ListenerSet, ReferenceGrant, TcpRoute, TlsRoute};

const ROW: Kind = Kind {
    group: "gateway.networking.k8s.io",
    categories: &["gateway-api"],
    annotations: &[
        // Without it a server refuses definitions in groups of Kubernetes.
        ("api-approved.kubernetes.io", "unapproved, made by Weft of its own types"),
        ("gateway.networking.k8s.io/bundle-version", "v1.6.0"),
        ("gateway.networking.k8s.io/channel", "experimental"),
    ],
    ..Kind::NONE
};

const ACCEPTED: Column = column(
    "Accepted",
    ".status.conditions[?(@.type==\"Accepted\")].status",
    "Whether it can be honoured.",
);
const PROGRAMMED: Column = column(
    "Programmed",
    ".status.conditions[?(@.type==\"Programmed\")].status",
    "Whether proxies have it.",
);
const HOSTNAMES: Column = column("Hostnames", ".spec.hostnames", "Hosts that it is for.");

/// Every kind of the Gateway API that the mesh reads.
pub(super) const KINDS: &[Kind] = &[
    Kind {
        versions: &["v1", "v1beta1"],
        kind: "GatewayClass",
        plural: "gatewayclasses",
        short: &["gc"],
        cluster: true,
        columns: &[
            column("Controller", ".spec.controllerName", "Who makes gateways of the class."),
            ACCEPTED,
            column("Description", ".spec.description", "What the class is for.").wide(),
        ],
        spec: GatewayClass::describe,
        ..ROW
    },
    Kind {
        versions: &["v1", "v1beta1"],
        kind: "Gateway",
        plural: "gateways",
        short: &["gtw"],
        columns: &[
            column("Class", ".spec.gatewayClassName", "Who makes the gateway."),
            column("Address", ".status.addresses[*].value", "Where it is called."),
            PROGRAMMED,
        ],
        spec: Gateway::describe,
        ..ROW
    },
    Kind {
        versions: &["v1", "v1beta1"],
        kind: "HTTPRoute",
        plural: "httproutes",
        columns: &[HOSTNAMES],
        spec: HttpRoute::describe,
        ..ROW
    },
    Kind {
        versions: &["v1"],
        kind: "GRPCRoute",
        plural: "grpcroutes",
        columns: &[HOSTNAMES],
        spec: GrpcRoute::describe,
        ..ROW
    },
    Kind {
        versions: &["v1", "v1alpha3", "v1alpha2"],
        kind: "TLSRoute",
        plural: "tlsroutes",
        columns: &[HOSTNAMES],
        spec: TlsRoute::describe,
        ..ROW
    },
    Kind {
        versions: &["v1", "v1alpha2"],
        kind: "TCPRoute",
        plural: "tcproutes",
        spec: TcpRoute::describe,
        ..ROW
    },
    Kind {
        versions: &["v1"],
        kind: "ListenerSet",
        plural: "listenersets",
        short: &["lset"],
        columns: &[ACCEPTED, PROGRAMMED],
        spec: ListenerSet::describe,
        ..ROW
    },
    Kind {
        group: "gateway.networking.x-k8s.io",
        versions: &["v1alpha1"],
        kind: "XListenerSet",
        plural: "xlistenersets",
        columns: &[ACCEPTED, PROGRAMMED],
        spec: ListenerSet::describe,
        ..ROW
    },
    Kind {
        versions: &["v1", "v1beta1"],
        kind: "ReferenceGrant",
        plural: "referencegrants",
        short: &["refgrant"],
        spec: ReferenceGrant::describe,
        ..ROW
    },
    Kind {
        versions: &["v1", "v1alpha3"],
        kind: "BackendTLSPolicy",
        plural: "backendtlspolicies",
        short: &["btlspolicy"],
        spec: BackendTlsPolicy::describe,
        ..ROW
    },
];
