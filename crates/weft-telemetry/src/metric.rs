//! Names and buckets of Istio's standard metrics.

/// Requests answered.
pub const REQUESTS_TOTAL: &str = "istio_requests_total";
/// Time from first byte in to last byte out.
pub const REQUEST_DURATION: &str = "istio_request_duration_milliseconds";
/// Size of requests.
pub const REQUEST_BYTES: &str = "istio_request_bytes";
/// Size of responses.
pub const RESPONSE_BYTES: &str = "istio_response_bytes";
/// TCP connections opened.
pub const TCP_OPENED: &str = "istio_tcp_connections_opened_total";
/// TCP connections closed.
pub const TCP_CLOSED: &str = "istio_tcp_connections_closed_total";
/// Bytes sent to the client.
pub const TCP_SENT: &str = "istio_tcp_sent_bytes_total";
/// Bytes received from the client.
pub const TCP_RECEIVED: &str = "istio_tcp_received_bytes_total";

/// Requests and connections that rules did not let pass; ours, not Istio's.
pub const DENIED_REQUESTS: &str = "weft_denied_requests_total";

/// Upper bounds of every histogram, in milliseconds or bytes.
pub const BUCKETS: [f64; 19] = [
    0.5,
    1.0,
    5.0,
    10.0,
    25.0,
    50.0,
    100.0,
    250.0,
    500.0,
    1_000.0,
    2_500.0,
    5_000.0,
    10_000.0,
    30_000.0,
    60_000.0,
    300_000.0,
    600_000.0,
    1_800_000.0,
    3_600_000.0,
];
