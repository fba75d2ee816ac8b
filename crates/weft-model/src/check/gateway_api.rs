//! Rules of the Gateway API's kinds: what its own definitions refuse, and what could never work.
//!
//! In: one object. Out: its problems. Holds: what the Gateway API answers with a condition only, such as a backend of a kind
//! that nobody knows, is a warning here; what it refuses is an error.

mod backend_tls;
mod class;
mod filter;
mod gateway;
mod grpc_route;
mod http_match;
mod http_route;
mod listener;
mod reference;
mod reference_grant;
mod stream_route;

use serde_json::Value;

use super::{Answer, examined, idle};

/// Checks an object of a kind of these groups; a kind that is not known gives no problems.
pub(super) fn validate(object: &Value, kind: &str) -> Answer {
    let version = object.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    let stable = version.ends_with("/v1");
    match kind {
        "GatewayClass" => examined(object, class::check),
        "Gateway" => examined(object, gateway::check),
        "HTTPRoute" => examined(object, http_route::check),
        "GRPCRoute" => examined(object, grpc_route::check),
        "TLSRoute" if stable => examined(object, stream_route::tls_stable),
        "TLSRoute" => examined(object, stream_route::tls),
        "TCPRoute" if stable => examined(object, stream_route::tcp_stable),
        "TCPRoute" => examined(object, stream_route::tcp),
        "ListenerSet" | "XListenerSet" => examined(object, listener::set),
        "ReferenceGrant" => examined(object, reference_grant::check),
        "BackendTLSPolicy" => idle(object, backend_tls::check),
        _ => (None, Vec::new()),
    }
}

#[cfg(test)]
mod tests;
