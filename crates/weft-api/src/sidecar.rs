//! `Sidecar` of `networking.istio.io`: what a sidecar opens, and which services it knows.

use crate::gateway::{SidecarPort, Tls};
use crate::read::{record, words};
use crate::reference::{Destination, LabelSelector};
use crate::traffic_policy::ConnectionPool;

words! {
    /// How connections reach a listener.
    CaptureMode {
        /// As the workload is set.
        Default = "DEFAULT",
        /// By the capture rules of the kernel.
        Iptables = "IPTABLES",
        /// The application connects to it.
        None = "NONE",
    }
}

words! {
    /// What happens to calls of hosts that the mesh does not know.
    OutboundMode {
        /// They are refused.
        RegistryOnly = "REGISTRY_ONLY",
        /// They pass as they are.
        AllowAny = "ALLOW_ANY",
    }
}

record! {
    /// What the sidecars of some workloads open, and which services they know. Without a selector it holds for its namespace,
    /// in the root namespace for every namespace that has none.
    Sidecar {
        /// Workloads that it holds for; the whole namespace when absent.
        "workloadSelector" workload_selector: Option<LabelSelector>,
        /// Ports that accept connections; taken from the services of the workload when absent.
        "ingress" ingress: Vec<Ingress>,
        /// Services that the workload calls; all that are visible when absent.
        "egress" egress: Vec<Egress>,
        /// Limits of connections that ports accept, unless ingress says otherwise.
        "inboundConnectionPool" inbound_connection_pool: Option<ConnectionPool>,
        /// What happens to calls of unknown hosts; as the mesh is set when absent.
        "outboundTrafficPolicy" outbound_traffic_policy: Option<OutboundTrafficPolicy>,
    }
}

record! {
    /// One port that accepts connections.
    Ingress {
        /// The port.
        "port" port: Option<SidecarPort> = [Required],
        /// Address to listen on.
        "bind" bind: String,
        /// How connections reach it.
        "captureMode" capture_mode: CaptureMode,
        /// Where the application listens: `127.0.0.1:PORT`, `[::1]:PORT`, `0.0.0.0:PORT` (the pod's address) or `unix://PATH`.
        "defaultEndpoint" default_endpoint: String,
        /// TLS of the port, for clients outside of the mesh.
        "tls" tls: Option<Tls>,
        /// Limits of connections of this port.
        "connectionPool" connection_pool: Option<ConnectionPool>,
    }
}

record! {
    /// Services that the workload calls, optionally through one port.
    Egress {
        /// Port of a listener of its own.
        "port" port: Option<SidecarPort>,
        /// Address or unix socket of the listener.
        "bind" bind: String,
        /// How connections reach it.
        "captureMode" capture_mode: CaptureMode,
        /// Services as `NAMESPACE/HOST`: namespace `.` is its own, `*` any, `~` none; hosts may be wildcards.
        "hosts" hosts: Vec<String> = [Required],
    }
}

record! {
    /// What happens to calls of hosts that the mesh does not know.
    OutboundTrafficPolicy {
        /// REGISTRY_ONLY refuses them, ALLOW_ANY passes them on.
        "mode" mode: OutboundMode,
        /// A service that they are sent to, with mode ALLOW_ANY.
        "egressProxy" egress_proxy: Option<Destination>,
    }
}
