//! Responses that the proxy makes itself.
//!
//! In: why. Out: status, body, flag and detail for the log, as Envoy words them.
//! Holds: one reason, one response; the reason knows whether the client may see a body.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use proxy_http::{BodyKind, ResponseHead};
use weft_telemetry::Flag;

use crate::denied::Denial;

/// A response of the proxy's own.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
    pub(crate) flag: Flag,
    pub(crate) details: Cow<'static, str>,
    pub(crate) fields: Vec<(String, String)>,
    /// Rules that did not let a call pass.
    pub(crate) denied: Option<Arc<Denial>>,
}

impl Reply {
    pub(crate) const fn new(
        status: u16,
        body: &'static str,
        flag: Flag,
        details: &'static str,
    ) -> Self {
        let body = Bytes::from_static(body.as_bytes());
        let details = Cow::Borrowed(details);
        Self { status, body, flag, details, fields: Vec::new(), denied: None }
    }

    pub(crate) const fn no_route() -> Self {
        Self::new(404, "", Flag::NoRoute, "route_not_found")
    }

    /// It asks for a tunnel that its route does not lead to.
    pub(crate) const fn untunnelled() -> Self {
        Self::new(403, "", Flag::None, "upgrade_failed")
    }

    pub(crate) const fn no_cluster(status: u16) -> Self {
        Self::new(status, "", Flag::NoCluster, "cluster_not_found")
    }

    pub(crate) const fn no_healthy_upstream() -> Self {
        Self::new(503, "no healthy upstream", Flag::NoHealthyUpstream, "no_healthy_upstream")
    }

    pub(crate) fn overflow() -> Self {
        let mut reply = Self::new(
            503,
            "upstream connect error or disconnect/reset before headers. reset reason: overflow",
            Flag::UpstreamOverflow,
            "upstream_reset_before_response_started{overflow}",
        );
        reply.fields.push(("x-envoy-overloaded".into(), "true".into()));
        reply
    }

    /// The called host has no address.
    pub(crate) const fn unresolved() -> Self {
        let body = "DNS resolution failure";
        Self::new(503, body, Flag::DnsFailed, "dns_resolution_failure")
    }

    /// More hosts are called than may be known at once.
    pub(crate) const fn too_many_hosts() -> Self {
        Self::new(503, "DNS cache overflow", Flag::None, "dns_cache_overflow")
    }

    pub(crate) const fn timeout() -> Self {
        Self::new(504, "upstream request timeout", Flag::UpstreamTimeout, "response_timeout")
    }

    /// The time that a gRPC client gave itself is over. Envoy says `UNAVAILABLE` here where the route has `max_grpc_timeout`, and
    /// `DEADLINE_EXCEEDED` where it has `grpc_timeout_header_max`; the second is what the client would have said itself.
    pub(crate) fn deadline() -> Self {
        let mut reply = Self::timeout();
        let message = String::from_utf8_lossy(&reply.body).into_owned();
        reply.fields.push(("grpc-status".into(), "4".into()));
        reply.fields.push(("grpc-message".into(), message));
        reply
    }

    /// Nothing moved: the client is blamed while its request is not here, then the server.
    pub(crate) const fn silent(arrived: bool) -> Self {
        let status = if arrived { 504 } else { 408 };
        Self::new(status, "stream timeout", Flag::StreamIdle, "stream_idle_timeout")
    }

    pub(crate) const fn late() -> Self {
        Self::new(408, "request timeout", Flag::None, "request_overall_timeout")
    }

    pub(crate) fn connect_failed(why: &str) -> Self {
        let start = "upstream connect error or disconnect/reset before headers. ";
        let body = format!(
            "{start}reset reason: remote connection failure, transport failure reason: {why}"
        );
        Self {
            body: Bytes::from(body),
            ..Self::new(
                503,
                "",
                Flag::UpstreamConnect,
                "upstream_reset_before_response_started{remote_connection_failure}",
            )
        }
    }

    pub(crate) const fn connection_ended() -> Self {
        Self::new(
            503,
            "upstream connect error or disconnect/reset before headers. reset reason: connection termination",
            Flag::UpstreamClosed,
            "upstream_reset_before_response_started{connection_termination}",
        )
    }

    pub(crate) const fn upstream_reset() -> Self {
        Self::new(
            503,
            "upstream connect error or disconnect/reset before headers. reset reason: remote reset",
            Flag::UpstreamReset,
            "upstream_reset_before_response_started{remote_reset}",
        )
    }

    pub(crate) const fn upstream_protocol() -> Self {
        Self::new(
            502,
            "upstream connect error or disconnect/reset before headers. reset reason: protocol error",
            Flag::UpstreamProtocol,
            "upstream_reset_before_response_started{protocol_error}",
        )
    }

    /// The server answered an upgrade like any other request.
    pub(crate) const fn not_upgraded() -> Self {
        Self::new(502, "the server did not upgrade", Flag::UpstreamProtocol, "upgrade_not_taken")
    }

    /// The client broke the protocol; the body is the status in words.
    pub(crate) fn refused(status: u16, details: &'static str) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        let words = status.canonical_reason().unwrap_or_default();
        Self::new(status.as_u16(), words, Flag::DownstreamProtocol, details)
    }

    /// The request's body broke the protocol.
    pub(crate) fn malformed(too_large: bool) -> Self {
        if too_large {
            return Self::refused(431, "http1.headers_too_large");
        }
        Self::refused(400, "http1.codec_error")
    }

    /// Nobody is asked.
    pub(crate) const fn hostless() -> Self {
        Self::new(400, "", Flag::None, "missing_host_header")
    }

    /// A body that is longer than what may be looked at.
    pub(crate) const fn too_long() -> Self {
        Self::new(413, "Payload Too Large", Flag::None, "request_payload_too_large")
    }

    /// Who should have been asked could not say.
    pub(crate) const fn unasked(status: u16) -> Self {
        Self::new(status, "", Flag::ExternalDenied, "ext_authz_error")
    }

    /// A path that has no normal form.
    pub(crate) const fn unnormal() -> Self {
        Self::new(400, "", Flag::None, "path_normalization_failed")
    }

    /// The same for a gRPC client: always 200, with the reason as a gRPC status.
    pub(crate) fn for_grpc(&self) -> Self {
        let code = match self.status {
            400 => "13",
            401 => "16",
            403 => "7",
            404 => "12",
            429 | 502 | 503 | 504 => "14",
            _ => "2",
        };
        let message = grpc_message(&self.body);
        let mut fields = self.fields.clone();
        fields.retain(|(name, _)| name != "content-type");
        fields.push(("content-type".into(), "application/grpc".into()));
        if !fields.iter().any(|(name, _)| name == "grpc-status") {
            fields.push(("grpc-status".into(), code.into()));
            fields.push(("grpc-message".into(), message));
        }
        Self { status: 200, body: Bytes::new(), fields, ..self.clone() }
    }

    /// The head to send.
    pub(crate) fn head(&self) -> ResponseHead {
        let mut head = ResponseHead::new(self.status);
        head.body = BodyKind::Length(self.body.len() as u64);
        if self.body.is_empty() {
            head.body = BodyKind::Empty;
        } else if !self.fields.iter().any(|(name, _)| name == "content-type") {
            head.fields.append("content-type", b"text/plain");
        }
        for (name, value) in &self.fields {
            head.fields.append(name, value.as_bytes());
        }
        head
    }
}

/// What stands in `grpc-message`: everything but visible ASCII and blanks is written as `%` and two digits.
fn grpc_message(text: &[u8]) -> String {
    let one = |byte: &u8| match byte {
        b'%' => "%25".to_owned(),
        b' '..=b'~' => char::from(*byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grpc_message_is_one_line_of_ascii() {
        assert_eq!(grpc_message("50 % of\nb\u{e4}r".as_bytes()), "50 %25 of%0Ab%C3%A4r");
    }
}
