//! Values of added fields: text with `%…%` operators.
//! In: the configured text, facts. Out: the value. Holds: an operator that has no value gives nothing; `%%` is a percent sign.
//! Source of the operators: Envoy's header formatting.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::SystemTime;

use proxy_config::RequestFacts;

mod moment;

/// Finds a field by name in lower case.
pub type Lookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

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
    /// Fields of the response, by name in lower case, when there is one.
    pub response: Option<&'a Lookup<'a>>,
    /// The endpoint that was asked.
    pub upstream: Option<SocketAddr>,
    /// When the request came.
    pub started: SystemTime,
}

impl std::fmt::Debug for FormatFacts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FormatFacts").field("route_name", &self.route_name).finish_non_exhaustive()
    }
}

/// Fills in a value. Empty when nothing of it is known: such a field is not added.
#[must_use]
pub fn format_value(text: &str, facts: &FormatFacts<'_>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('%') {
        out.push_str(&rest[..start]);
        rest = &rest[start + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            out.push('%');
            rest = after;
        } else if let Some((operator, after)) = Operator::read(rest) {
            out.push_str(&operator.value(facts).unwrap_or_default());
            rest = after;
        } else {
            out.push('%');
        }
    }
    out.push_str(rest);
    out
}

/// `NAME(ARGUMENT):LENGTH`.
struct Operator<'a> {
    name: &'a str,
    argument: &'a str,
    length: Option<usize>,
}

impl<'a> Operator<'a> {
    /// Reads one behind its percent sign; and what follows its second one. An argument may hold percent signs.
    fn read(text: &'a str) -> Option<(Self, &'a str)> {
        let name = text.find(['(', ':', '%'])?;
        let (name, rest) = text.split_at(name);
        let (argument, rest) = match rest.strip_prefix('(') {
            Some(inner) => inner.split_once(')')?,
            None => ("", rest),
        };
        let (tail, after) = rest.split_once('%')?;
        let length = tail.strip_prefix(':').and_then(|digits| digits.parse().ok());
        Some((Self { name, argument, length }, after))
    }

    fn value(&self, facts: &FormatFacts<'_>) -> Option<String> {
        let found = self.whole(facts)?;
        Some(match self.length {
            Some(length) => found.chars().take(length).collect(),
            None => found,
        })
    }

    fn whole(&self, facts: &FormatFacts<'_>) -> Option<String> {
        let local = || facts.downstream_local;
        match self.name {
            "REQ" => self.first(|name| facts.request.any_field(name).map(Cow::into_owned)),
            "RESP" => self.first(|name| facts.response.and_then(|field| field(name))),
            "START_TIME" => Some(moment::format(facts.started, self.argument)),
            "DOWNSTREAM_REMOTE_ADDRESS" | "DOWNSTREAM_DIRECT_REMOTE_ADDRESS" => {
                facts.downstream_remote.map(|a| a.to_string())
            }
            "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT"
            | "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT" => {
                facts.downstream_remote.map(|a| a.ip().to_string())
            }
            "DOWNSTREAM_REMOTE_PORT" => facts.downstream_remote.map(|a| a.port().to_string()),
            "DOWNSTREAM_LOCAL_ADDRESS" => local().map(|a| a.to_string()),
            "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT" => local().map(|a| a.ip().to_string()),
            "DOWNSTREAM_LOCAL_PORT" => local().map(|a| a.port().to_string()),
            "DOWNSTREAM_PEER_URI_SAN" => facts.peer_uri.map(str::to_owned),
            "UPSTREAM_HOST" | "UPSTREAM_REMOTE_ADDRESS" => facts.upstream.map(|a| a.to_string()),
            "UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT" => facts.upstream.map(|a| a.ip().to_string()),
            "UPSTREAM_REMOTE_PORT" => facts.upstream.map(|a| a.port().to_string()),
            "PROTOCOL" => Some(facts.protocol.to_owned()),
            "HOSTNAME" => Some(facts.hostname.to_owned()),
            "ROUTE_NAME" => Some(facts.route_name.to_owned()),
            "UPSTREAM_CLUSTER" | "UPSTREAM_CLUSTER_RAW" => facts.cluster.map(str::to_owned),
            "RESPONSE_CODE" => facts.response_code.map(|code| code.to_string()),
            _ => None,
        }
    }

    /// The field that the argument names, or the one behind its question mark.
    fn first(&self, field: impl Fn(&str) -> Option<String>) -> Option<String> {
        self.argument.split('?').find_map(|name| field(&name.to_ascii_lowercase()))
    }
}
