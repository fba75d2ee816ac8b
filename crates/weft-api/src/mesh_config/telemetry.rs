//! Where access logs go: the logging kinds of extension providers.

use std::collections::BTreeMap;

use serde_json::Value;

use super::mesh_record;

mesh_record! {
    /// A file of each proxy.
    FileLog {
        /// Path of the file. Default `/dev/stdout`.
        "path" path: String,
        /// Form of a line. Default: the mesh's `accessLogFormat`.
        "logFormat" log_format: Option<LogFormat>,
        /// Whether empty values are left out instead of written as `-`. Default false.
        "omitEmptyValues" omit_empty_values: bool,
    }
}

mesh_record! {
    /// Form of a line; `text` or `labels`.
    LogFormat {
        /// A text with commands such as `%RESPONSE_CODE%`.
        "text" text: Option<String>,
        /// A JSON object whose values are such texts.
        "labels" labels: Option<Value>,
    }
}

mesh_record! {
    /// HTTP requests go to a gRPC access log service.
    GrpcLog {
        /// Its service: a host, or `NAMESPACE/HOST`.
        "service" service: String,
        /// Its port, 1 to 65535.
        "port" port: u32,
        /// Name of the log. Default `http_envoy_accesslog`.
        "logName" log_name: String,
        /// Filter state that is logged too.
        "filterStateObjectsToLog" filter_state_objects_to_log: Vec<String>,
        /// Header fields of requests that are logged too.
        "additionalRequestHeadersToLog" additional_request_headers_to_log: Vec<String>,
        /// Header fields of responses that are logged too.
        "additionalResponseHeadersToLog" additional_response_headers_to_log: Vec<String>,
        /// Trailer fields of responses that are logged too.
        "additionalResponseTrailersToLog" additional_response_trailers_to_log: Vec<String>,
    }
}

mesh_record! {
    /// TCP connections go to a gRPC access log service.
    TcpLog {
        /// Its service: a host, or `NAMESPACE/HOST`.
        "service" service: String,
        /// Its port, 1 to 65535.
        "port" port: u32,
        /// Name of the log. Default `tcp_envoy_accesslog`.
        "logName" log_name: String,
        /// Filter state that is logged too.
        "filterStateObjectsToLog" filter_state_objects_to_log: Vec<String>,
    }
}

mesh_record! {
    /// Access logs go to an OpenTelemetry collector.
    OtelLog {
        /// Its service: a host, or `NAMESPACE/HOST`.
        "service" service: String,
        /// Its port, 1 to 65535.
        "port" port: u32,
        /// Name of the log. Default `otel_envoy_accesslog`.
        "logName" log_name: String,
        /// Form of an entry. Default: the mesh's `accessLogFormat`.
        "logFormat" log_format: Option<OtelLogFormat>,
    }
}

mesh_record! {
    /// Form of an entry.
    OtelLogFormat {
        /// Text of the body, with commands such as `%RESPONSE_CODE%`.
        "text" text: String,
        /// Attributes, by name.
        "labels" labels: BTreeMap<String, Value>,
    }
}
