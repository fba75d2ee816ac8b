//! `ServiceEntry` of `networking.istio.io`: services that no Kubernetes Service describes.

use crate::read::{record, words};
use crate::reference::LabelSelector;
use crate::workload::WorkloadEntry;

words! {
    /// Where a service is.
    Location {
        /// Outside of the mesh: called without mutual TLS of the mesh.
        MeshExternal = "MESH_EXTERNAL",
        /// Part of the mesh.
        MeshInternal = "MESH_INTERNAL",
    }
}

words! {
    /// How the addresses of a service are found.
    Resolution {
        /// The address that the client called is used as it is.
        None = "NONE",
        /// The endpoints that are listed.
        Static = "STATIC",
        /// DNS, all addresses of the answer.
        Dns = "DNS",
        /// DNS, one address of the answer for new connections.
        DnsRoundRobin = "DNS_ROUND_ROBIN",
        /// DNS, of the host that each request names.
        DynamicDns = "DYNAMIC_DNS",
    }
}

record! {
    /// A service that no Kubernetes Service describes: outside of the cluster, on machines, or in another network.
    ServiceEntry {
        /// Names of the service; a wildcard such as `*.example.com` covers all names below.
        "hosts" hosts: Vec<String> = [Required, MinItems(1), MaxItems(256)],
        /// Virtual addresses or ranges of the service; given by the mesh when absent.
        "addresses" addresses: Vec<String> = [MaxItems(256), ItemMaxLength(64)],
        /// Ports of the service.
        "ports" ports: Vec<ServicePort> = [
            MaxItems(256),
            Cel("self.all(l1, self.exists_one(l2, l1.number == l2.number))", "use each port number once"),
        ],
        /// Outside (the default) or inside of the mesh.
        "location" location: Location,
        /// How addresses are found: NONE (the default), STATIC, DNS, DNS_ROUND_ROBIN or DYNAMIC_DNS.
        "resolution" resolution: Resolution,
        /// Endpoints of the service; for DNS the names to ask for.
        "endpoints" endpoints: Option<Vec<WorkloadEntry>> = [MaxItems(4096)],
        /// Takes pods and WorkloadEntries of the namespace with these labels as endpoints.
        "workloadSelector" workload_selector: Option<LabelSelector>,
        /// Namespaces whose clients see the service: `.` its own, `*` all (the default), or names.
        "exportTo" export_to: Vec<String>,
        /// Names of which the server's certificate must have one.
        "subjectAltNames" subject_alt_names: Vec<String>,
    } where [
        Holds(
            "(has(self.workloadSelector) ? 1 : 0) + (has(self.endpoints) ? 1 : 0) <= 1",
            "keep one of workloadSelector and endpoints",
        ),
        Holds(
            "!((has(self.addresses) ? self.addresses : []).exists(k, k.contains('/')) && !((has(self.resolution) ? self.resolution : 'NONE') in ['STATIC', 'NONE']))",
            "ranges of addresses need resolution NONE or STATIC",
        ),
        Holds(
            "((has(self.resolution) ? self.resolution : 'NONE') == 'NONE') ? !has(self.endpoints) : true",
            "resolution NONE has no endpoints",
        ),
        Holds(
            "((has(self.resolution) ? self.resolution : '') == 'DNS_ROUND_ROBIN') ? ((has(self.endpoints) ? self.endpoints : []).size() <= 1) : true",
            "resolution DNS_ROUND_ROBIN has one endpoint at most",
        ),
    ]
}

record! {
    /// One port of a service.
    ServicePort {
        /// Number of the port that clients call.
        "number" number: u32 = [
            Required,
            Cel("0 < self && self <= 65535", "use a port from 1 to 65535"),
        ],
        /// HTTP, HTTPS, GRPC, GRPC-WEB, HTTP2, MONGO, TCP or TLS.
        "protocol" protocol: String = [MaxLength(256)],
        /// Name of the port.
        "name" name: String = [Required, MaxLength(256)],
        /// Number of the port on the endpoints, when it is another one.
        "targetPort" target_port: u32 = [
            Min(1),
            Cel("0 < self && self <= 65535", "use a port from 1 to 65535"),
        ],
    }
}
