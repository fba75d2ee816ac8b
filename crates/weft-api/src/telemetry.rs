//! `Telemetry` of `telemetry.istio.io`: which spans, metrics and access logs proxies make.

use std::collections::BTreeMap;

use crate::Span;
use crate::read::{record, words};
use crate::reference::{TargetRef, WorkloadSelector};

words! {
    /// Which end of a call.
    WorkloadMode {
        /// Both.
        ClientAndServer = "CLIENT_AND_SERVER",
        /// The caller.
        Client = "CLIENT",
        /// The called.
        Server = "SERVER",
    }
}

words! {
    /// A metric of the mesh.
    Metric {
        /// All of them.
        All = "ALL_METRICS",
        /// istio_requests_total
        RequestCount = "REQUEST_COUNT",
        /// istio_request_duration_milliseconds
        RequestDuration = "REQUEST_DURATION",
        /// istio_request_bytes
        RequestSize = "REQUEST_SIZE",
        /// istio_response_bytes
        ResponseSize = "RESPONSE_SIZE",
        /// istio_tcp_connections_opened_total
        TcpOpenedConnections = "TCP_OPENED_CONNECTIONS",
        /// istio_tcp_connections_closed_total
        TcpClosedConnections = "TCP_CLOSED_CONNECTIONS",
        /// istio_tcp_sent_bytes_total
        TcpSentBytes = "TCP_SENT_BYTES",
        /// istio_tcp_received_bytes_total
        TcpReceivedBytes = "TCP_RECEIVED_BYTES",
        /// istio_request_messages_total
        GrpcRequestMessages = "GRPC_REQUEST_MESSAGES",
        /// istio_response_messages_total
        GrpcResponseMessages = "GRPC_RESPONSE_MESSAGES",
    }
}

words! {
    /// What is done to a label of a metric.
    TagOperation {
        /// Set to a value.
        Upsert = "UPSERT",
        /// Left out.
        Remove = "REMOVE",
    }
}

record! {
    /// Which spans, metrics and access logs proxies make. What a workload's object does not say comes from that of the namespace,
    /// and then from that of the root namespace.
    Telemetry {
        /// Workloads that it holds for; the whole namespace when absent.
        "selector" selector: Option<WorkloadSelector>,
        /// The gateway, waypoint or service that it is bound to; prefer targetRefs.
        "targetRef" target_ref: Option<TargetRef>,
        /// Gateways, waypoints or services that it is bound to, instead of a selector.
        "targetRefs" target_refs: Vec<TargetRef> = [MaxItems(16)],
        /// Spans.
        "tracing" tracing: Vec<Tracing>,
        /// Metrics.
        "metrics" metrics: Vec<Metrics>,
        /// Access logs.
        "accessLogging" access_logging: Vec<AccessLogging>,
    } where [Holds(
        "(has(self.selector) ? 1 : 0) + (has(self.targetRef) ? 1 : 0) + (has(self.targetRefs) ? 1 : 0) <= 1",
        "keep one of selector, targetRef and targetRefs",
    )]
}

record! {
    /// Which end of a call settings hold for.
    ModeMatch {
        /// CLIENT, SERVER, or both (the default).
        "mode" mode: WorkloadMode,
    }
}

record! {
    /// Who gets what is made.
    ProviderRef {
        /// Name of an entry of `extensionProviders` in the mesh configuration.
        "name" name: String = [Required, MinLength(1)],
    }
}

record! {
    /// Settings of spans.
    Tracing {
        /// Which end of a call they hold for.
        "match" matches: Option<ModeMatch>,
        /// Who gets spans; the default of the mesh when absent. One at most.
        "providers" providers: Vec<ProviderRef>,
        /// Share of new traces that are kept, in percent; 1 when absent.
        "randomSamplingPercentage" random_sampling_percentage: Option<f64> = [Min(0), Max(100)],
        /// Makes no spans; the headers of traces are still passed on.
        "disableSpanReporting" disable_span_reporting: Option<bool>,
        /// Further tags of spans.
        "customTags" custom_tags: BTreeMap<String, CustomTag>,
        /// Decides by the request id whether a trace is kept; true when absent.
        "useRequestIdForTraceSampling" use_request_id_for_trace_sampling: Option<bool>,
        /// Adds the tags of the mesh; true when absent.
        "enableIstioTags" enable_istio_tags: Option<bool>,
        /// Does not pass the headers of traces on.
        "disableContextPropagation" disable_context_propagation: Option<bool>,
    }
}

record! {
    /// A tag of spans. It has exactly one source.
    CustomTag {
        /// A fixed text.
        "literal" literal: Option<LiteralTag>,
        /// A variable of the proxy's environment.
        "environment" environment: Option<EnvironmentTag>,
        /// A header field of the request.
        "header" header: Option<HeaderTag>,
        /// A text in the form of access logs.
        "formatter" formatter: Option<FormatterTag>,
    } where [OneOf(&["literal", "environment", "header", "formatter"])]
}

record! {
    /// A fixed text.
    LiteralTag {
        /// The text.
        "value" value: String = [Required, MinLength(1)],
    }
}

record! {
    /// A variable of the proxy's environment.
    EnvironmentTag {
        /// Its name.
        "name" name: String = [Required, MinLength(1)],
        /// What is taken when it is absent.
        "defaultValue" default_value: String,
    }
}

record! {
    /// A header field of the request.
    HeaderTag {
        /// Its name.
        "name" name: String = [Required, MinLength(1)],
        /// What is taken when it is absent.
        "defaultValue" default_value: String,
    }
}

record! {
    /// A text in the form of access logs, such as `%REQ(:path)%`.
    FormatterTag {
        /// The form.
        "value" value: String = [Required, MinLength(1)],
    }
}

record! {
    /// Settings of metrics.
    Metrics {
        /// Who gets metrics; the default of the mesh when absent.
        "providers" providers: Vec<ProviderRef>,
        /// Changes, in order.
        "overrides" overrides: Vec<MetricsOverride>,
        /// How often numbers of open connections are told; 5s when absent.
        "reportingInterval" reporting_interval: Option<Span>,
    }
}

record! {
    /// A change of metrics.
    MetricsOverride {
        /// Which metrics; all when absent.
        "match" matches: Option<MetricMatch>,
        /// Does not make them.
        "disabled" disabled: Option<bool>,
        /// Changes of labels by name.
        "tagOverrides" tag_overrides: BTreeMap<String, TagOverride>,
    }
}

record! {
    /// Which metrics.
    MetricMatch {
        /// A metric of the mesh.
        "metric" metric: Option<Metric>,
        /// A metric by name.
        "customMetric" custom_metric: Option<String> = [MinLength(1)],
        /// Which end of a call.
        "mode" mode: WorkloadMode,
    } where [OneOf(&["metric", "customMetric"])]
}

record! {
    /// A change of a label.
    TagOverride {
        /// UPSERT (the default) or REMOVE.
        "operation" operation: TagOperation,
        /// A CEL expression that gives the value, for UPSERT.
        "value" value: String,
    }
}

record! {
    /// Settings of access logs.
    AccessLogging {
        /// Which end of a call they hold for.
        "match" matches: Option<ModeMatch>,
        /// Who gets access logs; the default of the mesh when absent.
        "providers" providers: Vec<ProviderRef>,
        /// Makes none.
        "disabled" disabled: Option<bool>,
        /// Which requests are logged.
        "filter" filter: Option<LogFilter>,
    }
}

record! {
    /// Which requests are logged.
    LogFilter {
        /// A CEL expression that is true for requests to log, such as `response.code >= 500`.
        "expression" expression: String,
    }
}
