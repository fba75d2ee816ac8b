//! `readinessProbe` of a proxy outside of Kubernetes: how its agent asks whether the application is well.

use super::mesh_record;

mesh_record! {
    /// A probe; one of `httpGet`, `tcpSocket`, `exec`, `grpc`.
    ReadinessProbe {
        /// Seconds to wait before the first probe. Default 0.
        "initialDelaySeconds" initial_delay_seconds: i32,
        /// Seconds after which a probe has failed. Default 1.
        "timeoutSeconds" timeout_seconds: i32,
        /// Seconds from one probe to the next. Default 10.
        "periodSeconds" period_seconds: i32,
        /// Successes in a row that make it well again. Default 1.
        "successThreshold" success_threshold: i32,
        /// Failures in a row that make it unwell. Default 3.
        "failureThreshold" failure_threshold: i32,
        /// Asks over HTTP; 2xx and 3xx are well.
        "httpGet" http_get: Option<HttpProbe>,
        /// Opens a connection.
        "tcpSocket" tcp_socket: Option<TcpProbe>,
        /// Runs a program; exit code 0 is well.
        "exec" exec: Option<ExecProbe>,
        /// Asks gRPC's health service.
        "grpc" grpc: Option<GrpcProbe>,
    }
}

mesh_record! {
    /// A question over HTTP.
    HttpProbe {
        /// Path to ask for. Default `/`.
        "path" path: String,
        /// Port of the application.
        "port" port: u32,
        /// Host to connect to. Default: the proxy's own address.
        "host" host: String,
        /// `HTTP` or `HTTPS`. Default `HTTP`.
        "scheme" scheme: String,
        /// Header fields to send along.
        "httpHeaders" http_headers: Vec<HttpProbeHeader>,
    }
}

mesh_record! {
    /// A header field.
    HttpProbeHeader {
        /// Its name.
        "name" name: String,
        /// Its value.
        "value" value: String,
    }
}

mesh_record! {
    /// A connection.
    TcpProbe {
        /// Host to connect to. Default: the proxy's own address.
        "host" host: String,
        /// Port of the application.
        "port" port: u32,
    }
}

mesh_record! {
    /// A program.
    ExecProbe {
        /// The program and its arguments, without a shell.
        "command" command: Vec<String>,
    }
}

mesh_record! {
    /// A question over gRPC.
    GrpcProbe {
        /// Port of the application.
        "port" port: u32,
        /// Service to ask about; empty for the server as a whole.
        "service" service: String,
    }
}
