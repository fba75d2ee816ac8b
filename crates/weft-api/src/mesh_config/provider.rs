//! `extensionProviders`: named services for telemetry and authorization, which policies refer to by name.

use std::collections::BTreeMap;

use super::{
    DatadogProvider, Empty, FileLog, GrpcLog, LightstepProvider, OpenCensusProvider,
    OpenTelemetryProvider, OtelLog, SkyWalkingProvider, TcpLog, Time, ZipkinProvider, mesh_record,
};

/// Metrics for Prometheus, which every proxy serves.
pub type Prometheus = Empty;

mesh_record! {
    /// A named provider; one kind of the fifteen.
    ExtensionProvider {
        /// The name that policies use; unique in the mesh.
        "name" name: String,
        /// Asks an HTTP service whether a request may pass.
        "envoyExtAuthzHttp" envoy_ext_authz_http: Option<ExtAuthzHttp>,
        /// Asks a gRPC service whether a request may pass.
        "envoyExtAuthzGrpc" envoy_ext_authz_grpc: Option<ExtAuthzGrpc>,
        /// Spans go to Zipkin.
        "zipkin" zipkin: Option<ZipkinProvider>,
        /// Spans go to Lightstep (deprecated: use `opentelemetry`).
        "lightstep" lightstep: Option<LightstepProvider>,
        /// Spans go to Datadog.
        "datadog" datadog: Option<DatadogProvider>,
        /// Spans, logs and metrics go to Stackdriver.
        "stackdriver" stackdriver: Option<Stackdriver>,
        /// Spans go to an OpenCensus agent (deprecated: use `opentelemetry`).
        "opencensus" opencensus: Option<OpenCensusProvider>,
        /// Spans go to SkyWalking.
        "skywalking" skywalking: Option<SkyWalkingProvider>,
        /// Spans go to an OpenTelemetry collector.
        "opentelemetry" opentelemetry: Option<OpenTelemetryProvider>,
        /// Metrics for Prometheus.
        "prometheus" prometheus: Option<Prometheus>,
        /// Access logs go to a file of each proxy.
        "envoyFileAccessLog" envoy_file_access_log: Option<FileLog>,
        /// Access logs of HTTP go to a gRPC service.
        "envoyHttpAls" envoy_http_als: Option<GrpcLog>,
        /// Access logs of TCP go to a gRPC service.
        "envoyTcpAls" envoy_tcp_als: Option<TcpLog>,
        /// Access logs go to an OpenTelemetry collector.
        "envoyOtelAls" envoy_otel_als: Option<OtelLog>,
        /// Secrets come from a service of one's own.
        "sds" sds: Option<SdsProvider>,
    }
}

mesh_record! {
    /// The part of a body that the authorization service sees.
    ExtAuthzBody {
        /// At most so many bytes; a longer body is refused with 413 unless a part of it may be sent.
        "maxRequestBytes" max_request_bytes: u32,
        /// Whether a part of a longer body is sent. Default false.
        "allowPartialMessage" allow_partial_message: bool,
        /// Whether gRPC gets the body as bytes instead of as text. Default false.
        "packAsBytes" pack_as_bytes: bool,
    }
}

mesh_record! {
    /// An HTTP service that answers 200 for yes.
    ExtAuthzHttp {
        /// Its service: a host, or `NAMESPACE/HOST`.
        "service" service: String,
        /// Its port, 1 to 65535.
        "port" port: u32,
        /// Time for an answer. Default 600s.
        "timeout" timeout: Option<Time>,
        /// Put before the path of the request when it is asked about; begins with `/`.
        "pathPrefix" path_prefix: String,
        /// Whether requests pass when the service fails. Default false.
        "failOpen" fail_open: bool,
        /// Whether the route is chosen again after the service changed the request. Default false.
        "clearRouteCache" clear_route_cache: bool,
        /// Status that clients get when the service fails. Default 403.
        "statusOnError" status_on_error: String,
        /// The older name of `includeRequestHeadersInCheck`.
        "includeHeadersInCheck" include_headers_in_check: Vec<String>,
        /// Header fields of the request that the service sees: exact names, `prefix*` or `*suffix`.
        "includeRequestHeadersInCheck" include_request_headers_in_check: Vec<String>,
        /// Further header fields that the service gets.
        "includeAdditionalHeadersInCheck" include_additional_headers_in_check: BTreeMap<String, String>,
        /// The part of the body that the service sees. Default: none.
        "includeRequestBodyInCheck" include_request_body_in_check: Option<ExtAuthzBody>,
        /// Fields of a yes that the request gets.
        "headersToUpstreamOnAllow" headers_to_upstream_on_allow: Vec<String>,
        /// Fields of a no that the client gets. Default: all.
        "headersToDownstreamOnDeny" headers_to_downstream_on_deny: Vec<String>,
        /// Fields of a yes that the client gets.
        "headersToDownstreamOnAllow" headers_to_downstream_on_allow: Vec<String>,
    }
}

mesh_record! {
    /// A gRPC service that answers OK for yes.
    ExtAuthzGrpc {
        /// Its service: a host, or `NAMESPACE/HOST`.
        "service" service: String,
        /// Its port, 1 to 65535.
        "port" port: u32,
        /// Time for an answer. Default 600s.
        "timeout" timeout: Option<Time>,
        /// Whether requests pass when the service fails. Default false.
        "failOpen" fail_open: bool,
        /// Whether the route is chosen again after the service changed the request. Default false.
        "clearRouteCache" clear_route_cache: bool,
        /// Status that clients get when the service fails. Default 403.
        "statusOnError" status_on_error: String,
        /// The part of the body that the service sees. Default: none.
        "includeRequestBodyInCheck" include_request_body_in_check: Option<ExtAuthzBody>,
    }
}

mesh_record! {
    /// Stackdriver.
    Stackdriver {
        /// Whether spans are also written to standard output. Default false.
        "debug" debug: bool,
        /// Attributes that a span keeps. Default 200.
        "maxNumberOfAttributes" max_number_of_attributes: Option<i64>,
        /// Annotations that a span keeps. Default 200.
        "maxNumberOfAnnotations" max_number_of_annotations: Option<i64>,
        /// Message events that a span keeps. Default 200.
        "maxNumberOfMessageEvents" max_number_of_message_events: Option<i64>,
        /// Longest path, in characters, that a span keeps. Default 256.
        "maxTagLength" max_tag_length: u32,
        /// Settings of its log.
        "logging" logging: Option<StackdriverLogging>,
    }
}

mesh_record! {
    /// Stackdriver's log.
    StackdriverLogging {
        /// Labels of every entry; the values are CEL expressions.
        "labels" labels: BTreeMap<String, String>,
    }
}

mesh_record! {
    /// A service that hands out secrets.
    SdsProvider {
        /// Name by which credentials refer to it.
        "name" name: String,
        /// Its service: a host, or `NAMESPACE/HOST`.
        "service" service: String,
        /// Its port, 1 to 65535.
        "port" port: u32,
    }
}

mesh_record! {
    /// How a service is called over HTTP.
    HttpService {
        /// Path of the call.
        "path" path: String,
        /// Time for one call. Default 3s.
        "timeout" timeout: Option<Time>,
        /// Header fields of the call.
        "headers" headers: Vec<HttpHeader>,
    }
}

mesh_record! {
    /// How a service is called over gRPC.
    GrpcService {
        /// Time for one call. Default: any.
        "timeout" timeout: Option<Time>,
        /// Metadata of the call.
        "initialMetadata" initial_metadata: Vec<HttpHeader>,
    }
}

mesh_record! {
    /// A header field; `value` or `envName`.
    HttpHeader {
        /// Its name.
        "name" name: String,
        /// Its value.
        "value" value: Option<String>,
        /// The control plane's environment variable that has the value.
        "envName" env_name: Option<String>,
    }
}

mesh_record! {
    /// Secrets by the older way of `defaultConfig.sds` (it has no effect any more).
    Sds {
        /// Whether it is on.
        "enabled" enabled: bool,
        /// Path of the service-account token.
        "k8sSaJwtPath" k8s_sa_jwt_path: String,
    }
}
