//! Where spans go: `defaultConfig.tracing`, and the tracing kinds of extension providers.

use std::collections::BTreeMap;

use super::{GrpcService, HttpHeader, HttpService, Time, mesh_record, mesh_words};
use crate::traffic_policy::ClientTls;

mesh_record! {
    /// Tracing of a proxy, the older way; at most one of the five collectors.
    Tracing {
        /// Spans go to Zipkin. Default: `zipkin.istio-system:9411`.
        "zipkin" zipkin: Option<Collector>,
        /// Spans go to Lightstep.
        "lightstep" lightstep: Option<Token>,
        /// Spans go to Datadog.
        "datadog" datadog: Option<Collector>,
        /// Spans go to Stackdriver.
        "stackdriver" stackdriver: Option<StackdriverTracing>,
        /// Spans go to an OpenCensus agent.
        "openCensusAgent" open_census_agent: Option<OpenCensusAgent>,
        /// Tags that every span gets, by name.
        "customTags" custom_tags: BTreeMap<String, CustomTag>,
        /// Longest path, in characters, that a span keeps. Default 256.
        "maxPathTagLength" max_path_tag_length: u32,
        /// Percent of the requests that are traced, 0 to 100. Default 1.
        "sampling" sampling: f64,
        /// TLS towards the collector.
        "tlsSettings" tls_settings: Option<ClientTls>,
        /// Whether spans have the mesh's own tags. Default true.
        "enableIstioTags" enable_istio_tags: Option<bool>,
    }
}

mesh_record! {
    /// A collector at an address.
    Collector {
        /// `HOST:PORT`; `$(HOST_IP)` stands for the node's address.
        "address" address: String,
    }
}

mesh_record! {
    /// A collector that wants a token.
    Token {
        /// `HOST:PORT`.
        "address" address: String,
        /// The token.
        "accessToken" access_token: String,
    }
}

mesh_record! {
    /// Stackdriver.
    StackdriverTracing {
        /// Whether spans are also written to standard output. Default false.
        "debug" debug: bool,
        /// Attributes that a span keeps. Default 200.
        "maxNumberOfAttributes" max_number_of_attributes: Option<i64>,
        /// Annotations that a span keeps. Default 200.
        "maxNumberOfAnnotations" max_number_of_annotations: Option<i64>,
        /// Message events that a span keeps. Default 200.
        "maxNumberOfMessageEvents" max_number_of_message_events: Option<i64>,
    }
}

mesh_words! {
    /// A form in which a trace travels in header fields.
    TraceContext {
        /// Not said.
        Unspecified = "UNSPECIFIED" 0,
        /// `traceparent`.
        W3c = "W3C_TRACE_CONTEXT" 1,
        /// `grpc-trace-bin`.
        GrpcBin = "GRPC_BIN" 2,
        /// `x-cloud-trace-context`.
        Cloud = "CLOUD_TRACE_CONTEXT" 3,
        /// `x-b3-...`.
        B3 = "B3" 4,
    }
}

mesh_record! {
    /// An OpenCensus agent.
    OpenCensusAgent {
        /// Its gRPC address.
        "address" address: String,
        /// Forms in which a trace is read and sent on, in this order.
        "context" context: Vec<TraceContext>,
    }
}

mesh_record! {
    /// A tag of every span; one of the three fields.
    CustomTag {
        /// Always the same.
        "literal" literal: Option<Literal>,
        /// From the proxy's environment.
        "environment" environment: Option<Lookup>,
        /// From a header field of the request.
        "header" header: Option<Lookup>,
    }
}

mesh_record! {
    /// A value that is always the same.
    Literal {
        /// The value.
        "value" value: String,
    }
}

mesh_record! {
    /// A value that is looked up by name.
    Lookup {
        /// Name of the variable or header field.
        "name" name: String,
        /// Value when there is none.
        "defaultValue" default_value: String,
    }
}

mesh_words! {
    /// Forms in which Zipkin's traces travel.
    TraceContextOption {
        /// B3 fields only.
        B3 = "USE_B3" 0,
        /// B3 fields and `traceparent`.
        B3AndW3c = "USE_B3_WITH_W3C_PROPAGATION" 1,
    }
}

mesh_record! {
    /// Spans go to a Zipkin service.
    ZipkinProvider {
        /// Its service: a host, or `NAMESPACE/HOST`.
        "service" service: String,
        /// Its port, 1 to 65535.
        "port" port: u32,
        /// Longest path, in characters, that a span keeps. Default 256.
        "maxTagLength" max_tag_length: u32,
        /// Whether trace ids have 64 bits instead of 128. Default false.
        "enable64bitTraceId" enable_64bit_trace_id: bool,
        /// Path that spans are sent to. Default `/api/v2/spans`.
        "path" path: String,
        /// Forms in which a trace travels. Default `USE_B3`.
        "traceContextOption" trace_context_option: TraceContextOption,
        /// Time for one delivery. Default 5s.
        "timeout" timeout: Option<Time>,
        /// Header fields of deliveries.
        "headers" headers: Vec<HttpHeader>,
    }
}

mesh_record! {
    /// Spans go to Lightstep.
    LightstepProvider {
        /// Its service: a host, or `NAMESPACE/HOST`.
        "service" service: String,
        /// Its port, 1 to 65535.
        "port" port: u32,
        /// The token that it wants.
        "accessToken" access_token: String,
        /// Longest path, in characters, that a span keeps. Default 256.
        "maxTagLength" max_tag_length: u32,
    }
}

mesh_record! {
    /// Spans go to a Datadog agent.
    DatadogProvider {
        /// Its service: a host, or `NAMESPACE/HOST`.
        "service" service: String,
        /// Its port, 1 to 65535.
        "port" port: u32,
        /// Longest path, in characters, that a span keeps. Default 256.
        "maxTagLength" max_tag_length: u32,
    }
}

mesh_record! {
    /// Spans go to SkyWalking.
    SkyWalkingProvider {
        /// Its service: a host, or `NAMESPACE/HOST`.
        "service" service: String,
        /// Its port, 1 to 65535.
        "port" port: u32,
        /// The token that it wants; empty for none.
        "accessToken" access_token: String,
    }
}

mesh_record! {
    /// Spans go to an OpenCensus agent.
    OpenCensusProvider {
        /// Its service: a host, or `NAMESPACE/HOST`.
        "service" service: String,
        /// Its port, 1 to 65535.
        "port" port: u32,
        /// Forms in which a trace is read and sent on, in this order.
        "context" context: Vec<TraceContext>,
        /// Longest path, in characters, that a span keeps. Default 256.
        "maxTagLength" max_tag_length: u32,
    }
}

mesh_words! {
    /// How the service of a span is named.
    Enrichment {
        /// By the mesh's canonical name.
        IstioCanonical = "ISTIO_CANONICAL" 0,
        /// By OpenTelemetry's conventions for Kubernetes.
        OtelSemanticConventions = "OTEL_SEMANTIC_CONVENTIONS" 1,
    }
}

mesh_record! {
    /// Spans go to an OpenTelemetry collector; `http` or `grpc`, by default gRPC.
    OpenTelemetryProvider {
        /// Its service: a host, or `NAMESPACE/HOST`.
        "service" service: String,
        /// Its port, 1 to 65535.
        "port" port: u32,
        /// Longest path, in characters, that a span keeps. Default 256.
        "maxTagLength" max_tag_length: u32,
        /// Deliveries go over HTTP.
        "http" http: Option<HttpService>,
        /// Deliveries go over gRPC.
        "grpc" grpc: Option<GrpcService>,
        /// Where attributes of the resource come from.
        "resourceDetectors" resource_detectors: Option<ResourceDetectors>,
        /// How the service is named. Default `ISTIO_CANONICAL`.
        "serviceAttributeEnrichment" service_attribute_enrichment: Enrichment,
        /// Dynatrace decides what is traced.
        "dynatraceSampler" dynatrace_sampler: Option<DynatraceSampler>,
    }
}

mesh_record! {
    /// Where attributes of the resource come from.
    ResourceDetectors {
        /// The environment variable `OTEL_RESOURCE_ATTRIBUTES`.
        "environment" environment: Option<super::Empty>,
        /// The files of Dynatrace's agent.
        "dynatrace" dynatrace: Option<super::Empty>,
    }
}

mesh_record! {
    /// Dynatrace decides what is traced.
    DynatraceSampler {
        /// Id of the tenant.
        "tenant" tenant: String,
        /// Id of the cluster.
        "clusterId" cluster_id: i32,
        /// Root spans in a minute when the service cannot be asked. Default 1000.
        "rootSpansPerMinute" root_spans_per_minute: u32,
        /// The service that is asked. Default: where spans go.
        "httpService" http_service: Option<DynatraceApi>,
    }
}

mesh_record! {
    /// Dynatrace's service.
    DynatraceApi {
        /// Its host, or `NAMESPACE/HOST`.
        "service" service: String,
        /// Its port, 1 to 65535.
        "port" port: u32,
        /// How it is asked.
        "http" http: Option<HttpService>,
    }
}
