//! `WorkloadEntry` and `WorkloadGroup` of `networking.istio.io`: endpoints that are no pods.

use std::collections::BTreeMap;

use crate::describe::Form as Written;
use crate::read::record;

record! {
    /// One endpoint that is no pod, such as a virtual machine.
    WorkloadEntry {
        /// Address without port: an IP address, a DNS name, or `unix://` and a path. May be absent when a network is given.
        "address" address: String = [
            MaxLength(256),
            Cel("self.startsWith('unix://') ? (self.substring(7, 8) == '/' || self.substring(7, 8) == '@') : true",
                "a unix socket needs an absolute path"),
            Cel("self.startsWith('unix://') ? !self.endsWith('/') : true", "a unix socket is no folder"),
        ],
        /// Ports of the endpoint, by the names of the ports of the service, where they differ.
        "ports" ports: BTreeMap<String, u32> = [
            MaxEntries(128),
            Cel("self.all(key, size(key) < 63 && key.matches('^[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?$'))",
                "use names of ports"),
        ],
        /// Labels of the endpoint.
        "labels" labels: BTreeMap<String, String> = [MaxEntries(256)],
        /// Network of the endpoint; those of one network reach each other directly.
        "network" network: String = [MaxLength(2048)],
        /// Place of the endpoint: `region/zone/subzone`.
        "locality" locality: String = [MaxLength(2048)],
        /// Share of traffic compared to other endpoints; 1 when absent.
        "weight" weight: u32,
        /// Service account that the endpoint runs as.
        "serviceAccount" service_account: String = [MaxLength(253)],
    } where [
        Holds("has(self.address) || has(self.network)", "give an address or a network"),
        Holds(
            "(has(self.address) ? self.address : '').startsWith('unix://') ? !has(self.ports) : true",
            "a unix socket has no ports",
        ),
    ]
}

record! {
    /// What WorkloadEntries are made from when machines of a group register themselves.
    WorkloadGroup {
        /// Labels and annotations of each entry.
        "metadata" metadata: Option<GroupMetadata>,
        /// The entry, but for its address.
        "template" template: Option<WorkloadTemplate> = [Required],
        /// How it is found out whether the application is healthy.
        "probe" probe: Option<Probe>,
    }
}

record! {
    /// Labels and annotations of entries that a group makes.
    GroupMetadata {
        /// Labels.
        "labels" labels: BTreeMap<String, String> = [MaxEntries(256)],
        /// Annotations.
        "annotations" annotations: BTreeMap<String, String> = [MaxEntries(256)],
    }
}

record! {
    /// A WorkloadEntry that may still miss its address.
    WorkloadTemplate {
        /// Address without port; comes from the machine.
        "address" address: String = [MaxLength(256)],
        /// Ports of the endpoint, by the names of the ports of the service, where they differ.
        "ports" ports: BTreeMap<String, u32> = [MaxEntries(128)],
        /// Labels of the endpoint.
        "labels" labels: BTreeMap<String, String> = [MaxEntries(256)],
        /// Network of the endpoint.
        "network" network: String = [MaxLength(2048)],
        /// Place of the endpoint: `region/zone/subzone`.
        "locality" locality: String = [MaxLength(2048)],
        /// Share of traffic compared to other endpoints; 1 when absent.
        "weight" weight: u32,
        /// Service account that the endpoint runs as.
        "serviceAccount" service_account: String = [MaxLength(253)],
    } where [Holds(
        "(has(self.address) ? self.address : '').startsWith('unix://') ? !has(self.ports) : true",
        "a unix socket has no ports",
    )]
}

record! {
    /// How it is found out whether an application is healthy.
    Probe {
        /// Time after the start before the first probe.
        "initialDelaySeconds" initial_delay_seconds: i32 = [Min(0)],
        /// Longest time for a probe; 1 when absent.
        "timeoutSeconds" timeout_seconds: i32 = [Min(0)],
        /// Time between probes; 10 when absent.
        "periodSeconds" period_seconds: i32 = [Min(0)],
        /// Good probes in a row that make it healthy; 1 when absent.
        "successThreshold" success_threshold: i32 = [Min(0)],
        /// Bad probes in a row that make it unhealthy; 3 when absent.
        "failureThreshold" failure_threshold: i32 = [Min(0)],
        /// Sends a request.
        "httpGet" http_get: Option<HttpProbe>,
        /// Opens a connection.
        "tcpSocket" tcp_socket: Option<TcpProbe>,
        /// Runs a command.
        "exec" exec: Option<ExecProbe>,
        /// Asks the gRPC health service.
        "grpc" grpc: Option<GrpcProbe>,
    } where [OneOf(&["httpGet", "tcpSocket", "exec", "grpc"])]
}

record! {
    /// Healthy when the answer is 200 to 399.
    HttpProbe {
        /// Path.
        "path" path: String,
        /// Port.
        "port" port: u32 = [Required, Cel("0 < self && self <= 65535", "use a port from 1 to 65535")],
        /// Host to connect to.
        "host" host: String,
        /// HTTP or HTTPS.
        "scheme" scheme: String = [Cel("self in ['', 'HTTP', 'HTTPS']", "use HTTP or HTTPS")],
        /// Header fields.
        "httpHeaders" http_headers: Vec<HttpHeader>,
    }
}

record! {
    /// A header field.
    HttpHeader {
        /// Its name.
        "name" name: String = [Form(Written::HeaderName)],
        /// Its value.
        "value" value: String,
    }
}

record! {
    /// Healthy when a connection opens.
    TcpProbe {
        /// Host to connect to.
        "host" host: String,
        /// Port.
        "port" port: u32 = [Required, Cel("0 < self && self <= 65535", "use a port from 1 to 65535")],
    }
}

record! {
    /// Healthy when the command ends with 0.
    ExecProbe {
        /// The command and its arguments.
        "command" command: Vec<String> = [Required, ItemMinLength(1)],
    }
}

record! {
    /// Healthy when the gRPC health service says so.
    GrpcProbe {
        /// Port.
        "port" port: u32 = [Min(1), Cel("0 < self && self <= 65535", "use a port from 1 to 65535")],
        /// Service to ask for.
        "service" service: String,
    }
}
