//! Values of added fields: text with `%…%` operators.
//! In: the configured text, facts. Out: the value. Holds: an operator that has no value gives `-`; `%%` is a percent sign.
//! Source of the operators: Envoy's header formatting.

use std::fmt::Write as _;
use std::net::SocketAddr;

use proxy_config::RequestFacts;

/// What operators may ask for.
#[derive(Clone, Copy)]
pub struct FormatFacts<'a> {
    /// The request.
    pub request: &'a dyn RequestFacts,
    /// The connection's other end.
    pub downstream_remote: Option<SocketAddr>,
    /// Our end.
    pub downstream_local: Option<SocketAddr>,
    /// First URI in the client's certificate.
    pub peer_uri: Option<&'a str>,
    /// Protocol name, e.g. `HTTP/1.1`.
    pub protocol: &'a str,
    /// Host name of this proxy's pod.
    pub hostname: &'a str,
    /// Name of the route.
    pub route_name: &'a str,
    /// Name of the cluster, when known.
    pub cluster: Option<&'a str>,
    /// Response status, when known.
    pub response_code: Option<u16>,
}

impl std::fmt::Debug for FormatFacts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FormatFacts").field("route_name", &self.route_name).finish_non_exhaustive()
    }
}

/// Fills in a value.
#[must_use]
pub fn format_value(text: &str, facts: &FormatFacts<'_>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('%') {
        out.push_str(&rest[..start]);
        rest = &rest[start + 1..];
        let Some(end) = rest.find('%') else {
            out.push('%');
            break;
        };
        match &rest[..end] {
            "" => out.push('%'),
            operator => operate(operator, facts, &mut out),
        }
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    out
}

fn operate(operator: &str, facts: &FormatFacts<'_>, out: &mut String) {
    let argument = |name: &str| {
        operator.strip_prefix(name)?.strip_prefix('(')?.split_once(')').map(|(inner, _)| inner)
    };
    if let Some(field) = argument("REQ") {
        let mut choices = field.split('?').map(str::to_ascii_lowercase);
        let value = choices.find_map(|name| facts.request.any_field(&name).map(|v| v.into_owned()));
        return out.push_str(value.as_deref().unwrap_or("-"));
    }
    let text = match operator {
        "DOWNSTREAM_REMOTE_ADDRESS" => facts.downstream_remote.map(|a| a.to_string()),
        "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT" => {
            facts.downstream_remote.map(|a| a.ip().to_string())
        }
        "DOWNSTREAM_LOCAL_ADDRESS" => facts.downstream_local.map(|a| a.to_string()),
        "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT" => {
            facts.downstream_local.map(|a| a.ip().to_string())
        }
        "DOWNSTREAM_LOCAL_PORT" => facts.downstream_local.map(|a| a.port().to_string()),
        "DOWNSTREAM_PEER_URI_SAN" => facts.peer_uri.map(str::to_owned),
        "PROTOCOL" => Some(facts.protocol.to_owned()),
        "HOSTNAME" => Some(facts.hostname.to_owned()),
        "ROUTE_NAME" => Some(facts.route_name.to_owned()).filter(|name| !name.is_empty()),
        "UPSTREAM_CLUSTER" | "UPSTREAM_CLUSTER_RAW" => facts.cluster.map(str::to_owned),
        "RESPONSE_CODE" => facts.response_code.map(|code| code.to_string()),
        _ => None,
    };
    // Writing to a String cannot fail.
    if write!(out, "{}", text.as_deref().unwrap_or("-")).is_err() {
        out.push('-');
    }
}
