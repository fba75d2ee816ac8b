//! Values of the proxies.

use crate::Any;

use super::Resources;
use crate::mesh_config::{Collector, Token, mesh_record, mesh_words};

mesh_words! {
    /// Where spans go.
    TracerKind {
        /// To Zipkin.
        Zipkin = "zipkin" 0,
        /// To Lightstep.
        Lightstep = "lightstep" 1,
        /// To Datadog.
        Datadog = "datadog" 2,
        /// To Stackdriver.
        Stackdriver = "stackdriver" 3,
        /// To an OpenCensus agent.
        OpenCensusAgent = "openCensusAgent" 4,
        /// Nowhere.
        None = "none" 5,
    }
}

mesh_record! {
    /// The proxies.
    Proxy {
        /// Whether pods are injected that say nothing: `enabled` or `disabled`.
        "autoInject" auto_inject: String,
        /// Domain of service names. Default `cluster.local`.
        "clusterDomain" cluster_domain: String,
        /// Least level of the log by part of the proxy.
        "componentLogLevel" component_log_level: String,
        /// Whether proxies write core dumps.
        "enableCoreDump" enable_core_dump: Option<bool>,
        /// Inbound ports that are not captured, parted by commas.
        "excludeInboundPorts" exclude_inbound_ports: String,
        /// Ranges of outbound addresses that are not captured, parted by commas.
        "excludeIPRanges" exclude_ip_ranges: String,
        /// Name of the image.
        "image" image: String,
        /// Ranges of outbound addresses that are captured, parted by commas; `*` for all.
        "includeIPRanges" include_ip_ranges: String,
        /// Least level of the log. Default `warning`.
        "logLevel" log_level: String,
        /// File that ejections of endpoints are logged to.
        "outlierLogPath" outlier_log_path: String,
        /// Whether the container has every right.
        "privileged" privileged: Option<bool>,
        /// Seconds before readiness is first asked.
        "readinessInitialDelaySeconds" readiness_initial_delay_seconds: u32,
        /// Seconds from one question to the next.
        "readinessPeriodSeconds" readiness_period_seconds: u32,
        /// Failures in a row that make it unready.
        "readinessFailureThreshold" readiness_failure_threshold: u32,
        /// Allowed system calls.
        "seccompProfile" seccomp_profile: Option<Any>,
        /// How its start is asked.
        "startupProbe" startup_probe: Option<StartupProbe>,
        /// Port of its health. Default 15020.
        "statusPort" status_port: u32,
        /// Processor and memory.
        "resources" resources: Option<Resources>,
        /// Where spans go. Default: as `tracing` of the mesh says.
        "tracer" tracer: TracerKind,
        /// Outbound ports that are not captured, parted by commas.
        "excludeOutboundPorts" exclude_outbound_ports: String,
        /// What runs after its start and before its end.
        "lifecycle" lifecycle: Option<Any>,
        /// Older form of `meshConfig.defaultConfig.holdApplicationUntilProxyStarts`.
        "holdApplicationUntilProxyStarts" hold_application_until_proxy_starts: Option<bool>,
        /// Inbound ports that are captured, parted by commas; `*` for all.
        "includeInboundPorts" include_inbound_ports: String,
        /// Outbound ports that are captured whatever the address, parted by commas.
        "includeOutboundPorts" include_outbound_ports: String,
    }
}

mesh_record! {
    /// How a proxy's start is asked.
    StartupProbe {
        /// Whether it is.
        "enabled" enabled: Option<bool>,
        /// Failures in a row after which it is started again.
        "failureThreshold" failure_threshold: u32,
    }
}

mesh_record! {
    /// The container that captures traffic.
    ProxyInit {
        /// Its image.
        "image" image: String,
        /// Processor and memory.
        "resources" resources: Option<Resources>,
    }
}

mesh_record! {
    /// Where spans go, by kind of collector.
    Tracer {
        /// Datadog's agent.
        "datadog" datadog: Option<Collector>,
        /// Lightstep's satellites.
        "lightstep" lightstep: Option<Token>,
        /// Zipkin.
        "zipkin" zipkin: Option<Collector>,
        /// Stackdriver.
        "stackdriver" stackdriver: Option<TracerStackdriver>,
    }
}

mesh_record! {
    /// Stackdriver.
    TracerStackdriver {
        /// Whether spans are also written to standard output.
        "debug" debug: Option<bool>,
        /// Attributes that a span keeps.
        "maxNumberOfAttributes" max_number_of_attributes: u32,
        /// Annotations that a span keeps.
        "maxNumberOfAnnotations" max_number_of_annotations: u32,
        /// Message events that a span keeps.
        "maxNumberOfMessageEvents" max_number_of_message_events: u32,
    }
}
