//! `connectionSettings` of a proxy: buffers, timeouts and limits of the connections that it accepts and opens.

use super::{Time, mesh_record, mesh_words};

mesh_words! {
    /// A set of defaults for these settings.
    ConnectionProfile {
        /// Those of a proxy beside its application: none.
        Sidecar = "SIDECAR" 0,
        /// Those of a gateway that faces strangers: small buffers, short timeouts, strict paths.
        Edge = "EDGE" 1,
    }
}

mesh_words! {
    /// What happens to a header field whose name has an underscore.
    HeadersWithUnderscores {
        /// Not said: allowed, or refused by profile `EDGE`.
        Unspecified = "HEADERS_WITH_UNDERSCORES_UNSPECIFIED" 0,
        /// It passes.
        Allow = "HEADERS_WITH_UNDERSCORES_ALLOW" 1,
        /// The request is refused.
        RejectRequest = "HEADERS_WITH_UNDERSCORES_REJECT_REQUEST" 2,
        /// The field is taken out.
        DropHeader = "HEADERS_WITH_UNDERSCORES_DROP_HEADER" 3,
    }
}

mesh_words! {
    /// What happens to a path with `%2F` or `%5C`.
    EscapedSlashes {
        /// Not said: kept, or redirected by profile `EDGE`.
        Unspecified = "PATH_WITH_ESCAPED_SLASHES_UNSPECIFIED" 0,
        /// It passes as it is.
        KeepUnchanged = "KEEP_UNCHANGED" 1,
        /// The request is refused.
        RejectRequest = "REJECT_REQUEST" 2,
        /// The client is sent to the plain path.
        UnescapeAndRedirect = "UNESCAPE_AND_REDIRECT" 3,
        /// The plain path is sent on.
        UnescapeAndForward = "UNESCAPE_AND_FORWARD" 4,
    }
}

mesh_record! {
    /// How a proxy keeps its connections.
    ConnectionSettings {
        /// Defaults for what is not set below; `EDGE` counts for gateways only. Default `SIDECAR`.
        "profile" profile: ConnectionProfile,
        /// Bytes that a listener holds for one connection before it stops reading. Default 1 MiB; `EDGE`: 32 KiB.
        "listenerPerConnectionBufferLimitBytes" listener_per_connection_buffer_limit_bytes: Option<i32>,
        /// Bytes that are held for one connection to an endpoint. Default 1 MiB; `EDGE`: 32 KiB.
        "clusterPerConnectionBufferLimitBytes" cluster_per_connection_buffer_limit_bytes: Option<i32>,
        /// Time without a request after which a client's connection ends; 0s for never. Default 1h.
        "httpIdleTimeout" http_idle_timeout: Option<Time>,
        /// Age at which a client's connection ends; 0s for never. Default: never.
        "httpMaxConnectionDuration" http_max_connection_duration: Option<Time>,
        /// Time between telling a client that its connection ends and ending it. Default 5s.
        "httpDrainTimeout" http_drain_timeout: Option<Time>,
        /// Time for a whole request to arrive; 0s for any. Default: any; `EDGE`: 5m.
        "httpRequestTimeout" http_request_timeout: Option<Time>,
        /// Time for the head of a request to arrive; 0s for any. Default: any; `EDGE`: 60s.
        "httpRequestHeadersTimeout" http_request_headers_timeout: Option<Time>,
        /// Time without a byte either way after which a request ends; 0s for never. Default: never; `EDGE`: 5m.
        "httpStreamIdleTimeout" http_stream_idle_timeout: Option<Time>,
        /// Time after which a request ends in any case; 0s for never. Default: never.
        "httpMaxStreamDuration" http_max_stream_duration: Option<Time>,
        /// Requests at once on one HTTP/2 connection. Default 2147483647; `EDGE`: 100.
        "httpMaxConcurrentStreams" http_max_concurrent_streams: Option<i32>,
        /// First flow-control window of an HTTP/2 stream, in bytes, at least 65535. Default 256 MiB; `EDGE`: 64 KiB.
        "http2InitialStreamWindowSize" http2_initial_stream_window_size: Option<i32>,
        /// First flow-control window of an HTTP/2 connection, in bytes, at least 65535. Default 256 MiB; `EDGE`: 1 MiB.
        "http2InitialConnectionWindowSize" http2_initial_connection_window_size: Option<i32>,
        /// What happens to header fields whose name has an underscore.
        "httpHeadersWithUnderscoresAction" http_headers_with_underscores_action: HeadersWithUnderscores,
        /// Whether `//` in a path becomes `/`. Default: as `pathNormalization` of the mesh says; `EDGE`: true.
        "httpMergeSlashes" http_merge_slashes: Option<bool>,
        /// What happens to paths with escaped slashes.
        "httpPathWithEscapedSlashesAction" http_path_with_escaped_slashes_action: EscapedSlashes,
        /// Clients that one listener serves at once. Default: any number.
        "listenerConnectionLimit" listener_connection_limit: Option<i32>,
        /// Clients that the proxy serves at once. Default: any number.
        "globalDownstreamConnectionLimit" global_downstream_connection_limit: Option<i32>,
    }
}
